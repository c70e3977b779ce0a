//! What the hub's disk holds of an agent's records, and what it does not.

use watchfire_agent::recorder::{RecordReader, Sequence};
use watchfire_store::History;

use super::machine::Machine;

/// Records that are younger may be on their way, in milliseconds.
const ON_THEIR_WAY_MS: i64 = 6000;

/// The records of a server that are stored, as ranges from the first to the last, in
/// the order of reading and without what a reader passes over.
pub(crate) fn stored(history: &History, machine: &Machine) -> Vec<(u64, u64)> {
    let stretch = history.chunks(&machine.id, i64::MIN, i64::MAX).expect("it is readable");
    let ranges = stretch.chunks.iter().map(|one| {
        let first = one.chunk.first.max(one.skip_to + 1);
        (first, one.chunk.last)
    });
    ranges.filter(|(first, last)| first <= last).collect()
}

/// The records that the agent's disk holds and that the hub does not know of, those
/// of the last seconds aside.
pub(crate) fn missing(history: &History, machine: &Machine) -> Vec<u64> {
    let reader = RecordReader::open(&machine.data().join("record")).expect("it is there");
    let segments = reader.segments().expect("the folder is readable");
    let ring = segments.last().expect("something was recorded").ring_id;
    let first = Sequence::from_u64(0);
    let records: Vec<(u64, i64)> = reader
        .records_from(first)
        .expect("the folder is readable")
        .map(|record| (record.sequence.as_u64(), record.at.unix_ms))
        .collect();
    let newest = records.last().map_or(0, |(_, at)| *at);
    let known = history.coverage(&machine.id, ring).expect("it is readable");
    let is_known =
        |sequence: u64| known.iter().any(|&(after, to)| sequence > after && sequence <= to);
    let old = records.into_iter().filter(|(_, at)| newest - at > ON_THEIR_WAY_MS);
    old.map(|(sequence, _)| sequence).filter(|sequence| !is_known(*sequence)).collect()
}
