//! Chunks for the tests: their bytes are the sequences of their records.

use watchfire_store::Chunk;

/// A chunk of these records, which follow `previous`.
pub(crate) fn chunk(server: &str, ring: u8, previous: u64, sequences: &[u64]) -> Chunk {
    let (first, last) = (sequences[0], sequences[sequences.len() - 1]);
    Chunk {
        server: server.to_owned(),
        ring: [ring; 16],
        previous,
        first,
        last,
        from_ms: time_of(first),
        to_ms: time_of(last),
        starts_chain: true,
        bytes: sequences.iter().flat_map(|one| one.to_le_bytes()).collect(),
    }
}

/// When the record of that sequence was taken.
pub(crate) fn time_of(sequence: u64) -> i64 {
    1_000 * sequence as i64
}
