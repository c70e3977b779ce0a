//! Any bytes are read without a panic, without an endless loop, and without much memory.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = watchfire_codec::peek(bytes);
    watchfire_fuzz::read(bytes, |_, _| {}, |_| {});
});
