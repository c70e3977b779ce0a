//! Any bytes as a datagram beside a stream.

#![no_main]

use watchfire_wire::pulse::{Pulse, join, split};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok((body, tag)) = split(bytes) {
        assert_eq!(&join(body, tag)[..], bytes);
        if let Ok(pulse) = Pulse::decode(body) {
            assert_eq!(Pulse::decode(&pulse.encode()), Ok(pulse));
            assert_eq!(Pulse::decode(&pulse.echo().encode()), Ok(pulse.echo()));
        }
    }
    let _ = Pulse::decode(bytes);
});
