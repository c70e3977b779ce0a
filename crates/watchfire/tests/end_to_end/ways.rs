//! Which way news go, and what nobody is told of.

use watchfire_testkit::smtp::Sink;

use crate::fixture::{Lab, Plan, notifications};

#[test]
fn news_go_the_way_that_fits_and_nobody_is_told_of_maintenance() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (web, db) = (lab.agent("web-1"), lab.agent("db-1"));
    let plan = Plan::mailing(&sink)
        .set("down_after = \"4s\"")
        .watches(&web)
        .watches(&db)
        .tells("ada", "*", &["mailto:ada@example.org"])
        .with("[[user.way]]\nseverity = \"critical\"\nchannels = [\"mailto:night@example.org\"]\n")
        .with(
            "[[maintenance]]\nname = \"disks\"\nservers = ['name=\"db-1\"']\neach = \"mon-sun\"\n",
        );
    let hub = lab.hub(&plan);
    hub.wait_until_all_are_up();
    web.kill();
    db.kill();
    hub.wait_for_incident("web-1", "it was told", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state == "delivered")
    });
    let quiet = hub.wait_for_incident("db-1", "it is muted", |incident| {
        incident.timeline.iter().any(|line| line.kind == "muted")
    });
    let line = quiet.timeline.iter().find(|line| line.kind == "muted").unwrap();
    assert_eq!(line.text, "told to nobody: maintenance \"disks\"");
    assert!(quiet.notifications.is_empty(), "{:#?}", quiet.notifications);
    hub.wait_until_all_is_sent();
    let to: Vec<String> = sink.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(to, ["night@example.org"]);
}
