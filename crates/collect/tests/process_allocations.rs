//! A process that sleeps costs no memory request, however many tables it is in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![allow(unsafe_code, reason = "an allocator that counts has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use watchfire_collect::{ProcessSampler, Root};
use watchfire_model::{Moment, ProcessTable};

/// The system's allocator, with a count of the requests.
struct Counting;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came, which
// keeps the promises of the trait; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller keeps the trait's conditions, and they are handed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
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
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many of the children have their turn in a table.
const TURNS: usize = 25;

/// Processes that sleep, and that end with the test even when that fails.
struct Children(Vec<Child>);

impl Children {
    fn start(count: u32) -> Self {
        let start = |_| {
            let mut command = Command::new("sleep");
            command.arg("1000").stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("sleep is there")
        };
        Self((0..count).map(start).collect())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only when it ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn tables_of_sleeping_processes_request_nothing() {
    let children = Children::start(300);
    let mut sampler = ProcessSampler::new(Root::live());
    let mut table = ProcessTable::default();
    let mut requests = |seconds: u32| {
        let monotonic = Duration::from_secs(u64::from(seconds) * 5);
        let before = REQUESTS.load(Ordering::Relaxed);
        sampler.sample_into(Moment { monotonic, unix_ms: 0 }, &mut table).unwrap();
        REQUESTS.load(Ordering::Relaxed) - before
    };
    // In the first of them the children begin to sleep, and each has its turn.
    let _warm: usize = (0..24).map(&mut requests).sum();
    let mut steady: Vec<usize> = (24..60).map(requests).collect();
    steady.sort_unstable();
    drop(children);
    // Other programs of this machine start and run meanwhile, which only adds to it: the
    // quietest table counts. If a sleeping process cost anything, none could be below.
    assert!(steady[0] < TURNS, "requests: {steady:?}");
    assert!(table.total > 300);
}
