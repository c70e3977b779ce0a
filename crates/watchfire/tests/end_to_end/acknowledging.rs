//! Somebody looks after a server, or the next one is called.

use std::net::SocketAddr;

use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::ports;
use watchfire_testkit::process::Program;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Hub, LONG, Lab, PASSWORD, Plan, eventually, notifications, said, watchfire};

/// Where the hub's letters say that it is.
const PUBLIC: &str = "https://hub.example.org/watch";

/// The target of the link by which a letter lets its user acknowledge.
fn link(text: &str) -> String {
    let start = format!("Acknowledge: {PUBLIC}");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no link: {text}")).to_owned()
}

fn ask(question: &Ask, address: SocketAddr) -> Answered {
    question.send(address, LONG).unwrap()
}

#[test]
fn a_link_acknowledges_by_its_button_and_else_the_next_one_is_told() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (web, db) = (lab.agent("web-1"), lab.agent("db-1"));
    let plan = Plan::mailing(&sink)
        .set("down_after = \"4s\"")
        .set(&format!("public_url = \"{PUBLIC}\""))
        .watches(&web)
        .watches(&db)
        .tells("ada", "*", &["mailto:ada@example.org"])
        .with(
            "role = \"operator\"\n[[user.escalate]]\nafter = \"20s\"\nuser = \"bob\"\n\
               channels = [\"mailto:bob@example.org\"]\n",
        )
        .tells("bob", "*", &[]);
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let hub = Hub::start_at(&lab, &plan, address);
    hub.wait_until_all_are_up();
    let mail_to = |user: &'static str, server: &'static str| {
        eventually(&format!("{user} is told of {server}"), LONG, || {
            let to = format!("{user}@example.org");
            let mails = sink.mails().into_iter();
            mails.rev().find(|mail| mail.to == [to.clone()] && mail.subject().contains(server))
        })
    };

    web.kill();
    let target = link(&mail_to("ada", "web-1").text);
    let page = ask(&Ask::get(&target), address);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("web-1"), "{}", page.text());
    let incident = || hub.api.incidents_of("web-1").remove(0);
    assert_eq!(incident().row.acknowledged, None, "whoever looks through mail follows links");
    let mark = target.split_once("?s=").unwrap().1;
    let press = Ask::post("/ack", format!("s={mark}").into_bytes())
        .header("Content-Type", "application/x-www-form-urlencoded");
    let done = ask(&press, address);
    assert_eq!(done.status, 200, "{}", done.text());
    let acknowledged = incident().row.acknowledged.expect("somebody looks after it");
    assert_eq!(acknowledged.by, "ada");

    db.kill();
    let called = mail_to("bob", "db-1");
    assert!(called.subject().starts_with("[ESCALATED] db-1"), "{}", called.subject());
    assert!(called.text.contains("Told before: ada"), "{}", called.text);
    // What began earlier would have been due earlier.
    assert!(!incident().timeline.iter().any(|line| line.kind == "escalated"));
    let of_bob = |mail: &watchfire_testkit::smtp::Mail| mail.to == ["bob@example.org"];
    assert_eq!(sink.mails().iter().filter(|mail| of_bob(mail)).count(), 1);
    hub.wait_for_incident("db-1", "it was escalated once", |incident| {
        let lines = incident.timeline.iter().filter(|line| line.kind == "escalated").count();
        lines == 1 && notifications(incident, "bob", "escalated").len() == 1
    });

    // A person on the command line.
    let person = |command: Program| {
        said(command.env("XDG_CONFIG_HOME", lab.path("config")).called("person"))
    };
    let login = ["login", &format!("http://{address}"), "--user", "watcher"];
    let login = person(watchfire(login).input(format!("{PASSWORD}\n")));
    assert!(login.well, "{}", login.words);
    let list = person(watchfire(["incidents"]));
    assert!(list.well && list.output.contains("acknowledged by ada"), "{}", list.output);
    let id = hub.api.incidents_of("db-1").remove(0).row.id.to_string();
    for arguments in [["incidents", "ack", &id, "--note=on it"], ["incidents", "note", &id, "fuse"]]
    {
        let done = person(watchfire(arguments));
        assert!(done.well, "{arguments:?}: {}", done.words);
    }
    let shown = person(watchfire(["incidents", "show", &id]));
    for words in ["watcher looks after it", "watcher: on it", "watcher: fuse", "bob is told"] {
        assert!(shown.output.contains(words), "{words}: {}", shown.output);
    }
    let missing = person(watchfire(["incidents", "ack", "999999"]));
    assert!(
        !missing.well && missing.words.contains("there is no such incident"),
        "{}",
        missing.words
    );
}
