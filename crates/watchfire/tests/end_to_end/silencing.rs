//! `watchfire silence`: what an operator mutes at a hub from the command line.

use serde_json::Value;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{LONG, Lab, PASSWORD, Plan, Said, eventually, notifications, password_hash};
use crate::fixture::{said, watchfire};

/// A command of a person who keeps logins in the lab's folder.
fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> Said {
    let config = lab.path("config");
    said(
        watchfire(arguments)
            .env("XDG_CONFIG_HOME", config)
            .called("person")
            .input(format!("{PASSWORD}\n")),
    )
}

#[test]
fn a_silence_mutes_a_server_that_is_down_and_its_end_tells_it() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (web, db) = (lab.agent("web-1"), lab.agent("db-1"));
    let plan =
        Plan::mailing(&sink).set("down_after = \"4s\"").watches(&web).watches(&db).with(&format!(
            "[[user]]\nname = \"ada\"\nrole = \"operator\"\nservers = [\"*\"]\n\
             channels = [\"mailto:ada@example.org\"]\npassword_hash = \"{}\"\n",
            password_hash()
        ));
    let hub = lab.hub(&plan);
    hub.wait_until_all_are_up();
    let at = format!("http://{}", hub.api.address());
    let login = run(&lab, ["login", &at, "--user", "ada"]);
    assert!(login.well, "{}", login.words);

    let add = ["silence", "add", "web-1", "--for", "2h", "-m", "new disks"];
    let made = run(&lab, add);
    assert!(made.well && made.words.contains(": 1 server"), "{}", made.words);
    let id = made.output.trim().to_owned();
    let listed = run(&lab, ["silence", "ls", "--json"]);
    let listed: Value = serde_json::from_str(&listed.output).expect("JSON");
    assert_eq!(listed["silences"][0]["id"], id.as_str());
    assert_eq!(listed["silences"][0]["servers"][0], "web-1");
    let shown = run(&lab, ["silence", "ls"]).output;
    assert!(shown.contains("server=\"web-1\"") && shown.contains("new disks"), "{shown}");
    let long = run(&lab, ["silence", "add", "role=web", "--for", "25h"]);
    assert!(!long.well && long.words.contains("a day at the most"), "{}", long.words);

    web.kill();
    db.kill();
    let told = |server: &str| {
        let incidents = hub.api.incidents_of(server);
        let told = incidents.iter().flat_map(|one| notifications(one, "ada", "down"));
        told.filter(|one| one.state == "delivered").count()
    };
    hub.wait_for_incident("web-1", "it is muted", |incident| {
        incident.timeline.iter().any(|line| {
            line.kind == "muted" && line.text == "told to nobody: silence of ada: \"new disks\""
        })
    });
    eventually("the other one is told", LONG, || (told("db-1") == 1).then_some(()));
    assert_eq!(told("web-1"), 0);
    let ended = run(&lab, ["silence", "end", &id[..8]]);
    assert!(ended.well, "{}", ended.words);
    let incident = hub.wait_for_incident("web-1", "it is told", |_| told("web-1") == 1);
    let said = |text: &str| incident.timeline.iter().any(|line| line.text == text);
    assert!(said("ada ended the silence of ada: \"new disks\""), "{incident:#?}");
    hub.wait_until_all_is_sent();
    assert_eq!(sink.mails().len(), 2);
    assert_eq!(run(&lab, ["silence", "ls"]).output, "nothing is silenced\n");
    let again = run(&lab, ["silence", "end", &id]);
    assert!(!again.well && again.words.contains("over already"), "{}", again.words);
    let log = std::fs::read_to_string(lab.path("hub.log")).unwrap();
    for words in ["a silence is made", "a silence is ended", "user=\"ada\""] {
        assert!(log.contains(words), "{words}");
    }
}
