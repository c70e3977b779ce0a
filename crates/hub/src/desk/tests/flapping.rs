//! A server that comes and goes (fault F25).

use super::*;

const MINUTE: u64 = 60_000;

/// Down and up each 12 s for ten minutes, then half an hour of calm; every second
/// the desk looks and the courier sends. The letters, each with its second.
fn ten_minutes(ends_down: bool) -> (Room, Vec<(u64, Notification)>) {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let mut letters = Vec::new();
    for second in 0..40 * 60 {
        let ms = second * 1000;
        match second % 12 {
            0 if second < 600 => room.record(&[down("a-1", ms)]),
            6 if second < 600 - 6 * u64::from(ends_down) => room.record(&[back("a-1", ms)]),
            _ => {}
        }
        letters.extend(room.deliver("ann").into_iter().map(|letter| (second, letter)));
        room.advance(1000);
    }
    (room, letters)
}

#[test]
fn the_first_is_told_at_once_and_then_one_notice_in_five_minutes() {
    let (room, letters) = ten_minutes(false);
    let seconds: Vec<u64> = letters.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [0, 6, 12, 18, 24, 324, 624]);
    use NotificationKind::Flapping;
    assert!(letters[4..].iter().all(|(_, letter)| letter.kind == Flapping));
    let subjects: Vec<&str> =
        letters[4..].iter().map(|(_, letter)| letter.content.subject.as_str()).collect();
    assert_eq!(subjects[0], "[FLAPPING] a-1: down 3 times in 24 s");
    assert!(subjects[1].starts_with("[FLAPPING] a-1: down 24 times more"), "{subjects:?}");
    assert!(subjects[2].ends_with("up now"), "the final state: {subjects:?}");
    let first = &letters[4].1;
    for (_, digest) in &letters[5..] {
        assert_eq!(
            (digest.thread, &digest.references),
            (Some(first.id), &vec![first.message_id.clone()])
        );
    }
    assert_eq!(room.store.held().expect("readable"), []);
    assert!(room.desk.book().flaps.is_empty() && room.desk.book().flap_threads.is_empty());
}

#[test]
fn one_that_stays_down_in_the_end_is_told_so_and_its_return_later() {
    let (room, letters) = ten_minutes(true);
    let last = &letters.last().expect("letters").1;
    assert!(last.content.subject.ends_with("down now"), "{}", last.content.subject);
    room.record(&[back("a-1", 40 * MINUTE)]);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.subject.starts_with("[UP] a-1: "), "{}", sent[0].content.subject);
    assert_eq!(sent[0].thread, last.thread, "it arrives after the digest");
}

#[test]
fn a_crash_of_the_hub_while_a_server_flaps_tells_its_last_state() {
    let (servers, users) = (["a-1"], [("ann", team("a"))]);
    let room = Room::new(&servers, &users);
    for outage in 0..5 {
        room.record(&[down("a-1", outage * 12_000)]);
        room.deliver("ann");
        room.hand.advance(Duration::from_secs(6));
        room.record(&[back("a-1", outage * 12_000 + 6000)]);
        room.hand.advance(Duration::from_secs(6));
        room.deliver("ann");
    }
    assert_eq!(room.store.held().expect("readable").len(), 1, "one letter waits, not four");
    let room = room.restart(&servers, &users);
    room.advance(0);
    assert_eq!(room.subjects("ann"), [""; 0], "it still flaps: the digest is due later");
    // The third outage, at 24 s, was told as flapping: five minutes later.
    room.advance(324_000 - 60_000 - 1);
    assert_eq!(room.subjects("ann"), [""; 0]);
    room.advance(1);
    let [subject] = room.subjects("ann").try_into().expect("one");
    assert!(subject.starts_with("[FLAPPING] a-1") && subject.ends_with("up now"), "{subject}");
}

#[test]
fn a_restart_of_the_hub_tells_nothing_of_a_server_that_flaps_sooner() {
    let (servers, users) = (["a-1"], [("ann", team("a"))]);
    let mut room = Room::new(&servers, &users);
    let mut letters = Vec::new();
    for second in 0..15 * 60 {
        let ms = second * 1000;
        match second % 12 {
            0 if second < 600 => room.record(&[down("a-1", ms)]),
            6 if second < 600 => room.record(&[back("a-1", ms)]),
            // The hub is started anew every two minutes.
            9 if second % 120 == 9 => room = room.restart(&servers, &users),
            _ => {}
        }
        letters.extend(room.deliver("ann").into_iter().map(|letter| (second, letter)));
        room.advance(1000);
    }
    let seconds: Vec<u64> = letters.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [0, 6, 12, 18, 24, 324, 624], "as without a restart");
    let first = &letters[4].1;
    assert!(letters[5..].iter().all(|(_, digest)| digest.thread == Some(first.id)));
}

#[test]
fn a_rack_that_flaps_is_two_letters_in_five_minutes() {
    let names: Vec<String> = (0..50).map(|n| format!("a-{n:02}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&refs, &[("ann", team("a"))]);
    let all = |make: fn(&str, u64) -> Transition, ms| -> Vec<Transition> {
        names.iter().map(|name| make(name, ms)).collect()
    };
    let mut sent = Vec::new();
    for second in 0..20 * 60 {
        match second % 12 {
            0 if second < 600 => room.record(&all(down, second * 1000)),
            6 if second < 600 => room.record(&all(back, second * 1000)),
            _ => {}
        }
        sent.extend(room.deliver("ann").into_iter().map(|_| second));
        room.advance(1000);
    }
    assert!(sent.len() <= 10, "{sent:?}");
    let digests: Vec<u64> = sent.iter().copied().filter(|second| *second > 60).collect();
    assert_eq!(digests, [324, 624], "all of them are in the same state");
}

/// Only the wall clock knows when it was, and the machine's own clock is too young to
/// say so: outages that lie far apart must not become one moment.
#[test]
fn what_was_before_the_machine_started_makes_no_server_flap() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    for outage in [0, 18, 36, 55] {
        room.record(&[down("a-1", outage * MINUTE)]);
        room.record(&[back("a-1", outage * MINUTE + 30_000)]);
    }
    let of = |up_secs, wall_ms: i64| {
        let unix_ms = moment(56 * MINUTE).unix_ms + wall_ms;
        let now = watchfire_model::Moment { monotonic: Duration::from_secs(up_secs), unix_ms };
        let before = crate::desk::flaps::read(&room.store, now).expect("readable");
        let [(flaps, _)] = before.flaps.into_values().collect::<Vec<_>>().try_into().ok()?;
        Some(flaps.is_flapping())
    };
    assert_eq!(of(7200, 0), Some(false));
    assert_eq!(of(60, 0), Some(false), "a machine that was started a minute ago");
    assert_eq!(of(7200, -57 * 60_000), None, "a clock that was set back");
}

/// The desk was held up for longer than the pause between two digests: the notice that
/// the server flaps still waited for others when it was back.
#[test]
fn a_notice_that_is_overtaken_by_its_digest_is_told_as_it_is_then() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    for outage in 0..2 {
        room.record(&[down("a-1", outage * 12_000)]);
        room.record(&[back("a-1", outage * 12_000 + 6000)]);
    }
    room.hand.advance(Duration::from_secs(21));
    room.deliver("ann");
    room.late(&["a-2"]);
    room.record(&[down("a-1", 24_000)]);
    room.record(&[back("a-1", 24_000)]);
    assert_eq!(room.deliver("ann"), [], "it waits for a-2");
    room.advance(301_000);
    let [subject] = room.subjects("ann").try_into().expect("one letter tells both");
    assert_eq!(subject, "[FLAPPING] a-1: down 3 times in 5 min 25 s, up now");
    assert_eq!(room.store.held().expect("readable"), []);
    room.record(&[down("a-1", 330_000)]);
    room.advance(301_000);
    let [digest] = room.deliver("ann").try_into().expect("one");
    assert!(digest.content.subject.ends_with("down once more, down now"), "{digest:?}");
    assert_eq!(digest.thread, room.told("ann").iter().rev().find_map(|one| one.thread));
    assert_eq!(digest.references.len(), 1, "it follows the notice");
}

/// The same with digests of several servers, which are told together.
#[test]
fn a_notice_that_is_overtaken_by_a_digest_of_several_is_not_told_after_it() {
    let servers = ["a-1", "a-2", "a-3"];
    let room = Room::new(&servers, &[("ann", team("a"))]);
    let both =
        |make: fn(&str, u64) -> Transition, ms: u64| ["a-1", "a-2"].map(|server| make(server, ms));
    for outage in 0..2 {
        room.record(&both(down, outage * 12_000));
        room.record(&both(back, outage * 12_000 + 6000));
    }
    room.hand.advance(Duration::from_secs(21));
    room.deliver("ann");
    room.late(&["a-3"]);
    room.record(&both(down, 24_000));
    room.record(&both(back, 24_000));
    assert_eq!(room.deliver("ann"), [], "they wait for a-3");
    room.advance(301_000);
    let subjects = room.subjects("ann");
    assert_eq!(subjects, ["[UP] 2 servers: a-1, a-2"]);
    assert_eq!(room.store.held().expect("readable"), []);
}

#[test]
fn what_waits_for_a_digest_falls_with_its_server() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    for outage in 0..3 {
        room.record(&[down("a-1", outage * 12_000)]);
        room.record(&[back("a-1", outage * 12_000 + 6000)]);
    }
    room.deliver("ann");
    assert_eq!(room.store.held().expect("readable").len(), 1);
    room.fleet.remove(0);
    room.desk.server_gone(&name("a-1"), moment(40_000)).expect("the store works");
    assert_eq!(room.store.held().expect("readable"), []);
    room.advance(301_000);
    assert_eq!(room.deliver("ann"), []);
}
