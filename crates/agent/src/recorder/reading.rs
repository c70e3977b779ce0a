use std::sync::Arc;

use watchfire_codec::{CodecError, Decoder, Frame, FrameHead, FrameKind, peek};
use watchfire_model::{Moment, ProcessTable, Schema, Tick};

use super::kind::Kind;
use super::records::Record;
use super::sequence::Sequence;

/// One record, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its place in the ring.
    pub sequence: Sequence,
    /// When it was taken, to the millisecond.
    pub at: Moment,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A tick, and the schema that names its values. Ticks with the same schema share it.
    Tick(Arc<Schema>, Tick),
    /// A process table.
    Processes(ProcessTable),
    /// The bytes of an event.
    Event(Vec<u8>),
}

/// True when `bytes` of the codec can be decoded without any before them: ask
/// this for the third argument of [`Recorder::append`](super::Recorder::append).
#[must_use]
pub fn starts_chain(kind: Kind, bytes: &[u8]) -> bool {
    let mut heads = heads(bytes).map(|(head, _)| head);
    let mut next_is =
        |kind| heads.next().is_some_and(|head| head.kind == kind && head.starts_chain);
    match kind {
        Kind::Tick => next_is(FrameKind::Schema) && next_is(FrameKind::Tick),
        Kind::Processes => next_is(FrameKind::Processes),
        Kind::Event => true,
    }
}

/// The frames of a record, as far as they can be told apart.
fn heads(mut bytes: &[u8]) -> impl Iterator<Item = (FrameHead, &[u8])> {
    std::iter::from_fn(move || {
        let head = peek(bytes).ok().flatten()?;
        let (frame, rest) = bytes.split_at_checked(head.bytes)?;
        bytes = rest;
        Some((head, frame))
    })
}

/// Decodes the records of one ring in the order of their sequence. Of those
/// that were not asked for it decodes only what an answer goes on from.
#[derive(Debug, Default)]
pub(super) struct Readers {
    decoder: Decoder,
    schema: Arc<Schema>,
    ticks: Waiting,
    processes: Waiting,
}

/// What was not decoded yet of the chain of one kind.
#[derive(Debug, Default)]
struct Waiting {
    /// The bytes of the records since the last key.
    records: Vec<Vec<u8>>,
    /// Only a key can be decoded next.
    broken: bool,
}

impl Readers {
    /// Takes the next record. `None` when it was not asked for; an error when
    /// it was, but goes on from a record that is not there.
    pub(super) fn take(&mut self, record: Record) -> Option<Result<Reading, CodecError>> {
        let Record { sequence, kind, at, asked, gap, bytes, .. } = record;
        let content = match kind {
            Kind::Event => Ok(Content::Event(bytes)),
            _ => self.take_frames(kind, asked, gap, bytes)?,
        };
        asked.then(|| content.map(|content| Reading { sequence, at, content }))
    }

    fn take_frames(
        &mut self,
        kind: Kind,
        asked: bool,
        gap: bool,
        bytes: Vec<u8>,
    ) -> Option<Result<Content, CodecError>> {
        let frame = if kind == Kind::Tick { FrameKind::Tick } else { FrameKind::Processes };
        let is_key = heads(&bytes).any(|(head, _)| head.kind == frame && head.starts_chain);
        if is_key || gap {
            let waiting = std::mem::take(&mut self.waiting(kind).records);
            waiting.iter().for_each(|bytes| self.read_schema(bytes));
            self.waiting(kind).broken = !is_key;
        }
        if self.waiting(kind).broken {
            self.read_schema(&bytes);
            return asked.then_some(Err(CodecError::ChainBroken));
        }
        if !asked {
            self.waiting(kind).records.push(bytes);
            return None;
        }
        let waiting = std::mem::take(&mut self.waiting(kind).records);
        let before = waiting.iter().try_for_each(|bytes| self.decode(bytes).map(drop));
        let content = before.and_then(|()| self.decode(&bytes));
        if content.is_err() {
            self.waiting(kind).broken = true;
        }
        Some(content)
    }

    fn waiting(&mut self, kind: Kind) -> &mut Waiting {
        if kind == Kind::Tick { &mut self.ticks } else { &mut self.processes }
    }

    /// Takes only the schema of a record. One that cannot be used shows at the
    /// ticks that need it.
    fn read_schema(&mut self, bytes: &[u8]) {
        for (_, mut frame) in heads(bytes).filter(|(head, _)| head.kind == FrameKind::Schema) {
            let _shown_by_ticks = self.decoder.next(&mut frame);
            self.share_schema();
        }
    }

    /// Decodes a whole record; its last frame is what it says.
    fn decode(&mut self, mut bytes: &[u8]) -> Result<Content, CodecError> {
        let (mut content, mut new_keys) = (None, false);
        while let Some(frame) = self.decoder.next(&mut bytes)? {
            match frame {
                Frame::Schema(_) => new_keys = true,
                Frame::Tick(tick) => content = Some(Content::Tick(Arc::default(), tick.clone())),
                Frame::Processes(table) => content = Some(Content::Processes(table.clone())),
            }
        }
        if new_keys {
            self.share_schema();
        }
        match content.filter(|_| bytes.is_empty()) {
            Some(Content::Tick(_, tick)) => Ok(Content::Tick(Arc::clone(&self.schema), tick)),
            Some(content) => Ok(content),
            None => Err(CodecError::Truncated { what: "a record" }),
        }
    }

    /// Ticks of the same schema share one copy. Keys are compared one by one: an
    /// agent that was started anew may count its generations from the beginning.
    fn share_schema(&mut self) {
        if *self.schema != *self.decoder.schema() {
            self.schema = Arc::new(self.decoder.schema().clone());
        }
    }
}
