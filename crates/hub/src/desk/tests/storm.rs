//! Many servers at once are one letter (fault F24).

use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a-{n:03}")).collect()
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn the_first_outage_alone_is_told_at_once() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 0)]);
    assert_eq!(room.next(), None, "nothing is left to do");
    let [subject] = room.subjects("ann").try_into().expect("one letter");
    assert!(subject.starts_with("[DOWN] a-1: "), "{subject}");
}

#[test]
fn an_outage_waits_for_those_that_are_about_to_fall_and_no_longer_than_two_seconds() {
    let room = Room::new(&["a-1", "a-2", "a-3"], &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[down("a-1", 3000)]);
    assert_eq!(room.deliver("ann"), [], "it waits for a-2");
    let held = room.store.held().expect("readable");
    assert_eq!((held.len(), held[0].kind), (1, NotificationKind::Down), "and is written down");
    assert!(room.next().is_some_and(|next| next <= moment(5000)));
    room.advance(1999);
    assert_eq!(room.deliver("ann"), []);
    room.advance(1);
    let [subject] = room.subjects("ann").try_into().expect("one letter");
    assert!(subject.starts_with("[DOWN] a-1: "), "{subject}");
    assert_eq!(room.store.held().expect("readable"), []);
}

#[test]
fn five_hundred_that_fall_one_after_the_other_are_one_letter_and_the_next_one_its_own() {
    let all = names(501);
    let room = Room::new(&refs(&all), &[("ann", team("a"))]);
    room.late(&refs(&all[..500]));
    for (part, ms) in all[..500].chunks(100).zip([0, 300, 600, 900, 1200]) {
        room.hand.advance(Duration::from_millis(if ms == 0 { 0 } else { 300 }));
        for server in part {
            let index = room.fleet.index(&name(server)).expect("watched");
            room.fleet.check(index, room.fleet.now().after(Duration::from_secs(2)));
        }
        let fallen = room.fleet.transitions(BATCH).now_or_never().expect("they fell");
        assert_eq!(fallen.len(), 100);
        room.record(&fallen);
    }
    // They are told with the last of them, not at the end of the wait.
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].content.subject.starts_with("[DOWN] 500 servers: a-000"));
    assert!(all[..500].iter().all(|name| sent[0].content.text.contains(name)));
    assert!(!sent[0].content.text.contains("a-500"));
    room.hand.advance(Duration::from_secs(3));
    room.record(&[down("a-500", 8000)]);
    let [subject] = room.subjects("ann").try_into().expect("at once");
    assert!(subject.starts_with("[DOWN] a-500: "), "{subject}");
}

#[test]
fn nobody_hears_of_others_servers_nor_how_many_there_are() {
    let users = [("ann", team("a")), ("bob", team("b")), ("eve", Scope::everything())];
    let servers = ["a-1", "a-2", "b-1", "c-1"];
    let room = Room::new(&servers, &users);
    room.late(&["c-1"]);
    room.record(&servers[..3].iter().map(|server| down(server, 3000)).collect::<Vec<_>>());
    let ann = room.deliver("ann");
    assert_eq!(ann.len(), 1, "c-1 is not hers, so nothing waits for it");
    assert!(ann[0].content.subject.starts_with("[DOWN] 2 servers: a-1, a-2"));
    assert!(!ann[0].content.text.contains("b-1") && !ann[0].content.html.contains("b-1"));
    let [bobs] = room.subjects("bob").try_into().expect("one");
    assert!(bobs.starts_with("[DOWN] b-1: "), "{bobs}");
    assert_eq!(room.deliver("eve"), [], "c-1 is about to fall for her");
    room.advance(2000);
    let [eves] = room.subjects("eve").try_into().expect("one");
    assert!(eves.starts_with("[DOWN] 3 servers: a-1, a-2, b-1"), "{eves}");
}

#[test]
fn a_crash_while_letters_are_held_loses_none_and_tells_none_twice() {
    let (servers, users) = (["a-1", "a-2", "a-3"], [("ann", team("a"))]);
    let room = Room::new(&servers, &users);
    room.late(&["a-3"]);
    room.record(&[down("a-1", 3000), down("a-2", 3000)]);
    assert_eq!(room.deliver("ann"), []);
    let room = room.restart(&servers, &users);
    assert_eq!(room.next(), Some(room.fleet.now()), "it is told at once");
    room.advance(0);
    let subjects = room.subjects("ann");
    assert_eq!(subjects, ["[DOWN] 2 servers: a-1, a-2"]);
    let room = room.restart(&servers, &users);
    room.advance(60_000);
    assert_eq!(room.deliver("ann"), []);
}

#[test]
fn those_that_were_told_together_are_told_back_together_and_after_it() {
    let room = Room::new(&["a-1", "a-2", "a-3"], &[("ann", team("a"))]);
    room.record(&["a-1", "a-2", "a-3"].map(|server| down(server, 0)));
    // The provider takes nothing yet.
    room.hand.advance(Duration::from_secs(60));
    room.record(&[back("a-1", 60_000)]);
    assert_eq!(room.next(), Some(moment(61_500)));
    room.hand.advance(Duration::from_millis(300));
    room.record(&[back("a-2", 60_300)]);
    room.advance(1200);
    room.hand.advance(Duration::from_secs(5));
    room.record(&[back("a-3", 66_500)]);
    assert_eq!(room.next(), None, "nobody of them is missing any more");
    let sent = room.deliver("ann");
    let subjects: Vec<&str> = sent.iter().map(|one| one.content.subject.as_str()).collect();
    assert_eq!(subjects[0], "[DOWN] 3 servers: a-1, a-2, a-3");
    assert_eq!(subjects[1], "[UP] 2 servers: a-1, a-2");
    assert!(subjects[2].starts_with("[UP] a-3: back after"), "{subjects:?}");
    assert_eq!(subjects.len(), 3);
    assert!(sent[1..].iter().all(|one| one.references == [sent[0].message_id.clone()]));
    assert!(sent[1..].iter().all(|one| one.thread == Some(sent[0].id)), "one lane");
    // A restart in between changes nothing of that.
    let again = room.restart(&["a-1", "a-2", "a-3"], &[("ann", team("a"))]);
    assert_eq!(again.deliver("ann"), []);
}

#[test]
fn one_that_returns_before_its_letter_was_sent_is_told_once() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[down("a-1", 3000)]);
    room.hand.advance(Duration::from_millis(500));
    room.record(&[back("a-1", 3500)]);
    room.advance(1500);
    let [subject] = room.subjects("ann").try_into().expect("one letter tells both");
    assert!(subject.starts_with("[WAS DOWN] a-1: "), "{subject}");
}

#[test]
fn a_verdict_that_changes_before_its_letter_was_sent_is_told_as_it_is_then() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[down("a-1", 3000)]);
    room.record(&[change("a-1", Presence::Down, Presence::AgentDown, 3500)]);
    room.advance(2000);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].kind, NotificationKind::Down);
    assert!(sent[0].content.subject.starts_with("[AGENT DOWN] a-1: "));
    room.record(&[back("a-1", 9000)]);
    let [subject] = room.subjects("ann").try_into().expect("one");
    assert!(subject.starts_with("[UP] a-1: "), "{subject}");
}

#[test]
fn who_may_not_know_any_more_is_not_told_what_was_held() {
    let servers = ["a-1", "a-2"];
    let room = Room::new(&servers, &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[down("a-1", 3000)]);
    let room = room.restart(&servers, &[("ann", team("b"))]);
    room.advance(2000);
    assert_eq!(room.deliver("ann"), []);
    let room = room.restart(&servers, &[("ann", team("a"))]);
    room.late(&["a-2"]);
    room.record(&[back("a-1", 8000)]);
    room.record(&[down("a-1", 8001)]);
    assert_eq!(room.store.held().expect("readable").len(), 1);
    room.fleet.remove(0);
    room.desk.server_gone(&name("a-1"), moment(8002)).expect("the store works");
    room.advance(60_000);
    assert_eq!(room.deliver("ann"), []);
    assert_eq!(room.store.held().expect("readable"), []);
}

/// The desk at work: nothing but its own clock brings the letter out.
#[tokio::test]
async fn the_desk_wakes_by_itself_for_what_is_held() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    room.late(&["a-2"]);
    let (shutdown, _end) = Shutdown::new();
    let clock = room.clock.clone();
    let _desk = task::spawn("desk", room.desk.clone().run(clock, shutdown));
    room.fleet.heard(0);
    room.fleet.check(0, moment(8000));
    until("it is held", || {
        let held = room.store.held().expect("readable");
        (!held.is_empty() && room.next().is_some()).then_some(())
    })
    .await;
    until("it is sent", || {
        room.hand.advance(Duration::from_millis(500));
        room.store.lanes().expect("readable").pop()
    })
    .await;
    assert_eq!(room.store.held().expect("readable"), []);
}

#[test]
fn a_group_letter_that_cannot_be_made_says_the_least() {
    let mut room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it yet");
    desk.letters.group_words = |_| panic!("a fault in the words");
    room.record(&[down("a-1", 0), down("a-2", 0)]);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].content.subject, "[DOWN] 2 servers");
    for words in ["a-1", "a-2", "http://hub.test/#/incidents"] {
        assert!(sent[0].content.text.contains(words), "{}", sent[0].content.text);
    }
}

#[test]
fn letters_that_cannot_be_told_together_are_sent_one_by_one() {
    let log = Log::new();
    let servers = ["a-1", "a-2", "a-3"];
    let room = Room::new(&servers, &[("ann", team("a"))]);
    room.late(&["a-3"]);
    room.record(&[down("a-1", 3000), down("a-2", 3000)]);
    // Somebody else let one of them go: the desk's book is wrong.
    let held = room.store.held().expect("readable");
    room.store.write(|batch| batch.merge_held(held[0].id, None)).expect("the store works");
    room.advance(2000);
    assert!(log.holds("cannot be told together"));
    let [subject] = room.subjects("ann").try_into().expect("what is left");
    assert!(subject.starts_with("[DOWN] a-2: "), "{subject}");
}
