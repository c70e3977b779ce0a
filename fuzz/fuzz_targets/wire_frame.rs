//! Any bytes as a frame of the wire; what is taken can be written and taken again.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(message)) = watchfire_wire::decode(bytes) {
        let again = watchfire_wire::encode(&message).expect("what was taken can be written");
        assert!(matches!(watchfire_wire::decode(&again), Ok(Some(_))), "{message:?}");
    }
});
