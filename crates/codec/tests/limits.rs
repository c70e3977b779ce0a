//! What is above a limit is left out by the writer and refused by the reader.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{frames, read};
use watchfire_codec::limits::{
    MAX_CHAIN_TEXT_BYTES, MAX_KEYS, MAX_LABEL_BYTES, MAX_ROWS, MAX_TEXT_BYTES,
};
use watchfire_codec::{CodecError, Decoder, Encoded, MAX_FRAME_BYTES, ProcessEncoder, TickEncoder};
use watchfire_model::{Moment, ProcessRow, ProcessTable, Schema, SeriesKey, Tick};

fn schema(labels: impl IntoIterator<Item = String>) -> Schema {
    let mut schema = Schema::new(3);
    for label in labels {
        schema.push(SeriesKey::new("a_metric", [("label", label.as_str())]).unwrap());
    }
    schema
}

fn tick(values: Vec<f64>) -> Tick {
    Tick { at: Moment { unix_ms: 1_000, ..Moment::default() }, generation: 3, values }
}

#[test]
fn a_schema_of_many_frames_comes_back() {
    let schema = schema((0..3000).map(|n| format!("{n}{}", "long".repeat(100))));
    let tick = tick((0..3000).map(f64::from).collect());
    let mut bytes = Vec::new();
    let encoded = TickEncoder::new().encode(&schema, &tick, &mut bytes);
    assert_eq!(encoded, Encoded { key: true, schema: true, left_out: 0 });
    assert!(frames(&bytes).len() > 3 && frames(&bytes).iter().all(|f| f.len() <= MAX_FRAME_BYTES));
    assert_eq!(read(&bytes).ticks, [(schema, tick)]);
}

#[test]
fn keys_above_the_limits_are_left_out_and_counted() {
    let more = 5;
    let schema = schema((0..MAX_KEYS + more).map(|n| n.to_string()));
    let tick = tick(vec![1.5; MAX_KEYS + more]);
    let (mut encoder, mut bytes) = (TickEncoder::new(), Vec::new());
    assert_eq!(encoder.encode(&schema, &tick, &mut bytes).left_out, more as u32);
    assert!(!encoder.encode(&schema, &tick, &mut bytes).schema);
    let seen = read(&bytes);
    assert_eq!((seen.ticks.len(), seen.errors), (2, 0));
    assert_eq!(seen.ticks[0].1.values, vec![1.5; MAX_KEYS]);
}

#[test]
fn a_key_with_a_long_label_is_named_otherwise() {
    let long = "x".repeat(MAX_LABEL_BYTES + 1);
    let schema = schema(["a".to_owned(), long, "b".to_owned()]);
    let mut bytes = Vec::new();
    let encoded = TickEncoder::new().encode(&schema, &tick(vec![1.0, 2.0, 3.0]), &mut bytes);
    assert_eq!(encoded.left_out, 1);
    let seen = read(&bytes);
    assert_eq!(seen.ticks[0].0.keys()[1].to_string(), r#"watchfire_left_out{number="1"}"#);
    assert_eq!(seen.ticks[0].1.values, [1.0, 2.0, 3.0]);
}

#[test]
fn a_tick_of_another_generation_is_left_out() {
    let other = Tick { generation: 4, ..tick(vec![1.0, 2.0]) };
    let mut bytes = Vec::new();
    let encoded = TickEncoder::new().encode(&schema(["a".into()]), &other, &mut bytes);
    assert_eq!(encoded, Encoded { left_out: 2, ..Encoded::default() });
    assert!(bytes.is_empty());
}

/// A sampler that was started anew has its first generation again, and its keys in another order.
#[test]
fn other_keys_of_the_same_generation_are_told_whole() {
    let names = |all: &[&str]| schema(all.iter().map(|&name| name.to_owned()));
    let (first, second) = (names(&["up", "down"]), names(&["down", "up"]));
    let third = names(&["down", "left", "right"]);
    let fourth = names(&["down", "left", "right", "more"]);
    let (mut encoder, mut bytes) = (TickEncoder::new(), Vec::new());
    let mut expected = Vec::new();
    for (number, schema) in
        [&first, &first, &second, &second, &third, &fourth].into_iter().enumerate()
    {
        let mut tick = tick((0..schema.len()).map(|n| n as f64 + 0.5).collect());
        tick.at.unix_ms += number as i64;
        let encoded = encoder.encode(schema, &tick, &mut bytes);
        assert_eq!(encoded.schema, number != 1 && number != 3, "tick {number}");
        assert_eq!(encoded.key, [0, 2, 4].contains(&number), "tick {number}");
        expected.push((schema.clone(), tick));
    }
    let seen = read(&bytes);
    assert_eq!((seen.errors, seen.unfinished), (0, 0));
    assert_eq!(seen.ticks, expected);
}

#[test]
fn the_worst_values_fit_a_frame() {
    let schema = schema((0..MAX_KEYS).map(|n| n.to_string()));
    let (mut encoder, mut bytes) = (TickEncoder::new(), Vec::new());
    let mut noise = 1_u64;
    let mut ticks = Vec::new();
    for round in 0..4 {
        let mut next = || {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            // Rest until everything is learnt to rest, then be anything.
            if round == 2 { f64::from_bits(noise) } else { 0.1 }
        };
        ticks.push(tick((0..MAX_KEYS).map(|_| next()).collect()));
        encoder.encode(&schema, &ticks[round], &mut bytes);
    }
    assert!(frames(&bytes).iter().all(|frame| frame.len() <= MAX_FRAME_BYTES));
    let seen: Vec<Tick> = read(&bytes).ticks.into_iter().map(|(_, tick)| tick).collect();
    assert!(seen == ticks);
}

fn row(pid: u32, command: String) -> ProcessRow {
    ProcessRow { pid, command, state: 'S', ..ProcessRow::default() }
}

#[test]
fn rows_that_do_not_fit_are_left_out_and_counted() {
    let at = Moment::default();
    let rows = |count: usize, text: &str| {
        (0..count as u32).map(|pid| row(pid, format!("{pid}{text}"))).collect()
    };
    for (what, processes) in [
        ("rows", rows(MAX_ROWS + 7, "")),
        ("texts", rows(400, &"y".repeat(MAX_TEXT_BYTES - 100))),
        ("much shared text", vec![row(1, "z".repeat(MAX_TEXT_BYTES)); 3000]),
    ] {
        let (mut encoder, mut bytes) = (ProcessEncoder::new(), Vec::new());
        let table = ProcessTable { at, processes, total: 9999 };
        let count = table.processes.len();
        for _ in 0..2 {
            let left_out = encoder.encode(&table, &mut bytes).left_out as usize;
            assert!(left_out > 0 && left_out < count, "{what}: {left_out} of {count} left out");
            let seen = read(&bytes);
            assert_eq!(seen.errors, 0, "{what}");
            let last = seen.tables.last().unwrap();
            assert!(last.processes == table.processes[..count - left_out], "{what}");
            assert_eq!(last.total, 9999);
        }
    }
}

#[test]
fn a_table_as_large_as_the_agents_comes_back_whole() {
    // As many as `watchfire_collect::MAX_PROCESSES`, a tenth of which have a command of their own.
    let rows = (0..16_384_u32).map(|pid| row(pid, format!("worker --shard={}", pid / 10)));
    let table = ProcessTable { at: Moment::default(), processes: rows.collect(), total: 20_000 };
    let mut bytes = Vec::new();
    assert_eq!(ProcessEncoder::new().encode(&table, &mut bytes).left_out, 0);
    assert!(bytes.len() <= MAX_FRAME_BYTES);
    assert!(read(&bytes).tables == [table]);
}

#[test]
fn a_chain_that_is_full_of_texts_begins_anew() {
    let (mut encoder, mut bytes) = (ProcessEncoder::new(), Vec::new());
    let tables: Vec<ProcessTable> = (0..4)
        .map(|round| {
            let command = |pid| format!("{round} {pid} {}", "y".repeat(4000));
            let count = (MAX_CHAIN_TEXT_BYTES / 4100 / 2) as u32;
            let processes = (0..count).map(|pid| row(pid, command(pid))).collect();
            ProcessTable { at: Moment::default(), processes, total: 1 }
        })
        .collect();
    let keys: Vec<bool> = tables.iter().map(|t| encoder.encode(t, &mut bytes).key).collect();
    assert_eq!(keys, [true, false, true, false]);
    assert!(read(&bytes).tables == tables);
}

#[test]
fn long_texts_are_cut() {
    let (mut encoder, mut bytes) = (ProcessEncoder::new(), Vec::new());
    let processes = vec![row(1, "ä".repeat(MAX_TEXT_BYTES))];
    let table = ProcessTable { at: Moment::default(), processes, total: 1 };
    assert_eq!(encoder.encode(&table, &mut bytes).left_out, 0);
    let seen = read(&bytes).tables.remove(0);
    assert_eq!(seen.processes[0].command, "ä".repeat(MAX_TEXT_BYTES / 2));
}

#[test]
fn errors_say_what_is_wrong() {
    let (mut encoder, mut bytes) = (TickEncoder::new(), Vec::new());
    for second in 0..3 {
        let mut tick = tick(vec![2.5]);
        tick.at.unix_ms = second;
        encoder.encode(&schema(["a".into()]), &tick, &mut bytes);
    }
    let all = frames(&bytes);
    let error = |bytes: &[u8]| {
        let (mut decoder, mut input) = (Decoder::new(), bytes);
        loop {
            match decoder.next(&mut input) {
                Ok(frame) => assert!(frame.is_some(), "there is an error"),
                Err(error) => return error,
            }
        }
    };
    let unknown =
        CodecError::UnknownSchema { generation: 3, keys: 1, known_generation: 0, known_keys: 0 };
    assert_eq!(error(&bytes[all[1].start..]), unknown);
    assert_eq!(error(&bytes[all[2].start..]), CodecError::ChainBroken);
    let mut other = Vec::new();
    TickEncoder::new().encode(&schema(["b".into()]), &tick(vec![2.5]), &mut other);
    let mixed = [&other[..frames(&other)[0].end], &bytes[all[1].clone()]].concat();
    assert!(matches!(error(&mixed), CodecError::UnknownSchema { known_keys: 1, .. }));
    let without = [&bytes[..all[2].start], &bytes[all[3].clone()]].concat();
    assert_eq!(error(&without), CodecError::Checksum);
    assert_eq!(error(&[0; 9]), CodecError::NoFrame(0));
    assert_eq!(error(&[0x22; 9]), CodecError::Version { found: 2, known: 1 });
    assert!(matches!(error(&[0x12, 0xff, 0xff, 0x7f]), CodecError::TooLarge { .. }));
}
