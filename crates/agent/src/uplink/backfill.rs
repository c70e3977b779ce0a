//! The answer to a hub that asks for records that it does not have, a frame at
//! a time: read from the recorder, or from the feed's memory where there is no
//! recorder.
//!
//! An answer begins at the start of a chain at or before what is asked for, so
//! that it can be decoded by itself, and leaves nothing out in between. What
//! cannot be read shows in the `previous` of the message behind it and, at the
//! end, in `missing`.

use std::path::Path;
use std::sync::Arc;
use std::vec;

use watchfire_wire::{self as wire, RecordsBuilder};

use super::feed::{Fed, Feed, wire_kind};
use crate::recorder::{Losses, Record, RecordReader, RecorderError, Records, Sequence};

/// The most bytes of one frame of an answer, unless one record is larger.
pub(crate) const FRAME_BYTES: usize = 256 << 10;
/// The most frames of answers in a second.
pub(crate) const FRAMES_PER_SECOND: u32 = 20;

/// An answer that is being given. Every call may wait for the disk.
#[derive(Debug)]
pub(crate) struct Answer {
    ask: wire::Backfill,
    source: Source,
    builder: RecordsBuilder,
    /// The last record that was looked at.
    last: u64,
    /// Everything that is asked for is known to be given up to here.
    covered: u64,
    missing: bool,
    ended: bool,
}

/// Where the records come from.
#[derive(Debug)]
enum Source {
    Disk { reader: RecordReader, ring: [u8; 16], records: Box<Records>, losses: Losses },
    Memory(vec::IntoIter<Arc<Fed>>),
}

/// A record, and the one directly before it where that is known.
struct Found {
    previous: u64,
    record: wire::Record,
}

/// What comes next of an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Some of the records.
    Frame(wire::Records),
    /// That was all.
    End(wire::BackfillEnd),
}

impl Answer {
    /// Begins to answer about the ring that the feed is about. `folder` is the
    /// recorder's.
    ///
    /// # Errors
    ///
    /// When the recorder's folder cannot be read.
    pub(crate) fn begin(
        ask: wire::Backfill,
        feed: &Feed,
        folder: &Path,
    ) -> Result<Self, RecorderError> {
        let source = if feed.is_on_disk() {
            let reader = RecordReader::open(folder)?;
            let records = Box::new(reader.records_onward(Sequence::from_u64(ask.from))?);
            Source::Disk { reader, ring: feed.ring().ring, records, losses: Losses::default() }
        } else {
            Source::Memory(feed.between(ask.from, ask.to).into_iter())
        };
        Ok(Self {
            ask,
            source,
            builder: RecordsBuilder::new(ask.request, 0, FRAME_BYTES),
            last: 0,
            covered: ask.from.saturating_sub(1),
            missing: false,
            ended: ask.from > ask.to,
        })
    }

    /// The number of the hub's request.
    pub(crate) fn request(&self) -> u64 {
        self.ask.request
    }

    /// The next frame, or the end. After the end there is nothing but the end.
    pub(crate) fn next(&mut self) -> Next {
        while !self.ended {
            let full =
                match self.source.next(self.last).filter(|f| f.record.sequence <= self.ask.to) {
                    Some(found) => self.take(found),
                    None => {
                        self.ended = true;
                        self.restart(0)
                    }
                };
            if let Some(full) = full {
                return Next::Frame(full);
            }
        }
        let missing = self.missing || self.covered < self.ask.to;
        Next::End(wire::BackfillEnd { request: self.ask.request, missing })
    }

    /// Takes a record; what it makes full, if it does.
    fn take(&mut self, found: Found) -> Option<wire::Records> {
        let Found { previous, record } = found;
        let sequence = record.sequence;
        let beside = previous != 0 && previous == self.last;
        let torn = if beside { None } else { self.restart(previous) };
        self.last = sequence;
        if sequence >= self.ask.from {
            let beside = sequence == self.covered.saturating_add(1);
            self.missing |= !beside && (previous == 0 || previous > self.covered);
            self.covered = sequence;
        }
        match self.builder.push(record) {
            // A message that was torn off leaves an empty builder, so there is one at most.
            Ok(full) => torn.or(full),
            Err(_) => {
                self.missing = true;
                torn
            }
        }
    }

    /// Begins another message behind `previous`, and gives the one before.
    fn restart(&mut self, previous: u64) -> Option<wire::Records> {
        let next = RecordsBuilder::new(self.ask.request, previous, FRAME_BYTES);
        std::mem::replace(&mut self.builder, next).finish()
    }
}

impl Source {
    /// The record after the one with the sequence `last`.
    fn next(&mut self, last: u64) -> Option<Found> {
        match self {
            Self::Memory(records) => {
                let fed = records.next()?;
                Some(Found { previous: fed.previous, record: fed.to_wire() })
            }
            Self::Disk { reader, ring, records, losses } => {
                let record = records.next()?;
                let now = records.losses();
                let whole = (now.segments, now.removed) == (losses.segments, losses.removed);
                *losses = now;
                let sequence = record.sequence;
                let previous = if sequence.index() > 0 {
                    sequence.as_u64() - 1
                } else if last > 0 {
                    if whole { last } else { 0 }
                } else {
                    let before = reader.end_before(*ring, sequence.segment()).ok().flatten();
                    before.map_or(0, Sequence::as_u64)
                };
                Some(Found { previous, record: to_wire(record) })
            }
        }
    }
}

fn to_wire(record: Record) -> wire::Record {
    wire::Record {
        sequence: record.sequence.as_u64(),
        kind: wire_kind(record.kind),
        monotonic_ns: u64::try_from(record.at.monotonic.as_nanos()).unwrap_or(u64::MAX),
        unix_ms: record.at.unix_ms,
        bytes: record.bytes,
    }
}

/// Where the recorder's ring begins, for a hello: the feed knows only its end.
pub(crate) fn ring_state(feed: &Feed, folder: &Path) -> wire::RingState {
    let ring = feed.ring();
    if !feed.is_on_disk() {
        return ring;
    }
    let oldest = RecordReader::open(folder).and_then(|reader| reader.oldest(ring.ring));
    let oldest = oldest.ok().flatten().map_or(0, Sequence::as_u64);
    wire::RingState { oldest, ..ring }
}

#[cfg(test)]
mod tests;
