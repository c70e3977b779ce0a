//! What the fuzz targets share: streams from structured input, and reading them.

use std::time::Duration;

use arbitrary::Arbitrary;
use watchfire_codec::{Decoder, Frame, ProcessEncoder, TickEncoder};
use watchfire_model::{ABSENT, Moment, ProcessRow, ProcessTable, Schema, SeriesKey, Tick};

/// One thing after the other that happens to a stream.
#[derive(Debug, Clone, Arbitrary)]
pub enum Step {
    /// A tick, with the value of each series as a move from the one before.
    Tick { later_ms: u16, uptime_ns: u64, moves: Vec<Move>, fewer: u8 },
    /// Keys come; the text is part of their labels.
    Keys { count: u8, text: String },
    /// A new generation.
    Generation,
    /// The encoder begins a chain, or all, anew.
    RestartChain,
    /// The whole stream begins anew.
    Restart,
    /// A process table, made of the one before.
    Processes { later_ms: u16, changes: Vec<Change>, total: u32 },
}

/// How a value goes on.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Move {
    Rest,
    Add(i16),
    Hundredths(i32),
    Thousandths(u32),
    Pages(u32),
    Bits(u64),
    Absent,
}

/// How a row goes on.
#[derive(Debug, Clone, Arbitrary)]
pub enum Change {
    Add { pid: u8, start_time_ms: i64, name: String, user: Option<String> },
    Remove(u8),
    Cpu(u8, Option<f64>),
    Memory(u8, u64),
    Command(u8, String),
    Sort,
}

/// What was put into a stream.
#[derive(Debug, Default)]
pub struct Truth {
    pub ticks: Vec<(Schema, Tick)>,
    pub tables: Vec<ProcessTable>,
    pub bytes: Vec<u8>,
}

/// The most keys that a stream gets, and the most rows: a fuzzer likes many small runs.
const MOST: usize = 300;

/// Makes the stream.
pub fn stream(steps: &[Step]) -> Truth {
    let mut truth = Truth::default();
    let (mut ticks, mut processes) = (TickEncoder::new(), ProcessEncoder::new());
    let (mut schema, mut values) = (Schema::new(0), Vec::<f64>::new());
    let mut rows: Vec<ProcessRow> = Vec::new();
    let mut unix_ms = 1_800_000_000_000_i64;
    for step in steps.iter().take(200) {
        match step {
            Step::Tick { later_ms, uptime_ns, moves, fewer } => {
                unix_ms += i64::from(*later_ms) + 1;
                values.resize(schema.len(), 0.0);
                for (value, go) in values.iter_mut().zip(moves.iter().cycle()) {
                    *value = moved(*value, *go);
                }
                let kept = values.len().saturating_sub(usize::from(*fewer % 4));
                let at = Moment { monotonic: Duration::from_nanos(*uptime_ns), unix_ms };
                let values = values[..kept].to_vec();
                let tick = Tick { at, generation: schema.generation(), values };
                ticks.encode(&schema, &tick, &mut truth.bytes);
                truth.ticks.push((schema.clone(), tick));
            }
            Step::Keys { count, text } => {
                let text: String = text.chars().take(100).collect();
                for _ in 0..usize::from(*count % 32).min(MOST.saturating_sub(schema.len())) {
                    let number = schema.len().to_string();
                    let labels = [("number", number.as_str()), ("text", text.as_str())];
                    schema.push(SeriesKey::new("a_metric", labels).expect("the names are fine"));
                }
            }
            Step::Generation => {
                schema = Schema::new(schema.generation() + 1);
                values.clear();
            }
            Step::RestartChain => ticks.restart_chain(),
            Step::Restart => {
                ticks.restart();
                processes.restart();
            }
            Step::Processes { later_ms, changes, total } => {
                unix_ms += i64::from(*later_ms) + 1;
                changes.iter().take(100).for_each(|change| change_rows(&mut rows, change));
                let at = Moment { monotonic: Duration::from_secs(1), unix_ms };
                let table = ProcessTable { at, processes: rows.clone(), total: *total };
                processes.encode(&table, &mut truth.bytes);
                truth.tables.push(table);
            }
        }
    }
    truth
}

fn moved(value: f64, go: Move) -> f64 {
    match go {
        Move::Rest => value,
        Move::Add(more) => value + f64::from(more),
        Move::Hundredths(number) => f64::from(number) / 100.0,
        Move::Thousandths(number) => f64::from(number) * 0.001,
        Move::Pages(number) => f64::from(number) * 4096.0,
        Move::Bits(bits) => f64::from_bits(bits),
        Move::Absent => ABSENT,
    }
}

fn change_rows(rows: &mut Vec<ProcessRow>, change: &Change) {
    let count = rows.len().max(1);
    let at = |place: &u8| usize::from(*place) % count;
    match change {
        Change::Add { pid, start_time_ms, name, user } if rows.len() < MOST => {
            let name = name.chars().take(200).collect();
            let (pid, unit) = (u32::from(*pid), user.clone().map(|u| u.chars().take(50).collect()));
            rows.push(ProcessRow {
                pid,
                start_time_ms: *start_time_ms,
                name,
                unit,
                ..ProcessRow::default()
            });
        }
        Change::Remove(place) if !rows.is_empty() => drop(rows.remove(at(place))),
        Change::Sort => rows.sort_by_key(|row| row.pid),
        Change::Cpu(place, cpu) => {
            let at = at(place);
            rows.get_mut(at).into_iter().for_each(|row| row.cpu_percent = *cpu);
        }
        Change::Memory(place, bytes) => {
            let at = at(place);
            rows.get_mut(at).into_iter().for_each(|row| row.rss_bytes = *bytes);
        }
        Change::Command(place, text) => {
            let at = at(place);
            let text: String = text.chars().take(300).collect();
            rows.get_mut(at).into_iter().for_each(|row| row.command.clone_from(&text));
        }
        _ => {}
    }
}

/// Reads all, goes on after errors, and gives every tick with its schema and every table.
pub fn read(
    mut input: &[u8],
    mut tick: impl FnMut(&Schema, &Tick),
    mut table: impl FnMut(&ProcessTable),
) -> usize {
    let mut decoder = Decoder::new();
    let mut errors = 0;
    loop {
        match decoder.next(&mut input) {
            Ok(Some(Frame::Tick(read))) => {
                let read = read.clone();
                tick(decoder.schema(), &read);
            }
            Ok(Some(Frame::Processes(read))) => table(read),
            Ok(Some(Frame::Schema(_))) => {}
            Ok(None) => return errors,
            Err(_) => {
                errors += 1;
                if !decoder.skip_to_chain_start(&mut input) {
                    return errors;
                }
            }
        }
    }
}

/// Bit by bit, so that a NaN equals itself.
pub fn same_table(a: &ProcessTable, b: &ProcessTable) -> bool {
    let bits = |table: &ProcessTable| -> Vec<Option<u64>> {
        table.processes.iter().map(|row| row.cpu_percent.map(f64::to_bits)).collect()
    };
    format!("{a:?}") == format!("{b:?}") && bits(a) == bits(b)
}
