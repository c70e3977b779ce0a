mod around;
mod correct;
mod cut;
mod disk;
mod flapping;
mod leaving;
mod missed;
mod order;
mod others;
mod property;
mod reconcile;
mod room;
mod storing;
mod storm;
mod ways;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use watchfire_model::{
    Content, Notification, NotificationKind, NotificationState, Presence, ProcessTable, Scope,
    TimelineEntry,
};
use watchfire_runtime::{Clock, Shutdown, task};

use self::room::{Room, back, down};
use super::run::{BATCH, RETRY};
use super::*;
use crate::testing::{Log, change, manual_clock, moment, name, open_incident, settle, team, until};

#[test]
fn the_first_try_of_a_lane_is_written_down_with_its_letter() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let tries = |at: usize| {
        let id = room.told("ann")[at].id;
        room.store.deliveries_of(id).expect("readable")
    };
    room.hand.advance(Duration::from_millis(5000));
    room.record(&[down("a-1", 4900)]);
    let first = tries(0);
    assert_eq!((first.len(), first[0].attempt, first[0].ended), (1, 1, None), "{first:?}");
    assert_eq!(first[0].began, moment(5000));
    assert_eq!(first[0].channel, room.told("ann")[0].channels[0]);
    // What has to wait for another letter has no try yet.
    room.record(&[back("a-1", 9000)]);
    assert_eq!(tries(1), []);
    let state = NotificationState::Delivered;
    for told in room.told("ann") {
        room.store.write(|batch| batch.set_state(told.id, state)).expect("the store works");
    }
    room.record(&[down("a-1", 20_000)]);
    assert_eq!(tries(2).len(), 1, "the next incident is a lane of its own");
}

#[test]
fn every_matching_user_is_told_once_and_nobody_else() {
    let users = [
        ("ann", team("a")),
        ("bob", team("b")),
        ("eve", Scope::everything()),
        ("nil", Scope::default()),
    ];
    let room = Room::new(&["a-1", "b-1"], &users);
    room.record(&[down("a-1", 5000), change("a-1", Presence::Late, Presence::Late, 5001)]);
    let counts =
        |users: &[&str]| -> Vec<usize> { users.iter().map(|user| room.told(user).len()).collect() };
    assert_eq!(counts(&["ann", "bob", "eve", "nil"]), [1, 0, 1, 0]);
    let told = &room.told("ann")[0];
    assert_eq!((told.kind, told.state), (NotificationKind::Down, NotificationState::Pending));
    assert!(told.content.subject.contains("a-1"), "{}", told.content.subject);
    assert!(told.content.text.contains("http://hub.test/#/incident/1"), "{}", told.content.text);
    assert!(told.references.is_empty() && told.content_if_first.is_none());
    let incident = &room.incidents()[0];
    assert_eq!((incident.judged, incident.silence_began), (moment(5000), Some(moment(0))));
    assert!(room.store.timeline(incident.id).expect("readable").len() >= 2);
}

#[test]
fn the_transition_and_all_its_notifications_are_one_transaction() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    // The desk does not know of this one, so that b-1's incident cannot be written.
    let in_the_way = open_incident(&store, "b-1", 0);
    let users = [("ann", Scope::everything())];
    let room = Room::with_open(folder, store, Vec::new(), &["a-1", "b-1", "c-1"], &users);
    room.record(&[down("c-1", 4000)]);
    let both = [down("a-1", 5000), down("b-1", 5001)];
    assert!(room.desk.record(&both).is_err());
    assert_eq!(room.incidents().len(), 2, "the one in the way and the one before");
    assert_eq!(room.told("ann").len(), 1, "nobody is told of what is not there");
    let believed: Vec<ServerName> = room.desk.book().open.keys().cloned().collect();
    assert_eq!(believed, [name("c-1")], "the desk believes what the store holds");

    let close = |batch: &Batch<'_>| batch.close_incident(in_the_way, moment(5002));
    room.store.write(close).expect("the store works");
    room.record(&both);
    assert_eq!(room.told("ann").len(), 3, "the same transitions are taken once they can be");
}

#[test]
fn five_hundred_that_fall_together_are_one_transaction() {
    let names: Vec<String> = (0..500).map(|n| format!("a-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&names, &[("ann", team("a")), ("eve", Scope::everything())]);
    let transitions: Vec<Transition> = names.iter().map(|name| down(name, 5000)).collect();
    room.record(&transitions);
    assert_eq!(room.store.open_incidents().expect("readable").len(), 500);
    assert_eq!(room.told("ann").len(), 500, "each incident knows that she is told");
    assert_eq!(room.store.lanes().expect("readable").len(), 2, "one letter a user");
}

#[test]
fn a_changed_verdict_and_the_recovery_refer_to_what_was_told() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let agent_down = change("a-1", Presence::Up, Presence::AgentDown, 5000);
    let worse = change("a-1", Presence::AgentDown, Presence::Down, 20_000);
    room.record(&[agent_down]);
    room.record(&[worse]);
    assert_eq!(room.incidents()[0].presence, Presence::Down);
    // Back and forth: each change has its own Message-ID.
    room.record(&[change("a-1", Presence::Down, Presence::AgentDown, 40_000)]);
    room.record(&[change("a-1", Presence::AgentDown, Presence::Up, 60_000)]);
    let told = room.told("ann");
    use NotificationKind::{Changed, Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Changed, Changed, Recovered]);
    for (index, one) in told.iter().enumerate() {
        let earlier: Vec<&String> = told[..index].iter().map(|one| &one.message_id).collect();
        assert_eq!(one.references.iter().collect::<Vec<_>>(), earlier, "{index}");
        assert!(!earlier.contains(&&one.message_id), "{index}");
        assert_eq!(one.content_if_first.is_some(), one.kind == Recovered, "{index}");
    }
    let incident = &room.incidents()[0];
    assert_eq!(incident.state, IncidentState::Closed(moment(60_000)));
    assert_eq!(room.store.open_incidents().expect("readable"), []);
    let timeline = room.store.timeline(incident.id).expect("readable");
    assert!(timeline.is_sorted_by_key(|entry| entry.at.monotonic), "{timeline:#?}");

    room.record(&[down("a-1", 90_000)]);
    let again = room.told("ann").pop().expect("told again");
    assert_eq!((again.kind, again.references), (Down, Vec::new()), "another incident");
}

#[test]
fn down_and_back_in_one_batch_is_told_in_order() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 5000), back("a-1", 6000), down("a-1", 12_000)]);
    use NotificationKind::{Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Recovered, Down]);
    assert_eq!(room.incidents().len(), 2);
    assert_eq!(room.store.open_incidents().expect("readable").len(), 1);
}

#[test]
fn the_recovery_goes_only_to_those_who_were_told_and_still_may_know() {
    let room = Room::new(&["a-1"], &[("ann", team("a")), ("bob", team("a"))]);
    room.record(&[down("a-1", 5000)]);
    // Bob loses the team and Cat joins it while the trouble goes on.
    let users = [("ann", team("a")), ("bob", team("b")), ("cat", team("a"))];
    let room = room.restart(&["a-1"], &users);
    room.record(&[change("a-1", Presence::Down, Presence::AgentDown, 30_000)]);
    room.record(&[change("a-1", Presence::AgentDown, Presence::Up, 60_000)]);
    use NotificationKind::{Changed, Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Changed, Recovered]);
    assert_eq!(room.kinds("bob"), [Down]);
    assert_eq!(room.kinds("cat"), []);
}

#[tokio::test]
async fn a_restart_tells_no_second_down_of_the_same_trouble() {
    let room = Room::new(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    room.record(&[down("a-1", 5000)]);
    let room = room.restart(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    let restored = room.fleet.snapshot(0);
    assert_eq!(restored.presence, Presence::Down);
    assert_eq!(restored.incident.map(|(id, _)| id.0), Some(1));
    for ms in (0..120_000).step_by(500) {
        room.fleet.check(0, moment(ms));
    }
    assert!(room.fleet.transitions(10).now_or_never().is_none(), "nothing new is known of it");

    room.fleet.heard(0);
    let news = room.fleet.transitions(10).now_or_never().expect("it is back");
    room.record(&news);
    use NotificationKind::{Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Recovered]);
    assert_eq!(room.told("ann")[1].references, [room.told("ann")[0].message_id.clone()]);
}

#[test]
fn a_verdict_that_repeats_after_a_restart_is_no_news() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 5000)]);
    let room = room.restart(&["a-1"], &[("ann", team("a"))]);
    room.record(&[change("a-1", Presence::Unknown, Presence::Down, 9000)]);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
    assert_eq!(room.incidents().len(), 1);
}

#[test]
fn the_letter_holds_the_last_known_state() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let mut status = watchfire_model::Status::default();
    status.load.one = 7.25;
    room.fleet.status(0, status);
    let mut table = ProcessTable::default();
    table.processes.push(watchfire_model::ProcessRow {
        pid: 4242,
        name: "postgres".to_owned(),
        ..Default::default()
    });
    room.fleet.processes(0, table);
    room.record(&[down("a-1", 5000)]);
    let Content { text, html, .. } = room.told("ann").remove(0).content;
    for words in ["7.25", "postgres", "4242"] {
        assert!(text.contains(words), "{words} is missing: {text}");
        assert!(html.contains(words), "{words} is missing: {html}");
    }
}

#[test]
fn a_recovery_tells_the_reading_from_before_the_trouble() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let loaded = |one| {
        let mut status = watchfire_model::Status::default();
        status.load.one = one;
        status
    };
    room.fleet.status(0, loaded(7.25));
    room.fleet.check(0, moment(3000));
    room.fleet.check(0, moment(5000));
    room.record(&[down("a-1", 5000)]);
    // It is back, and tells its state before the desk comes to it.
    room.hand.advance(Duration::from_secs(60));
    room.fleet.status(0, loaded(1.5));
    room.record(&[back("a-1", 60_000)]);
    let Content { text, .. } = room.told("ann").remove(1).content;
    assert!(text.contains("7.25") && text.contains("before the return"), "{text}");
}

/// A copy of the database that is put back begins its numbers anew.
#[test]
fn incidents_with_one_number_have_message_ids_of_their_own() {
    let ids = [5000, 70_000].map(|judged| {
        let room = Room::new(&["a-1"], &[("ann", team("a"))]);
        room.record(&[down("a-1", judged)]);
        assert_eq!(room.incidents()[0].id.0, 1);
        room.told("ann").remove(0).message_id
    });
    assert_ne!(ids[0], ids[1]);
}
