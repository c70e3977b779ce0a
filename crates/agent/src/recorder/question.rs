//! Which records of a segment answer a question, and which others it takes to
//! decode them.

use super::kind::Kind;
use super::layout::{Seal, Span};
use super::scan::{Entry, Scan};
use super::sequence::Sequence;

/// What is asked of a ring.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Everything from here on.
    From(Sequence),
    /// Everything from the start of the chain on that the first answer of
    /// [`Question::From`] is in, with nothing left out.
    Onward(Sequence),
    /// What was taken between two times of the wall clock, both included.
    Between { from_ms: i64, to_ms: i64, kinds: [bool; Kind::ALL.len()] },
}

/// Part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    /// The place in [`Scan::records`].
    pub(super) entry: usize,
    /// False when it is there only because a later one goes on from it.
    pub(super) asked: bool,
}

impl Question {
    /// False when a sealed segment has no answer.
    pub(super) fn may_be_in(&self, segment: u64, seal: Option<&Seal>) -> bool {
        match self {
            Self::From(from) | Self::Onward(from) => segment >= from.segment(),
            Self::Between { from_ms, to_ms, kinds } => seal.is_none_or(|seal| {
                let overlaps = |span: &Span| span.first_ms <= *to_ms && span.last_ms >= *from_ms;
                seal.0.iter().zip(kinds).any(|(span, &asked)| asked && overlaps(span))
            }),
        }
    }

    fn asks(&self, segment: u64, entry: &Entry) -> bool {
        match self {
            Self::From(from) | Self::Onward(from) => Sequence::new(segment, entry.index) >= *from,
            Self::Between { from_ms, to_ms, .. } => (*from_ms..=*to_ms).contains(&entry.at.unix_ms),
        }
    }

    fn wants(&self, kind: Kind) -> bool {
        match self {
            Self::From(_) | Self::Onward(_) => true,
            Self::Between { kinds, .. } => kinds[kind.place()],
        }
    }

    /// The records that answer, each kind from the start of the chain that its
    /// first answer is in.
    pub(super) fn pick(&self, scan: &Scan) -> Vec<Pick> {
        let mut picks = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|&kind| self.wants(kind)) {
            self.pick_kind(kind, scan, &mut picks);
        }
        picks.sort_unstable_by_key(|pick| pick.entry);
        if let (Self::Onward(_), Some(first)) = (self, picks.first()) {
            let asked = |place: usize| self.asks(scan.header.number, &scan.records[place]);
            let known = |place: &usize| Kind::from_number(scan.records[*place].kind).is_some();
            return (first.entry..scan.records.len())
                .filter(known)
                .map(|entry| Pick { entry, asked: asked(entry) })
                .collect();
        }
        picks
    }

    fn pick_kind(&self, kind: Kind, scan: &Scan, picks: &mut Vec<Pick>) {
        // What the chain has had since its start, or since its last answer.
        let mut before = Vec::new();
        for (place, entry) in scan.records.iter().enumerate().filter(|(_, entry)| entry.is(kind)) {
            if entry.starts_chain {
                before.clear();
            }
            let asked = self.asks(scan.header.number, entry);
            before.push(Pick { entry: place, asked });
            if asked {
                picks.append(&mut before);
            }
        }
    }
}
