//! The numbers of a process as columns.

use watchfire_model::{ABSENT, ProcessRow, is_absent};

use crate::block::KeyId;

/// Columns of the tables themselves: the processes that there were in all, and the monotonic
/// clock in whole seconds and nanoseconds.
pub(super) const TOTAL: KeyId = 0;
pub(super) const SECONDS: KeyId = 1;
pub(super) const NANOS: KeyId = 2;
/// The first column of a process.
const FIRST: KeyId = 8;
/// Columns of a process, the state first: it is there when the process is.
pub(super) const FIELDS: usize = 16;
/// A number above this does not fit an f64: it is told in two.
const LARGEST: u64 = 1 << 53;
const LOW_BITS: u64 = (1 << 32) - 1;

/// The key of a field of a stint. All stints' states come first, and so on, so that like is
/// beside like.
pub(super) fn key(field: usize, stint: usize, stints: usize) -> KeyId {
    FIRST + KeyId::try_from(field * stints + stint).unwrap_or(KeyId::MAX - FIRST)
}

/// The values of a process, [`ABSENT`] where one is not known.
pub(super) fn of(row: &ProcessRow) -> [f64; FIELDS] {
    let option = |value: Option<f64>| value.unwrap_or(ABSENT);
    let (rss, rss_low) = halves(Some(row.rss_bytes));
    let (size, size_low) = halves(Some(row.virtual_bytes));
    let (read, read_low) = halves(row.read_bytes);
    let (written, written_low) = halves(row.written_bytes);
    [
        f64::from(u32::from(row.state)),
        f64::from(row.ppid),
        option(row.cpu_percent),
        rss,
        f64::from(row.threads),
        // The mark of an absence is no time of a processor.
        if is_absent(row.cpu_seconds) { f64::NAN } else { row.cpu_seconds },
        option(row.ended_children_percent),
        size,
        read,
        written,
        option(row.read_bytes_per_s),
        option(row.written_bytes_per_s),
        rss_low,
        size_low,
        read_low,
        written_low,
    ]
}

/// Puts the values into a row. False when they are none that [`of`] makes.
pub(super) fn put(values: &[f64; FIELDS], row: &mut ProcessRow) -> bool {
    let option = |value: f64| (!is_absent(value)).then_some(value);
    let small = |value: f64| (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value as u32);
    let (Some(state), Some(ppid), Some(threads)) =
        (small(values[0]).and_then(char::from_u32), small(values[1]), small(values[4]))
    else {
        return false;
    };
    let (Some(rss), Some(size)) = (whole(values[3], values[12]), whole(values[7], values[13]))
    else {
        return false;
    };
    (row.state, row.ppid, row.threads) = (state, ppid, threads);
    row.cpu_percent = option(values[2]);
    (row.rss_bytes, row.virtual_bytes) = (rss, size);
    row.cpu_seconds = values[5];
    row.ended_children_percent = option(values[6]);
    row.read_bytes = whole(values[8], values[14]);
    row.written_bytes = whole(values[9], values[15]);
    row.read_bytes_per_s = option(values[10]);
    row.written_bytes_per_s = option(values[11]);
    true
}

/// A number as one that an f64 holds, and what that leaves out.
fn halves(number: Option<u64>) -> (f64, f64) {
    match number {
        None => (ABSENT, ABSENT),
        Some(number) if number <= LARGEST => (number as f64, ABSENT),
        Some(number) => ((number & !LOW_BITS) as f64, (number & LOW_BITS) as f64),
    }
}

fn whole(high: f64, low: f64) -> Option<u64> {
    if is_absent(high) {
        return None;
    }
    let low = if is_absent(low) { 0 } else { low as u64 };
    (high as u64).checked_add(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_comes_back(
            numbers: [u64; 4], known: [bool; 6], small: [u32; 2], bits: [u64; 5], state: char,
        ) {
            let value = |at: usize| Some(f64::from_bits(bits[at])).filter(|v| !v.is_nan());
            let row = ProcessRow {
                ppid: small[0],
                threads: small[1],
                state,
                cpu_percent: value(0).filter(|_| known[0]),
                rss_bytes: numbers[0],
                cpu_seconds: value(1).unwrap_or_default(),
                ended_children_percent: value(2).filter(|_| known[1]),
                virtual_bytes: numbers[1],
                read_bytes: Some(numbers[2]).filter(|_| known[2]),
                written_bytes: Some(numbers[3]).filter(|_| known[3]),
                read_bytes_per_s: value(3).filter(|_| known[4]),
                written_bytes_per_s: value(4).filter(|_| known[5]),
                ..ProcessRow::default()
            };
            let mut back = ProcessRow::default();
            prop_assert!(put(&of(&row), &mut back));
            prop_assert_eq!(back, row);
        }
    }
}
