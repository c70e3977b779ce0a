//! What is known better afterwards.

use super::*;
use watchfire_alert::Correction;
use watchfire_model::{IncidentId, TimelineKind};

fn correction(cause: &str, contradicts: bool) -> Correction {
    let line =
        TimelineEntry { at: moment(70_000), kind: TimelineKind::Corrected, text: cause.to_owned() };
    Correction { cause: cause.to_owned(), timeline: vec![line], contradicts }
}

const RAN: &str = "It was cut off, the machine was running.";

impl Room {
    fn correct(&self, id: i64, correction: &Correction) -> Result<(), StoreError> {
        self.desk.record_correction(IncidentId(id), correction).map(|_| ())
    }
}

#[test]
fn those_who_were_told_something_else_are_told_and_nobody_else() {
    let users = [("ann", team("a")), ("bob", team("b"))];
    let room = Room::new(&["a-1", "b-1"], &users);
    room.record(&[down("a-1", 0)]);
    assert_eq!(room.deliver("ann").len(), 1);
    room.record(&[back("a-1", 60_000)]);
    assert_eq!(room.deliver("ann").len(), 1);
    room.correct(1, &correction(RAN, true)).expect("stored");
    let incident = &room.incidents()[0];
    assert_eq!(incident.cause, RAN);
    let timeline = room.store.timeline(incident.id).expect("readable");
    assert_eq!(timeline.last().map(|line| line.kind), Some(TimelineKind::Corrected));
    assert_eq!(room.deliver("ann"), [], "others may follow");
    room.advance(30_000);
    let sent = room.deliver("ann");
    assert_eq!((sent.len(), sent[0].kind), (1, NotificationKind::Corrected));
    assert_eq!(sent[0].content.subject, "[UP] a-1: it was cut off, the machine was running");
    assert_eq!(sent[0].references.len(), 2, "it goes on from both");
    assert_eq!(room.deliver("bob"), []);
    // Once more changes nothing.
    room.correct(1, &correction(RAN, true)).expect("stored");
    room.advance(60_000);
    assert_eq!(room.deliver("ann"), []);
    let lines = room.store.timeline(incident.id).expect("readable");
    assert_eq!(lines.len(), timeline.len());
}

#[test]
fn what_says_the_same_as_the_verdict_is_told_on_the_page_alone() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 0)]);
    room.deliver("ann");
    room.correct(1, &correction("It was rebooted (power loss or reset).", false)).expect("stored");
    room.advance(60_000);
    assert_eq!(room.deliver("ann"), []);
    let shown = room.desk.book().open[&name("a-1")].cause.clone();
    assert_eq!(shown, "It was rebooted (power loss or reset).", "an open one is corrected too");
    assert!(room.correct(99, &correction(RAN, true)).is_err(), "there is no such incident");
}

#[test]
fn a_letter_that_was_not_sent_yet_has_the_better_words_and_no_other_follows() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[down("a-1", 3000)]);
    room.correct(1, &correction(RAN, true)).expect("stored");
    room.advance(2000);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.text.contains(RAN), "{}", sent[0].content.text);
    room.advance(60_000);
    assert_eq!(room.deliver("ann"), []);
}

/// Fault F7 with a hundred servers.
#[test]
fn corrections_of_many_are_one_letter_and_survive_a_crash() {
    let names: Vec<String> = (0..100).map(|n| format!("a-{n:02}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&refs, &[("ann", team("a"))]);
    room.record(&names.iter().map(|name| down(name, 0)).collect::<Vec<_>>());
    room.record(&names.iter().map(|name| back(name, 60_000)).collect::<Vec<_>>());
    assert_eq!(room.deliver("ann").len(), 2);
    for id in 1..=100 {
        room.correct(id, &correction(&format!("{RAN} {id}"), true)).expect("stored");
    }
    let room = room.restart(&refs, &[("ann", team("a"))]);
    room.advance(0);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.subject.starts_with("[UP] 100 servers: a-00"));
    assert!(sent[0].content.text.contains("machine was running"), "{}", sent[0].content.text);
}

#[test]
fn one_that_falls_again_is_down_by_the_last_word() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 0)]);
    room.record(&[back("a-1", 60_000)]);
    assert_eq!(room.deliver("ann").len(), 1);
    room.correct(1, &correction(RAN, true)).expect("stored");
    room.hand.advance(Duration::from_secs(10));
    room.record(&[down("a-1", 70_000)]);
    let kinds: Vec<NotificationKind> = room.deliver("ann").iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [NotificationKind::Corrected, NotificationKind::Down]);
}
