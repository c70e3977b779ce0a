//! Ticks, chunks and process tables for the tests.

use std::ops::ControlFlow;
use std::time::Duration;

use watchfire_model::{Moment, ProcessRow, ProcessTable, SeriesKey, is_absent};
use watchfire_store::block::{KeyId, WindowColumns};
use watchfire_store::{Chunk, ChunkRow, History, Sealed, Sealing, Told};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Where the tests' time begins: an hour that begins six hours, and ten days.
pub(crate) const BEGIN: i64 = 2_000 * 240 * HOUR;

pub(crate) fn key(number: usize) -> SeriesKey {
    let number = number.to_string();
    SeriesKey::new("node_cpu_seconds_total", [("cpu", number.as_str())]).expect("a key")
}

/// A chunk of that server that ends at `to_ms`.
pub(crate) fn chunk(server: &str, number: u64, to_ms: i64) -> Chunk {
    Chunk {
        server: server.to_owned(),
        ring: [1; 16],
        previous: number * 10,
        first: number * 10 + 1,
        last: number * 10 + 10,
        from_ms: to_ms - 9_000,
        to_ms,
        starts_chain: true,
        bytes: vec![number as u8; 400],
    }
}

/// The rows of all chunks of a server.
pub(crate) fn rows(history: &History, server: &str) -> Vec<ChunkRow> {
    let stretch = history.chunks(server, i64::MIN, i64::MAX).expect("it can be read");
    stretch.chunks.iter().map(|one| one.row).collect()
}

/// Seals ticks of one server, with nothing else.
pub(crate) fn seal(
    history: &History,
    server: &str,
    timestamps: &[i64],
    series: &[(SeriesKey, Vec<f64>)],
) -> Sealed {
    let sealing = Sealing { server, chunks: &[], timestamps, series, tables: &[], events: &[] };
    history.seal(&sealing).expect("it can be sealed")
}

/// Ticks every `step_ms` from `from_ms` on, of counters that rise.
pub(crate) fn ticks(
    from_ms: i64,
    count: usize,
    step_ms: i64,
    keys: usize,
) -> (Vec<i64>, Vec<(SeriesKey, Vec<f64>)>) {
    let times: Vec<i64> = (0..count as i64).map(|tick| from_ms + tick * step_ms).collect();
    let value = |time: i64, number: usize| (time / 1000 % 1_000_000) as f64 * (number + 1) as f64;
    let series = |number| (key(number), times.iter().map(|time| value(*time, number)).collect());
    let all = (0..keys).map(series).collect();
    (times, all)
}

/// All samples of keys, by key.
pub(crate) fn samples(
    history: &History,
    server: &str,
    keys: &[KeyId],
    from_ms: i64,
    to_ms: i64,
) -> (Vec<Vec<(i64, f64)>>, Told) {
    let mut all = vec![Vec::new(); keys.len()];
    let told = history
        .samples(server, keys, from_ms, to_ms, &mut |place, times, values| {
            assert_eq!(times.len(), values.len());
            let pairs = times.iter().copied().zip(values.iter().copied());
            all[place].extend(pairs.filter(|(_, value)| !is_absent(*value)));
            ControlFlow::Continue(())
        })
        .expect("it can be read");
    (all, told)
}

/// All windows of keys that have a value, by key.
pub(crate) fn windows(
    history: &History,
    server: &str,
    keys: &[KeyId],
    width_ms: u32,
    (from_ms, to_ms): (i64, i64),
) -> Vec<Vec<(i64, [f64; 6])>> {
    let mut all = vec![Vec::new(); keys.len()];
    let found = &mut |place: usize, starts: &[i64], of: &WindowColumns| {
        for (number, start) in starts.iter().enumerate() {
            let of = [&of.count, &of.min, &of.max, &of.sum, &of.last, &of.increase];
            if !is_absent(of[0][number]) {
                all[place].push((*start, of.map(|of| of[number])));
            }
        }
        ControlFlow::Continue(())
    };
    history.windows(server, keys, width_ms, from_ms, to_ms, found).expect("it can be read");
    all
}

/// Does all that is due, as if everything were over for long.
pub(crate) fn tend(history: &History) {
    let mut steps = 0;
    while history.tend(BEGIN + 10_000 * HOUR).expect("it can be tended") {
        steps += 1;
        assert!(steps < 10_000, "it comes to an end");
    }
}

pub(crate) fn row(pid: u32, name: &str, cpu: f64) -> ProcessRow {
    ProcessRow {
        pid,
        ppid: 1,
        user: "root".to_owned(),
        name: name.to_owned(),
        command: format!("/usr/sbin/{name} --flag"),
        state: 'S',
        cpu_percent: Some(cpu),
        rss_bytes: 1 << 20,
        threads: 3,
        start_time_ms: BEGIN - i64::from(pid),
        cpu_seconds: cpu * 3.0,
        virtual_bytes: u64::MAX - 5,
        read_bytes: Some(4096),
        cgroup: format!("/system.slice/{name}.service"),
        unit: Some(format!("{name}.service")),
        ..ProcessRow::default()
    }
}

/// A table with those rows, in the order that tables have.
pub(crate) fn table(unix_ms: i64, mut processes: Vec<ProcessRow>) -> ProcessTable {
    processes.sort_by(|one, other| watchfire_model::ProcessSort::Cpu.compare(one, other));
    let total = processes.len() as u32 + 100;
    let monotonic = Duration::from_nanos(unix_ms.unsigned_abs() % 1_000_000_000_007);
    ProcessTable { at: Moment { monotonic, unix_ms }, processes, total }
}
