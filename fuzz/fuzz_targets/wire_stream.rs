//! Frames of one stream, each led by its length in two bytes: what is taken can
//! be written to another stream and comes out of that the same.

#![no_main]

use watchfire_wire::{StreamDecoder, StreamEncoder};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut reader = StreamDecoder::new();
    let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (frame, after) = after.split_at(length);
        rest = after;
        let Ok(Some(message)) = reader.decode(frame) else { continue };
        let again = encoder.encode(&message).expect("what was taken can be written");
        // A double that is no number is refused on its way in, so all can be compared.
        assert_eq!(decoder.decode(&again), Ok(Some(message)));
    }
});
