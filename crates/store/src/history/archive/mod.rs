//! What is sealed: blocks of ticks, the windows of tiers, process tables, the keys and texts that
//! they share, and what kernels told.
//!
//! Blocks of ticks lie within an hour, and an hour that is over becomes one block. Six hours
//! that are over get windows of a minute and of an hour. What comes late makes a block of its
//! own, and the hour and its windows are made anew.

mod columns;
pub(super) mod doctor;
mod due;
mod events;
mod intern;
mod keys;
mod parse;
mod part;
mod picked;
pub(super) mod prune;
mod rows;
mod samples;
mod sealable;
mod sealing;
mod servers;
mod shape;
mod spans;
mod state;
mod tables;
mod tend;
mod tier;
mod told;
pub(super) mod verify;
mod windows;

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

pub use events::{MAX_EVENT_BYTES, MAX_SERVER_EVENTS, SealedEvents, StoredEvent};
pub use keys::{Keys, MAX_KEYS};
pub use tables::MAX_RUN_PIDS;
pub use told::{
    OnPicked, OnSamples, OnWindows, Pick, Picked, Reach, Run, Sealable, Sealed, Sealing, Told,
};

pub(super) use rows::sound;
pub(super) use sealing::SCHEMA;
pub(super) use state::State;

/// The latest time that the archive has of a server.
pub(super) fn last(connection: &Connection, server: &str) -> Result<Option<i64>, StoreError> {
    let Some(server) = servers::find(connection, server)? else { return Ok(None) };
    let sql = "SELECT max(last_ms) FROM block WHERE server = ?1 AND width_ms = ?2";
    let mut query = connection.prepare_cached(sql)?;
    let mut last = None;
    for level in spans::Level::ALL {
        last = query.query_row([server.row, level.width_ms()], |row| row.get(0))?;
        if last.is_some() {
            break;
        }
    }
    Ok(last)
}

/// Whether anything is sealed.
pub(super) fn holds_blocks(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM held_block WHERE server = 0 AND blocks > 0";
    Ok(connection.prepare_cached(sql)?.exists([])?)
}

/// Deletes up to `step` blocks, segments and events of one removed server, and the server with the last
/// one. Says whether there may be more.
pub(super) fn drop_removed(
    connection: &Connection,
    step: usize,
) -> Result<(usize, bool), StoreError> {
    let sql = "SELECT id FROM archived WHERE removed = TRUE ORDER BY id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    let Some(server) = found else { return Ok((0, false)) };
    let server: i64 = server;
    let most = i64::try_from(step).unwrap_or(i64::MAX);
    let mut deleted = 0;
    for table in ["block", "process_segment", "kernel_event"] {
        let sql = format!(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE server = ?1 LIMIT ?2)"
        );
        let left = most.saturating_sub(i64::try_from(deleted).unwrap_or(i64::MAX));
        deleted += connection.prepare_cached(&sql)?.execute(params![server, left])?;
    }
    if deleted < step {
        for sql in [
            "DELETE FROM due WHERE server = ?1",
            "DELETE FROM held_block WHERE server = ?1",
            "DELETE FROM archived WHERE id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([server])?;
        }
    }
    Ok((deleted, true))
}
