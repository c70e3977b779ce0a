//! Everything comes back, bit by bit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{processes, read, ticks};
use proptest::prelude::*;
use watchfire_codec::{Decoder, Frame, MAX_CHAIN_TABLES, MAX_CHAIN_TICKS, TickEncoder, peek};
use watchfire_model::{Moment, Schema, SeriesKey, Tick};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn ticks_come_back(steps in ticks::steps(90)) {
        let (truth, bytes) = ticks::stream(&steps);
        let seen = read(&bytes);
        prop_assert_eq!(seen.errors, 0);
        prop_assert_eq!(seen.unfinished, 0);
        prop_assert_eq!(seen.ticks, truth);
    }

    #[test]
    fn process_tables_come_back(changes in processes::changes(30)) {
        let (truth, bytes) = processes::stream(&changes);
        let seen = read(&bytes);
        prop_assert_eq!(seen.errors, 0);
        prop_assert_eq!(seen.tables.len(), truth.len());
        for (seen, truth) in seen.tables.iter().zip(&truth) {
            prop_assert!(processes::same(seen, truth), "{seen:#?}\n{truth:#?}");
        }
    }

    #[test]
    fn every_key_tick_and_key_table_is_a_place_to_begin(
        steps in ticks::steps(70),
        changes in processes::changes(30),
    ) {
        let (truth, bytes) = ticks::stream(&steps);
        let (tables, more) = processes::stream(&changes);
        for frame in common::frames(&bytes) {
            let head = peek(&bytes[frame.clone()]).unwrap().unwrap();
            if head.starts_chain && head.unix_ms.is_none() {
                let seen = read(&bytes[frame.start..]);
                prop_assert_eq!(seen.errors, 0);
                prop_assert!(truth.ends_with(&seen.ticks));
            }
        }
        for frame in common::frames(&more) {
            if peek(&more[frame.clone()]).unwrap().unwrap().starts_chain {
                let seen = read(&more[frame.start..]);
                prop_assert_eq!(seen.errors, 0);
                prop_assert!(seen.tables.iter().rev().zip(tables.iter().rev())
                    .all(|(seen, truth)| processes::same(seen, truth)));
            }
        }
    }
}

#[test]
fn chains_have_a_longest_length() {
    let mut encoder = TickEncoder::new();
    let mut schema = Schema::new(7);
    schema.push(SeriesKey::new("up", []).unwrap());
    let mut out = Vec::new();
    for second in 0..200 {
        let at = Moment { unix_ms: second * 1000, ..Moment::default() };
        let tick = Tick { at, generation: 7, values: vec![second as f64] };
        let encoded = encoder.encode(&schema, &tick, &mut out);
        assert_eq!(encoded.key, second % i64::from(MAX_CHAIN_TICKS) == 0, "second {second}");
        assert_eq!(encoded.schema, second == 0);
    }
    const { assert!(MAX_CHAIN_TABLES * 5 <= 60, "a table every five seconds, a chain a minute") };
}

#[test]
fn a_steady_counter_and_a_constant_cost_next_to_nothing() {
    let mut encoder = TickEncoder::new();
    let mut schema = Schema::new(1);
    for number in 0..1000 {
        let number = number.to_string();
        schema.push(SeriesKey::new("steady", [("n", number.as_str())]).unwrap());
    }
    let mut out = Vec::new();
    for second in 0..60 {
        let at = Moment { unix_ms: second * 1000, ..Moment::default() };
        let of = |n: i64| if n % 2 == 0 { 4096.0 } else { (second * (n + 1)) as f64 / 100.0 };
        let tick = Tick { at, generation: 1, values: (0..1000).map(of).collect() };
        out.clear();
        encoder.encode(&schema, &tick, &mut out);
    }
    assert!(out.len() < 40, "{} bytes for 1,000 series", out.len());
}

#[test]
fn unknown_kinds_are_skipped() {
    let (truth, bytes) = sample();
    let mut mixed = Vec::new();
    let mut hasher = crc32fast::Hasher::new_with_initial(0x5746_6301);
    hasher.update(&[0x1e, 3, 1, 2, 3]);
    let sum = hasher.finalize().to_le_bytes();
    for frame in common::frames(&bytes) {
        mixed.extend_from_slice(&[&[0x1e, 3][..], &sum, &[1, 2, 3]].concat());
        mixed.extend_from_slice(&bytes[frame]);
    }
    let mut rest = mixed.as_slice();
    let mut decoder = Decoder::new();
    let mut seen = Vec::new();
    while let Some(frame) = decoder.next(&mut rest).unwrap() {
        if let Frame::Tick(tick) = frame {
            seen.push(tick.clone());
        }
    }
    assert_eq!(seen, truth);
}

fn sample() -> (Vec<Tick>, Vec<u8>) {
    let mut encoder = TickEncoder::new();
    let mut schema = Schema::new(1);
    schema.push(SeriesKey::new("up", []).unwrap());
    let (mut truth, mut out) = (Vec::new(), Vec::new());
    for second in 0..5 {
        let at = Moment { unix_ms: second, ..Moment::default() };
        let tick = Tick { at, generation: 1, values: vec![second as f64 * 0.5] };
        encoder.encode(&schema, &tick, &mut out);
        truth.push(tick);
    }
    (truth, out)
}
