//! What a letter says of the time before its news.

use watchfire_alert::{Around, Change};

use super::*;

fn oom() -> Around {
    let text = "oom kill: postgres".to_owned();
    Around { changes: vec![Change { at_ms: moment(0).unix_ms, text }], ..Around::default() }
}

#[test]
fn a_letter_has_what_was_read_ahead_and_goes_without() {
    let room = Room::new(&["a-1", "b-1"], &[("eve", Scope::everything())]);
    room.desk.letters.wording.around.keep(name("a-1"), moment(4000), oom());
    room.record(&[down("a-1", 5000)]);
    room.record(&[down("b-1", 90_000)]);
    room.record(&[back("a-1", 120_000)]);
    let told = room.told("eve");
    let says = |at: usize| told[at].content.text.contains("oom kill: postgres");
    assert!(says(0) && told[0].content.html.contains("oom kill"), "{}", told[0].content.text);
    assert!(!says(1), "of another server it is not");
    assert!(!says(2), "nobody asks for the reasons of what is over");
}

#[test]
fn whoever_is_late_is_read_before_its_verdict_and_once() {
    let room = Room::new(&["a-1", "b-1", "c-1"], &[]);
    let (late, down) = (Presence::Late, Presence::Down);
    room.desk.ask_around(&[
        change("a-1", Presence::Up, late, 3000),
        change("b-1", Presence::Unknown, down, 3000),
        change("c-1", late, Presence::Up, 3000),
        change("a-1", late, down, 5000),
    ]);
    let next = || room.desk.letters.wording.around.next();
    assert_eq!((next(), next(), next()), (Some(name("a-1")), Some(name("b-1")), None));
}
