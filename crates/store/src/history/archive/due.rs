//! Which stretches of which servers are to be merged, or to be made a tier of.

use rusqlite::{Connection, OptionalExtension, params};

use super::servers::Archived;
use super::spans::{Level, Span};
use crate::StoreError;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) server: i64,
    pub(super) level: Level,
    pub(super) span: Span,
    /// How often something came; what came since then is not merged.
    pub(super) touched: i64,
}

/// Notes that something came to a span.
pub(super) fn note(
    connection: &Connection,
    server: i64,
    level: Level,
    span: Span,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO due (server, width_ms, from_ms, to_ms, touched) \
         VALUES (?1, ?2, ?3, ?4, 1) \
         ON CONFLICT (server, width_ms, from_ms) DO UPDATE SET touched = touched + 1";
    let values = params![server, level.width_ms(), span.from_ms, span.to_ms];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The span that ended first, and before `before_ms`. Ticks come before the tier made of them.
pub(super) fn next(connection: &Connection, before_ms: i64) -> Result<Option<Due>, StoreError> {
    let sql = "SELECT server, width_ms, from_ms, to_ms, touched FROM due \
         WHERE to_ms <= ?1 AND width_ms IN (0, 60000, 3600000) ORDER BY to_ms, width_ms LIMIT 1";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row([before_ms], |row| {
        let level = Level::of_width(row.get(1)?);
        let span = Span { from_ms: row.get(2)?, to_ms: row.get(3)? };
        Ok((row.get(0)?, level, span, row.get(4)?))
    });
    Ok(found.optional()?.and_then(|(server, level, span, touched)| {
        Some(Due { server, level: level?, span, touched })
    }))
}

/// What is due of one span, if anything is.
pub(super) fn of(
    connection: &Connection,
    server: i64,
    level: Level,
    span: Span,
) -> Result<Option<Due>, StoreError> {
    let sql = "SELECT touched FROM due WHERE server = ?1 AND width_ms = ?2 AND from_ms = ?3";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row(params![server, level.width_ms(), span.from_ms], |row| row.get(0));
    Ok(found.optional()?.map(|touched| Due { server, level, span, touched }))
}

/// Whether something came to a span since it was done.
pub(super) fn is(
    connection: &Connection,
    server: &Archived,
    level: Level,
    span: Span,
) -> Result<bool, StoreError> {
    Ok(of(connection, server.row, level, span)?.is_some())
}

/// The spans of a server of which windows of a minute are to be made, with anything from
/// `from_ms` to `to_ms`.
pub(super) fn spans(
    connection: &Connection,
    server: &Archived,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Span>, StoreError> {
    let sql = "SELECT from_ms, to_ms FROM due \
         WHERE server = ?1 AND width_ms = ?2 AND from_ms BETWEEN ?3 AND ?4 ORDER BY from_ms";
    let earliest = from_ms.saturating_sub(Level::Minutes.span_ms() - 1);
    let mut query = connection.prepare_cached(sql)?;
    let values = params![server.row, Level::Minutes.width_ms(), earliest, to_ms];
    let spans =
        query.query_map(values, |row| Ok(Span { from_ms: row.get(0)?, to_ms: row.get(1)? }))?;
    Ok(spans.collect::<Result<_, _>>()?)
}

/// Takes it from the list. False when something came since then, or it is gone: what was made
/// of it is not to be stored.
pub(super) fn done(connection: &Connection, due: &Due) -> Result<bool, StoreError> {
    let sql = "DELETE FROM due WHERE server = ?1 AND width_ms = ?2 AND from_ms = ?3 \
         AND touched = ?4";
    let values = params![due.server, due.level.width_ms(), due.span.from_ms, due.touched];
    Ok(connection.prepare_cached(sql)?.execute(values)? == 1)
}
