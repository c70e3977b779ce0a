use super::*;
use crate::testing::moment;

const PLENTY: Option<u64> = Some(1 << 40);

#[test]
fn a_disk_is_full_from_the_first_look_on_and_well_after_a_minute_of_room() {
    let mut state = State::default();
    let mut look = |seconds: u64, left, refused| {
        state.take(moment(seconds * 1000), left, refused).map(|since| since == moment(5000))
    };
    assert_eq!(look(0, PLENTY, 0), None);
    assert_eq!(look(5, Some(FULL_BELOW - 1), 0), Some(true));
    assert_eq!(look(10, Some(FULL_BELOW), 0), Some(true), "that is not yet room");
    assert_eq!(look(15, Some(ROOM_FROM), 0), Some(true));
    assert_eq!(look(70, PLENTY, 0), Some(true));
    assert_eq!(look(71, Some(0), 0), Some(true), "it is filled again");
    assert_eq!(look(80, PLENTY, 0), Some(true), "and the minute begins anew");
    assert_eq!(look(139, PLENTY, 0), Some(true));
    assert_eq!(look(140, PLENTY, 0), None);
    assert_eq!(look(145, Some(FULL_BELOW), 0), None);
}

/// A quota, or a file system that does not say what it has.
#[test]
fn a_write_that_found_no_room_says_that_it_is_full() {
    let mut state = State::default();
    assert_eq!(state.take(moment(0), None, 0), None);
    assert_eq!(state.take(moment(5000), PLENTY, 1), Some(moment(5000)));
    assert_eq!(state.take(moment(10_000), PLENTY, 2), Some(moment(5000)));
    assert_eq!(state.take(moment(15_000), PLENTY, 2), Some(moment(5000)));
    assert_eq!(state.take(moment(60_000), PLENTY, 3), Some(moment(5000)), "it failed again");
    assert_eq!(state.take(moment(65_000), PLENTY, 3), Some(moment(5000)));
    assert_eq!(state.take(moment(125_000), PLENTY, 3), None);
}

#[test]
fn a_look_keeps_room_for_the_outbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let disk = Disk::new(folder.path(), store, None);
    let left = left_for_us(folder.path()).expect("this machine's disks say what they have");
    if left < 2 * RESERVE_FROM {
        println!("not shown here: the disk is nearly full");
        return;
    }
    assert_eq!(disk.look(moment(0)), None);
    let file = std::fs::metadata(folder.path().join("watchfire.db")).expect("there");
    assert!(file.len() > RESERVE_BYTES);
}

/// Below a quota, say: else admins would be told once a minute that it is full, and that it is not.
#[test]
fn a_reserve_that_finds_no_room_makes_no_disk_full_and_rests() {
    let mut state = State::default();
    assert_eq!(state.take(moment(0), PLENTY, 0), None);
    assert!(state.wants_reserve(moment(0), PLENTY));
    state.no_reserve(moment(0), 1);
    assert_eq!(state.take(moment(5000), PLENTY, 1), None);
    assert!(!state.wants_reserve(moment(5000), PLENTY));
    assert!(state.wants_reserve(moment(3_600_000), PLENTY));
    assert!(!state.wants_reserve(moment(3_600_000), Some(RESERVE_FROM - 1)));
    assert!(state.take(moment(3_605_000), PLENTY, 2).is_some(), "somebody else's write counts");
    assert!(!state.wants_reserve(moment(3_605_000), PLENTY));
}
