//! Bits that flip, frames that are dropped, doubled or swapped, and cuts: an
//! error or an end, and never a value that was not there at that time.

#![no_main]

use arbitrary::Arbitrary;
use watchfire_codec::peek;
use watchfire_fuzz::{Step, read, same_table, stream};

#[derive(Debug, Arbitrary)]
enum Damage {
    Flip { at: u32, bit: u8 },
    Cut { at: u32 },
    CutFront { at: u32 },
    Drop { frame: u16 },
    Double { frame: u16, to: u16 },
    Swap { one: u16, other: u16 },
}

libfuzzer_sys::fuzz_target!(|input: (Vec<Step>, Damage)| {
    let (steps, damage) = input;
    let truth = stream(&steps);
    if truth.bytes.is_empty() {
        return;
    }
    let bytes = damaged(&truth.bytes, &damage);
    read(
        &bytes,
        |schema, tick| {
            let found = truth.ticks.iter().find(|(_, truth)| truth.at.unix_ms == tick.at.unix_ms);
            let (keys, truth) = found.expect("a tick at a time at which there was none");
            assert_eq!(truth, tick);
            let count = tick.values.len();
            assert_eq!(keys.keys()[..count], schema.keys()[..count]);
        },
        |table| {
            let found = truth.tables.iter().find(|truth| truth.at == table.at);
            assert!(same_table(found.expect("a table at a time with none"), table));
        },
    );
});

fn damaged(bytes: &[u8], damage: &Damage) -> Vec<u8> {
    let mut frames: Vec<&[u8]> = Vec::new();
    let mut rest = bytes;
    while let Ok(Some(head)) = peek(rest) {
        let (frame, others) = rest.split_at(head.bytes);
        frames.push(frame);
        rest = others;
    }
    let place = |number: u16| usize::from(number) % frames.len();
    let at = |at: u32| at as usize % bytes.len();
    match *damage {
        Damage::Flip { at: place, bit } => {
            let mut bytes = bytes.to_vec();
            bytes[at(place)] ^= 1 << (bit % 8);
            return bytes;
        }
        Damage::Cut { at: place } => return bytes[..at(place)].to_vec(),
        Damage::CutFront { at: place } => return bytes[at(place)..].to_vec(),
        Damage::Drop { frame } => drop(frames.remove(place(frame))),
        Damage::Double { frame, to } => {
            let frame = frames[place(frame)];
            let to = place(to);
            frames.insert(to, frame);
        }
        Damage::Swap { one, other } => {
            let (one, other) = (place(one), place(other));
            frames.swap(one, other);
        }
    }
    frames.concat()
}
