//! Any bytes as a body of remote write, packed and unpacked, in both protocols: no panic, no endless
//! loop, little memory; whatever is taken keeps the limits.

#![no_main]

use watchfire_api::remote_write::{Protocol, limits, read, unpack};
use watchfire_model::NAME_LABEL;

/// Nothing later is taken.
const LATEST_MS: i64 = 2_000_000_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(body) = unpack(bytes) {
        assert!(body.len() <= limits::MAX_UNPACKED);
        check(&body);
    }
});

fn check(body: &[u8]) {
    for protocol in [Protocol::V1, Protocol::V2] {
        let Ok(received) = read(protocol, body, LATEST_MS) else { continue };
        assert!(received.series.len() <= limits::MAX_SERIES);
        assert!(received.samples() <= limits::MAX_SAMPLES);
        assert!(received.facts.len() <= limits::MAX_FACTS);
        for series in &received.series {
            assert!(!series.samples.is_empty() && !series.labels.get(NAME_LABEL).is_empty());
            assert!(series.labels.iter().len() <= limits::MAX_LABELS);
            assert!(series.samples.iter().all(|(at_ms, _)| (0..=LATEST_MS).contains(at_ms)));
        }
    }
}
