//! Samples of sealed blocks.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use rusqlite::Connection;
use rusqlite::blob::Blob;

use super::columns::Overlay;
use super::part::{Part, unless_damaged};
use super::rows::{self, BlockRow};
use super::servers::{self, Archived};
use super::spans::{Level, Span};
use super::told::{OnSamples, Reach, Told};
use crate::StoreError;
use crate::block::{BlockError, Columns, KeyId, Place, Scratch};
use crate::history::counters::Counters;
use crate::history::{Gap, History, HistoryError};

impl History {
    /// Calls `found` with a place in `keys`, times in milliseconds since 1970 and as many
    /// values, block by block in the order of time, from `from_ms` to `to_ms`, both included.
    /// A sample comes once; values may be [`ABSENT`](watchfire_model::ABSENT). A break ends it.
    ///
    /// `found` must not ask the history anything: one snapshot of it is held open.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn samples(
        &self,
        server: &str,
        keys: &[KeyId],
        from_ms: i64,
        to_ms: i64,
        found: &mut OnSamples<'_>,
    ) -> Result<Told, HistoryError> {
        let told = self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else {
                    return Ok(Told::default());
                };
                let mut reading = Reading::new(connection, server, scratch);
                reading.samples(keys, (from_ms, to_ms), found)?;
                Ok(reading.told)
            })
        })?;
        Counters::add(&self.0.counters.damaged_rows, told.gaps.len() as u64);
        Ok(told)
    }

    /// From when on what of a server's sealed history is there.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn reach(&self, server: &str) -> Result<Reach, HistoryError> {
        self.read(|connection| {
            Ok(servers::find(connection, server)?.map_or_else(Reach::default, |one| one.reach))
        })
    }

    /// The keys that the sealed blocks of a server have in that time, ticks or windows, rising.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn keys_of(
        &self,
        server: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<KeyId>, HistoryError> {
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else {
                    return Ok(Vec::new());
                };
                let mut keys = BTreeSet::new();
                for level in Level::ALL {
                    for row in rows::between(connection, &server, level, from_ms, to_ms)? {
                        let part = Part::open(connection, &server, level, &row, scratch);
                        if let Some(part) = unless_damaged(part)? {
                            keys.extend(part.directory.keys().unwrap_or_default());
                        }
                    }
                }
                Ok(keys.into_iter().collect())
            })
        })
    }
}

/// One question about one server.
pub(super) struct Reading<'a> {
    pub(super) connection: &'a Connection,
    pub(super) server: Archived,
    pub(super) scratch: &'a mut Scratch,
    pub(super) told: Told,
    /// A block that was read: opening the next one in its place costs half.
    pub(super) open: Option<Blob<'a>>,
    bytes: Vec<u8>,
    values: Vec<f64>,
}

/// Which ticks of a block are read.
#[derive(Debug, Clone)]
pub(super) enum Ticks<'a> {
    All(Range<usize>),
    /// Some, rising.
    Some(&'a [usize]),
}

/// What takes columns: the place among the keys, the values of the ticks, and whether the column is
/// known to be whole and never to fall.
type Take<'a> = &'a mut dyn FnMut(usize, &[f64], bool) -> ControlFlow<()>;

impl<'a> Reading<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        server: Archived,
        scratch: &'a mut Scratch,
    ) -> Self {
        let (told, bytes, values) = Default::default();
        Self { connection, server, scratch, told, open: None, bytes, values }
    }

    fn samples(
        &mut self,
        keys: &[KeyId],
        (from_ms, to_ms): (i64, i64),
        found: &mut OnSamples<'_>,
    ) -> Result<(), StoreError> {
        let blocks = rows::between(self.connection, &self.server, Level::Ticks, from_ms, to_ms)?;
        let mut rest = blocks.as_slice();
        while !rest.is_empty() {
            let (together, after) = rest.split_at(overlapping(rest));
            rest = after;
            let flow = match together {
                [alone] => self.block(alone, keys, (from_ms, to_ms), found)?,
                several => {
                    let columns = self.overlaid(several, Some(keys), (from_ms, to_ms))?;
                    columns.series.iter().try_for_each(|(place, values)| {
                        found(*place as usize, &columns.timestamps, values)
                    })
                }
            };
            if flow.is_break() {
                self.told.cut = true;
                break;
            }
        }
        Ok(())
    }

    /// One block that overlaps no other.
    fn block(
        &mut self,
        row: &BlockRow,
        keys: &[KeyId],
        (from_ms, to_ms): (i64, i64),
        found: &mut OnSamples<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let Some(part) = self.open(Level::Ticks, row)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let ticks = part.ticks(from_ms, to_ms);
        if ticks.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let times = &part.times[ticks.clone()];
        let found = &mut |place: usize, values: &[f64], _| found(place, times, values);
        let flow = self.columns(row, &part, keys, Ticks::All(ticks), found)?;
        self.open = Some(part.into_blob());
        Ok(flow)
    }

    /// Blocks that overlap, as one; keys are told by their place among `keys`, or all of them by
    /// their number.
    fn overlaid(
        &mut self,
        blocks: &[BlockRow],
        keys: Option<&[KeyId]>,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Columns, StoreError> {
        let mut in_order = blocks.to_vec();
        in_order.sort_unstable_by_key(|row| row.id);
        let mut overlay = Overlay::default();
        for row in &in_order {
            let Some(part) = self.open(Level::Ticks, row)? else { continue };
            let ticks = part.ticks(from_ms, to_ms);
            if ticks.is_empty() {
                continue;
            }
            overlay.begin(&part.times[ticks.clone()]);
            let all;
            let wanted = match keys {
                Some(keys) => keys,
                None => {
                    all = part.directory.keys().unwrap_or_default();
                    &all
                }
            };
            let name = |place: usize| if keys.is_some() { place as KeyId } else { wanted[place] };
            let _ =
                self.columns(row, &part, wanted, Ticks::All(ticks), &mut |place, values, _| {
                    overlay.add(name(place), values);
                    ControlFlow::Continue(())
                })?;
        }
        Ok(overlay.into_columns())
    }

    /// All ticks of an hour, by the keys' numbers; of all keys, or of some.
    pub(super) fn hour(
        &mut self,
        span: Span,
        keys: Option<&[KeyId]>,
    ) -> Result<Columns, StoreError> {
        let blocks = rows::within(self.connection, &self.server, Level::Ticks, span)?;
        let mut columns = self.overlaid(&blocks, keys, (span.from_ms, span.last_ms()))?;
        if let Some(keys) = keys {
            columns.series.iter_mut().for_each(|(place, _)| *place = keys[*place as usize]);
        }
        Ok(columns)
    }

    pub(super) fn open(
        &mut self,
        level: Level,
        row: &BlockRow,
    ) -> Result<Option<Part<'a>>, StoreError> {
        let open = self.open.take();
        let part = Part::open_after(open, self.connection, &self.server, level, row, self.scratch);
        let part = unless_damaged(part)?;
        if part.is_none() {
            self.gap(row.first_ms, row.last_ms);
        }
        Ok(part)
    }

    /// Reads keys group by group. A damaged group is a gap, and the others go on.
    pub(super) fn columns(
        &mut self,
        row: &BlockRow,
        part: &Part<'_>,
        keys: &[KeyId],
        ticks: Ticks<'_>,
        take: Take<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut places: Vec<(Place, usize)> = Vec::with_capacity(keys.len());
        for (number, &key) in keys.iter().enumerate() {
            match part.directory.place(key) {
                Ok(place) => places.extend(place.map(|place| (place, number))),
                Err(_) => self.gap(row.first_ms, row.last_ms),
            }
        }
        self.groups(row, part, &mut places, ticks, take)
    }

    /// Reads the columns at `places` group by group, and gives each with its number.
    pub(super) fn groups(
        &mut self,
        row: &BlockRow,
        part: &Part<'_>,
        places: &mut [(Place, usize)],
        ticks: Ticks<'_>,
        take: Take<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut damaged = false;
        places.sort_unstable_by_key(|(place, _)| (place.group, place.slot));
        let mut flow = ControlFlow::Continue(());
        for wanted in places.chunk_by(|one, next| one.0.group == next.0.group) {
            let read = self.group(part, wanted, &ticks, take)?;
            match read {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => {
                    flow = ControlFlow::Break(());
                    break;
                }
                Err(_) => damaged = true,
            }
        }
        if damaged {
            self.gap(row.first_ms, row.last_ms);
        }
        Ok(flow)
    }

    fn group(
        &mut self,
        part: &Part<'_>,
        wanted: &[(Place, usize)],
        ticks: &Ticks<'_>,
        take: Take<'_>,
    ) -> Result<Result<ControlFlow<()>, BlockError>, StoreError> {
        let damaged = BlockError::Truncated("a group");
        let number = wanted[0].0.group;
        if unless_damaged(part.group_bytes(number, &mut self.bytes))?.is_none() {
            return Ok(Err(damaged));
        }
        let mut group = match part.directory.group(number, &self.bytes) {
            Ok(group) => group,
            Err(error) => return Ok(Err(error)),
        };
        let mut lost = None;
        for &(place, number) in wanted {
            let (slot, values) = (place.slot, &mut self.values);
            let read = match ticks {
                Ticks::All(range) => {
                    group.read(slot, range.clone(), self.scratch, values).map(|()| false)
                }
                Ticks::Some(ticks) => group.read_at(slot, ticks, self.scratch, values),
            };
            match read {
                Ok(rises) if take(number, &self.values, rises).is_break() => {
                    return Ok(Ok(ControlFlow::Break(())));
                }
                Ok(_) => {}
                Err(error) => lost = Some(error),
            }
        }
        Ok(lost.map_or(Ok(ControlFlow::Continue(())), Err))
    }

    pub(super) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        let gap = Gap { ring: [0; 16], from_ms, to_ms };
        if self.told.gaps.last() != Some(&gap) {
            self.told.gaps.push(gap);
        }
    }
}

/// How many blocks from the first on overlap one another. They are in the order of their
/// beginnings.
fn overlapping(blocks: &[BlockRow]) -> usize {
    let mut until = blocks[0].last_ms;
    let more = blocks[1..].iter().take_while(|row| {
        let overlaps = row.first_ms <= until;
        until = until.max(row.last_ms);
        overlaps
    });
    1 + more.count()
}
