//! Streams to test with, and what was put into them.

#![allow(dead_code, reason = "each test crate uses its own part")]

pub(crate) mod processes;
pub(crate) mod ticks;

use std::ops::Range;

use watchfire_codec::{Decoder, Frame, peek};
use watchfire_model::{ProcessTable, Schema, Tick};

/// What was read of a stream, in its order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) ticks: Vec<(Schema, Tick)>,
    pub(crate) tables: Vec<ProcessTable>,
    /// How many errors there were.
    pub(crate) errors: usize,
    /// Bytes of an unfinished frame at the end.
    pub(crate) unfinished: usize,
}

/// Reads all, and goes on after errors.
pub(crate) fn read(mut input: &[u8]) -> Seen {
    let mut decoder = Decoder::new();
    let mut seen = Seen::default();
    loop {
        match decoder.next(&mut input) {
            Ok(Some(Frame::Tick(tick))) => {
                let tick = tick.clone();
                seen.ticks.push((decoder.schema().clone(), tick));
            }
            Ok(Some(Frame::Processes(table))) => seen.tables.push(table.clone()),
            Ok(Some(Frame::Schema(_))) => {}
            Ok(None) => {
                seen.unfinished = input.len();
                return seen;
            }
            Err(_) => {
                assert!(!input.is_empty(), "the bad frame is still there");
                seen.errors += 1;
                if !decoder.skip_to_chain_start(&mut input) {
                    assert!(input.is_empty());
                    return seen;
                }
            }
        }
    }
}

/// Where each frame of a sound stream lies.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(head) = peek(&bytes[at..]).expect("the stream is sound") {
        frames.push(at..at + head.bytes);
        at += head.bytes;
    }
    frames
}

/// The frames at these numbers, one after the other.
pub(crate) fn join(bytes: &[u8], frames: &[Range<usize>], numbers: &[usize]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| bytes[frames[number].clone()].iter().copied()).collect()
}
