use std::time::Duration;

use super::state::{RESTART_EVERY, RESTART_PAUSE};
use super::*;

const RING: [u8; 16] = [7; 16];
const ME: Author = Author(0);

fn second(second: u64) -> Moment {
    Moment::default().after(Duration::from_secs(second))
}

fn entry(kind: Kind, at: u64, starts_chain: bool, bytes: &[u8]) -> Entry<'_> {
    Entry { kind, at: second(at), starts_chain, bytes }
}

/// As the keeper does: asks, then puts a record that does what was asked for.
fn keep(feed: &Feed, kind: Kind, sequence: u64, at: u64) -> bool {
    let whole = feed.wants_start(Place::Disk(RING), ME, kind, second(at)) || kind == Kind::Event;
    feed.put_recorded(RING, ME, sequence, entry(kind, at, whole, b"bytes"));
    whole
}

fn live_only(feed: &Feed, at: u64) -> bool {
    let whole = feed.wants_start(Place::Run, ME, Kind::Tick, second(at));
    feed.put_unrecorded(ME, entry(Kind::Tick, at, whole, b"bytes"));
    whole
}

fn taken(follower: &mut Follower) -> (u64, Vec<u64>) {
    match follower.take() {
        Taken::Records(records) => {
            let sequences = records.iter().map(|fed| fed.sequence).collect();
            (records[0].previous, sequences)
        }
        Taken::Nothing => (0, Vec::new()),
        Taken::OtherRing => panic!("the ring is the same"),
    }
}

#[test]
fn a_follower_begins_with_whole_records_of_each_kind() {
    let feed = Feed::new(Some((RING, 9)));
    assert!(keep(&feed, Kind::Tick, 10, 1) && keep(&feed, Kind::Processes, 11, 1));
    assert!(!keep(&feed, Kind::Tick, 12, 2));
    let mut follower = feed.follow(second(20));
    assert_eq!(taken(&mut follower), (0, vec![]));
    assert!(!follower.is_due());
    keep(&feed, Kind::Event, 13, 21);
    assert_eq!(taken(&mut follower), (0, vec![]), "the chain is not begun yet");
    assert!(keep(&feed, Kind::Tick, 14, 21));
    assert!(follower.is_due());
    assert!(keep(&feed, Kind::Processes, 15, 21) && !keep(&feed, Kind::Tick, 16, 22));
    assert_eq!(taken(&mut follower), (13, vec![14, 15, 16]));
    assert_eq!(taken(&mut follower), (0, vec![]));
    keep(&feed, Kind::Processes, 17, 23);
    assert!(!follower.is_due(), "a table goes with the next tick");
    assert_eq!(taken(&mut follower), (16, vec![17]));
}

#[test]
fn tables_are_whole_behind_the_tick_that_a_follower_begins_with() {
    let feed = Feed::new(Some((RING, 0)));
    // The first table came a moment before the first tick.
    assert!(keep(&feed, Kind::Processes, 1, 1) && keep(&feed, Kind::Tick, 2, 1));
    let mut follower = feed.follow(second(2));
    assert_eq!(taken(&mut follower), (1, vec![2]));
    assert!(keep(&feed, Kind::Processes, 3, 6), "it could not be read before the next chain");
    assert!(!keep(&feed, Kind::Processes, 4, 11) && !keep(&feed, Kind::Tick, 5, 11));
}

#[test]
fn who_comes_back_at_once_gets_the_start_that_was_made() {
    let feed = Feed::new(Some((RING, 0)));
    let first = feed.follow(second(0));
    keep(&feed, Kind::Tick, 1, 1);
    keep(&feed, Kind::Tick, 2, 2);
    drop(first);
    let mut soon = feed.follow(second(3));
    assert_eq!(taken(&mut soon), (0, vec![1, 2]));
    assert!(!keep(&feed, Kind::Tick, 3, 3), "no other start was asked for");
    let mut late = feed.follow(second(1).after(RESTART_PAUSE));
    assert_eq!(taken(&mut late), (0, vec![]));
    assert!(keep(&feed, Kind::Tick, 4, 7));
    assert_eq!(taken(&mut late), (3, vec![4]));
    assert_eq!(taken(&mut soon), (2, vec![3, 4]));
}

#[test]
fn one_that_falls_behind_goes_on_at_a_start_and_says_what_came_before() {
    let feed = Feed::new(Some((RING, 0)));
    let mut follower = feed.follow(second(0));
    keep(&feed, Kind::Tick, 1, 1);
    assert_eq!(taken(&mut follower), (0, vec![1]));
    let large = vec![0; FEED_BYTES / 4];
    for sequence in 2..=9 {
        let whole = feed.wants_start(Place::Disk(RING), ME, Kind::Tick, second(sequence));
        feed.put_recorded(RING, ME, sequence, entry(Kind::Tick, sequence, whole, &large));
        assert!(feed.state().kept_bytes() <= FEED_BYTES);
    }
    assert_eq!(taken(&mut follower), (0, vec![]));
    assert_eq!(feed.counters().fallen_behind.get(), 1);
    assert!(keep(&feed, Kind::Tick, 10, 10), "it asked for a start");
    assert_eq!(taken(&mut follower), (9, vec![10]), "2 to 9 are the hole");
}

#[test]
fn a_record_that_is_too_large_for_the_feed_is_kept_alone() {
    let feed = Feed::new(None);
    let whole = vec![0; 2 * FEED_BYTES];
    feed.put_unrecorded(ME, entry(Kind::Tick, 1, true, &whole));
    live_only(&feed, 2);
    assert!(feed.state().kept_bytes() <= FEED_BYTES);
}

#[test]
fn live_data_goes_on_in_a_ring_of_its_own_while_the_disk_does_not() {
    let feed = Feed::new(Some((RING, 5)));
    let mut follower = feed.follow(second(0));
    keep(&feed, Kind::Tick, 6, 1);
    assert_eq!(taken(&mut follower), (5, vec![6]));
    assert!(live_only(&feed, 2), "another ring begins whole");
    assert_eq!(follower.take(), Taken::OtherRing);
    assert!(!live_only(&feed, 3));
    let mut other = feed.follow(second(4));
    let run_ring = feed.ring().ring;
    assert_ne!(run_ring, RING);
    assert_eq!(taken(&mut other), (0, vec![1, 2]), "the start is fresh");
    assert!(!feed.is_on_disk());
    assert_eq!(feed.ring(), RingState { ring: run_ring, oldest: 1, newest: 2 });
    // A record that hung got onto the disk after all, and then the next one.
    feed.pass_over(RING, 7);
    assert!(keep(&feed, Kind::Tick, 8, 5), "and so does the first one again");
    assert_eq!(other.take(), Taken::OtherRing);
    let mut third = feed.follow(second(5));
    assert_eq!(taken(&mut third), (7, vec![8]), "the hub is told that 7 is missing");
    assert_eq!(feed.counters().unrecorded.get(), 2);
}

#[test]
fn another_author_begins_whole() {
    let feed = Feed::new(None);
    live_only(&feed, 1);
    assert!(!live_only(&feed, 2));
    let other = Author(1);
    assert!(feed.wants_start(Place::Run, other, Kind::Tick, second(3)));
    feed.put_unrecorded(other, entry(Kind::Tick, 3, true, b"x"));
    assert!(!feed.wants_start(Place::Run, other, Kind::Tick, second(3)));
    assert!(live_only(&feed, 4), "the first author has missed one");
}

#[test]
fn nothing_is_kept_where_nobody_follows_and_the_disk_has_it() {
    let feed = Feed::new(Some((RING, 0)));
    keep(&feed, Kind::Tick, 1, 1);
    keep(&feed, Kind::Tick, 2, 30);
    assert_eq!(feed.state().kept_bytes(), 0);
    assert_eq!(feed.ring().newest, 2);
    let without_disk = Feed::new(None);
    live_only(&without_disk, 1);
    live_only(&without_disk, 30);
    assert!(without_disk.state().kept_bytes() > 0, "it is all there is for backfill");
}

#[test]
fn memory_answers_from_the_start_of_a_chain() {
    let feed = Feed::new(None);
    (1..=3).for_each(|at| assert_eq!(live_only(&feed, at), at == 1));
    let _follower = feed.follow(second(20));
    (4..=6).for_each(|at| assert_eq!(live_only(&feed, at + 20), at == 4));
    let between =
        |from, to| feed.between(from, to).iter().map(|fed| fed.sequence).collect::<Vec<_>>();
    assert_eq!(between(2, 3), [1, 2, 3]);
    assert_eq!(between(5, 5), [4, 5]);
    assert_eq!(between(7, u64::MAX), [4, 5, 6]);
    assert!(between(9, 2).is_empty());
    assert_eq!(feed.ring().oldest, 1);
}

#[tokio::test]
async fn a_follower_is_woken() {
    let feed = Feed::new(None);
    let mut follower = feed.follow(second(0));
    let ((), _) = tokio::join!(follower.changed(), async { live_only(&feed, 1) });
    assert_eq!(taken(&mut follower).1, [1]);
}

#[test]
fn a_hole_begins_with_a_chain_and_chains_are_not_long() {
    let feed = Feed::new(Some((RING, 0)));
    let follower = feed.follow(second(0));
    assert!(keep(&feed, Kind::Tick, 1, 1) && !keep(&feed, Kind::Tick, 2, 60));
    drop(follower);
    assert!(keep(&feed, Kind::Tick, 3, 61), "the hub has 2, and its hole begins whole");
    let long = 61 + RESTART_EVERY.as_secs();
    assert!(!keep(&feed, Kind::Tick, 4, long), "nobody follows");
    let _follower = feed.follow(second(long));
    assert!(keep(&feed, Kind::Tick, 5, long + 1));
    assert!(!keep(&feed, Kind::Tick, 6, long + 2));
    assert!(keep(&feed, Kind::Tick, 7, 2 * long), "it was long ago");
}

#[test]
fn a_hub_that_comes_and_goes_does_not_fill_the_recorder() {
    let feed = Feed::new(Some((RING, 0)));
    let whole = (1..=60).filter(|at| {
        drop(feed.follow(second(*at)));
        keep(&feed, Kind::Tick, *at, *at)
    });
    assert_eq!(whole.count(), 12);
}
