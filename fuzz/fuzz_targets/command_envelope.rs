//! Any bytes as a command that was signed: no panic, and what is taken is written the same.

#![no_main]

use watchfire_identity::command::Envelope;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        assert_eq!(envelope.to_bytes().as_deref(), Ok(bytes));
    }
});
