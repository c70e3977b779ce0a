//! Columns as servers have them, and worse ones.

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_model::ABSENT;
use watchfire_store::block::{Block, Columns, KeyId, Scratch, SealOptions};

/// How a column goes.
#[derive(Debug, Clone)]
pub(crate) enum Make {
    Constant(f64),
    /// Steps of a number, and what the number counts.
    Walk(Vec<i32>, f64, u8),
    /// Rests, but for some ticks.
    Rare(Vec<(u8, i8)>),
    Bits(Vec<u64>),
    /// As an earlier column, with a rare difference.
    Copy(usize, bool, Vec<(u8, i8)>),
    /// As an earlier one, with stretches of absence.
    Holes(usize, Vec<u8>),
}

pub(crate) fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1000..1000_i32).prop_map(f64::from),
        Just(-0.0),
        Just(ABSENT),
        Just(f64::NAN),
        Just(f64::from_bits(0x7ff0_0000_0000_0001)),
        Just(f64::NEG_INFINITY),
        Just(5e-324),
        Just(9.3e18),
    ]
}

fn make() -> impl Strategy<Value = Make> {
    let rare = || vec((any::<u8>(), any::<i8>()), 0..6);
    prop_oneof![
        any_value().prop_map(Make::Constant),
        (vec(-500..1500_i32, 1..80), any_value(), 0..7_u8)
            .prop_map(|(steps, from, unit)| Make::Walk(steps, from, unit)),
        rare().prop_map(Make::Rare),
        vec(any::<u64>(), 1..40).prop_map(Make::Bits),
        (any::<usize>(), any::<bool>(), rare()).prop_map(|(of, up, rare)| Make::Copy(of, up, rare)),
        (any::<usize>(), vec(any::<u8>(), 1..6)).prop_map(|(of, runs)| Make::Holes(of, runs)),
    ]
}

/// Any columns: up to 150 keys and 400 ticks.
pub(crate) fn columns() -> impl Strategy<Value = Columns> {
    (vec(1..5000_i64, 1..400), vec((1..9_u32, make()), 0..150), -5000..5000_i64).prop_map(
        |(gaps, makes, from)| {
            let mut at = from * 1_000_000_000;
            let step = |gap: &i64| {
                at += gap;
                at
            };
            let timestamps: Vec<i64> = gaps.iter().map(step).collect();
            let mut series: Vec<(KeyId, Vec<f64>)> = Vec::new();
            let mut key = 0;
            for (more, make) in &makes {
                key += more * more;
                let values = made(make, timestamps.len(), &series);
                series.push((key, values));
            }
            Columns { timestamps, series }
        },
    )
}

fn made(make: &Make, ticks: usize, before: &[(KeyId, Vec<f64>)]) -> Vec<f64> {
    let earlier = |of: usize| match before.len() {
        0 => vec![7.0; ticks],
        many => before[of % many].1.clone(),
    };
    match make {
        Make::Constant(value) => vec![*value; ticks],
        Make::Walk(steps, from, unit) => {
            let mut number = if from.is_finite() && from.abs() < 1e9 { *from as i64 } else { 0 };
            let next = |step: &i32| {
                number += i64::from(*step);
                counted(number, *unit)
            };
            steps.iter().cycle().take(ticks).map(next).collect()
        }
        Make::Rare(changes) => changed(vec![3.0; ticks], changes),
        Make::Bits(bits) => {
            bits.iter().cycle().take(ticks).map(|&bits| f64::from_bits(bits)).collect()
        }
        Make::Copy(of, up, changes) => {
            let turned = |value: f64| if *up { value + 12.0 } else { 4096.0 - value };
            changed(earlier(*of).into_iter().map(turned).collect(), changes)
        }
        Make::Holes(of, runs) => {
            let mut values = earlier(*of);
            let mut at = 0;
            for (number, &run) in runs.iter().cycle().enumerate().take(60) {
                let to = (at + usize::from(run)).min(ticks);
                if number % 2 == 0 {
                    values[at..to].fill(ABSENT);
                }
                at = to;
            }
            values
        }
    }
}

fn counted(number: i64, unit: u8) -> f64 {
    let wide = number as f64;
    match unit {
        0 => wide,
        1 => wide / 100.0,
        2 => wide * 0.001,
        3 => wide / 1e3 / 1e3,
        4 => wide * 4096.0,
        5 => wide / 65536.0,
        _ => wide / 1e9,
    }
}

fn changed(mut values: Vec<f64>, changes: &[(u8, i8)]) -> Vec<f64> {
    let ticks = values.len();
    for &(at, by) in changes {
        values[usize::from(at) % ticks..].iter_mut().for_each(|value| *value += f64::from(by));
    }
    values
}

/// A small block of every form, unit and trick, the same each time.
pub(crate) fn known() -> Columns {
    let ticks = 130_i64;
    let at = |tick: i64| 1_790_000_000_000 + tick * 1000 + tick * tick % 3;
    let of = |value: &dyn Fn(i64) -> f64| (0..ticks).map(value).collect::<Vec<f64>>();
    // Noise that needs no generator: the same on every machine and in every release.
    let noise = |tick: i64, bits: u32| {
        let mixed = (tick as u64 + 77).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ mixed >> 27) >> (64 - bits)) as i64
    };
    let sum = |tick: i64, bits: u32| (0..=tick).map(|t| noise(t, bits)).sum::<i64>() as f64;
    let hole = |tick: i64, value: f64| if (40..60).contains(&tick) { ABSENT } else { value };
    let series = vec![
        (3, of(&|_| 1.0)),
        (4, of(&|_| 0.25)),
        (7, of(&|tick| sum(tick, 7) / 100.0)),
        (8, of(&|tick| 1e6 - sum(tick, 7) / 100.0)),
        (9, of(&|tick| if tick > 70 { 5.0 } else { 2.0 })),
        (10, of(&|tick| sum(tick, 20))),
        (11, of(&|tick| sum(tick, 20) + 512.0 + (tick / 50) as f64)),
        (12, of(&|tick| noise(tick, 12) as f64 * 4096.0)),
        (13, of(&|tick| hole(tick, sum(tick, 4) * 0.001))),
        (14, of(&|_| ABSENT)),
        (15, of(&|tick| f64::from_bits(noise(tick, 63) as u64))),
        (16, of(&|tick| [f64::NAN, -0.0, 0.0, f64::INFINITY][(tick % 4) as usize])),
        (1000, of(&|tick| noise(tick, 40) as f64)),
        (u32::MAX, of(&|tick| noise(tick, 30) as f64 / 1e3 / 1e3 / 1e3)),
    ];
    let many = (0..100_u32).map(|key| (2000 + 2 * key, of(&|tick| (tick / 60 * 3) as f64)));
    Columns {
        timestamps: (0..ticks).map(at).collect(),
        series: series.into_iter().chain(many).collect(),
    }
}

pub(crate) const TAG: u32 = 0x5eed;

pub(crate) fn options() -> SealOptions {
    // The smallest form, so that pco's is among them even in a small block.
    SealOptions { tag: TAG, for_speed: 0, ..SealOptions::default() }
}

pub(crate) fn open(bytes: &[u8]) -> Block<&[u8]> {
    Block::open(bytes, TAG).unwrap()
}

pub(crate) fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// All of a block, as it was sealed.
pub(crate) fn read(block: &Block<&[u8]>) -> Columns {
    let mut columns = Columns::default();
    let mut scratch = Scratch::new();
    block.timestamps(&mut scratch, &mut columns.timestamps).unwrap();
    let keys = block.keys().unwrap();
    columns.series = keys.iter().map(|&key| (key, Vec::new())).collect();
    let ticks = columns.timestamps.len();
    let each = |number: usize, values: Result<Option<&[f64]>, _>| {
        columns.series[number].1 = values.unwrap().unwrap().to_vec();
    };
    block.read(&keys, 0..ticks, &mut scratch, each).unwrap();
    columns
}

pub(crate) fn assert_same(found: &Columns, truth: &Columns) {
    assert_eq!(found.timestamps, truth.timestamps);
    let mut truth: Vec<_> = truth.series.iter().map(|(key, values)| (*key, bits(values))).collect();
    truth.sort();
    let found: Vec<_> = found.series.iter().map(|(key, values)| (*key, bits(values))).collect();
    assert_eq!(found, truth);
}
