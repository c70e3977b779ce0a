use watchfire_store::block::{Block, KeyId, Scratch, SealOptions, seal};

use crate::fastest;
use crate::recording::Recording;

pub(crate) const SERVERS: usize = 120;
/// Pieces of the recording; each is the history of some of the servers.
pub(crate) const PIECES: usize = 12;
const STEP_MS: i64 = 15_000;
const WINDOW_MS: i64 = 60_000;

/// Prints the CPU time of the question shapes of the design, from the bytes of
/// blocks to the values, without PromQL and without SQLite.
pub(crate) fn measure(recording: &Recording) {
    let series = recording.select(|_| true);
    let ten = 600.min(recording.len());
    let hour = 3600.min(recording.len());
    let keys: Vec<KeyId> = not_idle(recording).into_iter().map(|key| key as KeyId).collect();
    for (what, ticks, blocks) in
        [("hours in one block", hour, 1), ("hours in blocks of ten minutes", ten, hour / ten)]
    {
        let pieces: Vec<Vec<Vec<u8>>> = (0..PIECES)
            .map(|piece| {
                let last = recording.len() - ticks;
                let hour = (0..blocks).map(|block| {
                    let from = if blocks == 1 { piece * 7919 % (last + 1) } else { block * ticks };
                    let columns = recording.cut(&series, from..from + ticks, 1, piece as u64 + 1);
                    seal(&columns, &SealOptions::default()).unwrap()
                });
                hour.collect()
            })
            .collect();
        let servers: Vec<&Vec<Vec<u8>>> = pieces.iter().cycle().take(SERVERS).collect();
        println!("\nquestions, {what} ({ticks} ticks)");
        let (time, _) = fastest(9, || last_values(servers[0], keys[0]));
        println!(
            "  one series, every 15 s                          {:8.3} ms; to hold 0.2",
            time.as_secs_f64() * 1e3
        );
        let (time, rates) = fastest(9, || {
            let mut scratch = Scratch::new();
            servers.iter().map(|hour| rates(hour, &keys, &mut scratch)).sum::<f64>()
        });
        println!(
            "  rate[1m] of {} series of {SERVERS} servers, every 15 s  {:8.3} ms; to hold 10 (sum {rates:.1})",
            keys.len(),
            time.as_secs_f64() * 1e3
        );
        let (time, _) = fastest(9, || {
            let mut scratch = Scratch::new();
            servers.iter().for_each(|hour| {
                columns(hour, &keys, &mut scratch, |_, values| {
                    std::hint::black_box(values);
                })
            });
        });
        println!(
            "  of that reading the columns                     {:8.3} ms",
            time.as_secs_f64() * 1e3
        );
    }
}

/// The series of the processors' time, but for that in which they rest.
pub(crate) fn not_idle(recording: &Recording) -> Vec<usize> {
    let idle = |key: &str| key.contains("mode=\"idle\"");
    recording.select(|key| key.starts_with("node_cpu_seconds_total") && !idle(key))
}

fn columns(
    hour: &[Vec<u8>],
    keys: &[KeyId],
    scratch: &mut Scratch,
    mut visit: impl FnMut(&[i64], &[f64]),
) {
    let mut times = Vec::new();
    for bytes in hour {
        let block = Block::open(&bytes[..], 0).unwrap();
        block.timestamps(scratch, &mut times).unwrap();
        let each = |_, values: Result<Option<&[f64]>, _>| {
            if let Some(values) = values.unwrap() {
                visit(&times, values);
            }
        };
        block.read(keys, 0..block.head().ticks, scratch, each).unwrap();
    }
}

fn last_values(hour: &[Vec<u8>], key: KeyId) -> Vec<f64> {
    let mut found = Vec::with_capacity(300);
    columns(hour, &[key], &mut Scratch::new(), |times, values| {
        let mut next = times[0];
        for (&time, &value) in times.iter().zip(values) {
            if time >= next {
                found.push(value);
                next += STEP_MS;
            }
        }
    });
    found
}

/// The sum of all rates; windows that cross a block are left to who asks.
fn rates(hour: &[Vec<u8>], keys: &[KeyId], scratch: &mut Scratch) -> f64 {
    let (mut sum, mut times, mut windows) = (0.0, Vec::new(), Vec::new());
    let mut place_of: Vec<usize> = Vec::new();
    for bytes in hour {
        let block = Block::open(&bytes[..], 0).unwrap();
        block.timestamps(scratch, &mut times).unwrap();
        // All series of a server share its timestamps, and so the windows.
        windows_of(&times, &mut windows);
        let mut ends: Vec<usize> = windows.iter().flat_map(|&(from, to, _)| [from, to]).collect();
        ends.sort_unstable();
        ends.dedup();
        place_of.resize(times.len(), 0);
        ends.iter().enumerate().for_each(|(place, &tick)| place_of[tick] = place);
        let places: Vec<(usize, usize, f64)> = windows
            .iter()
            .map(|&(from, to, seconds)| (place_of[from], place_of[to], seconds))
            .collect();
        let mut falling = Vec::new();
        let rising = |number: usize, found: Result<Option<(&[f64], bool)>, _>| match found.unwrap()
        {
            Some((values, true)) => {
                let rate = |&(from, to, seconds): &_| (values[to] - values[from]) / seconds;
                sum += places.iter().map(rate).sum::<f64>();
            }
            Some(_) => falling.push(keys[number]),
            None => {}
        };
        block.read_at(keys, &ends, scratch, rising).unwrap();
        let each = |_, values: Result<Option<&[f64]>, _>| {
            let values = values.unwrap().unwrap_or_default();
            sum += windows.iter().map(|window| rate_with_resets(values, window)).sum::<f64>();
        };
        block.read(&falling, 0..block.head().ticks, scratch, each).unwrap();
    }
    sum
}

fn rate_with_resets(values: &[f64], &(from, to, seconds): &(usize, usize, f64)) -> f64 {
    let falls = values[from..=to].windows(2).filter(|pair| pair[1] < pair[0]);
    (values[to] - values[from] + falls.map(|pair| pair[0]).sum::<f64>()) / seconds
}

/// First and last tick of each window, and its seconds.
fn windows_of(times: &[i64], windows: &mut Vec<(usize, usize, f64)>) {
    windows.clear();
    let (mut from, mut to) = (0, 0);
    let mut at = times[0] + WINDOW_MS;
    while at <= times[times.len() - 1] {
        while times[from] <= at - WINDOW_MS {
            from += 1;
        }
        while to + 1 < times.len() && times[to + 1] <= at {
            to += 1;
        }
        windows.push((from, to, (times[to] - times[from]) as f64 / 1e3));
        at += STEP_MS;
    }
}
