//! Goes through stored chunks and reads what is in them.

use std::ops::ControlFlow;

use watchfire_codec::{CodecError, Decoder, Frame, peek};
use watchfire_model::{ProcessTable, Schema, Tick};
use watchfire_store::{HistoryError, StoredChunk};
use watchfire_wire::{Record, RecordKind};

use super::schemas::{Known, Needed, Schemas};
use crate::historian::records_of;

/// What a walk comes by.
pub(super) enum Met<'a> {
    /// A tick, and the keys of its values.
    Tick(&'a Schema, &'a Tick),
    /// A process table, and whether those after it can be read without those before it.
    Table(&'a ProcessTable, bool),
    /// A table of this moment that cannot be read, in milliseconds since 1970.
    LostTable(i64),
    /// What the kernel told, as the agent recorded it.
    Event(&'a Record),
}

/// What came of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fate {
    /// Ticks that were read.
    pub(super) ticks: usize,
    /// Ticks that could not be read.
    pub(super) lost_ticks: usize,
}

/// Which records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Ticks,
    Tables,
    Events,
    All,
}

impl Wanted {
    fn has(self, kind: RecordKind) -> bool {
        let one = match kind {
            RecordKind::Tick => Self::Ticks,
            RecordKind::Processes => Self::Tables,
            RecordKind::Event => Self::Events,
            RecordKind::Other(_) => return false,
        };
        self == one || self == Self::All
    }
}

/// Reads chunks one after the other.
pub(super) struct Walk<'a> {
    known: &'a Known,
    schemas: Schemas<'a>,
    wanted: Wanted,
    ring: Option<[u8; 16]>,
    decoder: Decoder,
    /// A chain's start needed this schema in vain; it is not looked for again and again.
    missed: Option<Needed>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(known: &'a Known, schemas: Schemas<'a>, wanted: Wanted) -> Self {
        let decoder = Decoder::with_pool(known.pool().clone());
        Self { known, schemas, wanted, ring: None, decoder, missed: None }
    }

    /// Goes through the next chunk, which comes in the order of
    /// [`Stretch::chunks`](watchfire_store::Stretch::chunks), and tells `met` of what is in it
    /// unless it only leads in. What cannot be read is passed over and counted.
    ///
    /// # Errors
    /// [`HistoryError`] when a schema cannot be looked for.
    pub(super) fn chunk(
        &mut self,
        stored: &StoredChunk,
        met: &mut dyn FnMut(Met<'_>) -> ControlFlow<()>,
    ) -> Result<Fate, HistoryError> {
        if self.ring != Some(stored.chunk.ring) {
            self.ring = Some(stored.chunk.ring);
            self.decoder = Decoder::with_pool(self.known.pool().clone());
            self.missed = None;
        }
        let mut fate = Fate::default();
        for record in records_of(&stored.chunk) {
            if record.sequence <= stored.skip_to || !self.wanted.has(record.kind) {
                continue;
            }
            // An event is whole by itself.
            let read = record.kind == RecordKind::Event || self.record(stored, &record)?;
            match (read, record.kind) {
                (false, RecordKind::Tick) => fate.lost_ticks += 1,
                (_, _) if stored.lead_in => {}
                (false, _) => {
                    if met(Met::LostTable(record.unix_ms)).is_break() {
                        break;
                    }
                }
                (true, kind) => {
                    if self.tell(kind, &record, &mut fate, met).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(fate)
    }

    fn tell(
        &self,
        kind: RecordKind,
        record: &Record,
        fate: &mut Fate,
        met: &mut dyn FnMut(Met<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match kind {
            RecordKind::Tick => {
                fate.ticks += 1;
                return met(Met::Tick(self.decoder.schema(), self.decoder.tick()));
            }
            RecordKind::Event => return met(Met::Event(record)),
            RecordKind::Processes | RecordKind::Other(_) => {}
        }
        let starts = matches!(peek(&record.bytes), Ok(Some(head)) if head.starts_chain);
        match self.decoder.table() {
            Some(table) => met(Met::Table(table, starts)),
            None => ControlFlow::Continue(()),
        }
    }

    /// Reads one record; true when what it is to hold was in it.
    fn record(&mut self, stored: &StoredChunk, record: &Record) -> Result<bool, HistoryError> {
        let mut bytes = record.bytes.as_slice();
        let mut found = false;
        loop {
            match self.decoder.next(&mut bytes) {
                Ok(Some(Frame::Schema(_))) => {}
                Ok(Some(Frame::Tick(tick))) => {
                    found |= record.kind == RecordKind::Tick && !tick.values.is_empty();
                }
                Ok(Some(Frame::Processes(_))) => found |= record.kind == RecordKind::Processes,
                Ok(None) => return Ok(found && bytes.is_empty()),
                Err(CodecError::UnknownSchema { generation, keys, .. }) => {
                    let needed = Needed { ring: stored.chunk.ring, generation, keys };
                    if self.missed == Some(needed) || !self.learn(needed, record, &mut bytes)? {
                        self.missed = Some(needed);
                        return Ok(false);
                    }
                    found = true;
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// Looks for the schema that the tick at the front of `bytes` needs, and reads that tick.
    fn learn(
        &mut self,
        needed: Needed,
        record: &Record,
        bytes: &mut &[u8],
    ) -> Result<bool, HistoryError> {
        let mut turn = 0;
        while let Some(schemas) = self.schemas.look(needed, record.unix_ms, turn)? {
            turn += 1;
            for schema in schemas {
                self.decoder.learn(schema.clone());
                if matches!(self.decoder.next(bytes), Ok(Some(Frame::Tick(_)))) {
                    self.known.keep(needed, &schema);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
