use super::*;

const MS: Duration = Duration::from_millis(1);

fn way(conditions: Conditions) -> Way {
    let mut way = Way::new(Seeded::new(42));
    way.set(conditions);
    way
}

/// The fates of 10,000 datagrams, one each millisecond.
fn fates(way: &mut Way) -> Vec<Fate> {
    (0..10_000).map(|at| way.datagram(at * MS)).collect()
}

fn arrivals(fates: &[Fate]) -> Vec<Duration> {
    let at = |fate: &Fate| match fate {
        Fate::Lost => None,
        Fate::Once(at) | Fate::Twice(at) => Some(*at),
    };
    fates.iter().filter_map(at).collect()
}

#[test]
fn a_clear_way_carries_everything_at_once_and_a_blocked_one_nothing() {
    let mut way = way(Conditions::clear());
    assert_eq!(way.datagram(5 * MS), Fate::Once(5 * MS));
    assert_eq!(way.segment(6 * MS), 6 * MS);
    assert!(way.lets_in());
    way.set(Conditions::blocked());
    assert_eq!(way.datagram(7 * MS), Fate::Lost);
    assert!(!way.lets_in(), "what is on its way does not arrive either");
    assert_eq!(way.traffic.blocked, 2);
    assert_eq!(way.traffic.delivered, 1);
}

#[test]
fn the_same_seed_repeats_every_fate() {
    let rough = Conditions::clear().loss(0.2).delay(20 * MS, 10 * MS).duplicate(0.1);
    let rough = rough.reorder(0.2, 5 * MS);
    assert_eq!(fates(&mut way(rough)), fates(&mut way(rough)));
}

#[test]
fn shares_are_what_was_asked_for() {
    let rough = Conditions::clear().loss(0.3).duplicate(0.1).reorder(0.2, 5 * MS);
    let mut way = way(rough);
    let fates = fates(&mut way);
    let Traffic { sent, lost, duplicated, reordered, .. } = way.traffic;
    assert_eq!(sent, 10_000);
    assert!((2_850..3_150).contains(&lost), "{lost}");
    assert!((630..770).contains(&duplicated), "{duplicated}");
    assert!((1_300..1_500).contains(&reordered), "{reordered}");
    let twice = fates.iter().filter(|fate| matches!(fate, Fate::Twice(_))).count();
    assert_eq!(twice as u64, duplicated);
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let mut calm = way(Conditions::clear().delay(100 * MS, 50 * MS));
    let times = arrivals(&fates(&mut calm));
    assert!(times.is_sorted());
    assert!(times[0] >= 50 * MS && times[0] <= 150 * MS);
    let mut wild = way(Conditions::clear().reorder(0.2, 5 * MS));
    assert!(!arrivals(&fates(&mut wild)).is_sorted());
}

#[test]
fn a_way_that_becomes_faster_lets_new_datagrams_overtake() {
    let mut way = way(Conditions::clear().delay(2_000 * MS, Duration::ZERO));
    assert_eq!(way.datagram(Duration::ZERO), Fate::Once(2_000 * MS));
    way.set(Conditions::clear());
    assert_eq!(way.datagram(MS), Fate::Once(MS));
}

#[test]
fn bursts_lose_in_runs_and_in_the_right_share() {
    let (good, bad) = (90 * MS, 30 * MS);
    let mut way = way(Conditions::clear().bursts(good, bad));
    let fates: Vec<Fate> = (0..100_000).map(|at| way.datagram(at * MS)).collect();
    let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count();
    assert!((22_000..28_000).contains(&lost), "{lost}");
    let starts = fates.windows(2).filter(|two| two[0] != Fate::Lost && two[1] == Fate::Lost);
    let run = lost / starts.count();
    assert!((25..36).contains(&run), "the mean run is {run} ms");
}

#[test]
fn a_lost_segment_of_a_stream_is_late_and_never_lost() {
    let mut way = way(Conditions::clear().loss(0.3));
    let times: Vec<Duration> = (0..1_000).map(|at| way.segment(at * 1_000 * MS)).collect();
    assert!(times.is_sorted(), "a stream keeps its order");
    let late = |at: usize| times[at] - at as u32 * 1_000 * MS;
    assert!((0..1_000).any(|at| late(at) == 200 * MS), "one loss costs 200 ms");
    assert!((0..1_000).any(|at| late(at) >= 600 * MS), "two cost 600 ms");
    assert!((0..1_000).any(|at| late(at).is_zero()));
}

#[test]
fn a_way_that_loses_everything_ends_in_time() {
    let mut way = way(Conditions::clear().loss(1.0));
    assert!(way.segment(Duration::ZERO) > Duration::from_secs(3_600));
    way.set(Conditions::clear().bursts(Duration::ZERO, Duration::ZERO));
    way.datagram(Duration::from_secs(1));
    way.datagram(Duration::from_secs(1_000_000_000));
}
