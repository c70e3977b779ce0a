use std::time::Duration;

use proptest::prelude::*;
use watchfire_codec::ProcessEncoder;
use watchfire_model::{Moment, ProcessRow, ProcessTable};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("root".to_owned()),
        Just("nginx: worker".to_owned()),
        "\\PC{0,12}",
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), (0..1000_u32).prop_map(|tenths| f64::from(tenths) / 10.0), any::<f64>(),]
}

fn row() -> impl Strategy<Value = ProcessRow> {
    let numbers = (0..12_u32, any::<u32>(), any::<char>(), any::<u64>(), any::<u32>(), 0..3_i64);
    let floats = prop::array::uniform4(prop::option::of(float()));
    let texts =
        (text(), text(), text(), text(), prop::option::of(text()), prop::option::of(text()));
    let io =
        (any::<u64>(), prop::option::of(any::<u64>()), prop::option::of(any::<u64>()), float());
    (numbers, floats, texts, io).prop_map(|(numbers, floats, texts, io)| {
        let (pid, ppid, state, rss_bytes, threads, start_time_ms) = numbers;
        let (user, name, command, cgroup, unit, container) = texts;
        let (virtual_bytes, read_bytes, written_bytes, cpu_seconds) = io;
        let [cpu_percent, ended_children_percent, read_bytes_per_s, written_bytes_per_s] = floats;
        // No `..`: a field that this crate does not write yet must be added here and in `columns`.
        ProcessRow {
            pid,
            ppid,
            user,
            name,
            command,
            state,
            cpu_percent,
            rss_bytes,
            threads,
            start_time_ms,
            cpu_seconds,
            ended_children_percent,
            virtual_bytes,
            read_bytes,
            written_bytes,
            read_bytes_per_s,
            written_bytes_per_s,
            cgroup,
            unit,
            container,
        }
    })
}

/// What happens to the rows between two tables.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Add(Box<ProcessRow>),
    Remove(prop::sample::Index),
    Replace(prop::sample::Index, Box<ProcessRow>),
    Rest,
    Sort,
    Swap(prop::sample::Index, prop::sample::Index),
    Restart,
}

pub(crate) fn changes(most: usize) -> impl Strategy<Value = Vec<Vec<Change>>> {
    let change = prop_oneof![
        4 => row().prop_map(|row| Change::Add(Box::new(row))),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        4 => (any::<prop::sample::Index>(), row()).prop_map(|(at, row)| Change::Replace(at, Box::new(row))),
        2 => Just(Change::Rest),
        6 => Just(Change::Sort),
        1 => any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(a, b)| Change::Swap(a, b)),
        1 => Just(Change::Restart),
    ];
    prop::collection::vec(prop::collection::vec(change, 0..6), 1..most)
}

/// The tables of a stream, and its bytes.
pub(crate) fn stream(changes: &[Vec<Change>]) -> (Vec<ProcessTable>, Vec<u8>) {
    let mut encoder = ProcessEncoder::new();
    let mut rows: Vec<ProcessRow> = Vec::new();
    let (mut truth, mut out) = (Vec::new(), Vec::new());
    for (number, changes) in changes.iter().enumerate() {
        for change in changes {
            apply(change, &mut rows, &mut encoder);
        }
        let unix_ms = 1_800_000_000_000 + number as i64 * 5000;
        let at = Moment { monotonic: Duration::from_millis(number as u64 * 5001), unix_ms };
        let table = ProcessTable { at, processes: rows.clone(), total: 900 + number as u32 };
        let encoded = encoder.encode(&table, &mut out);
        assert_eq!(encoded.left_out, 0);
        truth.push(table);
    }
    (truth, out)
}

fn apply(change: &Change, rows: &mut Vec<ProcessRow>, encoder: &mut ProcessEncoder) {
    let count = rows.len();
    match change {
        Change::Add(row) => rows.push((**row).clone()),
        Change::Remove(at) if count > 0 => drop(rows.remove(at.index(count))),
        Change::Replace(at, row) if count > 0 => {
            let old = &mut rows[at.index(count)];
            let (pid, start_time_ms) = (old.pid, old.start_time_ms);
            *old = ProcessRow { pid, start_time_ms, ..(**row).clone() };
        }
        Change::Swap(a, b) if count > 0 => rows.swap(a.index(count), b.index(count)),
        Change::Sort => {
            let cpu = |row: &ProcessRow| row.cpu_percent.unwrap_or(-1.0);
            rows.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)).then(a.pid.cmp(&b.pid)));
        }
        Change::Restart => encoder.restart(),
        _ => {}
    }
}

/// Bit by bit, so that a NaN equals itself.
pub(crate) fn same(a: &ProcessTable, b: &ProcessTable) -> bool {
    format!("{a:?}") == format!("{b:?}") && bits(a) == bits(b)
}

fn bits(table: &ProcessTable) -> Vec<[Option<u64>; 5]> {
    let of_row = |row: &ProcessRow| {
        [
            row.cpu_percent,
            row.ended_children_percent,
            row.read_bytes_per_s,
            row.written_bytes_per_s,
            Some(row.cpu_seconds),
        ]
        .map(|value| value.map(f64::to_bits))
    };
    table.processes.iter().map(of_row).collect()
}
