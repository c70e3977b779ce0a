//! What history costs at the level of blocks: bytes a sample, time to seal, to
//! merge and to read, and the CPU of the question shapes, on a folder of scrapes,
//! one file a scrape, named by its time in milliseconds; and the same with
//! `history.db` around the blocks; and our hub beside its peers on the same data.
//!
//! ```sh
//! cargo run --release --package bench-history -- record 127.0.0.1:9100 FOLDER 3600
//! cargo run --release --package bench-history -- FOLDER
//! cargo run --release --package bench-history -- peers FOLDER
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

mod archive;
mod peers;
mod questions;
mod record;
mod recording;
mod sizes;

use std::time::Duration;

use questions::SERVERS;
use recording::Recording;

/// What is measured, in this order.
const PARTS: [&str; 3] = ["sizes", "questions", "archive"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", address, folder, count] => {
            record::record(address, folder.as_ref(), count.parse().unwrap());
        }
        ["peers", folder] => beside_peers(folder, SERVERS, 3600),
        ["peers", folder, servers, seconds] => {
            beside_peers(folder, servers.parse().unwrap(), seconds.parse().unwrap());
        }
        [folder, which @ ..] if which.iter().all(|one| PARTS.contains(one)) => {
            let recording = Recording::read(folder.as_ref());
            println!("{} scrapes, {} series", recording.len(), recording.names.len());
            let parts: [fn(&Recording); 3] = [sizes::measure, questions::measure, archive::measure];
            for (part, measure) in PARTS.iter().zip(parts) {
                if which.is_empty() || which.contains(part) {
                    measure(&recording);
                }
            }
        }
        _ => {
            eprintln!(
                "give the folder of scrapes, and which of {PARTS:?} or all; \
                 or: record ADDRESS FOLDER COUNT; or: peers FOLDER [SERVERS SECONDS]"
            );
            std::process::exit(2);
        }
    }
}

fn beside_peers(folder: &str, servers: usize, seconds: usize) {
    let recording = Recording::read(folder.as_ref());
    if !peers::measure(&recording, servers, seconds) {
        eprintln!("answers differ: these figures compare nothing");
        std::process::exit(1);
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
