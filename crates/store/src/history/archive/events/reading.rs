//! Events as they are read, with their checksums.

use rusqlite::Connection;

use super::StoredEvent;
use crate::StoreError;
use crate::history::archive::rows::sound;
use crate::history::archive::servers::{self, Archived};
use crate::history::counters::Counters;
use crate::history::{Gap, History, HistoryError};

/// What is sealed of the events of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealedEvents {
    /// Newest first.
    pub events: Vec<StoredEvent>,
    /// Where damage was met, newest first: each from the event before it to the one after it.
    pub gaps: Vec<Gap>,
}

impl History {
    /// What the kernel of a server told from `from_ms` to `to_ms`, both included, in milliseconds
    /// since 1970 by the agent's clock, as far as it is sealed: the newest `limit`, each once. What is
    /// not sealed yet is in [`chunks`](Self::chunks).
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn events(
        &self,
        server: &str,
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<SealedEvents, HistoryError> {
        let found = self.read(|connection| match servers::find(connection, server)? {
            Some(server) => read(connection, &server, (from_ms, to_ms), limit),
            None => Ok(SealedEvents::default()),
        })?;
        Counters::add(&self.0.counters.damaged_rows, found.gaps.len() as u64);
        Ok(found)
    }
}

fn read(
    connection: &Connection,
    server: &Archived,
    (from_ms, to_ms): (i64, i64),
    limit: usize,
) -> Result<SealedEvents, StoreError> {
    let sql = "SELECT id FROM kernel_event WHERE server = ?1 AND at_ms BETWEEN ?2 AND ?3 \
         ORDER BY at_ms DESC, crc DESC LIMIT ?4";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(sql)?;
    let ids = query.query_map([server.row, from_ms, to_ms, limit], |row| row.get(0))?;
    let mut found = SealedEvents::default();
    // The earliest time of which all up to `to_ms` is told, and whether damage was met since.
    let (mut upper, mut open) = (to_ms, false);
    let mut close = |gaps: &mut Vec<Gap>, open: &mut bool, at_ms: i64| {
        if std::mem::take(open) {
            gaps.push(Gap { ring: [0; 16], from_ms: at_ms, to_ms: upper });
        }
        upper = at_ms;
    };
    for id in ids.collect::<Result<Vec<i64>, _>>()? {
        let event = fetch(connection, server.tag, id)?;
        match event.filter(|event| (from_ms..=to_ms).contains(&event.at_ms)) {
            Some(event) => {
                close(&mut found.gaps, &mut open, event.at_ms);
                found.events.push(event);
            }
            None => open = true,
        }
    }
    close(&mut found.gaps, &mut open, from_ms);
    Ok(found)
}

/// The event in that row; nothing when it is damaged.
fn fetch(connection: &Connection, tag: u32, id: i64) -> Result<Option<StoredEvent>, StoreError> {
    let sql = "SELECT at_ms, crc, bytes FROM kernel_event WHERE id = ?1";
    let read = connection.prepare_cached(sql)?.query_row([id], |row| {
        let event = StoredEvent { at_ms: row.get(0)?, bytes: row.get(2)? };
        Ok((row.get::<_, u32>(1)?, event))
    });
    let fits = |(crc, event): &(u32, StoredEvent)| *crc == checksum(tag, event.at_ms, &event.bytes);
    Ok(sound(read)?.filter(fits).map(|(_, event)| event))
}

/// Of each event of a server whether it is what was stored, with the time that the index has.
pub(in crate::history::archive) fn are_sound(
    connection: &Connection,
    server: i64,
    tag: u32,
) -> Result<Vec<(i64, bool)>, StoreError> {
    let sql = "SELECT id, at_ms FROM kernel_event WHERE server = ?1 ORDER BY at_ms";
    let mut query = connection.prepare_cached(sql)?;
    let all = query.query_map([server], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let all = all.collect::<Result<Vec<(i64, i64)>, _>>()?;
    all.into_iter().map(|(id, at_ms)| Ok((at_ms, fetch(connection, tag, id)?.is_some()))).collect()
}

/// CRC-32 from the server's tag over the time, 8 bytes little endian, and the bytes.
pub(in crate::history::archive) fn checksum(tag: u32, at_ms: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    hasher.update(&at_ms.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
