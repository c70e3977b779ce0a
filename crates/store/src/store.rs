use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::channels::Channels;
use crate::connection::{Kind, look_through};
use crate::connections::Connections;
use crate::{Batch, StoreError, folder, migrations};

/// The WAL is cut back to this size after it grew.
const WAL_LIMIT_BYTES: i64 = 64 << 20;

/// The hub's database. A clone is another handle on the same one.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Connections,
    counters: Counters,
    channels: Channels,
}

/// What went wrong or was left out since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) timeline_left_out: AtomicU64,
}

impl Store {
    /// Opens the database in `folder`, and makes both if they are not there.
    ///
    /// # Errors
    /// [`StoreError::Folder`] when the folder cannot be used,
    /// [`StoreError::NewerFormat`] and [`StoreError::Foreign`] when the file is
    /// not for this release, [`StoreError::Damaged`] when it is damaged. The
    /// file is not changed in these cases.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let folder = folder::prepare(folder)?;
        let kind = Kind {
            format: &migrations::WATCHFIRE,
            if_fresh: "",
            for_writer: format!(
                "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}"
            ),
        };
        let connections = Connections::open(folder.database.clone(), kind)?;
        let channels = Channels::open(&connections)?;
        Ok(Store(Arc::new(Inner { connections, counters: Counters::default(), channels })))
    }

    /// Does `work` in one transaction. When this returns `Ok`, all of it is on
    /// the disk; otherwise none of it is seen by any reader. Writers wait for
    /// each other.
    ///
    /// # Errors
    /// What `work` returned, or why the transaction could not begin or be
    /// committed. After [`StoreError::Io`] and [`StoreError::Damaged`], and
    /// after any failed commit, the writer's connection is closed, and the next
    /// call opens another.
    pub fn write<R>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let Inner { connections, counters, channels } = &*self.0;
        connections.write(|connection| work(&Batch { connection, counters, channels }))
    }

    /// Looks through the whole database for damage. It reads every page, so it
    /// is for an operator who asks, not for every start.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first thing that was found.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| look_through(connection, true))
    }

    /// How many connections were closed after an error of the disk.
    #[must_use]
    pub fn connections_ended(&self) -> u64 {
        self.0.connections.ended()
    }

    /// How many timeline entries were left out because their incident had
    /// [`MAX_TIMELINE`](crate::MAX_TIMELINE) already.
    #[must_use]
    pub fn timeline_left_out(&self) -> u64 {
        self.0.counters.timeline_left_out.load(Ordering::Relaxed)
    }

    /// How many writes found no room on the disk.
    #[must_use]
    pub fn met_full_disk(&self) -> u64 {
        self.0.connections.full()
    }

    /// As [`Connections::checkpoint`].
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        self.0.connections.checkpoint()
    }

    /// What is kept of channels, and which are known.
    pub(crate) fn channels(&self) -> &Channels {
        &self.0.channels
    }

    /// Where the file is.
    pub(crate) fn database(&self) -> &Path {
        self.0.connections.database()
    }

    /// Does `work` on one snapshot of the database.
    pub(crate) fn read<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.0.connections.read(work)
    }
}

#[cfg(test)]
mod tests;
