//! Who looked at a server is told to those alone who may know of it (invariant I7).

use watchfire_model::{Evidence, Sight};

use super::*;

const SERVERS: [&str; 3] = ["a-1", "a-2", "b-1"];

fn users() -> [(&'static str, Scope); 2] {
    [("ann", team("a")), ("eve", Scope::everything())]
}

/// A change that a-2 and b-1 were asked about.
fn seen_by_others(mut change: Transition, saw: Sight) -> Transition {
    for observer in ["a-2", "b-1"] {
        change.evidence.push(Evidence { observer: observer.to_owned(), at: change.at, saw });
    }
    change
}

fn down_for_all(server: &str, ms: u64) -> Transition {
    seen_by_others(down(server, ms), Sight::NoAnswer)
}

fn all_words(letter: &Notification) -> String {
    let words = |content: &Content| format!("{}\n{}", content.subject, content.text);
    let first = letter.content_if_first.as_ref().map(words).unwrap_or_default();
    format!("{}\n{}\n{first}", words(&letter.content), letter.content.html)
}

/// Everything that was written down for ann, whatever became of it, names no b-1.
fn check(room: &Room, sent: &[Notification]) {
    for letter in room.told("ann").iter().chain(sent) {
        let words = all_words(letter);
        assert!(!words.contains("b-1"), "{words}");
        assert!(!words.contains(['\u{2068}', '\u{2069}']), "{words}");
    }
}

#[test]
fn the_letters_of_an_incident_name_its_readers_own_observers() {
    let room = Room::new(&SERVERS, &users());
    room.record(&[down_for_all("a-1", 0)]);
    let (anns, eves) = (room.deliver("ann"), room.deliver("eve"));
    let words = "Nobody reaches it: neither the hub nor a-2 and another server.";
    assert!(anns[0].content.text.contains(words), "{}", anns[0].content.text);
    assert!(anns[0].content.text.contains("another server: no answer"));
    let words = "Nobody reaches it: neither the hub nor a-2 and b-1.";
    assert!(eves[0].content.text.contains(words), "{}", eves[0].content.text);
    assert!(eves[0].content.text.contains("b-1: no answer"));
    let reached = change("a-1", Presence::Down, Presence::Unreachable, 20_000);
    room.record(&[seen_by_others(reached, Sight::Reached)]);
    let mut sent = room.deliver("ann");
    let subject = "[UNREACHABLE] a-1: now the hub does not reach it, a-2 and another server do";
    assert_eq!(sent[0].content.subject, subject);
    room.record(&[change("a-1", Presence::Unreachable, Presence::Up, 40_000)]);
    sent.extend(room.deliver("ann"));
    assert_eq!(sent.len(), 2);
    check(&room, &sent);
}

#[test]
fn a_letter_about_many_and_one_that_is_held_name_them_neither() {
    let room = Room::new(&SERVERS, &users());
    room.late(&["a-2"]);
    room.record(&[down_for_all("a-1", 3000)]);
    let held = room.store.held().expect("readable");
    assert_eq!(held.len(), 2);
    check(&room, &[]);
    room.record(&[down_for_all("a-2", 3500)]);
    room.advance(2000);
    let sent = room.deliver("ann");
    assert!(sent[0].content.subject.starts_with("[DOWN] 2 servers: "), "{sent:?}");
    let words = "neither the hub nor a-2 and another server";
    assert!(sent[0].content.text.contains(words), "{}", sent[0].content.text);
    check(&room, &sent);
    room.record(&[back("a-1", 9000), back("a-2", 9000)]);
    room.advance(2000);
    check(&room, &room.deliver("ann"));
}

#[test]
fn a_server_that_flaps_is_told_without_them_too() {
    let room = Room::new(&SERVERS, &users());
    let mut sent = Vec::new();
    for outage in 0..5 {
        room.record(&[down_for_all("a-1", outage * 12_000)]);
        sent.extend(room.deliver("ann"));
        room.advance(6000);
        room.record(&[back("a-1", outage * 12_000 + 6000)]);
        room.advance(6000);
        sent.extend(room.deliver("ann"));
    }
    room.advance(300_000);
    sent.extend(room.deliver("ann"));
    let flapping = sent.iter().filter(|one| one.kind == NotificationKind::Flapping);
    assert_eq!(flapping.count(), 2, "a notice and a digest");
    check(&room, &sent);
}
