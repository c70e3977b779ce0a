//! What the hub's disk holds of an agent's records, and what it does not.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use watchfire_agent::recorder::{Kind, Record, RecordReader, Sequence};
use watchfire_store::History;

use super::machine::Machine;

/// Records that are younger may be on their way, in milliseconds.
const ON_THEIR_WAY_MS: i64 = 6000;

/// All that an agent ever recorded, also what its ring has since overwritten: what is
/// sealed is known by its moments alone.
#[derive(Default)]
pub(crate) struct Seen {
    records: Vec<(u64, Kind, i64)>,
}

impl Seen {
    /// Notes what was recorded since the last look.
    pub(crate) fn look(&mut self, machine: &Machine) {
        let next = self.records.last().map_or(0, |(sequence, ..)| sequence + 1);
        let reader = RecordReader::open(&machine.data().join("record")).expect("it is there");
        let new = reader.records_from(Sequence::from_u64(next)).expect("the folder is readable");
        let facts = |record: Record| (record.sequence.as_u64(), record.kind, record.at.unix_ms);
        self.records.extend(new.map(facts));
    }
}

/// The records of a server that are stored, as ranges from the first to the last, in
/// the order of reading and without what a reader passes over.
pub(crate) fn stored(history: &History, machine: &Machine, seen: &Seen) -> Vec<(u64, u64)> {
    let stretch = history.chunks(&machine.id, i64::MIN, i64::MAX).expect("it is readable");
    let ranges = stretch.chunks.iter().map(|one| {
        let first = one.chunk.first.max(one.skip_to + 1);
        (first, one.chunk.last)
    });
    let in_chunks: Vec<(u64, u64)> = ranges.filter(|(first, last)| first <= last).collect();
    let is_in_chunk =
        |sequence: u64| in_chunks.iter().any(|&(a, b)| a <= sequence && sequence <= b);
    let sealed = sealed(history, machine, seen);
    let sealed = sealed.into_iter().filter(|sequence| !is_in_chunk(*sequence));
    sealed.map(|sequence| (sequence, sequence)).chain(in_chunks.iter().copied()).collect()
}

/// The records whose content is sealed: there they have no sequences, so they are known by their
/// moments.
fn sealed(history: &History, machine: &Machine, seen: &Seen) -> Vec<u64> {
    let ticks = sealed_ticks(history, machine);
    let told = history.events(&machine.id, i64::MIN, i64::MAX, usize::MAX);
    let events = told.expect("it is readable").events;
    let events: BTreeSet<i64> = events.iter().map(|event| event.at_ms).collect();
    let has_table = |at: i64| {
        let table = history.table_at(&machine.id, at).expect("it is readable");
        table.is_some_and(|table| table.at.unix_ms == at)
    };
    let is_sealed = |kind: Kind, at: i64| match kind {
        Kind::Tick => ticks.contains(&at),
        Kind::Processes => has_table(at),
        Kind::Event => events.contains(&at),
    };
    let sealed = seen.records.iter().filter(|(_, kind, at)| is_sealed(*kind, *at));
    sealed.map(|(sequence, ..)| *sequence).collect()
}

fn sealed_ticks(history: &History, machine: &Machine) -> BTreeSet<i64> {
    let (from, to) = (i64::MIN, i64::MAX);
    let keys = history.keys_of(&machine.id, from, to).expect("it is readable");
    let mut ticks = BTreeSet::new();
    let read = history.samples(&machine.id, &keys, from, to, &mut |_, times, _| {
        ticks.extend(times);
        ControlFlow::Continue(())
    });
    read.expect("it is readable");
    ticks
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
