//! Who belongs to a hub, and who does no more: other names, servers that were
//! removed, names that are used again, and keys that two machines have.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use watchfire_identity::certificate::MachineKey;
use watchfire_store::History;
use watchfire_testkit::process::Signal;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, eventually, server, token, watchfire};

/// The exit code of a config that is wrong (sysexits.h).
const CONFIG: i32 = 78;

struct House {
    lab: Lab,
    sink: Sink,
    hub: Hub,
    config: String,
}

impl House {
    fn new() -> Self {
        let (lab, sink) = (Lab::new(), Sink::start());
        let plan = Plan::mailing(&sink).tells("ada", "*", &["mailto:ada@example.org"]);
        let hub = lab.hub(&plan);
        let config = lab.path("hub.toml").display().to_string();
        Self { lab, sink, hub, config }
    }

    /// An agent with a key of its own that joined under this name and runs. Its files
    /// are called `own`.
    fn joined(&self, own: &str, name: &str) -> Enrolled {
        let mut agent = Enrolled::new(&self.lab, own);
        self.join(&agent, name);
        agent.start();
        agent
    }

    fn join(&self, agent: &Enrolled, name: &str) {
        let (address, token) = token(&self.config, name);
        let joined = agent.join(address, &token);
        assert!(joined.well, "{}", joined.words);
    }

    /// Waits until these and no others are in the fleet, all of them up.
    fn wait_for_fleet(&self, names: &[&str]) {
        eventually(&format!("{names:?} are up"), LONG, || {
            let rows = self.hub.api.servers();
            let up = rows.iter().filter(|row| row.presence == "up");
            let up: HashSet<&str> = up.map(|row| row.name.as_str()).collect();
            (rows.len() == names.len() && up == names.iter().copied().collect()).then_some(())
        });
    }

    /// What `watchfire server` prints there.
    fn at_the_hub(&self, arguments: &[&str]) -> String {
        let said = server(&self.config, arguments);
        assert!(said.well, "{}", said.words);
        said.output
    }
}

#[test]
fn a_server_goes_on_under_another_name() {
    let house = House::new();
    let _agent = house.joined("web-1", "web-1");
    house.wait_for_fleet(&["web-1"]);
    house.at_the_hub(&["rename", "web-1", "www-1"]);
    house.wait_for_fleet(&["www-1"]);
    assert_eq!(house.hub.api.incident_rows().len(), 0, "nobody missed it");
    assert_eq!(house.sink.received().len(), 0);
}

/// A27.
#[test]
fn a_removed_agent_rests_and_its_name_begins_anew() {
    let house = House::new();
    let old = house.joined("old", "web-1");
    house.hub.wait_until_all_are_up();
    assert!(house.at_the_hub(&["list"]).contains("web-1"));
    house.at_the_hub(&["remove", "web-1"]);
    assert!(!house.at_the_hub(&["list"]).contains("web-1"));
    eventually("it is gone", LONG, || house.hub.api.servers().is_empty().then_some(()));
    let removed = "its server was removed there";
    old.wait_for_words(removed);

    let new = house.joined("new", "web-1");
    house.hub.wait_until_all_are_up();
    // The old one dials once in minutes by now, but a new token is reason to do so at once.
    house.join(&old, "web-2");
    house.wait_for_fleet(&["web-1", "web-2"]);
    assert_eq!(house.hub.api.incident_rows().len(), 0, "removing is no outage");
    assert_eq!(old.count_of(removed), 1, "it said once what to do");

    house.hub.process.signal(Signal::Terminate);
    house.hub.process.wait_for_end(LONG);
    let (old, new) = (kept(&house.lab, &old), kept(&house.lab, &new));
    let (old, new) = (old.first().expect("it is kept"), new.first().expect("it is kept"));
    assert!(old < new, "what was before stays with the old key: {old} {new}");
}

/// When the records in each chunk of this agent's history begin, oldest first.
fn kept(lab: &Lab, agent: &Enrolled) -> Vec<i64> {
    let key = std::fs::read_to_string(agent.data.join("identity/key.pem")).unwrap();
    let id = MachineKey::from_pem(&key).unwrap().id().to_string();
    let history = History::open(&lab.path("hub-data"), 1 << 30).unwrap();
    let chunks = history.chunks(&id, i64::MIN, i64::MAX).unwrap().chunks;
    chunks.iter().map(|stored| stored.chunk.from_ms).collect()
}

/// A26.
#[test]
fn two_agents_with_one_key_are_told_and_only_one_is_heard() {
    let house = House::new();
    let first = house.joined("web-1", "web-1");
    house.hub.wait_until_all_are_up();
    let mut twin = Enrolled::new(&house.lab, "twin");
    copy(&first.data.join("identity"), &twin.data.join("identity"));
    twin.start();
    eventually("the hub shows both", LONG, || {
        let rows = house.hub.api.servers();
        (rows.len() == 1 && rows[0].two_agents).then_some(())
    });
    // A first one that stood still for a moment loses its seat to the twin.
    let words = "another agent with this one's key";
    let said = || [&first, &twin].map(|agent| agent.count_of(words));
    eventually("one of them says so", LONG, || (said() != [0, 0]).then_some(()));
    house.wait_for_fleet(&["web-1"]);
    assert_eq!(house.hub.api.incident_rows().len(), 0, "the server is well");
    assert!(said().iter().all(|count| *count <= 1), "each says it once: {:?}", said());
}

/// A26: a key that others can read is no secret.
#[test]
fn a_key_that_others_can_read_is_not_used() {
    let house = House::new();
    let agent = Enrolled::new(&house.lab, "web-1");
    house.join(&agent, "web-1");
    let key = agent.data.join("identity/key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (ended, _, words) = watchfire(["agent", "--config", &agent.config]).run(LONG);
    assert_eq!(ended.code(), Some(CONFIG), "{words}");
    assert!(words.contains("key.pem") && words.contains("chmod"), "{words}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    for folder in [to, to.parent().unwrap()] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}
