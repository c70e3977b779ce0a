//! The day without a hub, in simulated time: real agents that ask each other over TLS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchfire_agent::{Letter, Messenger, NotSent, Post, Sending};
use watchfire_hub::Fallback;
use watchfire_model::Channel;
use watchfire_testkit::conditions::Conditions;

use super::seeds::in_simulated_time;
use super::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// The hub is gone for so long before it is told, and if it said that it stops.
const AFTER: Duration = Duration::from_secs(120);
const AFTER_STOP: Duration = Duration::from_secs(600);
/// Until the last of all has had its turn.
const TURNS: Duration = Duration::from_secs(90);
/// Both ways of a host.
const BOTH: (bool, bool) = (true, true);

/// What a world's agents told, and who.
pub(crate) type Cries = Arc<Mutex<Vec<(String, String, Letter)>>>;

/// Whom an agent of a world tells.
#[derive(Debug, Clone)]
pub(crate) struct Crier {
    pub(crate) server: String,
    pub(crate) cries: Cries,
    /// Nothing that it sends arrives.
    pub(crate) is_mute: bool,
}

impl Messenger for Crier {
    fn open(&self, channels: &[String], _: &[String]) -> Result<Box<dyn Post>, String> {
        Ok(Box::new(Cried { crier: self.clone(), channels: channels.to_vec() }))
    }
}

struct Cried {
    crier: Crier,
    channels: Vec<String>,
}

impl Post for Cried {
    fn targets(&self) -> usize {
        self.channels.len()
    }

    fn send<'a>(&'a self, target: usize, letter: &'a Letter) -> Sending<'a> {
        let Self { crier, channels } = self;
        Box::pin(async move {
            if crier.is_mute {
                return Err(NotSent::NotNow("the way out is cut".to_owned()));
            }
            let cry = (crier.server.clone(), channels[target].clone(), letter.clone());
            crier.cries.lock().unwrap_or_else(PoisonError::into_inner).push(cry);
            Ok(())
        })
    }
}

/// A world whose hub has dealt out a fallback to its agents; `mute` cannot tell anybody.
async fn world(seed: u64, servers: usize, mute: &[usize]) -> World {
    let mut world = World::new(seed, servers);
    world.house.fallback = Some(Fallback {
        channels: vec![Channel::new("json://192.0.2.1/hunter2")],
        after: AFTER,
        after_stop: AFTER_STOP,
    });
    for (number, machine) in world.machines.iter_mut().enumerate() {
        machine.is_mute = mute.contains(&number);
    }
    world.house.start();
    world.machines.iter_mut().for_each(super::machine::Machine::start);
    world.pass(20 * SECOND).await;
    for machine in &world.machines {
        assert!(machine.data().join("fallback.sealed").exists(), "{:#?}", world.story);
    }
    world
}

/// Who told it, in order.
fn tellers(world: &World) -> Vec<String> {
    let all = world
        .machines
        .iter()
        .flat_map(|machine| machine.cries.lock().unwrap_or_else(PoisonError::into_inner).clone());
    all.map(|(server, ..)| server).collect()
}

/// The servers in the order in which their agents tell.
fn in_order(world: &World) -> Vec<usize> {
    let mut order: Vec<usize> = (0..world.machines.len()).collect();
    order.sort_by_key(|number| world.machines[*number].id.clone());
    order
}

fn subjects(world: &World, beginning: &str) -> usize {
    world.mails.iter().filter(|mail| mail.subject().starts_with(beginning)).count()
}

#[test]
fn f29_a_hub_that_dies_is_told_once_and_told_of_when_it_is_back() {
    for servers in [1, 2, 4] {
        in_simulated_time(async move {
            let mut world = world(29, servers, &[]).await;
            world.kill_hub().await;
            world.pass(AFTER - 10 * SECOND).await;
            assert_eq!(tellers(&world), [""; 0]);
            world.pass(TURNS).await;
            let first = in_order(&world)[0];
            assert_eq!(tellers(&world), [world.machines[first].name.clone()], "{servers}");
            world.pass(10 * MINUTE).await;
            assert_eq!(tellers(&world).len(), 1, "once, {servers}");
            let cries = world.machines[first].cries.clone();
            let (_, channel, letter) = cries.lock().expect("whole")[0].clone();
            assert_eq!(channel, "json://192.0.2.1/hunter2");
            assert!(letter.subject.starts_with("[HUB DOWN]"), "{}", letter.subject);

            world.start_hub();
            world.pass(2 * MINUTE).await;
            assert_eq!(subjects(&world, "[HUB BACK] the hub was missed"), 1, "{:#?}", world.story);
            // The next outage is another one.
            world.kill_hub().await;
            world.pass(AFTER + TURNS).await;
            assert_eq!(tellers(&world).len(), 2);
        });
    }
}

#[test]
fn an_agent_that_is_cut_off_itself_tells_nobody() {
    in_simulated_time(async {
        let mut world = world(1, 4, &[]).await;
        world.cut(1, BOTH, true);
        world.pass(20 * MINUTE).await;
        assert_eq!(tellers(&world), [""; 0]);
        // One way is enough to be cut off.
        world.heal_network();
        world.pass(MINUTE).await;
        world.cut(2, (false, true), true);
        world.pass(20 * MINUTE).await;
        assert_eq!(tellers(&world), [""; 0]);
    });
}

#[test]
fn while_others_hear_the_hub_nobody_is_told() {
    in_simulated_time(async {
        let mut world = world(2, 4, &[]).await;
        let blocked = Conditions { blocked: true, ..Conditions::clear() };
        for server in 0..2 {
            let name = world.machines[server].name.clone();
            world.network.set_between("hub", &name, blocked);
        }
        world.pass(20 * MINUTE).await;
        assert_eq!(tellers(&world), [""; 0], "two of four hear it");
        let name = world.machines[2].name.clone();
        world.network.set_between("hub", &name, blocked);
        world.pass(AFTER_STOP - 10 * SECOND).await;
        assert_eq!(tellers(&world), [""; 0], "one hears it");
        world.kill_hub().await;
        world.pass(AFTER + TURNS).await;
        assert_eq!(tellers(&world).len(), 1, "nobody hears it now");
    });
}

#[test]
fn those_who_hear_the_hub_hold_the_others_also_after_the_keys_were_dealt_anew_without_them() {
    in_simulated_time(async {
        let mut world = world(8, 6, &[]).await;
        let blocked = Conditions { blocked: true, ..Conditions::clear() };
        for server in 0..3 {
            let name = world.machines[server].name.clone();
            world.network.set_between("hub", &name, blocked);
        }
        // Longer than a member may be away, and than the limit for those who are no majority.
        world.pass(30 * MINUTE).await;
        assert_eq!(tellers(&world), [""; 0], "as many hear it as do not");
    });
}

#[test]
fn a_hub_that_was_stopped_is_missed_later_and_a_frozen_one_like_a_dead_one() {
    in_simulated_time(async {
        let mut world = world(3, 3, &[]).await;
        world.stop_hub().await;
        world.pass(AFTER_STOP - 30 * SECOND).await;
        assert_eq!(tellers(&world), [""; 0]);
        world.pass(TURNS).await;
        assert_eq!(tellers(&world).len(), 1);
        world.start_hub();
        world.pass(2 * MINUTE).await;
        world.freeze_hub(true);
        world.pass(AFTER - 10 * SECOND).await;
        assert_eq!(tellers(&world).len(), 1);
        world.pass(TURNS).await;
        assert_eq!(tellers(&world).len(), 2);
    });
}

#[test]
fn agents_that_stood_still_are_no_witnesses() {
    in_simulated_time(async {
        let mut world = world(4, 3, &[]).await;
        for machine in &mut world.machines {
            machine.freeze(true);
        }
        world.pass(10 * MINUTE).await;
        // The hub is cut off just when they come to again: they know nothing of it yet.
        world.cut(0, BOTH, true);
        for machine in &mut world.machines {
            machine.freeze(false);
        }
        world.pass(AFTER - 20 * SECOND).await;
        assert_eq!(tellers(&world), [""; 0]);
        world.pass(TURNS).await;
        assert_eq!(tellers(&world).len(), 1);
    });
}

#[test]
fn the_next_one_tells_it_when_the_first_is_dead_or_cannot() {
    in_simulated_time(async {
        let mut world = world(5, 4, &[]).await;
        let order = in_order(&world);
        world.machines[order[0]].kill();
        world.kill_hub().await;
        world.pass(AFTER + TURNS).await;
        assert_eq!(tellers(&world), [world.machines[order[1]].name.clone()]);
        let cries = world.machines[order[1]].cries.lock().expect("whole").clone();
        let (.., letter) = &cries[0];
        // The dead one may be beyond the same broken link as the hub, for all they know.
        assert!(letter.subject.starts_with("[HUB UNREACHABLE]"), "{}", letter.subject);
        assert!(letter.text.contains(&world.machines[order[0]].name), "{}", letter.text);
        // Started anew, it learns that it was told, and so does one that was just restarted.
        world.machines[order[0]].start();
        world.machines[order[1]].kill();
        world.machines[order[1]].start();
        world.pass(AFTER + 10 * MINUTE).await;
        assert_eq!(tellers(&world).len(), 1);
    });
    in_simulated_time(async {
        let first = in_order(&World::new(6, 4))[0];
        let mut world = world(6, 4, &[first]).await;
        world.kill_hub().await;
        world.pass(AFTER + 2 * TURNS + 2 * MINUTE).await;
        let next = in_order(&world)[1];
        assert_eq!(tellers(&world), [world.machines[next].name.clone()]);
    });
}

#[test]
fn two_of_four_agents_that_are_left_are_no_quorum() {
    in_simulated_time(async {
        let mut world = world(7, 4, &[]).await;
        world.machines[0].kill();
        world.machines[1].kill();
        world.kill_hub().await;
        world.pass(20 * MINUTE).await;
        assert_eq!(tellers(&world), [""; 0]);
    });
}
