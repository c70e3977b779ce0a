//! The faults of the list, each with its exact promise.

use std::time::Duration;

use watchfire_model::Presence;
use watchfire_testkit::conditions::Conditions;
use watchfire_testkit::invariants::News;

use super::seeds::in_simulated_time;
use super::world::{STEP, World};

const SECOND: Duration = Duration::from_secs(1);
/// What a world has seen before the fault comes.
const BEFORE: Duration = Duration::from_secs(10);
/// Both ways of a host.
const BOTH: (bool, bool) = (true, true);

/// A world of so many servers, all up, in which the fault is to come.
async fn world(seed: u64, servers: usize) -> World {
    let mut world = World::begin(seed, servers).await;
    world.pass(BEFORE).await;
    for server in 0..servers {
        assert_eq!(world.presence(server), Some(Presence::Up), "{:#?}", world.story);
    }
    world
}

/// Ends the world, in which no promise may be broken.
async fn end(mut world: World) {
    if world.broken.is_none() {
        world.end().await;
    }
    let story = world.story.join("\n");
    assert!(world.broken.is_none(), "{}\n{story}", world.broken.as_ref().expect("just looked"));
}

/// What ada was told of a server, in order.
fn news(world: &World, server: usize) -> Vec<News> {
    world.news_of("ada", server)
}

/// F3. `WATCHFIRE_AGENT_MINUTES=6000` measures a hundred hours of an agent, and
/// `WATCHFIRE_SEED=17` others.
#[test]
fn f3_thirty_percent_of_loss_both_ways_is_no_alarm() {
    const SERVERS: u32 = 4;
    let given = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u32>().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let minutes = given("WATCHFIRE_AGENT_MINUTES").unwrap_or(6);
    let seed = given("WATCHFIRE_SEED").unwrap_or(3);
    in_simulated_time(async move {
        let mut world = world(u64::from(seed), SERVERS as usize).await;
        let lossy = Conditions::clear().loss(0.3).delay(SECOND / 100, Duration::ZERO);
        for host in 1..=SERVERS as usize {
            world.set_conditions(host, lossy);
        }
        for minute in 0..u32::max(1, minutes / SERVERS) {
            world.pass(60 * SECOND).await;
            for server in 0..SERVERS as usize {
                assert_eq!(news(&world, server), [], "minute {minute}: {:#?}", world.story);
            }
        }
        world.heal_network();
        end(world).await;
    });
}

#[test]
fn f4_a_burst_of_loss_is_a_down_from_six_seconds_on_and_none_up_to_four() {
    for half_seconds in 2..=16 {
        let burst = SECOND / 2 * half_seconds;
        in_simulated_time(async move {
            let mut world = world(u64::from(half_seconds), 2).await;
            world.pass(Duration::from_millis(u64::from(half_seconds) * 37)).await;
            world.cut(1, BOTH, true);
            world.pass(burst).await;
            world.cut(1, BOTH, false);
            world.pass(30 * SECOND).await;
            let told = news(&world, 0);
            if burst <= 4 * SECOND {
                assert_eq!(told, [], "{burst:?}: {:#?}", world.story);
            } else if burst >= 6 * SECOND {
                assert_eq!(told, [News::Down, News::Up], "{burst:?}: {:#?}", world.story);
            }
            assert_eq!(news(&world, 1), [], "{burst:?}: {:#?}", world.story);
            end(world).await;
        });
    }
}

#[test]
fn f5_a_server_that_is_heard_is_not_down_though_nothing_reaches_it() {
    in_simulated_time(async {
        let mut world = world(5, 3).await;
        world.cut(1, (false, true), true);
        world.pass(15 * SECOND).await;
        assert_eq!(news(&world, 0), [], "{:#?}", world.story);
        world.cut(1, (false, true), false);
        world.pass(20 * SECOND).await;
        assert_eq!(world.presence(0), Some(Presence::Up), "{:#?}", world.story);
        // The other direction: nothing arrives at the hub.
        world.cut(1, (true, false), true);
        world.pass(15 * SECOND).await;
        world.cut(1, (true, false), false);
        world.pass(20 * SECOND).await;
        assert_eq!(news(&world, 0), [News::Down, News::Up], "{:#?}", world.story);
        end(world).await;
    });
}

/// F5 for as long as nobody would wait for it.
#[test]
fn f5_two_minutes_without_a_way_to_the_agent_are_shown_and_no_alarm() {
    in_simulated_time(async {
        let mut world = world(51, 3).await;
        assert_eq!(missing_for(&world, 0), None);
        world.cut(1, (false, true), true);
        for second in 1..=120 {
            world.pass(SECOND).await;
            assert_eq!(world.presence(0), Some(Presence::Up), "{:#?}", world.story);
            let missing = missing_for(&world, 0);
            // The agent gives its stream up after three seconds without an echo.
            if second >= 5 {
                let least = SECOND * (second - 5);
                assert!(missing.is_some_and(|time| time >= least), "{second}: {missing:?}");
            }
        }
        world.cut(1, (false, true), false);
        world.pass(20 * SECOND).await;
        assert_eq!(missing_for(&world, 0), None, "{:#?}", world.story);
        assert_eq!(world.presence(0), Some(Presence::Up), "{:#?}", world.story);
        for server in 0..3 {
            assert_eq!(news(&world, server), [], "{:#?}", world.story);
        }
        // What it recorded meanwhile is there.
        world.pass(40 * SECOND).await;
        world.kill_hub().await;
        assert_eq!(world.missing(0), [0_u64; 0]);
        end(world).await;
    });
}

/// How long a server has lived without a stream.
fn missing_for(world: &World, server: usize) -> Option<Duration> {
    let since = world.house.stream_missing(&world.machines[server].name)?;
    Some(world.house.now().since(since))
}

#[test]
fn f6_two_seconds_each_way_are_enough_for_a_stream() {
    in_simulated_time(async {
        let mut world = world(61, 2).await;
        let slow = Conditions::clear().delay(2 * SECOND, SECOND / 5);
        world.set_conditions(1, slow.reorder(0.2, SECOND).duplicate(0.1));
        world.pass(30 * SECOND).await;
        assert_eq!(missing_for(&world, 0), None, "{:#?}", world.story);
        for _ in 0..3 {
            world.network.reset_between("hub", &world.machines[0].name);
            world.pass(STEP).await;
            assert!(missing_for(&world, 0).is_some(), "{:#?}", world.story);
            world.pass(25 * SECOND).await;
            assert_eq!(missing_for(&world, 0), None, "{:#?}", world.story);
        }
        assert_eq!(world.presence(0), Some(Presence::Up), "{:#?}", world.story);
        assert_eq!(news(&world, 0), [], "{:#?}", world.story);
        world.pass(20 * SECOND).await;
        world.kill_hub().await;
        assert_eq!(world.missing(0), [0_u64; 0]);
        end(world).await;
    });
}

#[test]
fn f6_latency_reordering_and_duplicates_cause_no_alarm_and_no_duplicate() {
    in_simulated_time(async {
        let mut world = world(6, 2).await;
        let conditions =
            Conditions::clear().delay(SECOND, SECOND / 2).reorder(0.2, SECOND).duplicate(0.1);
        world.set_conditions(1, conditions);
        world.pass(120 * SECOND).await;
        assert_eq!(news(&world, 0), [], "{:#?}", world.story);
        world.heal_network();
        world.pass(30 * SECOND).await;
        world.kill_hub().await;
        for server in 0..2 {
            let stored = world.stored(server);
            assert!(stored.len() > 2, "{stored:?}");
            assert!(stored.windows(2).all(|two| two[0].1 < two[1].0), "{stored:?}");
            assert_eq!(world.missing(server), [0_u64; 0]);
        }
        end(world).await;
    });
}

#[test]
fn f7_ten_minutes_of_partition_leave_one_down_one_up_and_no_hole() {
    in_simulated_time(async {
        let mut world = world(7, 2).await;
        world.cut(1, BOTH, true);
        world.pass(600 * SECOND).await;
        world.cut(1, BOTH, false);
        world.pass(5 * SECOND).await;
        assert_eq!(world.presence(0), Some(Presence::Up), "{:#?}", world.story);
        world.pass(55 * SECOND).await;
        assert_eq!(news(&world, 0), [News::Down, News::Up], "{:#?}", world.story);
        world.kill_hub().await;
        assert_eq!(world.missing(0).len(), 0);
        world.start_hub();
        world.pass(60 * SECOND).await;
        world.kill_hub().await;
        assert_eq!(world.missing(0).len(), 0);
        end(world).await;
    });
}

#[test]
fn f8_a_frozen_hub_blames_nobody_and_misses_nobody() {
    in_simulated_time(async {
        let mut world = world(8, 3).await;
        world.freeze_hub(true);
        world.pass(5 * SECOND).await;
        world.machines[1].kill();
        world.pass(5 * SECOND).await;
        world.freeze_hub(false);
        world.pass(6 * SECOND).await;
        assert_eq!(news(&world, 1), [News::Down], "{:#?}", world.story);
        world.pass(20 * SECOND).await;
        for server in [0, 2] {
            assert_eq!(news(&world, server), [], "{:#?}", world.story);
        }
        end(world).await;
    });
}

#[test]
fn f10_four_seconds_of_a_frozen_agent_are_nothing_and_eight_are_down_and_up() {
    for (frozen, told) in [(4, &[][..]), (8, &[News::Down, News::Up])] {
        in_simulated_time(async move {
            let mut world = world(10, 2).await;
            world.machines[0].freeze(true);
            world.pass(frozen * SECOND).await;
            world.machines[0].freeze(false);
            world.pass(30 * SECOND).await;
            assert_eq!(news(&world, 0), told, "{:#?}", world.story);
            end(world).await;
        });
    }
}

#[test]
fn f13_a_hub_that_is_killed_tells_everything_once_and_blames_nobody() {
    in_simulated_time(async {
        let mut world = world(13, 4).await;
        world.machines[0].kill();
        world.pass(8 * SECOND).await;
        assert_eq!(news(&world, 0), [News::Down], "{:#?}", world.story);
        world.kill_hub().await;
        world.machines[1].kill();
        world.pass(3 * SECOND).await;
        world.start_hub();
        world.pass(20 * SECOND).await;
        assert_eq!(news(&world, 0), [News::Down], "{:#?}", world.story);
        assert_eq!(news(&world, 1), [News::Down], "{:#?}", world.story);
        for server in [2, 3] {
            assert_eq!(news(&world, server), [], "{:#?}", world.story);
        }
        end(world).await;
    });
}

#[test]
fn f23_a_herd_is_back_within_ten_seconds_of_a_restart() {
    in_simulated_time(async {
        let mut world = world(23, 40).await;
        world.kill_hub().await;
        world.pass(2 * SECOND).await;
        world.start_hub();
        world.pass(10 * SECOND).await;
        for server in 0..40 {
            assert_eq!(world.presence(server), Some(Presence::Up), "{:#?}", world.story);
        }
        assert!(world.mails.is_empty(), "{:#?}", world.story);
        end(world).await;
    });
}

#[test]
fn f24_many_that_are_cut_at_once_are_one_letter_that_names_them_all() {
    in_simulated_time(async {
        let mut world = world(24, 40).await;
        for server in 0..15 {
            world.cut(1 + server, BOTH, true);
        }
        world.pass(8 * SECOND).await;
        let to = |user: &str| {
            let address = [format!("{user}@example.org")];
            world.mails.iter().filter(|mail| mail.to == address).count()
        };
        assert_eq!((to("ada"), to("bob")), (1, 1), "{:#?}", world.story);
        for server in 0..15 {
            assert_eq!(news(&world, server), [News::Down], "{:#?}", world.story);
        }
        // An unrelated one is told all the same.
        world.machines[20].kill();
        world.pass(8 * SECOND).await;
        let last = world.mails.last().map(|mail| mail.subject().to_owned()).unwrap_or_default();
        assert!(last.contains("db-20"), "{:#?}", world.story);
        end(world).await;
    });
}

/// Invariant I7, attack A16: bob sees the web servers alone.
#[test]
fn i7_a_letter_names_no_observer_that_its_reader_may_not_know_of() {
    in_simulated_time(async {
        let mut world = world(7, 3).await;
        // The others go on to reach it, and are asked what they see.
        world.network.set_between("web-0", "hub", Conditions::blocked());
        world.pass(8 * SECOND).await;
        let told = |user: &str| {
            let address = [format!("{user}@example.org")];
            let mut to_user = world.mails.iter().filter(|mail| mail.to == address);
            to_user.next().map(|mail| mail.text.clone()).unwrap_or_default()
        };
        let (ada, bob) = (told("ada"), told("bob"));
        assert!(ada.contains("The hub does not reach it, db-2 and web-1 do"), "{ada}");
        assert!(bob.contains("The hub does not reach it, web-1 and another server do"), "{bob}");
        assert!(bob.contains("another server: the agent answered"), "{bob}");
        assert!(!bob.contains("db-2"), "{bob}");
        world.heal_network();
        world.pass(20 * SECOND).await;
        assert_eq!(world.news_of("bob", 0), [News::Down, News::Up], "{:#?}", world.story);
        end(world).await;
    });
}

#[test]
fn f25_a_server_that_flaps_is_told_at_once_and_then_rarely() {
    in_simulated_time(async {
        let mut world = world(25, 2).await;
        let began = world.now();
        for _ in 0..50 {
            world.cut(1, BOTH, true);
            world.pass(6 * SECOND).await;
            world.cut(1, BOTH, false);
            world.pass(6 * SECOND).await;
        }
        world.pass(400 * SECOND).await;
        let to_ada: Vec<_> =
            world.mails.iter().filter(|mail| mail.to == ["ada@example.org"]).collect();
        assert!(to_ada[0].received <= began + 7 * SECOND, "{:#?}", world.story);
        // It is noticed with the third outage; then there is a digest in five minutes,
        // and the last one says how it is. A correction may come beside them.
        let digests = to_ada.iter().filter(|mail| mail.subject().contains("times more"));
        let digests: Vec<Duration> = digests.map(|mail| mail.received).collect();
        assert!(to_ada.len() <= 9, "{:#?}", world.story);
        assert_eq!(digests.len(), 2, "{:#?}", world.story);
        assert!(digests[1] - digests[0] >= 300 * SECOND, "{:#?}", world.story);
        let last = to_ada.last().expect("just counted").subject();
        assert!(last.contains("up now") || last.starts_with("[UP]"), "{:#?}", world.story);
        end(world).await;
    });
}
