//! Any payloads in frames whose checksums are right: what is behind the checksum holds too.
//! The sums are made here from what `crates/codec/FORMAT.md` says, not by the crate.

#![no_main]

use arbitrary::Arbitrary;
use watchfire_codec::{Decoder, Frame};

#[derive(Debug, Arbitrary)]
struct Piece {
    kind: u8,
    starts_chain: bool,
    payload: Vec<u8>,
}

const START: u32 = 0x5746_6301;

libfuzzer_sys::fuzz_target!(|pieces: Vec<Piece>| {
    let mut decoder = Decoder::new();
    // What the next difference of ticks and of tables is seeded with.
    let (mut tick, mut table) = (None, None);
    for piece in pieces {
        let kind = piece.kind % 3 + 1;
        let before = match kind {
            // The sum of a schema depends on its keys; these tests only begin schemas.
            1 => None,
            2 => tick,
            _ => table,
        };
        let starts_chain = piece.starts_chain || before.is_none();
        let seed = if starts_chain { START } else { before.unwrap_or(START) };
        let mut head = vec![kind | 0x10 | if starts_chain { 0x80 } else { 0 }];
        if starts_chain {
            head.extend_from_slice(b"WFc");
        }
        let mut size = piece.payload.len();
        while size >= 0x80 {
            head.push(size as u8 | 0x80);
            size >>= 7;
        }
        head.push(size as u8);
        let sum = crc(seed, &[&head, &piece.payload]);
        let frame = [&head[..], &sum.to_le_bytes(), &piece.payload].concat();
        let mut input = frame.as_slice();
        let read = decoder.next(&mut input);
        let sound = matches!(read, Ok(Some(_)));
        if let Ok(Some(Frame::Tick(read))) = &read {
            assert!(read.values.len() <= watchfire_codec::limits::MAX_KEYS);
        }
        match kind {
            1 => tick = None,
            // A difference of ticks is seeded with the schema's sum too, which is not known here.
            2 => tick = None,
            _ => table = sound.then_some(sum),
        }
        if !sound {
            decoder.skip_to_chain_start(&mut input);
            (tick, table) = (None, None);
        }
    }
});

fn crc(seed: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
