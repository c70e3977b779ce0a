use rusqlite::{Connection, OptionalExtension, params};

use super::chunk::{Chunk, tag};
use super::counters::Counters;
use crate::StoreError;

/// The most rings of one server. A reinstalled agent begins a new one; above
/// this the one that began first is dropped, and counted.
pub const MAX_RINGS: usize = 16;

/// A ring as its rows refer to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    pub(super) row: i64,
    pub(super) id: [u8; 16],
    /// Where the checksums of its rows begin.
    pub(super) tag: u32,
    /// The longest time that a chunk of it spans. It limits the search for the
    /// chunks of a stretch of time.
    pub(super) widest_ms: i64,
}

/// The ring of that server and id, if anything of it is known.
pub(super) fn find(
    connection: &Connection,
    server: &str,
    id: [u8; 16],
) -> Result<Option<Ring>, StoreError> {
    let sql = "SELECT id, widest_ms FROM ring WHERE server = ?1 AND ring = ?2 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row(params![server, id], |row| Ok((row.get(0)?, row.get(1)?)));
    let (row, widest_ms) = match found.optional()? {
        Some(found) => found,
        None => return Ok(None),
    };
    Ok(Some(Ring { row, id, tag: tag(server, &id), widest_ms }))
}

/// Every ring of a server, the one that began first first.
pub(super) fn all(connection: &Connection, server: &str) -> Result<Vec<Ring>, StoreError> {
    let sql = "SELECT id, ring, widest_ms FROM ring WHERE server = ?1 AND removed = FALSE \
         ORDER BY id";
    let mut query = connection.prepare_cached(sql)?;
    let rings = query.query_map([server], |row| {
        let id: [u8; 16] = row.get(1)?;
        Ok(Ring { row: row.get(0)?, id, tag: tag(server, &id), widest_ms: row.get(2)? })
    })?;
    Ok(rings.collect::<Result<_, _>>()?)
}

/// The ring of a chunk that is to be stored; it begins with it if it is new.
pub(super) fn of_chunk(
    connection: &Connection,
    chunk: &Chunk,
    counters: &Counters,
) -> Result<Ring, StoreError> {
    let span = chunk.to_ms.saturating_sub(chunk.from_ms);
    if let Some(mut ring) = find(connection, &chunk.server, chunk.ring)? {
        if span > ring.widest_ms {
            let sql = "UPDATE ring SET widest_ms = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute([ring.row, span])?;
            ring.widest_ms = span;
        }
        return Ok(ring);
    }
    give_up_the_first(connection, &chunk.server, counters)?;
    let sql = "INSERT INTO ring (server, ring, widest_ms) VALUES (?1, ?2, ?3)";
    let row = connection.prepare_cached(sql)?.insert(params![chunk.server, chunk.ring, span])?;
    let tag = tag(&chunk.server, &chunk.ring);
    Ok(Ring { row, id: chunk.ring, tag, widest_ms: span })
}

fn give_up_the_first(
    connection: &Connection,
    server: &str,
    counters: &Counters,
) -> Result<(), StoreError> {
    let rings = all(connection, server)?;
    for ring in rings.iter().take((rings.len() + 1).saturating_sub(MAX_RINGS)) {
        let sql = "UPDATE ring SET removed = TRUE WHERE id = ?1";
        connection.prepare_cached(sql)?.execute([ring.row])?;
        Counters::add(&counters.rings_given_up, 1);
    }
    Ok(())
}
