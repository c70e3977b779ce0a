use watchfire_model::Moment;

use super::folder::Listed;
use super::kind::Kind;
use super::question::{Pick, Question};
use super::reader::{Loaded, Losses, RecordReader};
use super::sequence::Sequence;

/// One record, its content not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the ring.
    pub sequence: Sequence,
    /// What it holds.
    pub kind: Kind,
    /// When its content was taken, to the millisecond.
    pub at: Moment,
    /// It can be decoded without any record of its kind before it; the others
    /// go on from the one of their kind before them.
    pub starts_chain: bool,
    /// False when it answers no question and is given only because a later one
    /// goes on from it.
    pub asked: bool,
    /// True when every record of its kind since the last start of a chain is there.
    pub whole: bool,
    /// True when the record that it goes on from may be one that is not readable.
    pub gap: bool,
    /// The content.
    pub bytes: Vec<u8>,
}

/// The answer to a question, in the order of sequence, a segment in memory at
/// a time. Each kind comes from the start of the chain of its first answer on.
#[derive(Debug)]
pub struct Records {
    reader: RecordReader,
    question: Question,
    /// The next one last.
    segments: Vec<Listed>,
    loaded: Option<(Loaded, std::vec::IntoIter<Pick>)>,
    losses: Losses,
}

impl Records {
    pub(super) fn new(reader: RecordReader, mut segments: Vec<Listed>, question: Question) -> Self {
        segments.reverse();
        Self { reader, question, segments, loaded: None, losses: Losses::default() }
    }

    /// What could not be given so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    fn load(&mut self, listed: &Listed) {
        let seal = self.reader.outline(listed).and_then(|outline| outline.seal);
        if !self.question.may_be_in(listed.number, seal.as_ref()) {
            return;
        }
        if let Some(loaded) = self.reader.load(listed, &mut self.losses) {
            let picks = self.question.pick(&loaded.scan);
            self.loaded = Some((loaded, picks.into_iter()));
        }
    }
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some((loaded, picks)) = &mut self.loaded {
                if let Some(pick) = picks.next() {
                    return loaded.record(pick.entry, pick.asked);
                }
                self.loaded = None;
            }
            let listed = self.segments.pop()?;
            self.load(&listed);
        }
    }
}

impl Loaded {
    /// The record at a place of the scan; `None` for a kind that is not known.
    pub(super) fn record(&self, place: usize, asked: bool) -> Option<Record> {
        let entry = &self.scan.records[place];
        Some(Record {
            sequence: Sequence::new(self.scan.header.number, entry.index),
            kind: Kind::from_number(entry.kind)?,
            at: entry.at,
            starts_chain: entry.starts_chain,
            asked,
            whole: entry.whole,
            gap: entry.gap,
            bytes: self.bytes[entry.content.clone()].to_vec(),
        })
    }
}
