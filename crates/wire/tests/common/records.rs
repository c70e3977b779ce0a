//! Records for the tests: any that are within the limits.

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_wire::limits::{MAX_UNIX_MS, MIN_UNIX_MS};
use watchfire_wire::{Record, RecordKind, Records};

/// Skipped sequences, nanoseconds and milliseconds later, the kind, the content.
pub(crate) type Step = (u64, u64, i64, u8, Vec<u8>);

/// How far a record is from the one before it: what is usual, and anything.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![4 => Just(0), 1 => 0..1_u64 << 40];
    let monotonic =
        prop_oneof![3 => (990..1010_u64).prop_map(|ms| ms * 1_000_000), 1 => any::<u64>()];
    let unix = prop_oneof![3 => 990..1010_i64, 1 => -5_000_000_000..5_000_000_000_i64];
    let kind = prop_oneof![3 => 1..=3_u8, 1 => any::<u8>()];
    (sequence, monotonic, unix, kind, vec(any::<u8>(), 0..40))
}

/// The records at these steps.
pub(crate) fn walk(previous: u64, unix_ms: i64, steps: Vec<Step>) -> Vec<Record> {
    let (mut sequence, mut monotonic_ns, mut unix_ms) = (previous, 0_u64, unix_ms);
    let mut records = Vec::new();
    for (skipped, later_ns, later_ms, kind, bytes) in steps {
        sequence += skipped + 1;
        monotonic_ns = monotonic_ns.wrapping_add(later_ns);
        unix_ms = (unix_ms + later_ms).clamp(MIN_UNIX_MS, MAX_UNIX_MS);
        let kind = RecordKind::from_number(kind);
        records.push(Record { sequence, kind, monotonic_ns, unix_ms, bytes });
    }
    records
}

/// Any records that are within the limits.
pub(crate) fn records() -> impl Strategy<Value = Records> {
    let request = prop_oneof![Just(0), any::<u64>()];
    let previous = prop_oneof![Just(0), 0..1_u64 << 62];
    (request, previous, MIN_UNIX_MS..=MAX_UNIX_MS, vec(step(), 0..40)).prop_map(
        |(request, previous, unix_ms, steps)| Records {
            request,
            previous,
            records: walk(previous, unix_ms, steps),
        },
    )
}
