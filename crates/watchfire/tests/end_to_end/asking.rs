//! A person who asks a hub from the command line, and copies it and puts it back.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;
use watchfire_store::History;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Signal};
use watchfire_testkit::smtp::Sink;

use crate::fixture::{
    Enrolled, Hub, LONG, Lab, PASSWORD, Plan, Said, eventually, said, token, watchfire,
};

/// The user of every plan who sees all.
const USER: &str = "watcher";

struct House {
    lab: Lab,
    address: SocketAddr,
    plan: Plan,
    hub: Hub,
    _sink: Sink,
}

impl House {
    fn new() -> Self {
        let (lab, sink) = (Lab::new(), Sink::start());
        let plan = Plan::mailing(&sink);
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let hub = Hub::start_at(&lab, &plan, address);
        Self { lab, address, plan, hub, _sink: sink }
    }

    fn config(&self) -> String {
        self.lab.path("hub.toml").display().to_string()
    }

    /// An enrolled agent that runs.
    fn agent(&self, name: &str) -> Enrolled {
        let mut agent = Enrolled::new(&self.lab, name);
        let (address, token) = token(&self.config(), name);
        let joined = agent.join(address, &token);
        assert!(joined.well, "{}", joined.words);
        agent.start();
        self.hub.wait_until_all_are_up();
        agent
    }

    /// A command of a person who keeps logins in this folder of the lab.
    fn person(&self, command: Program) -> Program {
        command.env("XDG_CONFIG_HOME", self.lab.path("config")).called("person")
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Said {
        said(self.person(watchfire(arguments)))
    }

    fn log_in<const N: usize>(&self, arguments: [&str; N], password: &str) -> Said {
        said(self.person(watchfire(arguments)).input(format!("{password}\n")))
    }

    fn plain(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a command prints as JSON, once it goes well.
    fn json<const N: usize>(&self, arguments: [&str; N]) -> Value {
        eventually(&arguments.join(" "), LONG, || {
            let said = self.run(arguments);
            said.well.then(|| serde_json::from_str(&said.output).expect("JSON"))
        })
    }
}

#[test]
fn a_hub_is_asked_after_a_login_and_not_before_or_after() {
    let house = House::new();
    let _agent = house.agent("web-1");
    let before = house.run(["query", "node_load1"]);
    assert!(!before.well && before.words.contains("hint: watchfire login"), "{}", before.words);

    let plain = house.plain();
    let wrong = house.log_in(["login", &plain, "--user", USER], "wrong");
    assert!(!wrong.well && wrong.words.contains("the password is wrong"), "{}", wrong.words);
    assert!(!house.lab.path("config/watchfire/logins.json").exists());
    let right = house.log_in(["login", &plain, "--user", USER], PASSWORD);
    assert!(right.well && right.output.is_empty(), "{}", right.words);
    let kept = house.lab.path("config/watchfire/logins.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&kept).unwrap().contains(PASSWORD));

    // What the agent told is there to be asked for, in PromQL and as it was.
    let load = eventually("a sample", LONG, || {
        let load = house.json(["query", "node_load1", "--json"]);
        (load["data"]["result"][0]["metric"]["instance"] == "web-1").then_some(load)
    });
    assert_eq!(load["data"]["resultType"], "vector");
    let table = house.run(["query", "count by (instance) (node_load1)"]);
    assert!(
        table.well && table.output.starts_with("instance  value\nweb-1     1\n"),
        "{}",
        table.output
    );
    let range = house.run(["query", "vector(7)", "--from", "-1m", "--step", "30s"]);
    assert!(range.well, "{}", range.words);
    let lines: Vec<&str> = range.output.lines().collect();
    assert!(lines.len() == 4 && lines[1..].iter().all(|line| line.ends_with(" 7")), "{lines:?}");
    let broken = house.run(["query", "sum by ("]);
    assert!(!broken.well && broken.words.contains("bad_data"), "{}", broken.words);

    let stats = house.json(["stats", "web-1", "--at", "now", "--json"]);
    assert!(stats["memory"]["total_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{stats}");
    let list = house.json(["ps", "web-1", "--at", "now", "--top", "2", "--sort", "rss", "--json"]);
    assert_eq!(list["processes"].as_array().map(Vec::len), Some(2), "{list}");
    assert!(list["total"].as_u64().is_some_and(|total| total >= 2), "{list}");
    let shown = house.run(["ps", "web-1", "--top", "1"]);
    assert!(shown.well && shown.output.lines().count() == 3, "{} {}", shown.output, shown.words);
    let shown = house.run(["stats", "web-1"]);
    assert!(shown.well && shown.output.contains("memory"), "{}", shown.output);
    let route = house.run(["route", "web-1"]);
    assert!(route.well && route.output.contains("critical news of web-1"), "{}", route.output);
    assert!(
        route.output.contains("watcher: not told: this user has no channel"),
        "{}",
        route.output
    );
    let nobody = house.run(["stats", "web-9"]);
    assert!(!nobody.well && nobody.words.contains("there is no such server"), "{}", nobody.words);
    let early = house.run(["ps", "web-1", "--at", "-2h"]);
    assert!(!early.well && early.words.contains("nothing is recorded of web-1"), "{}", early.words);

    let out = house.run(["logout"]);
    assert!(out.well && out.words.contains("Logged out"), "{}", out.words);
    let after = house.run(["query", "node_load1"]);
    assert!(!after.well && after.words.contains("hint: watchfire login"), "{}", after.words);
}

#[test]
fn where_a_process_ran_is_told() {
    let house = House::new();
    let _agent = house.agent("web-1");
    // The agent itself is a process of this machine.
    let found = eventually("the agent ran", LONG, || {
        let answer = house.hub.api.get("/api/processes?name=watchfire&from=-1h");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        (!list["runs"].as_array().unwrap().is_empty()).then_some(list)
    });
    assert_eq!(found["runs"][0]["server"], "web-1");
    assert!(found["runs"][0]["processes"].as_u64().is_some_and(|count| count >= 1), "{found}");
    let range = house.hub.api.get("/api/servers/web-1/range?series=node_load1&from=-5m");
    assert_eq!(range.status, 200, "{}", range.text());
    let range: Value = serde_json::from_slice(&range.body).unwrap();
    let series = &range["series"][0];
    assert_eq!(series["name"], "node_load1", "{range}");
    let lengths = ["times_unix_ms", "values"].map(|key| series[key].as_array().map(Vec::len));
    assert!(lengths[0] == lengths[1] && lengths[0] > Some(0), "{range}");
}

#[test]
fn over_tls_only_the_right_hub_is_sent_a_password() {
    let house = House::new();
    let doctor = house.run(["doctor", "--data", &house.lab.path("hub-data").display().to_string()]);
    assert!(doctor.well, "{} {}", doctor.output, doctor.words);
    let authority = doctor.output.lines().find_map(|line| line.trim().strip_prefix("authority "));
    let authority = authority.expect("the doctor prints it");
    let address = house.address.to_string();
    let unknown = house.log_in(["login", &address, "--user", USER], PASSWORD);
    assert!(!unknown.well && unknown.words.contains(authority), "{}", unknown.words);
    let other = "0".repeat(64);
    let wrong = house.log_in(["login", &address, "--user", USER, "--ca", &other], PASSWORD);
    assert!(!wrong.well && wrong.words.contains("another one answers"), "{}", wrong.words);
    let right = house.log_in(["login", &address, "--user", USER, "--ca", authority], PASSWORD);
    assert!(right.well, "{}", right.words);
    let answer = house.run(["query", "1 + 1"]);
    assert_eq!((answer.well, answer.output.as_str()), (true, "2\n"), "{}", answer.words);
    // It is known from now on.
    let again = house.log_in(["login", &address, "--user", USER], PASSWORD);
    assert!(again.well, "{}", again.words);

    // Another hub at the same place gets neither a password nor a session.
    house.hub.process.signal(Signal::Terminate);
    house.hub.process.wait_for_end(LONG);
    std::fs::rename(house.lab.path("hub-data"), house.lab.path("old-data")).unwrap();
    let _other = Hub::start_at(&house.lab, &house.plan, house.address);
    for said in
        [house.run(["query", "1"]), house.log_in(["login", &address, "--user", USER], PASSWORD)]
    {
        assert!(!said.well && said.words.contains("another one answers"), "{}", said.words);
    }
}

#[test]
fn a_hub_is_copied_while_it_runs_and_lives_on_from_the_copy() {
    let house = House::new();
    let agent = house.agent("web-1");
    let logged_in = house.log_in(["login", &house.plain(), "--user", USER], PASSWORD);
    assert!(logged_in.well, "{}", logged_in.words);
    let kept = house.json(["stats", "web-1", "--at", "now", "--json"]);
    let at = kept["at"].as_str().expect("a time").to_owned();
    // What is copied must hold that moment, so it has to be on the disk by then.
    eventually("the moment is stored", LONG, || stored(&house, &at).then_some(()));

    let config = house.config();
    let to = house.lab.path("backup").display().to_string();
    let made = house.run(["backup", &to, "--config", &config]);
    assert!(made.well, "{}", made.words);
    let again = house.run(["backup", &to, "--config", &config]);
    assert!(!again.well && again.words.contains("is not empty"), "{}", again.words);
    let running = house.run(["restore", &to, "--config", &config]);
    assert!(!running.well && running.words.contains("a hub runs"), "{}", running.words);

    house.hub.process.signal(Signal::Terminate);
    house.hub.process.wait_for_end(LONG);
    let there = house.run(["restore", &to, "--config", &config]);
    assert!(!there.well && there.words.contains("is not empty"), "{}", there.words);
    std::fs::rename(house.lab.path("hub-data"), house.lab.path("lost-data")).unwrap();
    let back = house.run(["restore", &to, "--config", &config, "--json"]);
    assert!(back.well, "{}", back.words);
    assert!(newest(&house.lab.path("hub-data")).is_some_and(|newest| newest >= jiff_ms(&at)));
    let doctor = house.run(["doctor", "--config", &config, "--json"]);
    assert!(doctor.well, "{} {}", doctor.output, doctor.words);

    damage(&house.lab.path("lost-data/history.db"));
    let lost = house.lab.path("lost-data").display().to_string();
    let ill = house.run(["doctor", "--data", &lost]);
    assert!(!ill.well && ill.output.contains("history.db: NOT WELL"), "{}", ill.output);

    let hub = Hub::start_at(&house.lab, &house.plan, house.address);
    // Its agent knows it by its authority, and comes back without a new token.
    hub.wait_until_all_are_up();
    let again = house.log_in(["login", &house.plain(), "--user", USER], PASSWORD);
    assert!(again.well, "{}", again.words);
    // A record that was made later may have been stored sooner: what the copy has not, the agent
    // hands in again.
    eventually("the moment is there", LONG, || {
        (house.json(["stats", "web-1", "--at", &at, "--json"])["at"] == at).then_some(())
    });
    drop(agent);
}

/// True when the history on the disk holds a record of that moment or after it.
fn stored(house: &House, at: &str) -> bool {
    let at = jiff_ms(at);
    let copy = house.lab.path("look").display().to_string();
    let made =
        house.run(["backup", &copy, "--data", &house.lab.path("hub-data").display().to_string()]);
    assert!(made.well, "{}", made.words);
    let newest = newest(&house.lab.path("look"));
    std::fs::remove_dir_all(house.lab.path("look")).unwrap();
    newest.is_some_and(|newest| newest >= at)
}

/// When the newest record was made in the history of a folder, which no hub has open.
fn newest(data: &Path) -> Option<i64> {
    let history = History::open(data, 1 << 30).unwrap();
    history.servers().unwrap().iter().filter_map(|one| history.last(one).unwrap()).max()
}

/// Overwrites the begin of a page in the middle of a database.
fn damage(database: &Path) {
    let mut bytes = std::fs::read(database).unwrap();
    let page = bytes.len() / 2 / 8192 * 8192;
    bytes[page..page + 64].fill(0xff);
    std::fs::write(database, bytes).unwrap();
}

fn jiff_ms(at: &str) -> i64 {
    at.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}
