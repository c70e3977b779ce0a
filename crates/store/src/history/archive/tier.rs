//! Tiers are made of ticks, and joined.

use rusqlite::Connection;

use super::due::{self, Due};
use super::rows;
use super::samples::Reading;
use super::servers::{self, Archived};
use super::shape::{joined, only};
use super::spans::{Level, Span};
use crate::StoreError;
use crate::block::{Columns, SealOptions, Windows, seal_tier};
use crate::history::{History, HistoryError};

/// Windows that are ready to be stored in the place of blocks.
#[derive(Debug)]
struct Renewed {
    level: Level,
    old: Vec<i64>,
    /// Nothing when there are no windows.
    new: Option<(i64, i64, Vec<u8>)>,
}

impl History {
    /// Makes the windows of six hours, of a minute and of an hour each.
    pub(super) fn make_tiers(&self, server: &str, due: &Due) -> Result<(), HistoryError> {
        let renewed = self.of_server(server, |reading| reading.tiers(due.span))?;
        let decade = Level::Hours.span(due.span.from_ms);
        self.renew(due, renewed.unwrap_or_default(), Some(decade))
    }

    /// Makes one block of the windows of an hour of ten days.
    pub(super) fn join_hours(&self, server: &str, due: &Due) -> Result<(), HistoryError> {
        let renewed = self.of_server(server, |reading| reading.one_decade(due.span))?;
        self.renew(due, renewed.unwrap_or_default(), None)
    }

    fn of_server<R>(
        &self,
        server: &str,
        work: impl FnOnce(&mut Reading<'_>) -> Result<R, StoreError>,
    ) -> Result<Option<R>, HistoryError> {
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else { return Ok(None) };
                work(&mut Reading::new(connection, server, scratch)).map(Some)
            })
        })
    }

    fn renew(
        &self,
        due: &Due,
        renewed: Vec<Renewed>,
        next: Option<Span>,
    ) -> Result<(), HistoryError> {
        let incoming = renewed.iter().flat_map(|one| &one.new).map(|(_, _, new)| new.len()).sum();
        let pruned = self.write(|connection| {
            if !due::done(connection, due)? {
                return Ok(None);
            }
            for Renewed { level, old, new } in &renewed {
                if rows::replace(connection, old)?
                    && let Some((first, last, bytes)) = new
                {
                    let times = (*first, *last);
                    rows::put(connection, due.server, *level, times, bytes, old.first().copied())?;
                }
            }
            if let Some(next) = next {
                due::note(connection, due.server, Level::Hours, next)?;
            }
            self.0.room.make(connection, incoming).map(Some)
        })?;
        if let Some(pruned) = pruned {
            self.0.counters.pruned(&pruned);
        }
        Ok(())
    }
}

impl Reading<'_> {
    fn tiers(&mut self, span: Span) -> Result<Vec<Renewed>, StoreError> {
        let minutes = self.minutes(span, None)?;
        let old = self.replaceable(Level::Minutes, span)?;
        let from = self.server.reach.minutes_from_ms;
        let hours = Windows::joined(std::slice::from_ref(&minutes), hour_ms());
        let hours = joined(only(&hours, |start| start >= from), hour_ms());
        let decade = Level::Hours.span(span.from_ms);
        let known = rows::between(
            self.connection,
            &self.server,
            Level::Hours,
            span.from_ms,
            span.last_ms(),
        )?;
        let renewed = [
            self.renewed(Level::Minutes, old, &minutes),
            if known.is_empty() {
                self.renewed(Level::Hours, Vec::new(), &hours)
            } else {
                // It was made before, and more ticks came: all of it is made anew.
                let hours = self.hours(decade, None)?;
                let old = self.replaceable(Level::Hours, decade)?;
                self.renewed(Level::Hours, old, &hours)
            },
        ];
        Ok(renewed.into_iter().flatten().collect())
    }

    fn one_decade(&mut self, span: Span) -> Result<Vec<Renewed>, StoreError> {
        let old = self.replaceable(Level::Hours, span)?;
        if old.len() < 2 {
            return Ok(Vec::new());
        }
        let windows = joined(self.tier(Level::Hours, span, None)?, hour_ms());
        Ok(self.renewed(Level::Hours, old, &windows).into_iter().collect())
    }

    /// The blocks of a tier that can be read whole: those that cannot stay, as the mark of a gap.
    fn replaceable(&mut self, level: Level, span: Span) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::new();
        for row in rows::within(self.connection, &self.server, level, span)? {
            let gaps = std::mem::take(&mut self.told.gaps);
            let read = self.tier_block(level, &row, None)?;
            if read.is_some() && self.told.gaps.is_empty() {
                ids.push(row.id);
            }
            self.told.gaps = gaps;
        }
        Ok(ids)
    }

    fn renewed(&self, level: Level, old: Vec<i64>, windows: &Windows) -> Option<Renewed> {
        let new = match sealed(&self.server, windows) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, "a tier of a server's history is not made");
                return None;
            }
        };
        Some(Renewed { level, old, new })
    }
}

type SealedWindows = Option<(i64, i64, Vec<u8>)>;

fn sealed(server: &Archived, windows: &Windows) -> Result<SealedWindows, crate::block::SealError> {
    let (Some(first), Some(last)) = (windows.starts.first(), windows.starts.last()) else {
        return Ok(None);
    };
    let options = SealOptions { tag: server.tag, ..SealOptions::default() };
    Ok(Some((*first, *last, seal_tier(windows, &options)?)))
}

/// Adds ticks of an hour whose others were deleted for the cap to what is left of that hour.
pub(super) fn add_late(
    connection: &Connection,
    server: &Archived,
    hour: Span,
    columns: &Columns,
) -> Result<(), StoreError> {
    let level = if hour.from_ms >= server.reach.minutes_from_ms {
        Level::Minutes
    } else if hour.from_ms >= server.reach.hours_from_ms {
        Level::Hours
    } else {
        return Ok(());
    };
    let width_ms = u32::try_from(level.width_ms()).unwrap_or(hour_ms());
    let windows = Windows::of_ticks(columns, width_ms, |_| None);
    match sealed(server, &windows) {
        Ok(Some((first, last, bytes))) => {
            rows::put(connection, server.row, level, (first, last), &bytes, None)?;
            due::note(connection, server.row, level, level.span(hour.from_ms))
        }
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "late ticks of a server are not added to its tiers");
            Ok(())
        }
    }
}

fn hour_ms() -> u32 {
    3_600_000
}
