//! What holds whoever can ask whom: worlds that are drawn by a seed, which is named when
//! something does not hold.

use super::*;

const WORLDS: u64 = 200;

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap_or(0)
    }

    fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A world whose agents can ask some others, with clocks of their own, that look in any order,
/// some of which are dead, and that heard the hub for the last time at slightly other times.
fn world(seed: u64, both_ways: bool) -> (World, Dice) {
    let mut dice = Dice(seed);
    let members = 1 + dice.below(9);
    let mut world = World::of(members);
    let ways = [20, 50, 80, 100][dice.below(4)];
    for one in 0..members {
        for other in 0..members {
            world.ways[one][other] = match both_ways && other < one {
                true => world.ways[other][one],
                false => dice.is(ways),
            };
        }
        world.ahead[one] = dice.below(10_000) as u64;
        world.runs[one] = dice.is(90);
        world.last[one] += dice.below(20) as u64;
        world.takes[one] = dice.below(90) as u64;
        let place = dice.below(one + 1);
        world.order.swap(one, place);
    }
    world.now += 20;
    (world, dice)
}

/// True when this agent and those whom it hears, as one of the two can ask the other, are enough.
fn finds_enough(world: &World, agent: usize) -> bool {
    let members = world.judges.len();
    let hears = |other: &usize| {
        let asks = world.ways[agent][*other] || world.ways[*other][agent];
        world.runs[*other] && (*other == agent || asks)
    };
    world.runs[agent] && (0..members).filter(hears).count() >= members.min(3)
}

#[test]
fn a_dead_hub_is_told_and_by_no_two_that_can_ask_each_other() {
    for seed in 0..WORLDS {
        let (mut world, _) = world(seed, true);
        world.hub_dies();
        world.run_for(AFTER - 21);
        assert_eq!(world.told, [], "seed {seed}");
        world.run_for(AFTER_STOP + 1500);
        let expected = (0..world.judges.len()).any(|agent| finds_enough(&world, agent));
        assert_eq!(!world.told.is_empty(), expected, "seed {seed}");
        let tellers = world.tellers();
        for (place, one) in tellers.iter().enumerate() {
            for other in &tellers[place + 1..] {
                assert!(one != other, "seed {seed}: {one} told twice");
                assert!(!world.ways[*one][*other], "seed {seed}: {one} and {other}");
            }
        }
    }
}

#[test]
fn where_all_can_ask_each_other_a_dead_hub_is_told_exactly_once() {
    for seed in 0..WORLDS {
        let (mut world, mut dice) = world(seed, true);
        let members = world.judges.len();
        world.ways = vec![vec![true; members]; members];
        world.can_tell = (0..members).map(|_| dice.is(80)).collect();
        world.hub_dies();
        world.run_for(AFTER_STOP + 3000);
        let run = (0..members).filter(|agent| world.runs[*agent]);
        let (running, able) = (run.clone().count(), run.filter(|agent| world.can_tell[*agent]));
        let expected = running >= members.min(3) && able.count() > 0;
        assert_eq!(world.told.len(), usize::from(expected), "seed {seed}");
    }
}

#[test]
fn where_some_can_only_be_asked_and_others_only_ask_a_dead_hub_is_told() {
    for seed in 0..WORLDS {
        let (mut world, _) = world(seed, false);
        world.hub_dies();
        world.run_for(AFTER_STOP + 2000);
        let expected = (0..world.judges.len()).any(|agent| finds_enough(&world, agent));
        assert_eq!(!world.told.is_empty(), expected, "seed {seed}");
    }
}

#[test]
fn nobody_is_told_while_the_hub_answers_anybody_that_one_of_those_who_agree_can_ask() {
    let mut told = 0;
    for seed in 0..WORLDS {
        let (mut world, mut dice) = world(seed, seed % 2 == 0);
        let members = world.judges.len();
        let hears = [10, 30, 60][dice.below(3)];
        world.hub = (0..members).map(|_| dice.is(hears)).collect();
        world.run_for(AFTER_STOP - 40);
        for (teller, evidence) in &world.evidence {
            told += 1;
            assert!(evidence.agreeing.contains(teller), "seed {seed}");
            for agent in &evidence.agreeing {
                assert!(!world.hub[*agent], "seed {seed}: {agent} hears it itself");
                let mut others = (0..members).filter(|other| world.ways[*agent][*other]);
                let one = others.find(|other| world.runs[*other] && world.hub[*other]);
                assert_eq!(one, None, "seed {seed}: {agent} could ask it");
            }
        }
    }
    assert!(told > 10, "{told}: that nobody ever tells shows nothing");
}
