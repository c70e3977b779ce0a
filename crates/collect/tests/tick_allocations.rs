//! Readings ask for no memory once everything was met.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![allow(unsafe_code, reason = "an allocator that counts has no safe form")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::time::Duration;

use common::{Frames, moment};
use watchfire_collect::{Root, TickSampler};

/// The system's allocator, with a count of the requests of each thread.
struct Counting;

thread_local! {
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    REQUESTS.with(|requests| requests.set(requests.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it came, which
// keeps the promises of the trait; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller keeps the trait's conditions, and they are handed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the caller keeps the trait's conditions, and they are handed on.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    // SAFETY: the caller keeps the trait's conditions, and they are handed on.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Readings within the first second, after which the first slow collector is
/// due again: so only fast ones are due, and those that look something up again do so twice.
const READINGS: u64 = 140;
const APART_MS: u64 = 7;

fn sampler(root: Root, without: &[String]) -> TickSampler {
    TickSampler::new(root, without, Box::new(|| Duration::ZERO))
}

/// The requests of one reading.
fn requests(sampler: &mut TickSampler, at_ms: u64) -> usize {
    let before = REQUESTS.with(Cell::get);
    sampler.sample(moment(at_ms));
    REQUESTS.with(Cell::get) - before
}

/// The requests of all readings but the first, by collector where there are any.
fn fast(root: &Root) -> Vec<(&'static str, usize)> {
    let names = TickSampler::collector_names();
    let mut found = Vec::new();
    for name in &names {
        let others = names.iter().filter(|other| *other != name);
        let without: Vec<String> = others.map(|other| (*other).to_owned()).collect();
        let mut sampler = sampler(root.clone(), &without);
        sampler.sample(moment(0));
        let asked = (1..READINGS).map(|at| requests(&mut sampler, at * APART_MS)).sum();
        if asked > 0 {
            found.push((*name, asked));
        }
    }
    found
}

#[test]
fn fast_collectors_of_the_live_machine_request_nothing() {
    assert_eq!(fast(&Root::live()), []);
}

#[test]
fn fast_collectors_of_a_recorded_machine_request_nothing() {
    assert_eq!(fast(&Frames::new("recorded/two-core-vm").root()), []);
}

/// All together, with what the runner tells of each.
#[test]
fn a_tick_requests_nothing() {
    let mut sampler = sampler(Root::live(), &[]);
    sampler.sample(moment(0));
    let asked: Vec<usize> = (1..READINGS).map(|at| requests(&mut sampler, at * APART_MS)).collect();
    assert_eq!(asked.iter().sum::<usize>(), 0, "{asked:?}");
}

#[test]
fn sockets_cost_no_memory_each() {
    let few = second_reading(20);
    assert_eq!(second_reading(200_000), few);
    assert!(few < 40, "{few} requests");
}

/// The requests of the second reading of slow collectors with so many sockets.
fn second_reading(sockets: usize) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut table = String::new();
    for number in 0..sockets {
        writeln!(
            table,
            "{number:4}: 0100007F:07E8 0100007F:{:04X} 06 00000000:00000000 03:000016BE \
            00000000     0        0 0 3 00000000da3d625a",
            number % 65_536
        )
        .unwrap();
    }
    std::fs::create_dir_all(dir.path().join("proc/net")).unwrap();
    for name in ["tcp", "udp"] {
        std::fs::write(dir.path().join("proc/net").join(name), &table).unwrap();
    }
    let kept = ["tcpstat", "udp_queues"];
    let others = TickSampler::collector_names().into_iter().filter(|name| !kept.contains(name));
    let without: Vec<String> = others.map(str::to_owned).collect();
    let mut sampler = sampler(Root::recorded(dir.path()), &without);
    requests(&mut sampler, 0);
    let asked = requests(&mut sampler, 60_000);
    let (schema, tick) = (sampler.schema(), sampler.tick());
    let waiting = schema.keys().iter().position(|key| key.label("state") == Some("time_wait"));
    assert_eq!(tick.value(waiting.unwrap()), Some(u32::try_from(sockets).unwrap().into()));
    asked
}
