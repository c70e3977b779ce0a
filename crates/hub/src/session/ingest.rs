use watchfire_codec::{CodecError, Decoder, Frame, KeyPool};
use watchfire_model::{Event, Moment, ProcessTable, Schema, Status, StatusView};
use watchfire_wire::{Record, RecordKind};

use super::facts::event_of;

/// Records that may come before the first start of a chain. An agent begins a
/// stream with one; more than a minute without is no stream of ours.
const MAX_BEFORE_START: u32 = 120;

/// Reads the live records of one session.
#[derive(Debug)]
pub(super) struct Ingest {
    decoder: Decoder,
    view: StatusView,
    /// A tick was read.
    started: bool,
    passed_over: u32,
}

/// What a record tells.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one record and is moved once")]
pub(super) enum Told {
    Status(Status),
    Processes(ProcessTable),
    Event(Event),
    /// Nothing that this version reads.
    Nothing,
}

impl Ingest {
    pub(super) fn new(pool: KeyPool) -> Self {
        let (decoder, view) = (Decoder::with_pool(pool), StatusView::new());
        Self { decoder, view, started: false, passed_over: 0 }
    }

    /// The schema as it is known.
    pub(super) fn schema(&self) -> &Schema {
        self.decoder.schema()
    }

    /// Reads a record. `now` is when it came.
    ///
    /// # Errors
    /// In words, for bytes that are not what their record says.
    pub(super) fn take(&mut self, record: &Record, now: Moment) -> Result<Told, String> {
        match record.kind {
            RecordKind::Tick => self.tick(&record.bytes),
            RecordKind::Processes => self.processes(&record.bytes),
            RecordKind::Event => {
                Ok(event_of(&record.bytes, now).map_or(Told::Nothing, Told::Event))
            }
            RecordKind::Other(_) => Ok(Told::Nothing),
        }
    }

    fn tick(&mut self, mut bytes: &[u8]) -> Result<Told, String> {
        let mut ticks = 0;
        loop {
            match self.decoder.next(&mut bytes) {
                Ok(Some(Frame::Schema(_))) => {}
                Ok(Some(Frame::Tick(_))) => ticks += 1,
                Ok(Some(Frame::Processes(_))) => return Err("a tick holds a process table".into()),
                Ok(None) if !bytes.is_empty() => return Err("a tick is cut".into()),
                Ok(None) => break,
                Err(error) => return self.tolerate(&error),
            }
            if ticks > 1 {
                return Err("a record holds more than one tick".into());
            }
        }
        if ticks == 0 {
            return Ok(Told::Nothing);
        }
        self.started = true;
        Ok(Told::Status(self.view.read(self.decoder.schema(), self.decoder.tick())))
    }

    fn processes(&mut self, mut bytes: &[u8]) -> Result<Told, String> {
        let table = match self.decoder.next(&mut bytes) {
            Ok(Some(Frame::Processes(table))) => table.clone(),
            Ok(_) => return Err("a process table holds something else".into()),
            Err(error) => return self.tolerate(&error),
        };
        if bytes.is_empty() {
            Ok(Told::Processes(table))
        } else {
            Err("a table is followed".into())
        }
    }

    /// Before the first start, what goes on from records that did not come on this
    /// stream is passed over.
    fn tolerate(&mut self, error: &CodecError) -> Result<Told, String> {
        let goes_on = matches!(error, CodecError::ChainBroken | CodecError::UnknownSchema { .. });
        if goes_on && self.passed_over < MAX_BEFORE_START {
            self.passed_over += 1;
            return Ok(Told::Nothing);
        }
        Err(error.to_string())
    }
}
