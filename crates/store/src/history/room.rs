use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::archive::prune::{self, BlockTurn, Gone, Next};
use super::chunk::{Chunk, Numbers};
use super::outgoing::Targets;
use super::turn::Turn;
use crate::StoreError;

/// The least room that a history works in; a smaller cap counts as this.
pub const MIN_CAP_BYTES: u64 = 16 << 20;
const PAGE_BYTES: u64 = 8192;
/// The most of the cap that is left to SQLite's log.
const MOST_FOR_LOG: u64 = 64 << 20;
/// The least that is kept free, unless it presses.
const LEAST_FREE: u64 = 1 << 20;
/// What is deleted at once to make room, in chunks.
const STEP: i64 = 64;

/// How the cap is shared out: the file, and the log (WAL) beside it.
#[derive(Debug)]
pub(super) struct Room {
    /// What the pages in use may take.
    pub(super) file_bytes: u64,
    log_bytes: u64,
    turns: Mutex<(Turn, BlockTurn)>,
    /// Who may not have got yet what is deleted.
    targets: Arc<Targets>,
}

impl Room {
    pub(super) fn new(cap_bytes: u64, targets: Arc<Targets>) -> Self {
        let cap = cap_bytes.max(MIN_CAP_BYTES);
        let log_bytes = (cap / 4).min(MOST_FOR_LOG);
        Self { file_bytes: cap - log_bytes, log_bytes, turns: Mutex::default(), targets }
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
            "PRAGMA secure_delete = FAST; PRAGMA cache_size = -12288; \
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

    /// What the pages in use are to take at most when there is time to make room: enough is free
    /// then that whoever stores need not delete.
    pub(super) fn low_water(&self) -> u64 {
        self.file_bytes - (self.file_bytes / 32).max(LEAST_FREE)
    }

    /// Deletes until `incoming` bytes fit: sealed history first, as [`prune`] says, then the
    /// chunks that are stored longest, and events at the very last. A server that holds far more
    /// than the others loses its own first.
    ///
    /// The order is that of arrival and not of the agents' clocks: a wrong clock
    /// must not decide whose history goes.
    pub(super) fn make(
        &self,
        connection: &Connection,
        incoming: usize,
    ) -> Result<Gone, StoreError> {
        self.delete_down_to(connection, self.most_before(incoming), usize::MAX)
    }

    /// What the pages in use may take before `incoming` bytes are stored.
    pub(super) fn most_before(&self, incoming: usize) -> u64 {
        let with_overhead = (incoming as u64).saturating_add(incoming as u64 / 4) + 32 * PAGE_BYTES;
        self.file_bytes.saturating_sub(with_overhead)
    }

    /// Deletes until the pages in use take no more than `bytes`, and at most
    /// about `most` rows.
    pub(super) fn delete_down_to(
        &self,
        connection: &Connection,
        bytes: u64,
        most: usize,
    ) -> Result<Gone, StoreError> {
        let mut gone = Gone::default();
        let mut used = used_bytes(connection)?;
        if used <= bytes {
            return Ok(gone);
        }
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (chunks, blocks) = &mut *turns;
        while gone.rows() < most && used > bytes {
            let mut went = Vec::new();
            let file = self.file_bytes;
            let mut more = match prune::delete(connection, blocks, used, file, &mut went)? {
                Some(more) => more,
                None => {
                    went = chunks.delete(connection, STEP)?;
                    Gone { chunks: went.len(), ..Gone::default() }
                }
            };
            if more.rows() == 0 {
                // What looked like chunks is something else.
                let other = prune::delete(connection, blocks, 0, file, &mut went)?;
                more = other.unwrap_or_default();
            }
            if more.rows() == 0 {
                more = prune::delete_last(connection, blocks)?;
            }
            if more.rows() == 0 {
                break;
            }
            self.targets.took(connection, &went)?;
            gone.add(more);
            used = used_bytes(connection)?;
        }
        Ok(gone)
    }

    /// What would go next while the pages in use take more than `bytes`.
    pub(super) fn next_hour_to_go(
        &self,
        connection: &Connection,
        bytes: u64,
    ) -> Result<Next, StoreError> {
        let used = used_bytes(connection)?;
        if used <= bytes {
            return Ok(Next::Nothing);
        }
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        prune::next(connection, &mut turns.1, used, self.file_bytes)
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
