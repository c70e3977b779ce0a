//! Which servers have chunks to seal.

use rusqlite::Connection;

use super::sealing::SCHEMA;
use super::told::Sealable;
use crate::StoreError;
use crate::history::{History, HistoryError};

impl History {
    /// Servers that have chunks which end before `before_ms`, in milliseconds since 1970: at most
    /// `limit`, those whose chunks are oldest first. What is stored under `KEY/schema` is no
    /// server.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn sealable(&self, before_ms: i64, limit: usize) -> Result<Vec<Sealable>, HistoryError> {
        self.read(|connection| {
            let mut found = Vec::new();
            for (server, from_ms) in oldest(connection, before_ms)?.into_iter().take(limit) {
                let (from_ms, to_ms) = range(connection, &server, before_ms)?
                    .map_or((from_ms, from_ms), |(from, to)| (from.min(from_ms), to.max(from_ms)));
                found.push(Sealable { server, from_ms, to_ms });
            }
            Ok(found)
        })
    }
}

/// Servers, and when their first chunk ends.
fn oldest(connection: &Connection, before_ms: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT server, min((SELECT min(to_ms) FROM chunk WHERE chunk.ring = ring.id)) \
         AS ends FROM ring WHERE removed = FALSE GROUP BY server HAVING ends < ?1 ORDER BY ends";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map([before_ms], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    found.retain(|(server, _)| !server.ends_with(SCHEMA));
    Ok(found)
}

fn range(
    connection: &Connection,
    server: &str,
    before_ms: i64,
) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = "SELECT min(from_ms), max(to_ms) FROM ring JOIN chunk ON chunk.ring = ring.id \
         WHERE server = ?1 AND removed = FALSE AND to_ms < ?2";
    let mut query = connection.prepare_cached(sql)?;
    let (from, to): (Option<i64>, Option<i64>) = query
        .query_row(rusqlite::params![server, before_ms], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(from.zip(to))
}
