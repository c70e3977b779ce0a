use std::collections::BTreeMap;

use proptest::prelude::*;
use watchfire_model::{ABSENT, is_absent};
use watchfire_store::block::{
    Block, Columns, KeyId, MergeError, Merged, SealError, SealOptions, merge, seal,
};

use crate::made::{TAG, assert_same, columns, known, open, options, read};

/// Value by value.
fn naive(parts: &[Columns]) -> Columns {
    let mut ticks: BTreeMap<i64, BTreeMap<KeyId, f64>> = BTreeMap::new();
    let mut keys: BTreeMap<KeyId, Vec<f64>> = BTreeMap::new();
    for part in parts {
        for (place, &time) in part.timestamps.iter().enumerate() {
            let tick = ticks.entry(time).or_default();
            for (key, values) in &part.series {
                keys.entry(*key).or_default();
                if !is_absent(values[place]) {
                    tick.insert(*key, values[place]);
                }
            }
        }
    }
    for tick in ticks.values() {
        for (key, values) in &mut keys {
            values.push(tick.get(key).copied().unwrap_or(ABSENT));
        }
    }
    Columns { timestamps: ticks.into_keys().collect(), series: keys.into_iter().collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blocks_become_one(
        parts in proptest::collection::vec(columns(), 1..4),
        near: bool,
    ) {
        let mut parts = parts;
        if near {
            // So that they overlap and share timestamps.
            for part in &mut parts {
                let (from, mut at) = (part.timestamps[0], 0);
                part.timestamps.iter_mut().for_each(|time| {
                    at = (at + 1).max((*time - from) / 700);
                    *time = at;
                });
            }
        }
        let sealed: Vec<Vec<u8>> = parts.iter().map(|part| seal(part, &options()).unwrap()).collect();
        let blocks: Vec<Block<&[u8]>> = sealed.iter().map(|bytes| open(bytes)).collect();
        let Merged { bytes, gaps } = merge(&blocks, &options()).unwrap();
        prop_assert_eq!(gaps, vec![]);
        assert_same(&read(&open(&bytes)), &naive(&parts));
    }
}

#[test]
fn a_damaged_group_leaves_a_gap() {
    let first = known();
    let mut second = known();
    second.timestamps.iter_mut().for_each(|time| *time += 1_000_000);
    let mut sealed = [seal(&first, &options()).unwrap(), seal(&second, &options()).unwrap()];
    let range = Block::open(&sealed[0][..], TAG).unwrap().directory().group_range(0);
    sealed[0][range.start] ^= 1;
    let merged = merge(&[open(&sealed[0]), open(&sealed[1])], &options()).unwrap();
    let lost: Vec<KeyId> = merged.gaps.iter().map(|&(_, key, _)| key).collect();
    assert!(merged.gaps.iter().all(|&(block, ..)| block == 0));
    assert!(lost.contains(&3) && lost.len() < first.series.len());
    let found = read(&open(&merged.bytes));
    let ticks = first.timestamps.len();
    assert_eq!(found.timestamps.len(), 2 * ticks);
    for (key, values) in &found.series {
        let absent = values[..ticks].iter().all(|&value| is_absent(value));
        assert_eq!(absent, lost.contains(key) || *key == 14, "key {key}");
    }
}

#[test]
fn nothing_and_too_much_are_refused() {
    let none: [Block<&[u8]>; 0] = [];
    assert_eq!(merge(&none, &SealOptions::default()).unwrap_err(), MergeError::Nothing);
    let of = |from: i64| Columns { timestamps: (from..from + 40_000).collect(), series: vec![] };
    let sealed = [seal(&of(0), &options()).unwrap(), seal(&of(50_000), &options()).unwrap()];
    let merged = merge(&[open(&sealed[0]), open(&sealed[1])], &options());
    assert_eq!(merged.unwrap_err(), MergeError::Seal(SealError::Ticks(80_000)));
}
