//! The last minutes of one server, as its recorder would hold them on disk.

use std::collections::VecDeque;

use watchfire_wire::{Record, RingState};

/// What a record takes beside its content.
const BESIDE_BYTES: usize = size_of::<Record>();

/// The newest records of one server, in the order of sequence. The oldest make
/// room for new ones.
#[derive(Debug)]
pub(crate) struct Ring {
    id: [u8; 16],
    records: VecDeque<Record>,
    bytes: usize,
    most_bytes: usize,
    /// The sequence before the oldest record that is there.
    before: u64,
}

impl Ring {
    /// An empty ring that holds at most so many bytes, but always one record.
    pub(crate) fn new(id: [u8; 16], most_bytes: usize) -> Self {
        Self { id, records: VecDeque::new(), bytes: 0, most_bytes, before: 0 }
    }

    /// What the hub is told of it.
    pub(crate) fn state(&self) -> RingState {
        let sequence = |record: Option<&Record>| record.map_or(0, |record| record.sequence);
        let (oldest, newest) = (sequence(self.records.front()), sequence(self.records.back()));
        RingState { ring: self.id, oldest, newest }
    }

    /// Adds the newest record.
    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record.bytes.len() + BESIDE_BYTES;
        self.records.push_back(record);
        while self.bytes > self.most_bytes && self.records.len() > 1 {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= oldest.bytes.len() + BESIDE_BYTES;
            self.before = oldest.sequence;
        }
    }

    /// The records behind `sequence`, and the sequence before the first of them.
    pub(crate) fn after(&self, sequence: u64) -> (u64, impl Iterator<Item = &Record>) {
        let start = self.records.partition_point(|record| record.sequence <= sequence);
        let previous = match start.checked_sub(1) {
            Some(place) => self.records[place].sequence,
            None => self.before,
        };
        (previous, self.records.range(start..))
    }

    /// True when nothing of this range was dropped to make room.
    pub(crate) fn reaches(&self, from: u64) -> bool {
        from > self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(count: u64) -> Ring {
        let mut ring = Ring::new([7; 16], 3 * (BESIDE_BYTES + 10));
        for sequence in 1..=count {
            ring.push(Record { sequence: sequence * 10, bytes: vec![0; 10], ..Record::default() });
        }
        ring
    }

    fn after(ring: &Ring, sequence: u64) -> (u64, Vec<u64>) {
        let (previous, records) = ring.after(sequence);
        (previous, records.map(|record| record.sequence).collect())
    }

    #[test]
    fn the_oldest_make_room() {
        let empty = ring(0);
        assert_eq!((empty.state().oldest, empty.state().newest), (0, 0));
        let ring = ring(5);
        assert_eq!((ring.state().oldest, ring.state().newest), (30, 50));
        assert!(ring.reaches(21) && !ring.reaches(20));
    }

    #[test]
    fn what_comes_before_is_told() {
        let all = ring(3);
        assert_eq!(after(&all, 0), (0, vec![10, 20, 30]));
        assert_eq!(after(&all, 10), (10, vec![20, 30]));
        assert_eq!(after(&all, 30), (30, vec![]));
        assert_eq!(after(&ring(5), 0), (20, vec![30, 40, 50]));
    }
}
