//! Servers as the rows of the archive refer to them.

use rusqlite::{Connection, OptionalExtension, params};

use super::told::Reach;
use crate::StoreError;

/// A server that has sealed history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Archived {
    pub(super) row: i64,
    /// Where the checksums of its blocks begin.
    pub(super) tag: u32,
    pub(super) reach: Reach,
}

/// CRC-32 over a server's key.
pub(super) fn tag(server: &str) -> u32 {
    crc32fast::hash(server.as_bytes())
}

/// The server of that key, if anything of it is sealed.
pub(super) fn find(connection: &Connection, server: &str) -> Result<Option<Archived>, StoreError> {
    let sql = "SELECT id, ticks_from_ms, minutes_from_ms, hours_from_ms FROM archived \
         WHERE server = ?1 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row([server], |row| {
        let reach = Reach {
            ticks_from_ms: row.get(1)?,
            minutes_from_ms: row.get(2)?,
            hours_from_ms: row.get(3)?,
        };
        Ok(Archived { row: row.get(0)?, tag: tag(server), reach })
    });
    Ok(found.optional()?)
}

/// The server of that key; it begins here if nothing of it is sealed.
pub(super) fn of(connection: &Connection, server: &str) -> Result<Archived, StoreError> {
    if let Some(found) = find(connection, server)? {
        return Ok(found);
    }
    let reach = Reach::default();
    let sql = "INSERT INTO archived (server, ticks_from_ms, minutes_from_ms, hours_from_ms) \
         VALUES (?1, ?2, ?3, ?4)";
    let values = params![server, reach.ticks_from_ms, reach.minutes_from_ms, reach.hours_from_ms];
    let row = connection.prepare_cached(sql)?.insert(values)?;
    Ok(Archived { row, tag: tag(server), reach })
}

/// The key of a server that is not removed, by its row.
pub(super) fn key_of(connection: &Connection, row: i64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT server FROM archived WHERE id = ?1 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    Ok(query.query_row([row], |row| row.get(0)).optional()?)
}
