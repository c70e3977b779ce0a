use watchfire_codec::{CodecError, KeyPool};
use watchfire_model::{Event, Moment};
use watchfire_wire::{Record, RecordKind};

use super::facts::event_of;
use crate::fleet::{Feed, FeedError};

/// Records that may come before the first start of a chain. An agent begins a
/// stream with one; more than a minute without is no stream of ours.
const MAX_BEFORE_START: u32 = 120;

/// Reads the live records of one session.
#[derive(Debug)]
pub(super) struct Ingest {
    feed: Feed,
    passed_over: u32,
}

/// What a record tells.
#[derive(Debug)]
pub(super) enum Told {
    /// The feed has a new tick.
    Tick,
    /// The feed has a new process table.
    Table,
    Event(Event),
    /// Nothing that this version reads.
    Nothing,
}

impl Ingest {
    pub(super) fn new(pool: KeyPool) -> Self {
        Self { feed: Feed::new(pool), passed_over: 0 }
    }

    /// What was read so far.
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Reads a record. `now` is when it came.
    ///
    /// # Errors
    /// In words, for bytes that are not what their record says.
    pub(super) fn take(&mut self, record: &Record, now: Moment) -> Result<Told, String> {
        match record.kind {
            RecordKind::Tick => match self.feed.tick(&record.bytes, now) {
                Ok(true) => Ok(Told::Tick),
                Ok(false) => Ok(Told::Nothing),
                Err(FeedError::Codec(error)) => self.tolerate(&error),
                Err(error) => Err(error.to_string()),
            },
            RecordKind::Processes => match self.feed.table(&record.bytes) {
                Ok(true) => Ok(Told::Table),
                Ok(false) => Ok(Told::Nothing),
                Err(error) => self.tolerate(&error),
            },
            RecordKind::Event => {
                Ok(event_of(&record.bytes, now).map_or(Told::Nothing, Told::Event))
            }
            RecordKind::Other(_) => Ok(Told::Nothing),
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
