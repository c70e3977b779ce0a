//! What the reader of each of many servers costs a hub.

use std::time::Instant;

use watchfire_codec::{Decoder, Frame, KeyPool, TickEncoder};
use watchfire_model::{Schema, SeriesKey, Status, StatusView, Tick};

use crate::memory;

const SERVERS: usize = 200;
/// Each server is read so far: two chains and a half.
const TICKS: usize = 150;

/// How keys are held.
#[derive(Clone, Copy)]
enum Keys {
    Own,
    Pooled,
    /// Pooled, and every server has three keys of its own.
    PooledAndSome,
}

/// Prints bytes a server and time a tick of decoders and status views.
pub(crate) fn measure(schema: &Schema, ticks: &[Tick]) {
    let ticks = &ticks[ticks.len().saturating_sub(TICKS)..];
    for (what, keys) in [
        ("keys of its own", Keys::Own),
        ("a pool", Keys::Pooled),
        ("a pool, 3 keys of its own", Keys::PooledAndSome),
    ] {
        decoders(what, keys, schema, ticks);
    }
    views(schema, ticks);
}

fn decoders(what: &str, keys: Keys, schema: &Schema, ticks: &[Tick]) {
    let different = if matches!(keys, Keys::PooledAndSome) { SERVERS } else { 1 };
    let streams: Vec<Vec<Vec<u8>>> =
        (0..different).map(|server| stream(keys, schema, ticks, server)).collect();
    let (before, pool) = (memory::bytes(), KeyPool::new());
    let mut decoders: Vec<Decoder> = Vec::with_capacity(SERVERS);
    decoders.resize_with(SERVERS, || match keys {
        Keys::Own => Decoder::new(),
        Keys::Pooled | Keys::PooledAndSome => Decoder::with_pool(pool.clone()),
    });
    let (mut requests, start) = (0, Instant::now());
    for number in 0..ticks.len() {
        if number == 1 {
            requests = memory::requests();
        }
        for (decoder, stream) in decoders.iter_mut().zip(streams.iter().cycle()) {
            let mut bytes = stream[number].as_slice();
            while let Some(frame) = decoder.next(&mut bytes).unwrap() {
                std::hint::black_box(matches!(frame, Frame::Tick(_)));
            }
        }
    }
    let time = start.elapsed().as_nanos() as f64 / (SERVERS * ticks.len()) as f64 / 1000.0;
    let bytes = (memory::bytes() - before) as f64 / SERVERS as f64;
    let requests = (memory::requests() - requests) as f64 / (SERVERS * (ticks.len() - 1)) as f64;
    println!(
        "  decoder, {what:<26} {bytes:9.0} bytes a server, {time:.1} us and {requests:.2} \
         allocations a tick, by turns"
    );
}

/// The frames of each tick.
fn stream(keys: Keys, schema: &Schema, ticks: &[Tick], server: usize) -> Vec<Vec<u8>> {
    let mut schema = schema.clone();
    let mut ticks = ticks.to_vec();
    if matches!(keys, Keys::PooledAndSome) {
        let number = server.to_string();
        for name in ["own_a", "own_b", "own_c"] {
            schema.push(SeriesKey::new(name, [("server", number.as_str())]).unwrap());
        }
        for tick in &mut ticks {
            tick.values.resize(schema.len(), 1.0);
        }
    }
    let mut encoder = TickEncoder::new();
    let encode = |tick| {
        let mut out = Vec::new();
        encoder.encode(&schema, tick, &mut out);
        out
    };
    ticks.iter().map(encode).collect()
}

fn views(schema: &Schema, ticks: &[Tick]) {
    let before = memory::bytes();
    let mut views: Vec<StatusView> = Vec::with_capacity(SERVERS);
    views.resize_with(SERVERS, StatusView::new);
    let status = views[0].read(schema, &ticks[0]);
    for tick in &ticks[..2] {
        views.iter_mut().for_each(|view| drop(view.read(schema, tick)));
    }
    let bytes = (memory::bytes() - before) as f64 / SERVERS as f64;
    print_views("a new status", bytes, &mut views, ticks, |view, tick| {
        drop(std::hint::black_box(view.read(schema, tick)));
    });
    let mut kept: Status = status;
    print_views("the same status", bytes, &mut views, ticks, |view, tick| {
        view.read_into(schema, tick, &mut kept);
    });
}

fn print_views(
    what: &str,
    bytes: f64,
    views: &mut [StatusView],
    ticks: &[Tick],
    mut read: impl FnMut(&mut StatusView, &Tick),
) {
    let (requests, start) = (memory::requests(), Instant::now());
    for tick in ticks {
        views.iter_mut().for_each(|view| read(view, tick));
    }
    let reads = (views.len() * ticks.len()) as f64;
    let time = start.elapsed().as_nanos() as f64 / reads / 1000.0;
    let requests = (memory::requests() - requests) as f64 / reads;
    println!(
        "  status view, {what:<22} {bytes:9.0} bytes a server, {time:.2} us and {requests:.2} \
         allocations a tick"
    );
}
