//! Streams that earlier versions wrote are read, and the same input gives the
//! same bytes. `UPDATE_GOLDEN=1` writes the files anew; a change of a file that
//! was released is a change of the format and needs a new major version.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use watchfire_codec::{Decoder, Frame, ProcessEncoder, TickEncoder, peek};
use watchfire_model::{ABSENT, Moment, ProcessRow, ProcessTable, Schema, SeriesKey, Tick};

#[test]
fn ticks() {
    let mut encoder = TickEncoder::new();
    let mut schema = Schema::new(7);
    for (name, mode) in [("node_cpu_seconds_total", "idle"), ("node_cpu_seconds_total", "user")] {
        schema.push(SeriesKey::new(name, [("cpu", "0"), ("mode", mode)]).unwrap());
    }
    schema.push(SeriesKey::new("node_memory_MemFree_bytes", []).unwrap());
    schema.push(SeriesKey::new("node_load1", []).unwrap());
    let mut out = Vec::new();
    for second in 0..70_u32 {
        if second == 40 {
            schema.push(SeriesKey::new("node_temp_celsius", [("chip", "größe")]).unwrap());
        }
        let seconds = f64::from(second);
        let mut values = vec![
            f64::from(86_584 + second * 97) / 100.0,
            f64::from(4_792 + second * second % 7) / 100.0,
            4096.0 * (300_000.0 - f64::from(second % 5 * 1000)),
            if second % 9 == 3 { ABSENT } else { 0.88 },
            [-0.0, f64::NAN, f64::INFINITY, 17.097_524 + seconds * 1e-3][second as usize % 4],
        ];
        values.truncate(schema.len());
        encoder.encode(&schema, &Tick { at: moment(second), generation: 7, values }, &mut out);
    }
    compare("ticks", &out);
}

#[test]
fn processes() {
    let mut encoder = ProcessEncoder::new();
    let mut out = Vec::new();
    for round in 0..14_u32 {
        let mut processes = vec![
            row(1, "init", Some(0.0), None),
            row(812, "postgres", Some(f64::from(round) * 1.5), Some("postgresql.service")),
            row(900 + round / 3, "worker", (round > 0).then_some(33.3), None),
        ];
        processes[1].rss_bytes += u64::from(round) * 4096;
        processes[1].cpu_seconds = f64::from(round) * 0.07;
        processes[1].read_bytes = Some(1 << (round * 3));
        processes.sort_by(|a, b| b.cpu_percent.partial_cmp(&a.cpu_percent).unwrap());
        if round == 5 {
            processes.swap(0, 2);
        }
        let table = ProcessTable { at: moment(round * 5), processes, total: 180 + round };
        encoder.encode(&table, &mut out);
    }
    compare("processes", &out);
}

fn moment(second: u32) -> Moment {
    let monotonic = Duration::new(5_000 + u64::from(second), 123_456 + second * 991);
    Moment { monotonic, unix_ms: 1_795_364_177_000 + i64::from(second) * 1000 }
}

fn row(pid: u32, name: &str, cpu_percent: Option<f64>, unit: Option<&str>) -> ProcessRow {
    ProcessRow {
        pid,
        ppid: 1,
        user: "root".to_owned(),
        name: name.to_owned(),
        command: format!("/usr/bin/{name} --pid {pid}"),
        state: 'S',
        cpu_percent,
        rss_bytes: 1 << 20,
        threads: 3,
        start_time_ms: 1_795_000_000_000 + i64::from(pid),
        unit: unit.map(str::to_owned),
        ..ProcessRow::default()
    }
}

/// Writes the bytes as lines of hex, a frame a paragraph, and beside them what
/// is read; or checks that both are as they were.
fn compare(name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let (hex_file, text_file) =
        (folder.join(format!("{name}.hex")), folder.join(format!("{name}.txt")));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&hex_file, to_hex(bytes)).unwrap();
        std::fs::write(&text_file, to_text(bytes)).unwrap();
    }
    let golden = from_hex(&std::fs::read_to_string(&hex_file).unwrap());
    let text = std::fs::read_to_string(&text_file).unwrap();
    for (number, (golden, seen)) in text.lines().zip(to_text(&golden).lines()).enumerate() {
        assert_eq!(golden, seen, "line {} of {}", number + 1, text_file.display());
    }
    assert_eq!(text, to_text(&golden), "{}", text_file.display());
    assert!(bytes == golden, "the same input does not give the bytes of {}", hex_file.display());
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    let mut rest = bytes;
    while let Some(head) = peek(rest).unwrap() {
        for line in rest[..head.bytes].chunks(32) {
            line.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
            hex.push('\n');
        }
        hex.push('\n');
        rest = &rest[head.bytes..];
    }
    hex
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn to_text(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = Decoder::new();
    while let Some(head) = peek(bytes).unwrap() {
        writeln!(text, "{} bytes, starts a chain: {}", head.bytes, head.starts_chain).unwrap();
        match decoder.next(&mut bytes).unwrap().unwrap() {
            Frame::Schema(schema) => {
                writeln!(text, "schema {}", schema.generation()).unwrap();
                schema.keys().iter().for_each(|key| writeln!(text, "  {key}").unwrap());
            }
            Frame::Tick(tick) => {
                let bits =
                    tick.values.iter().map(|value| format!(" {value}={:x}", value.to_bits()));
                writeln!(text, "tick {:?}:{}", tick.at, bits.collect::<String>()).unwrap();
            }
            Frame::Processes(table) => {
                writeln!(text, "processes {:?}, {} in all", table.at, table.total).unwrap();
                table.processes.iter().for_each(|row| text.push_str(&row_text(row)));
            }
        }
    }
    text
}

/// Field by field, so that a field that comes later changes nothing here.
fn row_text(row: &ProcessRow) -> String {
    let ProcessRow { pid, ppid, user, name, command, state, cpu_percent, rss_bytes, .. } = row;
    let ProcessRow { threads, start_time_ms, cpu_seconds, read_bytes, unit, .. } = row;
    format!(
        "  {pid} of {ppid} since {start_time_ms}: {user} {name} {command:?} {state} {threads} threads \
         {cpu_percent:?} % {rss_bytes} B {cpu_seconds} s, read {read_bytes:?}, unit {unit:?}\n"
    )
}
