//! Nobody who sends alerts takes all the room.

use super::*;
use crate::alerts::share::{Poster, Taken};

fn posted(poster: Poster, names: std::ops::Range<usize>, text: &str) -> Round {
    let one = |number: usize| Firing {
        annotations: vec![("summary".to_owned(), text.to_owned())],
        ..firing(&[("alertname", &format!("A{number}")), ("instance", "a-1")])
    };
    let poster = Some(poster);
    let alerts = names.map(one).collect();
    Round {
        source: "api".to_owned(),
        alerts,
        is_whole: false,
        at_ms: 0,
        poster,
        rules: None,
        order: 0,
    }
}

#[test]
fn one_who_posts_leaves_room_for_others() {
    let room = Room::new(&["a-1"], &[]);
    let take = |poster, names| room.take(&posted(poster, names, "")).expect("the store works");
    let ada = || Poster::user("ada");
    assert_eq!(take(ada(), 0..1_003), Taken { beyond_share: 3, ..Taken::default() });
    assert_eq!(take(ada(), 0..1_000).left_out(), 0, "those that are known go on");
    assert_eq!(take(ada(), 5_000..5_001).beyond_share, 1);
    // Another one has all of theirs, and what both send is the first one's.
    assert_eq!(take(Poster::user("bob"), 500..1_501).left_out(), 0);
    assert_eq!(take(Poster::sender("ada"), 5_000..5_001).left_out(), 0, "she is no sender");
    let over = |mut round: Round| {
        round.alerts.iter_mut().for_each(|alert| alert.ends_ms = Some(0));
        round
    };
    room.take(&over(posted(ada(), 0..1_003, ""))).expect("the store works");
    room.advance(HOUR);
    room.advance(HOUR);
    assert_eq!(take(ada(), 5_001..5_002).left_out(), 0, "what is over makes room");
}

#[test]
fn what_all_of_them_say_together_has_a_limit() {
    let room = Room::new(&["a-1"], &[]);
    let large = "x".repeat(60 << 10);
    let take = |names, text| {
        room.take(&posted(Poster::user("ada"), names, text)).expect("the store works")
    };
    let taken = take(0..200, &large);
    assert_eq!(taken.beyond_share, 200 - room.desk.active().len() as u64);
    assert!((100..140).contains(&room.desk.active().len()), "8 MiB are {taken:?}");
    // One that is small does not grow beyond what it may be.
    assert_eq!(take(500..501, "").left_out(), 0);
    assert_eq!(take(500..501, &large).beyond_share, 1);
    assert_eq!(take(0..1, &"x".repeat(65 << 10)).too_large, 1);
    let active = room.desk.active().all();
    assert!(active.iter().all(|alert| alert.annotations[0].1.len() <= large.len()));
    assert_eq!(active.last().expect("one").annotations[0].1, "", "it goes on as it was");
}

#[test]
fn what_came_and_went_is_remembered_of_so_many_only() {
    let mut book = Book::default();
    let at = |ms: u64| moment(ms);
    let flap = |times: &[u64]| crate::alerts::book::Flap {
        fired: times.iter().map(|ms| at(*ms)).collect(),
        told: None,
    };
    let key = |source: &str, name: &str| (source.into(), LabelSet::of(&[("alertname", name)]));
    book.flaps.insert_mut(key("rules/x/g", "Old"), flap(&[1]));
    book.flaps.insert_mut(key("api", "Flaps"), flap(&[2, 3, 4, 5]));
    for number in 0..100 {
        book.flaps.insert_mut(key("api", &format!("A{number}")), flap(&[10 + number]));
    }
    book.forget_flaps(200, usize::MAX);
    assert_eq!(book.flaps.size(), 102);
    book.forget_flaps(101, usize::MAX);
    let has = |book: &Book, source, name| book.flaps.get(&key(source, name)).is_some();
    assert!(book.flaps.size() <= 60, "{}", book.flaps.size());
    assert!(has(&book, "rules/x/g", "Old"), "another source has no part in it");
    assert!(has(&book, "api", "Flaps"), "what flaps is remembered first");
    assert!(has(&book, "api", "A99") && !has(&book, "api", "A0"), "then the newest");
    book.forget_flaps(usize::MAX, 100);
    assert!(book.flaps.size() < 60, "their text has a limit, too");
}
