//! What the kernels of servers told, each record once.
//!
//! They are few and small, and they say why a server went: so they stay when the ticks around
//! them are long gone, and go when they are above their share alone.

mod reading;

use rusqlite::{Connection, params};

use super::servers::Archived;
use crate::StoreError;

pub use reading::SealedEvents;
pub(super) use reading::{are_sound, checksum};

/// The most events that are kept of one server. Above it, its oldest go.
pub const MAX_SERVER_EVENTS: usize = 20_000;
/// The most bytes of one event; a larger one is left out. An agent's are below 4 kB.
pub const MAX_EVENT_BYTES: usize = 8 << 10;

/// How `held_block` names events.
pub(super) const WIDTH: i64 = -3;
/// About what a row takes beside its bytes. The triggers count the same.
const ROW_BYTES: usize = 64;
/// Which share of the file the events of all servers may take.
const SHARE: u64 = 20;
/// What is deleted at once to make room.
const STEP: i64 = 64;
/// Times beyond a million years are nobody's.
const MOST_MS: i64 = 1 << 55;

/// Something that the kernel of a server told, as its agent recorded it. Two of one moment with
/// the same bytes are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredEvent {
    /// When, by the agent's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// The record. The store does not look into it.
    pub bytes: Vec<u8>,
}

/// The events of a sealing that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept<'a> {
    /// Each once, the oldest first.
    events: Vec<&'a StoredEvent>,
    /// About what they take in the file.
    pub(super) bytes: usize,
    /// How many are left out.
    pub(super) left_out: usize,
}

/// What the events of all servers may take of a file of so many bytes.
pub(super) fn share(file_bytes: u64) -> u64 {
    file_bytes / SHARE
}

impl<'a> Kept<'a> {
    /// Of too many the newest are kept: no more than one server may have, nor than all servers may
    /// have in a file of that size. What is more would go again at once.
    pub(super) fn of(events: &'a [StoredEvent], file_bytes: u64) -> Self {
        let mut all: Vec<&StoredEvent> = events.iter().collect();
        all.sort_unstable();
        all.dedup();
        let distinct = all.len();
        let most = usize::try_from(share(file_bytes)).unwrap_or(usize::MAX);
        let mut kept = Self::default();
        for event in all.into_iter().rev().filter(|event| is_fit(event)) {
            let bytes = kept.bytes + event.bytes.len() + ROW_BYTES;
            if kept.events.len() == MAX_SERVER_EVENTS || bytes > most {
                break;
            }
            kept.bytes = bytes;
            kept.events.push(event);
        }
        kept.events.reverse();
        kept.left_out = distinct - kept.events.len();
        kept
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Stores those that are not there yet. Says how many, and how many older ones of the server
    /// went because it had too many.
    pub(super) fn put(
        &self,
        connection: &Connection,
        server: &Archived,
    ) -> Result<(usize, usize), StoreError> {
        let find = "SELECT 1 FROM kernel_event \
             WHERE server = ?1 AND at_ms = ?2 AND crc = ?3 AND bytes = ?4";
        let mut find = connection.prepare_cached(find)?;
        let sql = "INSERT INTO kernel_event (server, at_ms, crc, bytes) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = connection.prepare_cached(sql)?;
        let mut stored = 0;
        for event in &self.events {
            let crc = checksum(server.tag, event.at_ms, &event.bytes);
            let row = params![server.row, event.at_ms, crc, event.bytes];
            if !find.exists(row)? {
                stored += insert.execute(row)?;
            }
        }
        let gone = if stored == 0 { 0 } else { delete_above_limit(connection, server)? };
        Ok((stored, gone))
    }
}

fn is_fit(event: &StoredEvent) -> bool {
    event.bytes.len() <= MAX_EVENT_BYTES && (-MOST_MS..=MOST_MS).contains(&event.at_ms)
}

/// The rows are counted one by one: a number that a flipped bit made larger must not
/// delete what is good.
fn delete_above_limit(connection: &Connection, server: &Archived) -> Result<usize, StoreError> {
    let sql = "DELETE FROM kernel_event WHERE id IN (SELECT id FROM kernel_event \
         WHERE server = ?1 ORDER BY at_ms DESC, crc DESC LIMIT -1 OFFSET ?2)";
    let most = i64::try_from(MAX_SERVER_EVENTS).unwrap_or(i64::MAX);
    Ok(connection.prepare_cached(sql)?.execute([server.row, most])?)
}

/// Deletes some of the events that came first, or the oldest of one server by its own clock.
/// Says how many.
pub(super) fn delete_oldest(
    connection: &Connection,
    server: Option<i64>,
) -> Result<usize, StoreError> {
    if let Some(server) = server {
        let sql = "DELETE FROM kernel_event WHERE id IN \
             (SELECT id FROM kernel_event WHERE server = ?1 ORDER BY at_ms, crc LIMIT ?2)";
        let gone = connection.prepare_cached(sql)?.execute([server, STEP])?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    let sql = "DELETE FROM kernel_event WHERE id IN \
         (SELECT id FROM kernel_event ORDER BY id LIMIT ?1)";
    Ok(connection.prepare_cached(sql)?.execute([STEP])?)
}
