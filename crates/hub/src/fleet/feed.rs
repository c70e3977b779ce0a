//! What a session reads of its server's records, for the fleet to look at.

use std::sync::{Arc, Mutex, MutexGuard};

use watchfire_codec::{
    CodecError, Decoder, Frame, FrameKind, KeptTable, KeyPool, TableChain, peek,
};
use watchfire_model::{Moment, Schema, Status, StatusView, Tick};

use super::lock;
use super::minutes::Minutes;
use super::recent::{self, LastMinutes, Recent};

/// The ticks and process tables of one session as they are now. The session fills
/// it, and the fleet makes a status or a table of it when somebody asks: with ten
/// thousand servers hardly anybody does, and a second ahead all would be made for
/// nothing. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    decoder: Decoder,
    view: StatusView,
    /// When the last tick came, on the hub's clocks; `None` before the first.
    came: Option<Moment>,
    tables: TableChain,
    /// What the last minutes may take, in bytes.
    room: usize,
    /// All series of the last minutes, where there is room for them.
    minutes: Option<Box<Minutes>>,
    /// Some series of the last minutes, only while somebody asks for them.
    recent: Option<Box<Recent>>,
}

/// Why a record is not what it says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    /// Its frames cannot be read.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Its frames are others than they may be.
    #[error("{0}")]
    Content(&'static str),
}

impl Feed {
    pub(crate) fn new(pool: KeyPool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            decoder: Decoder::with_pool(pool),
            view: StatusView::new(),
            came: None,
            tables: TableChain::default(),
            room: 0,
            minutes: None,
            recent: None,
        })))
    }

    /// What the last minutes may take from now on, in bytes.
    pub(crate) fn give_room(&self, room: usize) {
        self.lock().room = room;
    }

    /// Reads a record of one tick, which came at `now`, with what it adds to the
    /// schema. False when it holds no tick.
    ///
    /// # Errors
    /// [`FeedError`] for bytes that are no such record.
    pub(crate) fn tick(&self, bytes: &[u8], now: Moment) -> Result<bool, FeedError> {
        let mut inner = self.lock();
        let read = inner.read_tick(bytes).inspect_err(|_| inner.hole())?;
        if read {
            inner.came = Some(now);
            inner.remember(now);
        }
        Ok(read)
    }

    /// Ticks may be missing between those before this and those after it.
    pub(crate) fn hole(&self) {
        self.lock().hole();
    }

    /// The values of the last minutes at `places` of the schema `known`, later than `after_ms`,
    /// as far as they are in memory. `None` when the schema is another one by now.
    ///
    /// With `remember`, and when not all are in memory that may be, they are kept from now on.
    pub(crate) fn last_minutes(
        &self,
        known: &Schema,
        places: &[usize],
        (after_ms, remember): (i64, bool),
        now: Moment,
    ) -> Option<LastMinutes> {
        let shared = {
            let Inner { decoder, room, minutes, recent, .. } = &mut *self.lock();
            let (schema, tick) = (decoder.schema(), decoder.tick());
            if !is_whole(schema, tick) || schema.generation() != known.generation() {
                return None;
            }
            let minutes = minutes.as_ref().filter(|minutes| minutes.is_of(known.generation()));
            match minutes.filter(|minutes| !remember || minutes.reach(after_ms)) {
                Some(minutes) => minutes.share(places, after_ms),
                None if !remember => return None,
                None => {
                    let room = (*room).clamp(recent::LEAST_ROOM, recent::MOST_ROOM);
                    let recent = recent.get_or_insert_default();
                    return Some(recent.ask((schema, tick), places, (after_ms, room), now));
                }
            }
        };
        Some(shared.read(places))
    }

    /// Takes a record of one process table. False when it has no room.
    ///
    /// # Errors
    /// [`CodecError`] for bytes that are no such record.
    pub(crate) fn table(&self, bytes: &[u8]) -> Result<bool, CodecError> {
        let kept = self.lock().tables.push(bytes)?;
        Ok(kept == KeptTable::Newest)
    }

    /// How many series the schema has.
    pub(crate) fn series(&self) -> usize {
        self.lock().decoder.schema().len()
    }

    /// The schema as it is known.
    pub(crate) fn schema(&self) -> Schema {
        self.lock().decoder.schema().clone()
    }

    /// Looks at the last tick, while no other can come; `None` when there is no whole one.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Schema, &Tick) -> R) -> Option<R> {
        let inner = self.lock();
        let (schema, tick) = (inner.decoder.schema(), inner.decoder.tick());
        (inner.came.is_some() && is_whole(schema, tick)).then(|| look(schema, tick))
    }

    /// When the last tick came.
    pub(super) fn came(&self) -> Option<Moment> {
        self.lock().came
    }

    /// The status of the last tick, and when that came.
    pub(super) fn status(&self) -> Option<(Moment, Arc<Status>)> {
        let mut inner = self.lock();
        let Inner { decoder, view, came, .. } = &mut *inner;
        let (schema, tick) = (decoder.schema(), decoder.tick());
        let came = (*came).filter(|_| is_whole(schema, tick))?;
        Some((came, Arc::new(view.look(schema, tick))))
    }

    /// The process tables; sharing their bytes.
    pub(super) fn tables(&self) -> TableChain {
        self.lock().tables.clone()
    }

    /// True when both are the same session's.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

/// After bytes that were wrong there may be no values, or none of this schema.
fn is_whole(schema: &Schema, tick: &Tick) -> bool {
    !tick.values.is_empty()
        && tick.generation == schema.generation()
        && tick.values.len() <= schema.len()
}

impl Feed {
    /// Gives the last minutes what the disk has of the time before them; see
    /// [`Feed::last_minutes`]. It was read up to `upto_ms`;
    /// `columns` has the values at `times` for each of `places`.
    pub(crate) fn recall(
        &self,
        known: &Schema,
        places: &[usize],
        (upto_ms, times): (i64, &[i64]),
        columns: &[&[f64]],
    ) {
        let Inner { decoder, recent, .. } = &mut *self.lock();
        if let Some(recent) = recent
            && decoder.schema().generation() == known.generation()
        {
            recent.recall(places, upto_ms, times, columns);
        }
    }
}

impl Inner {
    fn remember(&mut self, now: Moment) {
        let Self { decoder, room, minutes, recent, .. } = self;
        if !Minutes::fit(decoder.tick().values.len(), *room) {
            *minutes = None;
        } else {
            minutes.get_or_insert_default().push(decoder.tick(), *room);
        }
        if recent.as_ref().is_some_and(|recent| recent.is_idle(now)) {
            *recent = None;
        }
        if let Some(recent) = recent {
            recent.push(decoder.tick());
        }
    }

    fn hole(&mut self) {
        if let Some(minutes) = &mut self.minutes {
            minutes.hole();
        }
        if let Some(recent) = &mut self.recent {
            recent.hole();
        }
    }

    fn read_tick(&mut self, mut bytes: &[u8]) -> Result<bool, FeedError> {
        let mut read = false;
        loop {
            if matches!(peek(bytes), Ok(Some(head)) if head.kind == FrameKind::Tick) {
                if read {
                    return Err(FeedError::Content("a record holds more than one tick"));
                }
                if self.came.is_some() {
                    self.view.remember(self.decoder.schema(), self.decoder.tick());
                }
            }
            match self.decoder.next(&mut bytes)? {
                Some(Frame::Schema(_)) => {}
                Some(Frame::Tick(_)) => read = true,
                Some(Frame::Processes(_)) => {
                    return Err(FeedError::Content("a tick holds a process table"));
                }
                None if !bytes.is_empty() => return Err(FeedError::Content("a tick is cut")),
                None => return Ok(read),
            }
        }
    }
}
