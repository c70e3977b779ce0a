use std::time::Duration;

use watchfire_model::IncidentId;
use watchfire_store::LaneAbout;

use super::*;

fn lane(user: &str, incident: i64, tries: u64) -> PendingLane {
    let about = LaneAbout::Incident(IncidentId(incident));
    let id = NotificationId(incident);
    PendingLane { key: LaneKey { user: user.to_owned(), about }, tries, oldest: id, newest: id }
}

fn at(seconds: u64) -> Moment {
    Moment::default().after(Duration::from_secs(seconds))
}

fn incident(lane: &PendingLane) -> i64 {
    lane.oldest.0
}

fn start_all(lanes: &mut Lanes) -> Vec<PendingLane> {
    std::iter::from_fn(|| lanes.start()).collect()
}

fn wait(seen: i64, until: u64) -> Ended {
    Ended { seen: NotificationId(seen), until: Some(at(until)), tries: 1, out_of_turn: false }
}

#[test]
fn new_lanes_go_before_old_ones_that_failed() {
    let mut lanes = Lanes::default();
    let old = (1..=500).map(|n| lane("ann", n, 3));
    lanes.read(old.chain([lane("ann", 501, 0)]).collect());
    let started = start_all(&mut lanes);
    assert_eq!(started.len(), MAX_BUSY_OF_USER);
    assert_eq!(incident(&started[0]), 501, "it was never tried");
    assert_eq!(started[1..].iter().map(incident).collect::<Vec<_>>(), (1..16).collect::<Vec<_>>());
    // What has failed once more goes behind those that have not.
    for one in &started {
        lanes.end(&one.key, &wait(501, 1));
    }
    lanes.wake(at(60));
    let next = start_all(&mut lanes);
    assert_eq!(incident(&next[0]), 501, "tried once only");
    assert_eq!(incident(&next[1]), 16);
}

#[test]
fn the_next_user_has_a_place_however_many_of_others_hang() {
    let mut lanes = Lanes::default();
    let users = ["ann", "bob", "cat", "dan", "eve"];
    let of_all = || {
        users
            .iter()
            .zip(0..)
            .flat_map(|(user, n)| (1..=30).map(move |i| lane(user, 100 * n + i, 0)))
    };
    lanes.read(of_all().collect());
    let many = start_all(&mut lanes).len();
    assert_eq!(many, users.len() + MAX_SHARED, "every shared place is taken");
    for late in 0..100 {
        let user = format!("late-{late}");
        lanes.read(of_all().chain([lane(&user, 1000 + late, 0)]).collect());
        let started = start_all(&mut lanes);
        assert!(started.iter().any(|lane| lane.key.user == user), "{user} waits");
    }
}

#[test]
fn places_are_limited_for_all_together_and_fewest_come_first() {
    let mut lanes = Lanes::default();
    let users: Vec<String> = (0..300).map(|n| format!("user-{n:03}")).collect();
    lanes.read(
        users
            .iter()
            .zip(1..)
            .flat_map(|(user, n)| [lane(user, n, 0), lane(user, 1000 + n, 0)])
            .collect(),
    );
    let started = start_all(&mut lanes);
    assert_eq!(started.len(), MAX_BUSY);
    let told: HashSet<&str> = started.iter().map(|lane| lane.key.user.as_str()).collect();
    assert_eq!(told.len(), MAX_BUSY, "one each before anybody's second one");

    let mut lanes = Lanes::default();
    lanes.read(
        users[..10]
            .iter()
            .zip(0..)
            .flat_map(|(user, n)| (1..=20).map(move |i| lane(user, 100 * n + i, 0)))
            .collect(),
    );
    assert_eq!(start_all(&mut lanes).len(), 10 + MAX_SHARED);
}

#[test]
fn a_wait_ends_by_time_or_by_news_of_its_own() {
    let mut lanes = Lanes::default();
    let (first, second) = (lane("ann", 1, 0), lane("ann", 2, 0));
    lanes.read(vec![first.clone(), second.clone()]);
    for one in start_all(&mut lanes) {
        lanes.end(&one.key, &wait(one.newest.0, 10));
    }
    assert_eq!((lanes.waiting(), lanes.next()), (2, Some(at(10))));
    // Another lane's news changes nothing; its own does.
    lanes.read(vec![PendingLane { newest: NotificationId(9), ..first.clone() }, second]);
    let started = start_all(&mut lanes);
    assert_eq!(started.iter().map(incident).collect::<Vec<_>>(), [1]);
    lanes.wake(at(9));
    assert_eq!(start_all(&mut lanes), []);
    lanes.wake(at(10));
    assert_eq!(start_all(&mut lanes).len(), 1);
    assert_eq!((lanes.waiting(), lanes.next()), (0, None));
}

#[test]
fn news_that_came_during_the_work_is_not_lost() {
    let one = lane("ann", 1, 0);
    for until in [None, Some(at(10))] {
        let mut lanes = Lanes::default();
        lanes.read(vec![one.clone()]);
        assert_eq!(start_all(&mut lanes).len(), 1);
        lanes.read(vec![PendingLane { newest: NotificationId(2), ..one.clone() }]);
        assert_eq!(start_all(&mut lanes), [], "it is busy");
        lanes
            .end(&one.key, &Ended { seen: NotificationId(1), until, tries: 1, out_of_turn: false });
        assert_eq!(start_all(&mut lanes).len(), 1, "the work has not seen what came");
        lanes
            .end(&one.key, &Ended { seen: NotificationId(2), until, tries: 0, out_of_turn: false });
        assert_eq!(start_all(&mut lanes), []);
    }
}

#[test]
fn what_is_no_longer_pending_is_forgotten() {
    let mut lanes = Lanes::default();
    let one = lane("ann", 1, 0);
    lanes.read(vec![one.clone()]);
    assert_eq!(start_all(&mut lanes).len(), 1);
    lanes.end(&one.key, &wait(1, 10));
    lanes.read(Vec::new());
    lanes.wake(at(100));
    assert_eq!((start_all(&mut lanes), lanes.waiting(), lanes.next()), (Vec::new(), 0, None));
}

#[test]
fn a_lane_out_of_turn_is_looked_at_again_when_anything_was_sent() {
    let mut lanes = Lanes::default();
    lanes.read(vec![lane("ann", 1, 0)]);
    let [one] = <[_; 1]>::try_from(start_all(&mut lanes)).expect("one");
    let out_of_turn = || Ended { tries: 0, out_of_turn: true, ..wait(1, 30) };
    lanes.end(&one.key, &out_of_turn());
    assert_eq!(start_all(&mut lanes), [], "nothing was sent");
    lanes.make_way("ann");
    assert_eq!(start_all(&mut lanes).len(), 1);
    // What it waits for is sent after it has looked, and before it is said to wait.
    lanes.make_way("ann");
    lanes.end(&one.key, &out_of_turn());
    assert_eq!(start_all(&mut lanes).len(), 1);
    lanes.end(&one.key, &out_of_turn());
    assert_eq!(start_all(&mut lanes), []);
    lanes.wake(at(30));
    assert_eq!(start_all(&mut lanes).len(), 1, "not even a word that got lost holds it up");
    lanes.end(&one.key, &wait(1, 60));
    lanes.make_way("ann");
    assert_eq!(start_all(&mut lanes), [], "it waits for its next try");
}

#[test]
fn what_was_sent_to_one_user_wakes_no_lane_of_another() {
    let mut lanes = Lanes::default();
    lanes.read(vec![lane("ann", 1, 0), lane("bob", 2, 0)]);
    let out_of_turn = || Ended { tries: 0, out_of_turn: true, ..wait(2, 30) };
    let started = start_all(&mut lanes);
    // While both look, something is sent to Bob.
    lanes.make_way("bob");
    started.iter().for_each(|one| lanes.end(&one.key, &out_of_turn()));
    let again = start_all(&mut lanes);
    assert_eq!(again.iter().map(incident).collect::<Vec<_>>(), [2]);
    lanes.end(&again[0].key, &out_of_turn());
    // While both wait, something is sent to Ann.
    lanes.make_way("ann");
    assert_eq!(start_all(&mut lanes).iter().map(incident).collect::<Vec<_>>(), [1]);
}

#[test]
fn many_that_wait_for_another_lane_do_not_keep_it_from_its_turn() {
    let mut lanes = Lanes::default();
    let many = (2..=1000).map(|n| lane("ann", n, 0));
    lanes.read(many.chain([lane("ann", 1, 1)]).collect());
    let out_of_turn =
        |one: &PendingLane| Ended { tries: 0, out_of_turn: true, ..wait(one.newest.0, 0) };
    // Those whose wait is over come again before all have had their look.
    for _ in 0..200 {
        lanes.wake(at(0));
        for one in start_all(&mut lanes) {
            if incident(&one) == 1 {
                return;
            }
            lanes.end(&one.key, &out_of_turn(&one));
        }
    }
    panic!("it never has its turn");
}
