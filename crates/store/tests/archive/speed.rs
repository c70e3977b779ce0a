//! What the archive costs beside the blocks. It measures, so it is not run by itself:
//!
//! ```text
//! cargo test --release -p watchfire-store --test archive -- --ignored --nocapture speed
//! ```

use std::fs;
use std::ops::ControlFlow;
use std::time::Duration;

use watchfire_model::SeriesKey;
use watchfire_store::History;

use crate::made::{BEGIN, HOUR, key, seal, tend};

const SERVERS: usize = 120;
const KEYS: usize = 600;
const TICKS: usize = 600;

/// Ten minutes at 1 s: counters that rise by little, some gauges, and most that rest.
fn columns(server: usize, part: usize) -> (Vec<i64>, Vec<(SeriesKey, Vec<f64>)>) {
    let from = part * TICKS;
    let times = (from..from + TICKS).map(|tick| BEGIN + tick as i64 * 1000).collect();
    let value = |number: usize, tick: usize| {
        let mixed = (tick * 2_654_435_761 + number * 40_503 + server * 97) >> 7;
        match number % 10 {
            0..=5 => (number * 1000) as f64,
            6 | 7 => ((tick + server * 1000) * (90 + number % 7) + mixed % 9) as f64 / 100.0,
            8 => (1_000_000 + mixed % 5000) as f64 * 4096.0,
            _ => (tick / 40) as f64,
        }
    };
    let series = |number| (key(number), (from..from + TICKS).map(|t| value(number, t)).collect());
    (times, (0..KEYS).map(series).collect())
}

/// The processor's time that this thread had.
fn cpu() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn fastest(rounds: usize, mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let begun = cpu();
        work();
        cpu().saturating_sub(begun)
    };
    (0..rounds).map(round).min().unwrap_or_default()
}

#[test]
#[ignore = "a measurement: it prints figures"]
fn speed() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 4 << 30).expect("it opens");
    let begun = cpu();
    for part in 0..6 {
        for server in 0..SERVERS {
            let (times, series) = columns(server, part);
            seal(&history, &format!("server-{server}"), &times, &series);
        }
    }
    let samples = (SERVERS * KEYS * TICKS * 6) as f64;
    let rate = |begun: Duration| samples / (cpu() - begun).as_secs_f64() / 1e6;
    println!("sealing, with the making of the data: {:.1} M samples/s", rate(begun));
    let keys = history.keys().expect("known");
    let ids: Vec<u32> =
        (0..140).filter(|n| n % 10 == 6).filter_map(|n| keys.id_of(&key(n))).collect();
    let ask = |servers: usize, ids: &[u32]| {
        for server in 0..servers {
            let found = &mut |_: usize, _: &[i64], values: &[f64]| {
                std::hint::black_box(values);
                ControlFlow::Continue(())
            };
            let name = format!("server-{server}");
            history.samples(&name, ids, BEGIN, BEGIN + HOUR, found).expect("readable");
        }
    };
    let report = |what: &str| {
        let none = fastest(9, || {
            (0..SERVERS).for_each(|of| {
                history.keys_of(&format!("server-{of}"), BEGIN, BEGIN + HOUR).expect("readable");
            });
        });
        let last: &mut dyn FnMut() = &mut || ask(SERVERS, &[]);
        println!("keys of {SERVERS} servers {none:?}; nothing of them {:?}", fastest(9, last));
        println!("one key of each {:?}", fastest(9, || ask(SERVERS, &ids[..1])));
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{what}: {} series of {SERVERS} servers {:.2} ms, one of one {:.3} ms, file {:.4} bytes a sample",
            ids.len(),
            ms(fastest(9, || ask(SERVERS, &ids))),
            ms(fastest(9, || (0..100).for_each(|_| ask(1, &ids[..1])))) / 100.0,
            fs::metadata(folder.path().join("history.db")).map_or(0, |of| of.len()) as f64
                / samples,
        );
    };
    report("ten minutes");
    let begun = cpu();
    while history.tend(BEGIN + HOUR + HOUR / 2).expect("it can be tended") {}
    println!("merging: {:.1} M samples/s", rate(begun));
    report("hours");
    let begun = cpu();
    tend(&history);
    println!("windows: {:.1} M samples/s", rate(begun));
    report("with windows");
    let raw = rusqlite::Connection::open(folder.path().join("history.db")).expect("it opens");
    let mut query = raw
        .prepare("SELECT width_ms, bytes FROM held_block WHERE server = 0")
        .expect("it is there");
    let mut rows = query.query([]).expect("as above");
    while let Some(row) = rows.next().expect("as above") {
        let (width, bytes): (i64, i64) = (row.get(0).expect("a"), row.get(1).expect("b"));
        println!("width {width}: {:.4} bytes a sample", bytes as f64 / samples);
    }
}
