use futures_util::FutureExt;
use watchfire_alert::PresenceMachine;
use watchfire_model::{Presence, Status};

use super::link::LinkState;
use super::state::TELL_PAUSE;
use super::*;
use crate::testing::{fleet_of, manual_clock, moment, open_incident};

fn loaded(one: f64) -> Status {
    let mut status = Status::default();
    status.load.one = one;
    status
}

fn load(reading: &Reading) -> Option<f64> {
    reading.status.as_ref().map(|(_, status)| status.load.one)
}

#[test]
fn a_freeze_while_the_time_is_read_is_not_taken_for_an_earlier_one() {
    let stall = Stall::default();
    let frozen = std::time::Duration::from_secs(9);
    let now = hub_time(&stall, || {
        stall.timer_was_late(frozen);
        moment(9000)
    });
    assert_eq!((now.at, now.stalled), (moment(9000), std::time::Duration::ZERO));
    let (clock, _hand) = manual_clock();
    let mut machine = PresenceMachine::new(
        crate::testing::name("a-1"),
        PresenceLimits::default(),
        HubTime { at: clock.now(), stalled: std::time::Duration::ZERO },
    );
    machine.sign_of_life(now);
    let soon = HubTime { at: moment(9100), stalled: stall.total() };
    assert_eq!(machine.check(soon), None, "a sign came just now");
}

#[test]
fn the_reading_from_before_the_trouble_is_kept() {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(&["a-1"], &[], &clock);
    let second = std::time::Duration::from_secs(1);
    fleet.status(0, loaded(1.0));
    hand.advance(second);
    fleet.status(0, loaded(2.0));
    let judged = moment(6100);
    fleet.check(0, moment(4500));
    fleet.check(0, judged);
    assert_eq!(fleet.snapshot(0).presence, Presence::Down);
    hand.advance(second * 60);
    let back = clock.now();
    fleet.status(0, loaded(9.0));
    assert_eq!(load(&fleet.reading_before(0, back)), Some(2.0), "by the status itself");
    assert_eq!(load(&fleet.reading_before(0, judged)), Some(2.0), "a desk that is late");
    hand.advance(second);
    fleet.status(0, loaded(10.0));
    assert_eq!(load(&fleet.reading_before(0, back)), Some(2.0));
    assert_eq!(load(&fleet.reading_before(0, moment(70_000))), Some(10.0), "the newest before");
}

#[test]
fn a_restored_trouble_shows_since_when_it_lasts() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = watchfire_store::Store::open(folder.path()).expect("a good store");
    open_incident(&store, "a-1", 5000);
    let open = store.open_incidents().expect("readable");
    let (clock, hand) = manual_clock();
    hand.advance(std::time::Duration::from_secs(600));
    let fleet = fleet_of(&["a-1", "b-1"], &open, &clock);
    assert_eq!(fleet.snapshot(0).since, moment(5000));
    assert_eq!(fleet.snapshot(1).since, clock.now());
    // What comes with the return is the first that this hub knows.
    fleet.status(0, loaded(3.0));
    assert_eq!(load(&fleet.reading_before(0, clock.now())), Some(3.0));
}

#[test]
fn an_agent_that_floods_the_hub_does_not_flood_the_pages() {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(&["a-1"], &[], &clock);
    let mut page = fleet.events.listen();
    for _ in 0..50 {
        fleet.status(0, Status::default());
    }
    hand.advance(TELL_PAUSE);
    fleet.status(0, Status::default());
    let told = std::iter::from_fn(|| page.try_recv().ok()).count();
    assert_eq!(told, 2, "the first one, and the one after the pause");
}

#[test]
fn addresses_of_this_machine_are_known() {
    let own = |ip: &str| link::is_own(ip.parse().expect("an address"));
    assert!(own("127.0.0.1") && own("127.9.9.9") && own("::1") && own("::ffff:127.0.0.1"));
    assert!(!own("203.0.113.9") && !own("2001:db8::9"));
}

#[test]
fn the_second_stream_after_a_reboot_says_the_same_as_the_first() {
    let mut link = LinkState::default();
    let greet = |link: &mut LinkState, boot: &str| {
        link.greet(Greeting { boot: boot.to_owned(), skew_ms: 0 })
    };
    assert_eq!(greet(&mut link, "one"), None);
    link.trouble_begins();
    assert_eq!(greet(&mut link, "two"), Some(true));
    assert_eq!(greet(&mut link, "two"), Some(true), "the first stream was over at once");
    link.trouble_begins();
    assert_eq!(greet(&mut link, "two"), Some(false), "it was cut off this time");
    assert_eq!(greet(&mut link, "three"), Some(true));
}

#[test]
fn an_agent_that_moves_to_the_hubs_machine_is_not_judged_by_what_was_held_back() {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(&["a-1", "b-1", "c-1"], &[], &clock);
    let elsewhere = |port| std::net::SocketAddr::from(([203, 0, 113, 1], port));
    for index in 0..3 {
        fleet.connected(index, elsewhere(4000));
        fleet.heard(index);
    }
    assert!(fleet.is_elsewhere(&crate::testing::name("a-1")), "its config was wrong");
    let look = |seconds: u64| {
        for _ in 0..seconds * 5 {
            hand.advance(Duration::from_millis(200));
            fleet.doubt_itself(clock.now());
            for index in 0..3 {
                fleet.check(index, clock.now());
            }
        }
    };
    look(60);
    let presences = || [0, 1, 2].map(|index| fleet.presence(index));
    assert!(presences().iter().all(|presence| !presence.is_trouble()), "the hub is cut off");
    fleet.connected(0, ([127, 0, 0, 1], 4000).into());
    assert!(!fleet.is_elsewhere(&crate::testing::name("a-1")));
    fleet.check(0, clock.now());
    assert!(!fleet.presence(0).is_trouble(), "{}", fleet.presence(0));
    // It is heard through any cut, so its own silence counts from here on.
    look(6);
    assert_eq!(presences().map(Presence::is_trouble), [true, false, false]);
    fleet.connected(0, elsewhere(4001));
    fleet.heard(0);
    fleet.check(0, clock.now());
    assert_eq!(fleet.presence(0), Presence::Up);
}

/// Fault F5: nothing reaches the agent, and its pulses come.
#[test]
fn a_server_that_only_pulses_is_up_and_shown_without_its_stream() {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(&["a-1"], &[], &clock);
    let missing = || fleet.snapshot(0).link.stream_missing;
    let greet = || fleet.greeted(0, Greeting { boot: "one".to_owned(), skew_ms: 0 });
    fleet.pulse(0);
    assert_eq!(missing(), None, "there was none before");
    fleet.connected(0, ([203, 0, 113, 1], 4000).into());
    greet();
    fleet.pulse(0);
    assert_eq!(missing(), None);
    fleet.disconnected(0, None, None);
    let lost = clock.now();
    for _ in 0..100 {
        assert_eq!(missing(), Some(lost));
        hand.advance(Duration::from_secs(1));
        fleet.pulse(0);
        fleet.check(0, clock.now());
        assert_eq!(fleet.presence(0), Presence::Up);
    }
    // One that opens and says nothing is none.
    fleet.connected(0, ([203, 0, 113, 1], 4001).into());
    assert_eq!(missing(), Some(lost));
    fleet.disconnected(0, None, None);
    assert_eq!(missing(), Some(lost));
    hand.advance(Duration::from_secs(3));
    assert_eq!(missing(), None, "no pulses come either");
    fleet.pulse(0);
    assert_eq!(missing(), Some(lost));
    fleet.connected(0, ([203, 0, 113, 1], 4002).into());
    greet();
    assert_eq!(missing(), None);
}

#[test]
fn what_falls_in_one_round_is_taken_together() {
    let (clock, _hand) = manual_clock();
    let fleet = fleet_of(&["a-1", "a-2"], &[], &clock);
    let round = fleet.round();
    fleet.check(0, moment(6100));
    assert!(fleet.transitions(9).now_or_never().is_none(), "another may fall yet");
    fleet.check(1, moment(6100));
    drop(round);
    let taken = fleet.transitions(9).now_or_never().expect("the round is over");
    assert_eq!(taken.len(), 2);
}
