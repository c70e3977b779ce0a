//! A frame never makes the reader ask for much more memory than the frame has,
//! whatever counts and lengths it claims.

#![allow(unsafe_code, reason = "an allocator that counts has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use watchfire_wire::{Message, Record, Records, StreamDecoder, decode, encode};

/// The system's allocator, with the sum of what was asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came, which
// keeps the promises of the trait; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller keeps the trait's conditions, and they are handed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
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
        ASKED.fetch_add(size, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that were asked for to read a frame.
fn asked(frame: &[u8]) -> usize {
    let before = ASKED.load(Ordering::Relaxed);
    let _ = decode(frame);
    let _ = StreamDecoder::new().decode(frame);
    ASKED.load(Ordering::Relaxed) - before
}

/// A number as a varint of five bytes.
fn five(number: u32) -> [u8; 5] {
    let part = |shift: u32| (number >> shift).to_le_bytes()[0] & 0x7f | 0x80;
    [part(0), part(7), part(14), part(21), (number >> 28).to_le_bytes()[0]]
}

// One test, as the counter is shared.
#[test]
fn hostile_counts_and_lengths_ask_for_little() {
    let records = |packed: &[u8]| {
        let packed_length = u8::try_from(packed.len()).expect("a short one");
        [&[6 << 3 | 2, packed_length + 2, 2 << 3 | 2, packed_length][..], packed].concat()
    };
    for claim in [1, 127, 255, 256, 257, 1 << 20, u32::MAX] {
        // So many records; one of that length; a message, a field of that length.
        let count = records(&[&five(claim.wrapping_mul(2))[..], &[0, 1, 0]].concat());
        let length = records(&[&[4, 0, 1, 0][..], &five(claim), &[1, 0, 9]].concat());
        let message = [&[6 << 3 | 2][..], &five(claim), &[2 << 3 | 2, 0]].concat();
        let field = [&[6 << 3 | 2, 6, 2 << 3 | 2][..], &five(claim)].concat();
        for frame in [count, length, message, field] {
            assert!(asked(&frame) < 4096, "{} bytes for {frame:?}", asked(&frame));
        }
    }
    // The most records of the smallest kind, which is where a byte costs most.
    let list = (1..=256).map(|sequence| Record { sequence, ..Record::default() }).collect();
    let frame = encode(&Message::Records(Records { records: list, ..Records::default() }));
    let frame = frame.expect("it fits");
    assert!(asked(&frame) < 64 << 10, "{} bytes", asked(&frame));
    // An honest large frame is copied twice for each of the two readers, and that is all.
    let list = vec![Record { sequence: 1, bytes: vec![1; 1_000_000], ..Record::default() }];
    let frame = encode(&Message::Records(Records { records: list, ..Records::default() }));
    let most = asked(&frame.expect("it fits"));
    assert!((2_000_000..4_100_000).contains(&most), "{most} bytes");
}
