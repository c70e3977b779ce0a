//! What a user is told of a server arrives in order, whichever lanes it is in.

use super::*;
use crate::testing::letter;

impl Room {
    /// One second later, this happens.
    fn next_second(&self, what: fn(&str, u64) -> Transition, server: &str) {
        self.hand.advance(Duration::from_secs(1));
        let ms = self.fleet.now().since(moment(0)).as_millis();
        self.record(&[what(server, u64::try_from(ms).expect("short"))]);
    }
}

#[test]
fn a_return_and_the_next_outage_that_were_stored_together_arrive_in_order() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 0)]);
    assert_eq!(room.deliver("ann").len(), 1);
    // Meanwhile the store took nothing.
    room.hand.advance(Duration::from_secs(20));
    room.record(&[back("a-1", 10_000), down("a-1", 18_000)]);
    assert_eq!(room.store.lanes().expect("readable").len(), 2);
    let sent: Vec<NotificationKind> = room.deliver("ann").iter().map(|one| one.kind).collect();
    assert_eq!(sent, [NotificationKind::Recovered, NotificationKind::Down]);
}

#[test]
fn a_digest_of_several_arrives_after_their_notices() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    for server in ["a-1", "a-2"] {
        for _ in 0..2 {
            room.next_second(down, server);
            room.next_second(back, server);
        }
    }
    assert_eq!(room.deliver("ann").len(), 4, "each outage as one word with its end");
    // From here on the provider takes nothing.
    for server in ["a-1", "a-2"] {
        room.next_second(down, server);
        room.next_second(back, server);
    }
    room.advance(301_000);
    let sent = room.deliver("ann");
    let mut subjects: Vec<&str> = sent.iter().map(|one| one.content.subject.as_str()).collect();
    assert_eq!(subjects.pop(), Some("[UP] 2 servers: a-1, a-2"));
    subjects.sort_unstable();
    let notices = ["[FLAPPING] a-1: down 3 times in 8 s", "[FLAPPING] a-2: down 3 times in 6 s"];
    assert_eq!(subjects, notices);
    assert_ne!(sent[0].thread, sent[1].thread, "nothing but the servers joins them");
}

/// What waits for a digest was written down before the letter of its outage was put
/// together with others, and a crash brings it out alone.
#[test]
fn what_was_held_arrives_after_what_was_told_meanwhile() {
    let (servers, users) = (["a-1", "a-2"], [("ann", team("a"))]);
    let room = Room::new(&servers, &users);
    for _ in 0..2 {
        room.next_second(down, "a-1");
        room.next_second(back, "a-1");
    }
    assert_eq!(room.deliver("ann").len(), 2);
    room.hand.advance(Duration::from_secs(6));
    room.record(&[down("a-1", 10_000), down("a-2", 10_000), back("a-1", 10_000)]);
    let room = room.restart(&servers, &users);
    room.advance(0);
    let sent = room.deliver("ann");
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[0].content.subject, "[DOWN] 2 servers: a-1, a-2");
    assert_eq!(sent[1].kind, NotificationKind::Recovered);
}

impl Room {
    /// An outage of a-1 that is held for a-2's, and something that Ann is told meanwhile.
    fn hold_and_tell(&self) -> watchfire_model::NotificationId {
        self.late(&["a-2"]);
        self.record(&[change("a-1", Presence::Up, Presence::AgentDown, 3000)]);
        assert_eq!(self.store.held().expect("readable").len(), 1);
        let told = letter(None, "ann", NotificationKind::Report, &["terminal:"], "meanwhile");
        self.store.write(|batch| batch.enqueue(&told)).expect("the store works")
    }

    fn newest(&self) -> Option<watchfire_model::NotificationId> {
        self.store.lanes().expect("readable").into_iter().map(|lane| lane.newest).max()
    }
}

#[test]
fn a_letter_whose_incident_is_gone_is_told_after_what_was_told_meanwhile() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    let meanwhile = room.hold_and_tell();
    let mut book = room.desk.book();
    let pool = book.held.keys().next().cloned().expect("it is held");
    for mut entry in book.take_pool(&pool) {
        entry.incident = watchfire_model::IncidentId(999);
        book.hold("ann", pool.about.clone(), entry);
    }
    drop(book);
    room.advance(2000);
    assert_eq!(room.store.held().expect("readable"), []);
    assert!(room.newest() > Some(meanwhile), "{:?}", room.newest());
}

#[test]
fn a_start_tells_what_it_cannot_read_after_what_was_told_before() {
    let (servers, users) = (["a-1", "a-2"], [("ann", team("a"))]);
    let room = Room::new(&servers, &users);
    let meanwhile = room.hold_and_tell();
    let room = room.damage("a-1agent_down", "a-1agent_dawn", &servers, &users);
    room.desk.take_up().expect("the store works");
    assert_eq!(room.store.held().expect("readable"), []);
    assert!(room.newest() > Some(meanwhile), "{:?}", room.newest());
}
