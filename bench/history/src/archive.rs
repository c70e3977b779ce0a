use std::ops::ControlFlow;

use watchfire_model::SeriesKey;
use watchfire_store::block::KeyId;
use watchfire_store::{History, Sealing};

use crate::fastest;
use crate::questions::{PIECES, SERVERS, not_idle};
use crate::recording::Recording;

const TEN_MINUTES: usize = 600;
const HOUR_MS: i64 = 3_600_000;
/// More than the file takes.
const CAP: u64 = 16 << 30;

/// Prints what sealing, merging and reading cost with `history.db` around the blocks: the same
/// servers and questions as without it, in blocks of ten minutes and then merged by upkeep.
pub(crate) fn measure(recording: &Recording) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), CAP).unwrap();
    let ticks = 3600.min(recording.len() / TEN_MINUTES * TEN_MINUTES);
    let samples = (SERVERS * ticks * recording.names.len()) as f64;
    println!("\nhistory.db, {SERVERS} servers, {ticks} ticks of {} series", recording.names.len());
    // Blocks are cut at the hours of the clock, and windows are made of six of them.
    let begin = (recording.first_ms() / (6 * HOUR_MS) + 1) * 6 * HOUR_MS;
    let (sealing, ()) = fastest(1, || seal_all(&history, recording, ticks, begin));
    rate("sealing, with the copying of the columns", samples, sealing);
    let keys = history.keys().unwrap();
    let known = |number: usize| keys.id_of(&recording.key(number));
    let wanted: Vec<KeyId> = not_idle(recording).into_iter().filter_map(known).collect();
    questions(&history, &wanted, begin, "blocks of ten minutes");
    let (merging, ()) =
        fastest(1, || while history.tend(begin + HOUR_MS + HOUR_MS / 2).unwrap() {});
    rate("merging", samples, merging);
    questions(&history, &wanted, begin, "hours in one block");
    let (windows, ()) = fastest(1, || while history.tend(begin + 7 * HOUR_MS).unwrap() {});
    rate("windows of a minute and of an hour", samples, windows);
}

fn rate(what: &str, samples: f64, time: std::time::Duration) {
    let ticks = samples / time.as_secs_f64() / 1e6;
    println!("  {what:<46} {ticks:8.1} million samples a second");
}

fn name(server: usize) -> String {
    format!("server-{server}")
}

fn seal_all(history: &History, recording: &Recording, ticks: usize, begin: i64) {
    let all = recording.select(|_| true);
    for from in (0..ticks).step_by(TEN_MINUTES) {
        for piece in 0..PIECES {
            let columns = recording.cut(&all, from..from + TEN_MINUTES, 1, piece as u64 + 1);
            let shift = begin - recording.first_ms();
            let timestamps: Vec<i64> = columns.timestamps.iter().map(|time| time + shift).collect();
            let keyed = |(number, values)| (recording.key(number as usize), values);
            let series: Vec<(SeriesKey, Vec<f64>)> =
                columns.series.into_iter().map(keyed).collect();
            for server in (piece..SERVERS).step_by(PIECES) {
                let (server, timestamps) = (&name(server), &timestamps);
                let sealing = Sealing {
                    server,
                    chunks: &[],
                    timestamps,
                    series: &series,
                    tables: &[],
                    events: &[],
                };
                history.seal(&sealing).unwrap();
            }
        }
    }
}

fn questions(history: &History, keys: &[KeyId], begin: i64, what: &str) {
    let ask = |servers: usize, keys: &[KeyId]| {
        for server in 0..servers {
            let found = &mut |_: usize, _: &[i64], values: &[f64]| {
                std::hint::black_box(values);
                ControlFlow::Continue(())
            };
            history.samples(&name(server), keys, begin, begin + HOUR_MS, found).unwrap();
        }
    };
    for (of, servers, keys) in [
        ("no series of all servers", SERVERS, &keys[..0]),
        ("one series of one server", 1, &keys[..1]),
        ("one series of all servers", SERVERS, &keys[..1]),
        ("all processor time of all servers", SERVERS, keys),
    ] {
        let (time, ()) = fastest(9, || ask(servers, keys));
        let ms = time.as_secs_f64() * 1e3;
        println!("  {what}: {of:<40} {ms:8.3} ms, {} series", keys.len());
    }
}
