//! Once its series are known, an exposition requests no memory but its output.

#![allow(unsafe_code, reason = "an allocator that counts has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use watchfire_api::exposition::{Compressor, Encoding, Format, Readings, Renderer};
use watchfire_model::{Metric, MetricKind, Schema, SeriesKey, Tick};

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

const SERIES: u16 = 1300;

fn machine() -> (Schema, Vec<Metric>, Tick) {
    let mut schema = Schema::new(1);
    let mut metrics = Vec::new();
    for number in 0..SERIES {
        let name = format!("metric_{}_bytes_total", number % 100);
        let label = (number / 100).to_string();
        schema.push(SeriesKey::new(&name, [("device", label.as_str())]).expect("a key"));
        if number < 100 {
            let help = "A metric among many.".into();
            metrics.push(Metric { name: name.into(), help, kind: MetricKind::Counter });
        }
    }
    (schema, metrics, Tick { generation: 1, ..Tick::default() })
}

#[test]
fn an_exposition_requests_nothing_once_the_series_are_known() {
    let (schema, metrics, mut tick) = machine();
    let (mut renderer, mut compressor) = (Renderer::default(), Compressor::default());
    let (mut text, mut packed) = (Vec::new(), Vec::new());
    let mut requests = |second: u16| {
        tick.values.clear();
        tick.values.extend((0..SERIES).map(|series| f64::from(series) * 1e3 / f64::from(second)));
        let before = REQUESTS.load(Ordering::Relaxed);
        for format in Format::ALL {
            text.clear();
            let readings = Readings { schema: &schema, metrics: &metrics, tick: &tick };
            let rendered = renderer.render(&readings, format, &mut text);
            assert_eq!(rendered.series, usize::from(SERIES));
            for encoding in Encoding::ALL {
                compressor.compress(encoding, &text, &mut packed).expect("there is memory");
            }
        }
        REQUESTS.load(Ordering::Relaxed) - before
    };
    // The buffers grow to their size.
    let warm: usize = (1..4).map(&mut requests).sum();
    // The test's own harness may ask for something meanwhile, but not each time.
    let least = (4..40).map(requests).min();
    assert!(warm > 0, "the counting works");
    assert_eq!(least, Some(0));
}
