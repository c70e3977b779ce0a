//! The hub's own disk (fault F14).

use super::*;
use crate::testing::recipient;

fn admins() -> [Recipient; 2] {
    ["ann", "bob"].map(|name| recipient(name, Scope::everything()))
}

fn room() -> Room {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.desk.take_up().expect("the store works");
    room
}

impl Room {
    /// What the watch of the disk says again and again.
    fn disk(&self, full_since: Option<u64>) {
        for _ in 0..3 {
            self.hand.advance(Duration::from_secs(5));
            self.desk.heed_disk(&admins(), full_since.map(moment)).expect("the store works");
        }
    }
}

#[test]
fn each_administrator_is_told_once_that_the_disk_is_full_and_once_that_it_has_room() {
    let room = room();
    room.disk(None);
    assert_eq!(room.store.lanes().expect("readable"), [], "nothing is said of a good disk");
    room.disk(Some(7000));
    for user in ["ann", "bob"] {
        let [full] = room.deliver(user).try_into().expect("one letter");
        assert_eq!(full.content.subject, "[DISK FULL] the hub's disk is full");
        assert!(full.content.text.contains("2023-11-14 22:13:27 UTC"), "{}", full.content.text);
        assert!(full.content.text.contains("http://hub.test/"), "{}", full.content.text);
    }
    room.disk(None);
    let [ended] = room.deliver("ann").try_into().expect("one letter");
    assert_eq!(ended.kind, NotificationKind::DiskRoom);
    assert_eq!(ended.references.len(), 1, "it goes on from the first one");
    assert!(ended.content.text.contains("2023-11-14 22:13:27 UTC"), "{}", ended.content.text);
    room.disk(Some(90_000));
    let [again] = room.deliver("ann").try_into().expect("one letter");
    assert_eq!(again.kind, NotificationKind::DiskFull);
}

#[test]
fn a_start_of_the_hub_knows_what_was_told() {
    let room = room();
    room.disk(Some(7000));
    assert_eq!(room.deliver("ann").len(), 1);
    let room = room.restart(&["a-1"], &[("ann", team("a"))]);
    room.disk(Some(60_000));
    assert_eq!(room.deliver("ann"), [], "it is full as before");
    room.disk(None);
    assert_eq!(room.deliver("ann").len(), 1);
    assert_eq!(room.deliver("bob").len(), 1, "what was not sent is told by its end");
    let room = room.restart(&["a-1"], &[("ann", team("a"))]);
    room.disk(None);
    assert_eq!(room.deliver("ann"), []);
}

#[test]
fn nothing_is_told_before_it_is_known_what_was() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.disk(Some(7000));
    assert_eq!(room.store.lanes().expect("readable"), []);
}
