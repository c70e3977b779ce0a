//! What ten thousand servers cost. It measures, so it is not run by itself:
//!
//! ```text
//! cargo test --release -p watchfire-store --test history_fleet -- --ignored --nocapture
//! ```
//!
//! `WATCHFIRE_ROUNDS` sets how many chunks each server adds (12: two minutes).

use std::fs;
use std::time::Instant;

use watchfire_store::{Chunk, History};

const SERVERS: usize = 10_000;
const CHUNK_BYTES: usize = 2_500;

fn chunk(server: usize, round: u64) -> Chunk {
    let mut state = (server as u64) << 20 | round;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    Chunk {
        server: format!("{server:040x}"),
        ring: (server as u128 * 0x9E37_79B9_7F4A_7C15).to_le_bytes(),
        previous: round * 10,
        first: round * 10 + 1,
        last: round * 10 + 10,
        from_ms: 1_000_000 + round as i64 * 10_000,
        to_ms: 1_009_000 + round as i64 * 10_000,
        starts_chain: round.is_multiple_of(6),
        bytes: (0..CHUNK_BYTES).map(|_| byte()).collect(),
    }
}

fn on_disk(folder: &std::path::Path) -> u64 {
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    size("history.db") + size("history.db-wal")
}

fn fill(history: &History, rounds: u64, group: usize) -> (f64, f64) {
    let (mut rows, mut longest, mut seconds) = (0, 0.0_f64, 0.0);
    for round in 0..rounds {
        let servers: Vec<usize> = (0..SERVERS).map(|n| (n * 7_919) % SERVERS).collect();
        for servers in servers.chunks(group) {
            let chunks: Vec<Chunk> = servers.iter().map(|server| chunk(*server, round)).collect();
            let begun = Instant::now();
            history.append(&chunks).expect("it can be written");
            let took = begun.elapsed().as_secs_f64();
            (rows, seconds, longest) = (rows + chunks.len(), seconds + took, longest.max(took));
        }
    }
    (rows as f64 / seconds, longest)
}

#[test]
#[ignore = "a measurement: it prints figures"]
fn ten_thousand_servers() {
    let rounds = std::env::var("WATCHFIRE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for (cap, group) in [(4_u64 << 30, 200), (4 << 30, 1_000), (4 << 30, 4_000), (128 << 20, 1_000)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), cap).expect("it opens");
        let (rate, longest) = fill(&history, rounds, group);
        let disk = on_disk(folder.path());
        let told = rounds * (SERVERS * CHUNK_BYTES) as u64;
        println!(
            "cap {:>4} MiB, groups of {group:>4}: {rate:>7.0} chunks/s, longest append \
             {:>5.0} ms, {:.1} MiB on disk ({:.2} of the chunks' bytes)",
            cap >> 20,
            longest * 1e3,
            disk as f64 / 1048576.0,
            disk as f64 / told as f64,
        );
        let begun = Instant::now();
        for server in 0..SERVERS {
            let one = chunk(server, 0);
            history.coverage(&one.server, one.ring).expect("it can be read");
        }
        let each = begun.elapsed().as_secs_f64() * 1e6 / SERVERS as f64;
        let begun = Instant::now();
        for server in (0..SERVERS).step_by(100) {
            let key = chunk(server, 0).server;
            history.chunks(&key, i64::MIN, i64::MAX).expect("it can be read");
        }
        let read = begun.elapsed().as_secs_f64() * 1e6 / 100.0;
        println!("    coverage {each:.1} us a ring, all chunks of a server {read:.0} us");
    }
}
