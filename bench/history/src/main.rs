//! What history costs at the level of blocks: bytes a sample, time to seal, to
//! merge and to read, and the CPU of the question shapes, on a folder of scrapes,
//! one file a scrape, named by its time in milliseconds.
//!
//! ```sh
//! cargo run --release --package bench-history -- record 127.0.0.1:9100 FOLDER 3600
//! cargo run --release --package bench-history -- FOLDER
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

mod questions;
mod record;
mod recording;
mod sizes;

use std::time::Duration;

use recording::Recording;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", address, folder, count] => {
            record::record(address, folder.as_ref(), count.parse().unwrap());
        }
        [folder] => {
            let recording = Recording::read(folder.as_ref());
            println!("{} scrapes, {} series", recording.len(), recording.names.len());
            sizes::measure(&recording);
            questions::measure(&recording);
        }
        _ => {
            eprintln!("give the folder of scrapes, or: record ADDRESS FOLDER COUNT");
            std::process::exit(2);
        }
    }
}

/// The run that took the least time of the processor, and how much: others may
/// be at work on this machine.
fn fastest<T>(runs: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let start = processor_time();
        let result = run();
        (processor_time() - start, result)
    };
    let mut best = timed();
    for _ in 1..runs {
        let next = timed();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
