//! How many bytes a tick takes, and how long, and what the reader of each of
//! many servers costs a hub: on a folder of scrapes, one file a scrape, named by
//! its time in milliseconds.
//!
//! ```sh
//! cargo run --release --package bench-codec -- FOLDER
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

mod fleet;
mod memory;
mod recording;

use std::time::{Duration, Instant};

use recording::Recording;
use watchfire_codec::{Decoder, Frame, TickEncoder};
use watchfire_model::{Schema, Tick};
use watchfire_testkit::scrapes;

/// Each direction is run so often, and the fastest run counts.
const RUNS: usize = 15;

fn main() {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("give the folder of scrapes");
        std::process::exit(2);
    };
    let recording = Recording::read(folder.as_ref());
    println!("{} scrapes", recording.ticks.len());
    measure("all series", &recording);
    measure("node_exporter's default collectors", &recording.select(scrapes::on_by_default));
    let own = |key: &str| {
        scrapes::on_by_default(key)
            && !["go_", "process_", "promhttp_", "node_scrape_"].iter().any(|p| key.starts_with(p))
    };
    measure("the same without the exporter's own", &recording.select(own));
}

fn measure(what: &str, recording: &Recording) {
    let (schemas, ticks) = recording.steps();
    let (bytes, written, keys) = encode(&schemas, &ticks);
    let writing = fastest(|| drop(encode(&schemas, &ticks)));
    let mut values = 0;
    let mut decoded = ticks.iter();
    each_tick(&bytes, |tick| {
        values += tick.values.len();
        assert_eq!(Some(tick), decoded.next(), "a tick came back as another one");
    });
    assert_eq!(decoded.next(), None, "a tick did not come back");
    let reading = fastest(|| each_tick(&bytes, |_| {}));
    let checking = fastest(|| {
        watchfire_codec::check(&bytes).unwrap();
    });
    let per = |time: Duration, count: usize| time.as_nanos() as f64 / count as f64;
    println!("\n{what}: {} series", schemas.last().map_or(0, Schema::len));
    println!("  bytes a tick, all told  {:8.1}", written as f64 / ticks.len() as f64);
    println!("  bytes a value           {:8.4}", written as f64 / values as f64);
    println!("  bytes of a key tick     {keys:8.1}");
    println!("  schema, once            {:8}", bytes.len() - written);
    println!(
        "  writing                 {:8.1} us a tick, {:.1} ns a value",
        per(writing, ticks.len()) / 1000.0,
        per(writing, values)
    );
    println!(
        "  reading                 {:8.1} us a tick, {:.1} ns a value",
        per(reading, ticks.len()) / 1000.0,
        per(reading, values)
    );
    println!("  checking only           {:8.2} us a tick", per(checking, ticks.len()) / 1000.0);
    fleet::measure(schemas.last().unwrap(), &ticks);
}

/// The stream, the bytes of its ticks, and the mean bytes of its key ticks.
fn encode(schemas: &[Schema], ticks: &[Tick]) -> (Vec<u8>, usize, f64) {
    let mut encoder = TickEncoder::new();
    let mut out = Vec::with_capacity(8 << 20);
    let (mut written, mut keys, mut key_bytes) = (0, 0, 0);
    for (schema, tick) in schemas.iter().zip(ticks) {
        let before = out.len();
        let encoded = encoder.encode(schema, tick, &mut out);
        let mut rest = &out[before..];
        let mut last = 0;
        while let Some(head) = watchfire_codec::peek(rest).unwrap() {
            last = head.bytes;
            rest = &rest[head.bytes..];
        }
        written += last;
        if encoded.key {
            keys += 1;
            key_bytes += last;
        }
    }
    (out, written, f64::from(key_bytes as u32) / f64::from(keys))
}

fn each_tick(mut bytes: &[u8], mut tick: impl FnMut(&Tick)) {
    let mut decoder = Decoder::new();
    while let Some(frame) = decoder.next(&mut bytes).unwrap() {
        if let Frame::Tick(read) = frame {
            tick(read);
        }
    }
}

fn fastest(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..RUNS).map(timed).min().unwrap()
}
