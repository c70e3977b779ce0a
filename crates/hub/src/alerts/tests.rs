mod flapping;
mod known;
mod muting;
mod order;
mod restart;
mod room;
mod share;
mod storing;

use std::time::Duration;

use futures_util::FutureExt;
use watchfire_model::{IncidentKind, IncidentState, NotificationKind, Scope, Selector, Severity};

use self::room::{Room, about, critical, firing, round};
use super::*;
use crate::testing::{moment, name, team};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const FIRING: NotificationKind = NotificationKind::Firing;
const RESOLVED: NotificationKind = NotificationKind::Resolved;

#[test]
fn an_alert_is_told_once_to_each_user_whose_server_it_is_about() {
    let users = [("ann", team("a")), ("bob", team("b")), ("eve", Scope::everything())];
    let room = Room::new(&["a-1", "b-1"], &users);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(29 * SECOND);
    assert_eq!(room.letters(), [], "others may come");
    room.advance(SECOND);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(HOUR);
    assert_eq!(
        room.letters().iter().map(|one| one.user.as_str()).collect::<Vec<_>>(),
        ["ann", "eve"]
    );
    let (incidents, letter) = (room.incidents(), room.told("ann").remove(0));
    assert_eq!((letter.kind, letter.incident), (FIRING, Some(incidents[0].id)));
    assert_eq!(letter.thread, Some(letter.id));
    assert_eq!(letter.content.subject, "[warning] disk full on a-1: a-1 is not well");
    let incident = &incidents[0];
    assert_eq!((incident.kind, incident.severity), (IncidentKind::Alerts, Severity::Warning));
    assert_eq!((&incident.server, &incident.labels), (&name("a-1"), &None));
    assert_eq!(incident.cause, "DiskFull: a-1 is not well");
    assert_eq!(room.desk.active().len(), 1);
}

#[test]
fn what_is_critical_is_told_sooner_and_what_waits_goes_with_it_by_its_own_way() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1"), critical("OnFire", "a-1")]);
    room.advance(9 * SECOND);
    assert_eq!(room.letters(), []);
    room.advance(SECOND);
    // Two letters: a warning may have to wait for the morning, and must hold up nothing.
    assert_eq!(room.kinds("ann"), [FIRING, FIRING]);
    let incident = room.incidents().remove(0);
    assert_eq!(incident.severity, Severity::Critical);
    assert_eq!(incident.cause, "OnFire, DiskFull fire");
}

#[test]
fn five_hundred_servers_are_one_letter_to_each_user() {
    let names: Vec<String> = (0..500).map(|number| format!("a-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&names, &[("ann", team("a")), ("eve", Scope::everything())]);
    let all: Vec<Firing> = names.iter().map(|name| critical("OnFire", name)).collect();
    room.rules(&all[..200]);
    room.advance(5 * SECOND);
    room.rules(&all);
    room.advance(5 * SECOND);
    for user in ["ann", "eve"] {
        let told = room.told(user);
        assert_eq!(told.len(), 1, "{user}");
        assert_eq!(told[0].incident, None, "it is of several incidents");
        assert!(told[0].content.subject.contains("500"), "{}", told[0].content.subject);
    }
    assert_eq!(room.incidents().len(), 500);
    // Each incident knows the letter that told of it.
    for incident in room.incidents() {
        assert_eq!(room.store.shared_letters_of(incident.id).expect("readable").len(), 2);
    }
    room.rules(&[]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
    assert!(room.incidents().iter().all(|one| one.state != IncidentState::Open));
}

#[test]
fn that_an_alert_is_over_is_told_in_its_thread() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1"), about("DiskFull", "a-2")]);
    room.advance(MINUTE);
    let first = room.told("ann").remove(0);
    assert!(!room.store.about(first.id).expect("readable").is_over);
    room.rules(&[about("DiskFull", "a-2")]);
    room.advance(MINUTE);
    let second = room.told("ann").remove(1);
    assert_eq!((second.kind, second.thread), (RESOLVED, Some(first.id)));
    assert_eq!(second.references, std::slice::from_ref(&first.message_id));
    assert!(!room.store.about(second.id).expect("readable").is_over, "a-2's goes on");
    room.rules(&[]);
    room.advance(MINUTE);
    let third = room.told("ann").remove(2);
    assert_eq!((third.kind, third.thread), (RESOLVED, Some(first.id)));
    assert!(room.store.about(third.id).expect("readable").is_over);
    assert_eq!(room.lines(0), ["DiskFull: a-1 is not well", "DiskFull is over"]);
    assert_eq!(room.desk.active().len(), 0);
    // The next time is another trouble.
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    let fourth = room.told("ann").remove(3);
    assert_eq!((fourth.kind, fourth.thread), (FIRING, Some(fourth.id)));
    assert_eq!(room.incidents().len(), 3);
}

#[test]
fn whom_an_escalation_called_is_told_the_end_in_that_thread() {
    let call = watchfire_model::Channel::new("terminal:call");
    let bob = watchfire_alert::Recipient {
        channels: Vec::new(),
        escalated: vec![call.clone()],
        ..crate::testing::recipient("bob", Scope::everything())
    };
    let room = Room::with(&["a-1"], vec![bob], Muting::default());
    room.rules(&[critical("OnFire", "a-1"), about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    assert_eq!(room.told("bob"), [], "no way of his leads to it");
    let incident = Some(room.incidents()[0].id);
    let kind = NotificationKind::Escalated;
    let mut letter = crate::testing::letter(incident, "bob", kind, &["terminal:call"], "1");
    (letter.thread, letter.created) = (watchfire_store::Thread::Own, room.fleet.now());
    let first = room.store.write(|batch| batch.enqueue(&letter)).expect("the store works");
    // What the hub knows by itself, it knows after a restart.
    room.rules(&[about("DiskFull", "a-1")]);
    let room = room.restart(Duration::ZERO);
    room.store.know_channels(std::slice::from_ref(&call));
    room.advance(MINUTE);
    let told = room.told("bob");
    assert_eq!(room.kinds("bob"), [kind, RESOLVED]);
    assert_eq!((told[1].thread, &told[1].channels), (Some(first), &vec![call]));
    assert_eq!(told[1].references, std::slice::from_ref(&told[0].message_id));
}

#[test]
fn what_is_over_before_it_was_told_is_told_to_nobody() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(20 * SECOND);
    room.rules(&[]);
    room.advance(HOUR);
    assert_eq!(room.letters(), []);
    assert_eq!(room.lines(0), ["DiskFull: a-1 is not well", "DiskFull is over"]);
    assert!(matches!(room.incidents()[0].state, IncidentState::Closed(_)));
    assert_eq!(
        room.desk.counts(),
        AlertCounts { firing: 0, untold: 0, letters: 0, left_out: 0, not_stored: 0 }
    );
}

#[test]
fn what_fires_again_before_its_end_was_told_goes_on() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1"), about("Other", "a-1")]);
    room.advance(MINUTE);
    room.rules(&[about("Other", "a-1")]);
    room.advance(10 * SECOND);
    room.rules(&[about("DiskFull", "a-1"), about("Other", "a-1")]);
    room.advance(HOUR);
    assert_eq!(room.kinds("ann"), [FIRING]);
}

#[test]
fn an_alert_about_no_server_is_for_those_whom_its_labels_fit() {
    let of = |text: &str| Scope::new(vec![Selector::parse(text).expect("a matcher")]);
    let users = [
        ("ann", team("a")),
        ("bob", team("b")),
        ("eve", Scope::everything()),
        ("sam", of(r#"service="shop""#)),
    ];
    let room = Room::new(&["a-1"], &users);
    let labels = [("alertname", "Slow"), ("service", "shop"), ("team", "b")];
    room.rules(&[firing(&labels), firing(&[("alertname", "Slow"), ("service", "mail")])]);
    room.advance(MINUTE);
    for (user, letters) in [("ann", 0), ("bob", 1), ("eve", 1), ("sam", 1)] {
        assert_eq!(room.told(user).len(), letters, "{user}");
    }
    let incidents = room.incidents();
    assert_eq!(incidents.len(), 2, "their scopes differ");
    assert_eq!((incidents[0].server.as_str(), incidents[1].server.as_str()), ("Slow", "Slow"));
    let known = incidents[0].labels.as_ref().and_then(|labels| labels.get("service"));
    assert_eq!(known, Some("shop"));
}

#[test]
fn no_label_of_an_alert_tells_others_of_a_server() {
    let room = Room::new(&["a-1"], &[("bob", team("b"))]);
    room.rules(&[firing(&[("alertname", "X"), ("team", "b"), ("instance", "a-1:9100")])]);
    room.advance(MINUTE);
    assert_eq!(room.letters(), []);
    assert_eq!(room.incidents()[0].server, name("a-1"));
}

#[test]
fn something_critical_is_told_again_until_somebody_looks_after_it() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[critical("OnFire", "a-1"), about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING, FIRING]);
    room.advance(4 * HOUR - SECOND);
    assert_eq!(room.told("ann").len(), 2);
    room.advance(SECOND);
    let told = room.told("ann");
    assert_eq!(told.len(), 3);
    let first = told.iter().find(|one| one.content.subject.contains("on fire")).expect("told");
    assert_eq!((told[2].kind, told[2].thread), (FIRING, Some(first.id)));
    let by = watchfire_model::Acknowledged { by: "ann".to_owned(), at_unix_ms: 1 };
    let id = room.incidents()[0].id;
    room.store.write(|batch| batch.acknowledge(id, Some(&by))).expect("the store works");
    room.advance(4 * HOUR);
    room.advance(4 * HOUR);
    assert_eq!(room.told("ann").len(), 3, "ann looks after it");
    room.store.write(|batch| batch.acknowledge(id, None)).expect("the store works");
    room.advance(4 * HOUR);
    assert_eq!(room.told("ann").len(), 4);
}

#[test]
fn what_belongs_together_is_one_family() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.falls("a-1");
    room.falls("a-2");
    room.comes_back("a-2");
    room.hand.advance(9 * MINUTE);
    room.rules(&[about("DiskFull", "a-1"), about("Swap", "a-2")]);
    let incidents = room.incidents();
    let parts: Vec<_> = incidents.iter().map(|one| (one.kind, one.part_of)).collect();
    let (alerts, presence) = (IncidentKind::Alerts, IncidentKind::Presence);
    let (first, third) = (Some(incidents[0].id), Some(incidents[2].id));
    assert_eq!(parts, [(alerts, None), (presence, first), (presence, None), (alerts, third)]);
    let family = room.store.family(incidents[3].id).expect("readable");
    assert_eq!(
        family.iter().map(|one| one.id).collect::<Vec<_>>(),
        [incidents[2].id, incidents[3].id]
    );
    // Later it is something else.
    room.rules(&[]);
    room.hand.advance(9 * MINUTE);
    room.rules(&[about("Swap", "a-2")]);
    assert_eq!(room.incidents()[4].part_of, None);
}

#[test]
fn what_an_outside_sender_does_not_name_again_ends() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let until = |minutes: i64| {
        let ends_ms = Some(room.fleet.now().unix_ms + minutes * 60_000);
        let alerts = vec![Firing { ends_ms, ..about("DiskFull", "a-1") }];
        Round {
            source: "api".to_owned(),
            alerts,
            is_whole: false,
            at_ms: 0,
            poster: None,
            rules: None,
            order: 0,
        }
    };
    room.take(&until(5)).expect("the store works");
    room.advance(4 * MINUTE);
    room.take(&until(5)).expect("the store works");
    let nothing = Round { alerts: Vec::new(), ..until(5) };
    room.take(&nothing).expect("the store works");
    room.advance(4 * MINUTE);
    assert_eq!(room.desk.active().len(), 1, "it was named again");
    room.advance(MINUTE);
    assert_eq!(room.desk.active().len(), 0);
    // One that says so itself.
    room.take(&until(5)).expect("the store works");
    room.take(&until(0)).expect("the store works");
    assert_eq!(room.desk.active().len(), 0);
    room.take(&until(-1)).expect("the store works");
    assert_eq!(room.incidents().len(), 2, "nothing fires that is over already");
}

#[test]
fn a_source_that_is_no_more_says_so_with_an_empty_round() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.take(&round("rules/y.yaml/h", &[about("Swap", "a-1")])).expect("the store works");
    room.advance(MINUTE);
    let sources = || -> Vec<String> {
        room.desk.by_source_now().expect("the store works").into_keys().collect()
    };
    assert_eq!(sources(), ["rules/x.yaml/g", "rules/y.yaml/h"]);
    room.take(&round("rules/y.yaml/h", &[])).expect("the store works");
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
    assert_eq!(sources(), ["rules/x.yaml/g"]);
}

#[test]
fn a_server_that_is_watched_no_more_ends_its_alerts_and_nobody_is_told() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    room.fleet.remove(room.fleet.index(&name("a-1")).expect("it is watched"));
    room.advance(MINUTE);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING]);
    assert!(matches!(room.incidents()[0].state, IncidentState::Closed(_)));
    assert_eq!(room.desk.counts().untold, 0);
}

#[test]
fn no_letter_names_servers_that_its_reader_may_not_see() {
    let room = Room::new(&["a-1", "b-1"], &[("ann", team("a")), ("eve", Scope::everything())]);
    let words = |text: &str| vec![("summary".to_owned(), text.to_owned())];
    let generator_url = "https://hub.test/api/v1/query?query=x%7Binstance%3D%22b-1%22%7D";
    let named = Firing {
        annotations: words("a-1 is slower than b-1"),
        generator_url: generator_url.to_owned(),
        ..about("Slow", "a-1")
    };
    room.rules(&[named]);
    room.advance(MINUTE);
    let text = |user: &str| format!("{:?}", room.told(user)[0].content);
    assert!(text("ann").contains("a-1 is slower than another server"), "{}", text("ann"));
    assert!(!text("ann").contains("b-1"), "{}", text("ann"));
    assert!(text("eve").contains("a-1 is slower than b-1"), "{}", text("eve"));
    assert!(text("eve").contains("query=x"), "{}", text("eve"));
}
