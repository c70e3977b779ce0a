//! The hub dies between judging and sending.

use watchfire_testkit::smtp::{Behaviour, Mail, Sink, Verb};

use crate::fixture::{Hub, LONG, Lab, Plan, notifications};

const NEWCOMER: &str = "newcomer-1";

#[test]
fn a_hub_that_was_killed_between_judging_and_sending_sends_once_it_is_back() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let mut agent = lab.agent("web-1");
    let plan = Plan::mailing(&sink).watches(&agent);
    let plan = plan.tells("ada", "*", &["mailto:ada@example.org"]);
    let hub = lab.hub(&plan);
    hub.wait_until_all_are_up();
    sink.always(Behaviour::Hang(Verb::Connect));
    agent.kill();
    // The outbox holds the mail, and the first try hangs at the mail server.
    hub.wait_for_incident("web-1", "it was judged", |_| true);
    sink.wait_for_verb(Verb::Connect, 1, LONG);
    hub.process.kill();
    drop(hub);
    assert_eq!(sink.received().len(), 0, "nothing was sent before the hub died");

    sink.close_all();
    sink.always(Behaviour::Accept);
    // A server that this hub has never judged: when it is judged, so would be
    // every other that the new hub believes to have just gone quiet.
    let hub = lab.hub(&plan.watches_at(NEWCOMER, Lab::nobody()));
    wait_until_told(&hub, "web-1", "down");
    wait_until_told(&hub, NEWCOMER, "down");
    hub.wait_until_all_is_sent();
    assert_eq!(subjects_of(&sink, "web-1"), ["[AGENT DOWN]"], "once, and not again");

    agent.restart();
    wait_until_told(&hub, "web-1", "recovered");
    hub.wait_until_all_is_sent();
    assert_eq!(subjects_of(&sink, "web-1"), ["[AGENT DOWN]", "[UP]"]);
    let own = |mail: &Mail| mail.subject().contains(" web-1: ");
    let mails: Vec<Mail> = sink.mails().into_iter().filter(own).collect();
    assert_eq!(mails[1].header("References"), Some(mails[0].message_id()));
}

#[test]
fn a_hub_that_was_killed_after_the_mail_was_read_sends_the_same_message_again() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let agent = lab.agent("web-1");
    let plan = Plan::mailing(&sink).set("down_after = \"4s\"").watches(&agent);
    let plan = plan.tells("ada", "*", &["mailto:ada@example.org"]);
    let hub = lab.hub(&plan);
    hub.wait_until_all_are_up();
    // The mail server has the whole mail, and nobody knows what it makes of it.
    sink.always(Behaviour::Hang(Verb::Body));
    agent.kill();
    let lost = sink.wait_for_received(1, LONG);
    hub.process.kill();
    drop(hub);
    sink.close_all();
    sink.always(Behaviour::Accept);
    let hub = lab.hub(&plan);
    wait_until_told(&hub, "web-1", "down");
    hub.wait_until_all_is_sent();
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].message_id(), lost[0].message_id());
}

fn wait_until_told(hub: &Hub, server: &str, kind: &str) {
    hub.wait_for_incident(server, &format!("told as {kind}"), |incident| {
        notifications(incident, "ada", kind).iter().any(|one| one.state == "delivered")
    });
}

/// The badges of the accepted mails about a server, in order.
fn subjects_of(sink: &Sink, server: &str) -> Vec<String> {
    let about = format!(" {server}: ");
    let mails = sink.mails();
    let own = mails.iter().filter_map(|mail| mail.subject().split_once(about.as_str()));
    own.map(|(badge, _)| badge.to_owned()).collect()
}
