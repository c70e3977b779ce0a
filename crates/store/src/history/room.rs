use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::chunk::{Chunk, Numbers};
use super::turn::Turn;
use crate::StoreError;

/// The least room that a history works in; a smaller cap counts as this.
pub const MIN_CAP_BYTES: u64 = 16 << 20;
const PAGE_BYTES: u64 = 8192;
/// The most of the cap that is left to SQLite's log.
const MOST_FOR_LOG: u64 = 64 << 20;
/// What is deleted at once to make room, in chunks.
const STEP: i64 = 64;

/// How the cap is shared out: the file, and the log (WAL) beside it.
#[derive(Debug)]
pub(super) struct Room {
    /// What the pages in use may take.
    pub(super) file_bytes: u64,
    log_bytes: u64,
    turn: Mutex<Turn>,
}

impl Room {
    pub(super) fn new(cap_bytes: u64) -> Self {
        let cap = cap_bytes.max(MIN_CAP_BYTES);
        let log_bytes = (cap / 4).min(MOST_FOR_LOG);
        Self { file_bytes: cap - log_bytes, log_bytes, turn: Mutex::default() }
    }

    /// It holds the upper pages of the indexes and the ends of the rings that are
    /// written to: 4 MiB of pages (SQLite takes the number as KiB when it is negative).
    /// What a transaction changes beyond that goes into the log early.
    ///
    /// The log is written back once it has a quarter of its room, and a
    /// transaction takes about an eighth, so it fits even when a reader holds up
    /// the writing back for a while.
    pub(super) fn for_writer(&self) -> String {
        format!(
            "PRAGMA secure_delete = FAST; PRAGMA cache_size = -4096; \
             PRAGMA journal_size_limit = {}; PRAGMA wal_autocheckpoint = {}",
            self.log_bytes / 2,
            (self.log_bytes / 4 / PAGE_BYTES).max(16),
        )
    }

    /// How many chunks of a group go into one transaction.
    pub(super) fn group_len(&self, group: &[(&Chunk, Numbers)]) -> usize {
        let most = usize::try_from(self.log_bytes / 8).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = |(chunk, _): &&(&Chunk, Numbers)| {
            bytes += chunk.bytes.len();
            bytes <= most
        };
        group.iter().take_while(fits).count().max(1)
    }

    /// Deletes the chunks that are stored longest until `incoming` bytes of
    /// chunks fit. Returns how many. A server that holds far more than the others
    /// loses its own first.
    ///
    /// The order is that of arrival and not of the agents' clocks: a wrong clock
    /// must not decide whose history goes.
    pub(super) fn make(
        &self,
        connection: &Connection,
        incoming: usize,
    ) -> Result<usize, StoreError> {
        let with_overhead = (incoming as u64).saturating_add(incoming as u64 / 4) + 32 * PAGE_BYTES;
        self.delete_down_to(connection, self.file_bytes.saturating_sub(with_overhead), usize::MAX)
    }

    /// Deletes until the pages in use take no more than `bytes`, and at most
    /// about `most` chunks.
    pub(super) fn delete_down_to(
        &self,
        connection: &Connection,
        bytes: u64,
        most: usize,
    ) -> Result<usize, StoreError> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut deleted = 0;
        while deleted < most && used_bytes(connection)? > bytes {
            match turn.delete(connection, STEP)? {
                0 => break,
                more => deleted += more,
            }
        }
        Ok(deleted)
    }
}

/// What the pages in use take, in bytes.
pub(super) fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pages = pragma(connection, "PRAGMA page_count")?;
    let free = pragma(connection, "PRAGMA freelist_count")?;
    Ok(pages.saturating_sub(free).saturating_mul(PAGE_BYTES))
}

/// What all pages take, in bytes.
pub(super) fn file_bytes(connection: &Connection) -> Result<u64, StoreError> {
    Ok(pragma(connection, "PRAGMA page_count")?.saturating_mul(PAGE_BYTES))
}

fn pragma(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    let number: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}
