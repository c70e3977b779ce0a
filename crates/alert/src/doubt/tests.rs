use proptest::prelude::*;

use super::*;
use crate::PresenceMachine;
use crate::fixtures::moment;

const STEP_MS: i64 = 100;

/// A hub with its servers, moved on in steps of 100 ms. A server that lives gives a
/// sign each 500 ms, which arrives while the hub's link is whole.
struct World {
    now_ms: i64,
    doubt: FleetDoubt,
    machines: Vec<PresenceMachine>,
    alive: Vec<bool>,
    /// Whether each was dead at some time since its last sign.
    died: Vec<bool>,
    link: bool,
    stalled: Duration,
    /// The changes to trouble, as (millisecond, server).
    judged: Vec<(i64, usize)>,
    /// Those of them that lived all the time since their last sign.
    wronged: Vec<(i64, usize)>,
    words: Vec<Doubt>,
}

fn name(index: usize) -> ServerName {
    ServerName::new(&format!("web-{index}")).unwrap()
}

impl World {
    fn new(count: usize) -> Self {
        let started = HubTime { at: moment(0), stalled: Duration::ZERO };
        let limits = PresenceLimits::default();
        let mut doubt = FleetDoubt::new(limits, started);
        (0..count).for_each(|index| doubt.watch(name(index), Presence::Unknown));
        let machines =
            (0..count).map(|index| PresenceMachine::new(name(index), limits, started)).collect();
        Self {
            now_ms: 0,
            doubt,
            machines,
            alive: vec![true; count],
            died: vec![false; count],
            link: true,
            stalled: Duration::ZERO,
            judged: Vec::new(),
            wronged: Vec::new(),
            words: Vec::new(),
        }
    }

    fn own(&self) -> HubTime {
        HubTime { at: moment(self.now_ms), stalled: self.stalled }
    }

    /// The time towards the servers: the hub's doubt counts as its standstill.
    fn time(&self) -> HubTime {
        let own = self.own();
        HubTime { stalled: own.stalled + self.doubt.held(own), ..own }
    }

    fn hear(&mut self, index: usize) {
        self.died[index] = false;
        self.doubt.heard(self.own());
        let time = self.time();
        if let Some(change) = self.machines[index].sign_of_life(time) {
            self.doubt.transition(&change);
        }
    }

    fn run(&mut self, ms: i64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.now_ms += STEP_MS;
            for index in 0..self.alive.len() {
                let phase = i64::try_from(index).unwrap() % 5 * STEP_MS;
                if self.link && self.alive[index] && (self.now_ms + phase) % 500 == 0 {
                    self.hear(index);
                }
            }
            let word = self.doubt.judge(self.own());
            if self.words.last() != Some(&word) {
                self.words.push(word);
            }
            let time = self.time();
            for index in 0..self.machines.len() {
                let Some(change) = self.machines[index].check(time) else { continue };
                self.doubt.transition(&change);
                if change.to.is_trouble() {
                    self.judged.push((self.now_ms, index));
                    if !self.died[index] {
                        self.wronged.push((self.now_ms, index));
                    }
                    let silence = moment(self.now_ms).since(change.last_sign.unwrap_or(moment(0)));
                    assert!(silence >= Duration::from_secs(5), "I1: judged after {silence:?}");
                }
            }
        }
    }

    fn told_cut_off(&self) -> usize {
        self.words.iter().filter(|word| matches!(word, Doubt::CutOff { .. })).count()
    }
}

#[test]
fn a_hub_that_is_cut_off_says_so_once_and_blames_nobody() {
    for count in [2, 3, 12] {
        let mut world = World::new(count);
        world.run(10_000);
        world.link = false;
        world.run(120_000);
        let Some(Doubt::CutOff { since, quiet, of }) = world.words.last().copied() else {
            panic!("it is cut off: {:?}", world.words);
        };
        assert_eq!((since, quiet, of), (moment(10_000), count, count));
        world.link = true;
        world.run(60_000);
        assert_eq!(world.judged, [], "{count} servers");
        assert_eq!(world.told_cut_off(), 1);
        assert_eq!(world.words.last(), Some(&Doubt::None));
    }
}

#[test]
fn a_hub_that_starts_without_a_link_blames_nobody_either() {
    let mut world = World::new(3);
    world.link = false;
    world.run(60_000);
    assert!(matches!(world.words.last(), Some(Doubt::CutOff { since, .. }) if *since == moment(0)));
    world.link = true;
    world.run(20_000);
    assert_eq!(world.judged, []);
}

#[test]
fn one_server_elsewhere_gives_no_doubt() {
    let mut world = World::new(1);
    world.run(10_000);
    world.alive[0] = false;
    world.run(6000);
    assert_eq!(world.judged, [(15_000, 0)]);
    assert_eq!(world.words, [Doubt::None]);
}

#[test]
fn a_server_that_died_before_the_cut_or_in_it_is_found() {
    let mut world = World::new(4);
    world.run(10_000);
    world.alive[0] = false;
    world.run(2500);
    world.link = false;
    world.run(30_000);
    assert_eq!(world.judged, [], "nobody was heard at its time, so it waits for the hub");
    world.alive[1] = false;
    world.run(30_000);
    world.link = true;
    let healed = world.now_ms;
    world.run(20_000);
    let found: Vec<usize> = world.judged.iter().map(|(_, index)| *index).collect();
    assert_eq!(found.len(), 2, "{:?}", world.judged);
    assert!(found.contains(&0) && found.contains(&1));
    assert!(world.judged.iter().all(|(ms, _)| *ms >= healed + 2000 && *ms <= healed + 7000));
}

#[test]
fn servers_that_die_apart_are_judged_in_the_usual_time() {
    for count in [2, 3, 4, 10] {
        let mut world = World::new(count);
        world.run(10_000);
        for index in 0..count {
            world.alive[index] = false;
            world.run(2600);
        }
        world.run(10_000);
        assert_eq!(world.judged.len(), count, "{count} servers");
        for (ms, index) in &world.judged {
            let died = 10_000 + 2600 * i64::try_from(*index).unwrap();
            let late = ms - died;
            // In a fleet of four the last ones leave all quiet for a moment.
            assert!((4500..=5600).contains(&late), "{index} of {count} after {late} ms");
        }
        assert_eq!(world.told_cut_off(), 0);
    }
}

#[test]
fn a_host_that_refuses_proves_the_link() {
    let mut world = World::new(2);
    world.run(10_000);
    world.alive = vec![false; 2];
    for _ in 0..10 {
        world.run(1000);
        world.doubt.heard(world.own());
    }
    assert_eq!(world.judged, [(14_900, 1), (15_000, 0)], "both agents were killed");
    assert_eq!(world.words, [Doubt::None]);
    assert_eq!(world.doubt.suspect(world.own()), None, "all of them is no share");
}

#[test]
fn servers_that_do_not_come_back_from_a_reboot_make_no_link_suspect() {
    let mut world = World::new(3);
    world.run(10_000);
    for index in [0, 1] {
        let time = world.time();
        let left = world.machines[index].goodbye(time).expect("it leaves");
        world.doubt.transition(&left);
        world.alive[index] = false;
    }
    world.run(301_000);
    assert_eq!(world.judged, [(310_000, 0), (310_000, 1)]);
    assert_eq!(world.doubt.suspect(world.own()), None);
}

#[test]
fn a_hold_ends_when_too_few_are_left_to_tell() {
    let mut world = World::new(2);
    world.run(10_000);
    world.link = false;
    world.run(60_000);
    assert_eq!(world.judged, []);
    world.doubt.forget(&name(0));
    world.run(3000);
    assert!(world.judged.iter().any(|(_, index)| *index == 1), "{:?}", world.judged);
    assert_eq!(world.words.last(), Some(&Doubt::None));
}

/// What lay in the sockets is read before the standstill is counted (fault F8).
#[test]
fn signs_from_before_a_standstill_do_not_hide_a_cut() {
    let mut world = World::new(3);
    world.run(10_000);
    world.now_ms += 60_000;
    (0..3).for_each(|index| world.hear(index));
    world.stalled += Duration::from_secs(60);
    world.link = false;
    world.run(12_000);
    assert_eq!(world.told_cut_off(), 1, "{:?}", world.words);
    assert_eq!(world.judged, []);
}

#[test]
fn a_frozen_hub_does_not_take_itself_for_cut_off() {
    let mut world = World::new(3);
    world.run(10_000);
    world.now_ms += 60_000;
    world.stalled += Duration::from_secs(60);
    world.run(20_000);
    assert_eq!((world.judged.len(), world.words), (0, vec![Doubt::None]));
}

#[test]
fn half_of_the_fleet_makes_the_hubs_link_suspect() {
    for (count, dead, expected) in [
        (2, 1, None),
        (3, 2, Some(Suspect { quiet: 2, of: 3 })),
        (4, 2, Some(Suspect { quiet: 2, of: 4 })),
        (5, 2, None),
        (10, 9, Some(Suspect { quiet: 9, of: 10 })),
    ] {
        let mut world = World::new(count);
        world.run(10_000);
        world.alive[..dead].fill(false);
        world.run(6000);
        assert_eq!(world.judged.len(), dead, "no verdict is held back");
        assert_eq!(world.doubt.suspect(world.own()), expected, "{dead} of {count}");
        world.run(20_000);
        assert_eq!(world.doubt.suspect(world.own()), None, "it was a moment ago");
    }
}

#[test]
fn a_server_that_left_or_was_forgotten_is_not_waited_for() {
    let mut world = World::new(3);
    world.run(10_000);
    for index in [0, 1] {
        let time = world.time();
        let left = world.machines[index].goodbye(time).expect("it leaves");
        world.doubt.transition(&left);
        world.alive[index] = false;
    }
    world.alive[2] = false;
    world.run(6000);
    assert_eq!(world.judged, [(14_800, 2)], "the one that is left decides alone");
    world.doubt.forget(&name(2));
    world.doubt.forget(&name(2));
    assert_eq!(world.doubt.expected, 0);
}

#[derive(Debug, Clone)]
enum Turn {
    Run(i64),
    Die(usize),
    Return(usize),
    Cut,
    Heal,
    Freeze(i64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        4 => (1_i64..120).prop_map(|steps| Turn::Run(steps * STEP_MS)),
        2 => (0_usize..7).prop_map(Turn::Die),
        2 => (0_usize..7).prop_map(Turn::Return),
        1 => Just(Turn::Cut),
        2 => Just(Turn::Heal),
        1 => (1_i64..200).prop_map(|steps| Turn::Freeze(steps * STEP_MS)),
    ];
    proptest::collection::vec(turn, 0..40)
}

proptest! {
    /// Invariants I1, I2 and I6 for a fleet: a cut of the hub's link is held against
    /// no server that lives, and after the healing every state is right.
    #[test]
    fn no_cut_makes_a_false_verdict_and_all_is_right_after_it(
        count in 2_usize..7,
        turns in turns(),
    ) {
        let mut world = World::new(count);
        world.run(3000);
        // How many were up when the link was cut: below two nobody can tell.
        let mut witnesses = count;
        for turn in turns {
            let seen = world.wronged.len();
            match turn {
                Turn::Run(ms) => world.run(ms),
                Turn::Die(index) => {
                    // The last two stay, as witnesses.
                    let lives = world.alive.iter().filter(|alive| **alive).count();
                    if lives > 2 {
                        world.alive[index % count] = false;
                        world.died[index % count] = true;
                    }
                }
                Turn::Return(index) => world.alive[index % count] = true,
                Turn::Cut => {
                    if world.link {
                        let up = |m: &PresenceMachine| m.presence() == Presence::Up;
                        let both = |(m, alive): (&PresenceMachine, &bool)| up(m) && *alive;
                        witnesses = world.machines.iter().zip(&world.alive).filter(|p| both(*p)).count();
                    }
                    world.link = false;
                }
                Turn::Heal => world.link = true,
                Turn::Freeze(ms) => {
                    world.now_ms += ms;
                    world.stalled += Duration::from_millis(u64::try_from(ms).unwrap());
                }
            }
            let wronged = &world.wronged[seen..];
            prop_assert!(wronged.is_empty() || witnesses < 2, "{wronged:?} live, and were judged");
        }
        world.link = true;
        let held = world.doubt.held(world.own());
        world.run(30_000);
        prop_assert!(world.doubt.held(world.own()) >= held, "it never falls");
        prop_assert_eq!(world.words.last(), Some(&Doubt::None));
        for (machine, alive) in world.machines.iter().zip(&world.alive) {
            let right = if *alive { machine.presence() == Presence::Up } else { machine.presence().is_trouble() };
            prop_assert!(right, "alive: {alive}, {:?}", machine.presence());
        }
        let expected = world.doubt.servers.values().filter(|s| s.is_expected()).count();
        prop_assert_eq!(world.doubt.expected, expected);
    }
}
