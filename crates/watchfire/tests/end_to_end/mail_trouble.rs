//! What the mail server may do to us, and that each message still arrives, once.

use watchfire_api::hub::{DeliveryRow, IncidentDetail};
use watchfire_testkit::smtp::{Behaviour, Mail, Sink, Verb};

use crate::fixture::{Agent, Hub, Lab, Plan, deliveries, notifications};

/// One agent, a hub that watches it, and one user with these channels.
fn fleet_of_one(lab: &Lab, sink: &Sink, channels: &[&str]) -> (Agent, Hub) {
    let agent = lab.agent("web-1");
    let plan = Plan::mailing(sink).set("down_after = \"4s\"").watches(&agent);
    let hub = lab.hub(&plan.tells("ada", "*", channels));
    hub.wait_until_all_are_up();
    (agent, hub)
}

const ONE: &[&str] = &["mailto:ada@example.org"];

fn outcomes(tries: &[DeliveryRow]) -> Vec<&str> {
    tries.iter().map(|one| one.outcome.as_str()).collect()
}

/// Waits until the down of `web-1` has come to its end.
fn settled(hub: &Hub, server: &str) -> IncidentDetail {
    hub.wait_for_incident(server, "the down is settled", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state != "pending")
    })
}

#[test]
fn a_mail_server_that_is_down_gets_the_mail_when_it_is_back() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (agent, hub) = fleet_of_one(&lab, &sink, ONE);
    sink.stop_listening();
    agent.kill();
    let failing = hub.wait_for_incident("web-1", "two tries have failed", |incident| {
        let tried = notifications(incident, "ada", "down");
        tried.iter().any(|one| outcomes(&one.deliveries).starts_with(&["retry", "retry"]))
    });
    let tries = deliveries(&failing, "ada", "down");
    assert!(tries[0].detail.contains("refused"), "the incident says why: {tries:#?}");
    sink.start_listening();
    let incident = settled(&hub, "web-1");
    let tries = deliveries(&incident, "ada", "down");
    assert_eq!(outcomes(tries).last(), Some(&"accepted"), "{tries:#?}");
    hub.wait_until_all_is_sent();
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn a_mail_that_is_put_off_comes_again_as_the_same_message() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (agent, hub) = fleet_of_one(&lab, &sink, ONE);
    sink.next([
        Behaviour::reply(Verb::Rcpt, 450, "4.2.1 the mailbox is busy"),
        Behaviour::reply(Verb::Body, 451, "4.3.0 try again later"),
    ]);
    agent.kill();
    let incident = settled(&hub, "web-1");
    let tries = deliveries(&incident, "ada", "down");
    assert_eq!(outcomes(tries), ["retry", "retry", "accepted"]);
    assert!(tries[0].detail.contains("450 4.2.1 the mailbox is busy"), "{tries:#?}");
    hub.wait_until_all_is_sent();
    assert_came_twice_and_was_accepted_once(&sink);
}

#[test]
fn a_mail_server_that_drops_after_data_gets_the_same_message_again() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (agent, hub) = fleet_of_one(&lab, &sink, ONE);
    sink.next([Behaviour::drop_after_data()]);
    agent.kill();
    let incident = settled(&hub, "web-1");
    assert_eq!(outcomes(deliveries(&incident, "ada", "down")), ["retry", "accepted"]);
    hub.wait_until_all_is_sent();
    assert_came_twice_and_was_accepted_once(&sink);
}

/// A mailbox that got both can tell that they are one by the Message-ID.
fn assert_came_twice_and_was_accepted_once(sink: &Sink) {
    let received = sink.received();
    let ids: Vec<&str> = received.iter().map(Mail::message_id).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0], ids[1]);
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn a_refused_mail_takes_the_next_channel_and_is_shown_dead_without_one() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let channels = ["mailto:ada@example.org", "mailto:ada.private@example.org"];
    let agents = [lab.agent("web-1"), lab.agent("web-2")];
    let plan = Plan::mailing(&sink).set("down_after = \"4s\"");
    let plan = agents.iter().fold(plan, Plan::watches);
    let hub = lab.hub(&plan.tells("ada", "*", &channels));
    hub.wait_until_all_are_up();
    let refusal = || Behaviour::reply(Verb::Rcpt, 550, "5.1.1 no such mailbox");

    sink.next([refusal()]);
    agents[0].kill();
    let incident = settled(&hub, "web-1");
    let tries = deliveries(&incident, "ada", "down");
    assert_eq!(outcomes(tries), ["refused", "accepted"]);
    assert_eq!((tries[0].attempt, tries[1].attempt), (1, 2));
    assert!(tries[0].detail.contains("550 5.1.1 no such mailbox"), "{tries:#?}");
    assert_eq!(tries[1].channel, "ada.private@example.org");
    assert_eq!(sink.mails()[0].to, ["ada.private@example.org"]);

    sink.always(refusal());
    agents[1].kill();
    let incident = settled(&hub, "web-2");
    assert_eq!(notifications(&incident, "ada", "down")[0].state, "dead");
    assert_eq!(outcomes(deliveries(&incident, "ada", "down")), ["refused", "refused"]);
    hub.wait_until_all_is_sent();
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn trouble_that_was_never_told_and_is_over_becomes_one_mail() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (mut agent, hub) = fleet_of_one(&lab, &sink, ONE);
    sink.stop_listening();
    agent.kill();
    hub.wait_for_incident("web-1", "a try has failed", |incident| {
        let tried = notifications(incident, "ada", "down");
        tried.iter().any(|one| outcomes(&one.deliveries).starts_with(&["retry"]))
    });
    agent.restart();
    hub.wait_for_incident("web-1", "it is over", |incident| {
        incident.row.closed_monotonic_ms.is_some()
    });
    sink.start_listening();
    hub.wait_until_all_is_sent();
    let incident = hub.wait_for_incident("web-1", "it is there", |_| true);
    let state = |kind| notifications(&incident, "ada", kind)[0].state.as_str();
    assert_eq!((state("down"), state("recovered")), ("merged", "delivered"));
    let mails = sink.mails();
    let subjects: Vec<&str> = mails.iter().map(Mail::subject).collect();
    assert_eq!(mails.len(), 1, "{subjects:?}");
    assert!(subjects[0].starts_with("[WAS DOWN] web-1: "), "{subjects:?}");
    assert_eq!(mails[0].header("References"), None, "there is nothing to refer to");
}
