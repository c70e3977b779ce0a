//! Programs that speak to an Alertmanager speak to the hub: the real `amtool`, and a real Prometheus
//! that sends its alerts. Where one of them is not installed, its test says so and shows nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Signal};
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Hub, LONG, Lab, PASSWORD, Plan, eventually, password_hash};

const SENDER_TOKEN: &str = "only-for-this-one-sender";

/// Where a program is, if it is anywhere.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|one| one.exists());
    if found.is_none() {
        eprintln!("LEFT OUT: {name} is not installed, so this test shows nothing");
    }
    found
}

/// A hub with a server that never answered, somebody who may silence it, and a sender.
fn hub(lab: &Lab, sink: &Sink) -> Hub {
    lab.write("sender-token", SENDER_TOKEN);
    let plan = Plan::mailing(sink).watches_at("web-1", Lab::nobody()).with(&format!(
        "[[user]]\nname = \"ada\"\nrole = \"operator\"\nservers = [\"*\"]\n\
         channels = [\"mailto:ada@example.org\"]\npassword_hash = \"{}\"\n\n\
         [[sender]]\nname = \"prometheus\"\ntoken = \"${{file:sender-token}}\"\n",
        password_hash()
    ));
    lab.hub(&plan)
}

/// `amtool` with the token of somebody.
struct Amtool {
    path: PathBuf,
    config: String,
    hub: SocketAddr,
}

impl Amtool {
    fn new(lab: &Lab, path: &Path, hub: &Hub, scope: &str) -> Self {
        let body = serde_json::json!({ "username": "ada", "password": PASSWORD }).to_string();
        let answer = Ask::post_json(&format!("/login?scope={scope}&lives=1h"), &body);
        let answer = answer.send(hub.api.address(), LONG).unwrap();
        let read: Value = serde_json::from_slice(&answer.body).unwrap();
        let token = lab.write(&format!("token-{scope}"), read["token"].as_str().unwrap());
        // The path is whole: amtool looks for others beside the folder of this file.
        let config = format!("authorization: {{ type: Bearer, credentials_file: {token} }}\n");
        let config = lab.write(&format!("http-{scope}.yml"), &config);
        Self { path: path.to_owned(), config, hub: hub.api.address() }
    }

    /// What it says: whether it went well, its output and its words.
    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let program = Program::new(&self.path)
            .arg(format!("--http.config.file={}", self.config))
            .arg(format!("--alertmanager.url=http://{}", self.hub))
            .args(arguments);
        let (ended, output, words) = program.run(LONG);
        (ended.success(), output, words)
    }

    #[track_caller]
    fn well(&self, arguments: &[&str]) -> String {
        let (well, output, words) = self.run(arguments);
        assert!(well, "{arguments:?}: {output}{words}");
        output.trim().to_owned()
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], with: &str) {
        let (well, output, words) = self.run(arguments);
        assert!(!well && words.contains(with), "{arguments:?}: {output}{words}");
    }

    #[track_caller]
    fn list(&self, arguments: &[&str]) -> Vec<Value> {
        serde_json::from_str(&self.well(&[arguments, &["-o", "json"]].concat())).unwrap()
    }
}

fn names(alerts: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> =
        alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn amtool_asks_sends_and_silences() {
    let Some(path) = installed("amtool") else { return };
    let (lab, sink) = (Lab::new(), Sink::start());
    let hub = hub(&lab, &sink);
    let ada = Amtool::new(&lab, &path, &hub, "change");
    hub.wait_for_incident("web-1", "it is judged", |_| true);

    assert!(ada.well(&["config", "show"]).contains("receiver: watchfire"));
    let end = "--end=2999-01-01T00:00:00Z";
    let words = "--annotation=summary=disk is full";
    let disk = ["alert", "add", "DiskFull", "server=web-1", "severity=critical", words, end];
    ada.well(&disk);
    ada.well(&["alert", "add", "Backup", "job=night", end, "--generator-url=http://there/graph"]);
    assert_eq!(names(&ada.list(&["alert", "query"])), ["Backup", "DiskFull", "ServerDown"]);
    let disk = ada.list(&["alert", "query", "DiskFull"]);
    assert_eq!(disk[0]["annotations"]["summary"], "disk is full");
    assert_eq!(disk[0]["receivers"][0]["name"], "ada");
    let fitting = |matcher: &str| names(&ada.list(&["alert", "query", matcher])).join(" ");
    assert_eq!(fitting("alertname=~\"Disk.*|Back.*\""), "Backup DiskFull");
    assert_eq!(fitting("job!=\"\""), "Backup");
    assert!(ada.well(&["alert", "query"]).contains("disk is full"));

    let comment = ["-c", "new disks"];
    let add = |matchers: &[&str]| {
        ada.well(&[&["silence", "add", "-d", "2h"], &comment[..], matchers].concat())
    };
    let id = add(&["alertname=Backup", "job=~\"n.*\""]);
    let of_id = |id: &str| ada.list(&["silence", "query"]).into_iter().find(|one| one["id"] == id);
    let made = of_id(&id).expect("it is listed");
    assert_eq!((&made["comment"], &made["createdBy"]), (&"new disks".into(), &"ada".into()));
    assert_eq!(fitting("Backup"), "", "what is silenced is not active");
    assert_eq!(names(&ada.list(&["alert", "query", "-s"])), ["Backup"]);
    ada.well(&["silence", "update", &id, "-d", "5h", "-c", "newer"]);
    let newer = of_id(&id).expect("it has its id still");
    assert_eq!((&newer["comment"], &newer["matchers"]), (&"newer".into(), &made["matchers"]));
    assert!(newer["endsAt"].as_str() > made["endsAt"].as_str());

    let kept = lab.write("silences.json", &Value::from(vec![newer]).to_string());
    let again = ada.well(&["silence", "import", "--force", &kept]);
    assert_ne!(again, id, "by force it is another one");
    assert!(of_id(&again).is_some());
    for one in [&again, &id] {
        ada.well(&["silence", "expire", one]);
    }
    assert_eq!(fitting("Backup"), "Backup");
    assert!(of_id(&id).is_none());
    assert_eq!(ada.list(&["silence", "query", "--expired"]).len(), 2);

    // What is refused, and how much of it amtool shows.
    ada.refused(&["silence", "expire", &id], "already expired");
    ada.refused(&["silence", "expire", "nosuch"], "404");
    let all = ["silence", "add", "-c", "x", "a=~\".*\""];
    ada.refused(&all, "needs a matcher that does not hold for an empty label");
    let reader = Amtool::new(&lab, &path, &hub, "read");
    assert_eq!(reader.list(&["alert", "query"]).len(), 3);
    reader.refused(&["silence", "add", "-c", "x", "alertname=Backup"], "403");
    reader.refused(&["alert", "add", "Backup"], "403");
    lab.write("token-read", "no token at all");
    reader.refused(&["alert", "query"], "401");
}

#[test]
fn a_real_prometheus_sends_its_alerts_and_their_end() {
    let Some(path) = installed("prometheus") else { return };
    let (lab, sink) = (Lab::new(), Sink::start());
    let hub = hub(&lab, &sink);
    let rule = |expr: &str| {
        format!(
            "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: FromOutside\n    \
             expr: {expr}\n    labels: {{ severity: critical, team: storage }}\n    \
             annotations: {{ summary: 'it is {{{{ $value }}}}' }}\n"
        )
    };
    let rules = lab.write("outside.yml", &rule("vector(7)"));
    let token = lab.path("sender-token").display().to_string();
    let config = format!(
        "rule_files: [ \"{rules}\" ]\nalerting:\n  alertmanagers:\n  \
         - static_configs: [ {{ targets: [ \"{}\" ] }} ]\n    \
         authorization: {{ credentials_file: {token} }}\n",
        hub.api.address()
    );
    let config = lab.write("prometheus.yml", &config);
    let prometheus = Program::new(path)
        .arg(format!("--config.file={config}"))
        .arg(format!("--storage.tsdb.path={}", lab.path("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{}", ports::free()))
        .arg("--rules.alert.resend-delay=1s")
        .log(lab.path("prometheus.log"))
        .start();
    let told = |kind: &str| {
        eventually(&format!("ada is told that it is {kind}"), LONG, || {
            let rows = hub.api.incident_rows();
            let mut incidents = rows.iter().map(|row| hub.api.incident(row.id));
            incidents.find(|one| {
                one.row.server == "FromOutside"
                    && one.notifications.iter().any(|n| n.kind == kind && n.state == "delivered")
            })
        })
    };
    told("firing");
    let _ = sink.wait_for_mails(LONG, |mails| {
        mails.iter().any(|mail| mail.subject() == "[critical] from outside: it is 7")
    });
    lab.write("outside.yml", &rule("vector(7) > 8"));
    prometheus.signal(Signal::Reload);
    told("resolved");
}
