//! Damaged bytes are an error or an end, and never a wrong value.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{Seen, frames, join, processes, read, ticks};
use proptest::prelude::*;
use proptest::sample::Index;
use watchfire_model::{ProcessTable, Schema, Tick};

/// Ticks and tables by turns, as one stream has them.
struct Truth {
    ticks: Vec<(Schema, Tick)>,
    tables: Vec<ProcessTable>,
    bytes: Vec<u8>,
}

fn truth() -> impl Strategy<Value = Truth> {
    (ticks::steps(24), processes::changes(12)).prop_map(|(steps, changes)| {
        let (ticks, tick_bytes) = ticks::stream(&steps);
        let (tables, table_bytes) = processes::stream(&changes);
        let mut bytes = Vec::new();
        let (tick_frames, table_frames) = (frames(&tick_bytes), frames(&table_bytes));
        for number in 0..tick_frames.len().max(table_frames.len()) {
            for (of, frames) in [(&tick_bytes, &tick_frames), (&table_bytes, &table_frames)] {
                bytes.extend(frames.get(number).map_or(&[][..], |frame| &of[frame.clone()]));
            }
        }
        Truth { ticks, tables, bytes }
    })
}

impl std::fmt::Debug for Truth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ticks, {} tables", self.ticks.len(), self.tables.len())
    }
}

impl Truth {
    /// Everything that was read was put in, at that time and with those keys.
    fn holds(&self, seen: &Seen) -> Result<(), TestCaseError> {
        for (schema, tick) in &seen.ticks {
            let truth = self.ticks.iter().find(|(_, truth)| truth.at == tick.at);
            let Some((keys, truth)) = truth else {
                return Err(TestCaseError::fail(format!("no tick was taken at {:?}", tick.at)));
            };
            prop_assert_eq!(tick, truth);
            let count = tick.values.len();
            prop_assert_eq!(&schema.keys()[..count], &keys.keys()[..count]);
        }
        for table in &seen.tables {
            let truth = self.tables.iter().find(|truth| truth.at == table.at);
            prop_assert!(truth.is_some_and(|truth| processes::same(truth, table)));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_cut_ends_cleanly_and_keeps_what_was_before(truth in truth(), at: Index) {
        let length = at.index(truth.bytes.len() + 1);
        let seen = read(&truth.bytes[..length]);
        prop_assert_eq!(seen.errors, 0);
        truth.holds(&seen)?;
        let whole = frames(&truth.bytes).iter().filter(|frame| frame.end <= length).count();
        let unfinished = length - frames(&truth.bytes[..length]).last().map_or(0, |last| last.end);
        prop_assert_eq!(seen.unfinished, unfinished);
        prop_assert!(seen.ticks.len() + seen.tables.len() <= whole);
        prop_assert_eq!(&seen.ticks[..], &truth.ticks[..seen.ticks.len()]);
    }

    #[test]
    fn a_cut_at_the_front_is_never_a_wrong_value(truth in truth(), at: Index) {
        truth.holds(&read(&truth.bytes[at.index(truth.bytes.len())..]))?;
    }

    #[test]
    fn a_flipped_bit_is_never_a_wrong_value(truth in truth(), at: Index, bit in 0..8_u32) {
        let mut bytes = truth.bytes.clone();
        bytes[at.index(truth.bytes.len())] ^= 1 << bit;
        let seen = read(&bytes);
        truth.holds(&seen)?;
        prop_assert!(seen.errors > 0 || seen.unfinished > 0, "the damage was not noticed");
    }

    #[test]
    fn a_flipped_kind_is_noticed_in_every_frame(truth in truth(), bit in 0..4_u32) {
        for frame in frames(&truth.bytes) {
            let mut bytes = truth.bytes.clone();
            bytes[frame.start] ^= 1 << bit;
            let seen = read(&bytes);
            truth.holds(&seen)?;
            prop_assert!(seen.errors > 0 || seen.unfinished > 0, "frame at {}", frame.start);
        }
    }

    #[test]
    fn changed_bytes_are_never_a_wrong_value(
        truth in truth(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = truth.bytes.clone();
        for (at, byte) in changes {
            bytes[at.index(truth.bytes.len())] = byte;
        }
        truth.holds(&read(&bytes))?;
    }

    #[test]
    fn dropped_doubled_and_moved_frames_are_never_a_wrong_value(
        truth in truth(),
        a: Index,
        b: Index,
    ) {
        let all = frames(&truth.bytes);
        let (a, b) = (a.index(all.len()), b.index(all.len()));
        let numbers: Vec<usize> = (0..all.len()).collect();
        let mut dropped = numbers.clone();
        dropped.remove(a);
        let mut doubled = numbers.clone();
        doubled.insert(b, a);
        let mut swapped = numbers;
        swapped.swap(a, b);
        for order in [dropped, doubled, swapped] {
            truth.holds(&read(&join(&truth.bytes, &all, &order)))?;
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
    }

    #[test]
    fn damage_costs_one_chain_at_most(steps in ticks::steps(24), at: Index) {
        let (truth, bytes) = ticks::stream(&steps);
        let all = frames(&bytes);
        let at = at.index(all.len());
        let mut bad = bytes.clone();
        bad[all[at].end - 1] ^= 1;
        let after = all[at + 1..]
            .iter()
            .find(|frame| {
                let head = watchfire_codec::peek(&bytes[frame.start..]).unwrap().unwrap();
                head.starts_chain && head.unix_ms.is_none()
            })
            .map_or(bytes.len(), |frame| frame.start);
        let expected = read(&bytes[after..]).ticks;
        let seen = read(&bad).ticks;
        prop_assert!(seen.ends_with(&expected));
        prop_assert!(truth.ends_with(&expected));
    }
}
