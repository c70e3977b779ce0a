//! What agents told: `history.db`. What no block holds yet is in chunks; what is sealed is in
//! the `archive`. What senders pushed, which are no agents, is apart from that in `pushed`.
//!
//! The unit of the former is the *chunk*: records of one ring of one server that follow one
//! another without a hole. Sequences are not dense, so that two chunks touch is
//! known only by the later one's `previous`. For each ring a few *intervals* say
//! which sequences are known; they change in the transaction that stores the chunk.

mod append;
mod archive;
mod chunk;
mod counters;
mod coverage;
mod error;
mod examine;
mod outgoing;
mod prune;
mod pushed;
mod reading;
mod ring;
mod room;
mod turn;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use crate::connection::{Kind, look_through};
use crate::connections::Connections;
use crate::folder::{self, Folder};
use crate::{StoreError, migrations};

pub use append::Appended;
pub use archive::{
    Keys, MAX_EVENT_BYTES, MAX_KEYS, MAX_RUN_PIDS, MAX_SERVER_EVENTS, OnPicked, OnSamples,
    OnWindows, Pick, Picked, Reach, Run, Sealable, Sealed, SealedEvents, Sealing, StoredEvent,
    Told,
};
pub use chunk::{BadChunk, Chunk, MAX_CHUNK_BYTES, MAX_SERVER_KEY_BYTES};
pub use counters::HistoryCounters;
pub use coverage::MAX_INTERVALS;
pub use error::HistoryError;
pub(crate) use examine::examine;
pub use outgoing::{MAX_OUTGOING, MAX_TARGETS, Outgoing, Waiting};
pub use prune::Dropped;
pub use pushed::{
    LeftOut, MAX_PUSHED_FACTS, MAX_PUSHED_LABEL_BYTES, MAX_PUSHED_MEMORY, MAX_PUSHED_MEMORY_IN_ALL,
    MAX_PUSHED_SERIES, MAX_PUSHED_SERIES_IN_ALL, MAX_SENDERS, OnPushed, OnPushedSeries, Push,
    Pushed, PushedId, PushedSamples, PushedSpan,
};
pub use reading::{ChunkRow, Gap, MAX_LEAD_IN, MAX_READ_BYTES, StoredChunk, Stretch};
pub use ring::MAX_RINGS;
pub use room::MIN_CAP_BYTES;
pub use verify::Verified;

use counters::Counters;
use room::Room;

/// What agents told, as chunks at first, and sealed later. A clone is another handle on the
/// same one; one process has it at a time.
///
/// A key names a server: the agent's id, or `name:` and the server's name for a
/// server of the config whose agent did not enrol. An id is made of a key, so an
/// agent that enrols anew under an old name never meets what another one told.
#[derive(Debug, Clone)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    connections: Connections,
    room: Room,
    counters: Counters,
    archive: archive::State,
    pushed: pushed::State,
    outgoing: Arc<outgoing::Targets>,
    _held: Folder,
}

impl History {
    /// Opens the history in `folder`, which keeps within `cap_bytes` on the disk,
    /// at least [`MIN_CAP_BYTES`]. A damaged file is moved into the folder
    /// `damaged-history`, in place of an earlier one, and a fresh one takes its
    /// place: what agents still hold, they hand in again.
    ///
    /// # Errors
    /// [`HistoryError::Busy`] when another process has it open,
    /// [`HistoryError::NewerFormat`] and [`HistoryError::Foreign`] when the file is
    /// not for this release (it is not changed then), and what the disk refuses.
    pub fn open(folder: &Path, cap_bytes: u64) -> Result<History, HistoryError> {
        let held = folder::prepare_history(folder)?;
        let outgoing = Arc::<outgoing::Targets>::default();
        let room = Room::new(cap_bytes, outgoing.clone());
        let counters = Counters::default();
        let open = || {
            let connections = Connections::open(held.database.clone(), kind(&room))?;
            connections.read(|one| migrations::check_schema(one, &migrations::HISTORY))?;
            Ok(connections)
        };
        let connections = match open() {
            Err(StoreError::Damaged { why } | StoreError::Unreadable { why, .. }) => {
                set_aside(folder, &counters, &why)?;
                open()?
            }
            other => other?,
        };
        let folder = folder.to_owned();
        let archive = archive::State::default();
        let pushed = pushed::State::default();
        let _held = held;
        let inner = Inner { folder, connections, room, counters, archive, pushed, outgoing, _held };
        Ok(History(Arc::new(inner)))
    }

    /// Looks through the whole file for damage. It reads every page.
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] with the first thing that was found.
    pub fn check(&self) -> Result<(), HistoryError> {
        self.read(|connection| look_through(connection, true))
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// What was counted since it was opened.
    #[must_use]
    pub fn counters(&self) -> HistoryCounters {
        self.0.counters.now(self.0.connections.ended())
    }

    /// How many writes found no room on the disk.
    #[must_use]
    pub fn met_full_disk(&self) -> u64 {
        self.0.connections.full()
    }

    fn read<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, HistoryError> {
        Ok(self.0.connections.read(work)?)
    }

    /// As [`Connections::write`]. When the file turns out to be damaged, a fresh
    /// one takes its place, and `work` is done again on that.
    fn write<R>(
        &self,
        work: impl Fn(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, HistoryError> {
        let inner = &self.0;
        let generation = inner.connections.generation();
        let error = match inner.connections.write(&work) {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let Some(why) = self.damage_behind(&error) else { return Err(error.into()) };
        let renew = || set_aside(&inner.folder, &inner.counters, &why);
        inner.connections.replace(generation, renew)?;
        Ok(inner.connections.write(&work)?)
    }

    /// What is damaged, if that is why a write failed. A row of a wrong type is
    /// damage, and so may be what SQLite refuses: one bad row must not keep all
    /// servers from being stored.
    fn damage_behind(&self, error: &StoreError) -> Option<String> {
        match error {
            StoreError::Damaged { why } | StoreError::Unreadable { why, .. } => Some(why.clone()),
            StoreError::Refused { .. } => {
                let looked = self.0.connections.read(|connection| {
                    migrations::check_schema(connection, &migrations::HISTORY)?;
                    look_through(connection, false)
                });
                match looked {
                    Err(StoreError::Damaged { why } | StoreError::Unreadable { why, .. }) => {
                        Some(why)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn kind(room: &Room) -> Kind {
    Kind {
        format: &migrations::HISTORY,
        // Three chunks of the usual 2.5 kB fill a page of 8 kB well; incremental
        // vacuum is what a smaller cap needs.
        if_fresh: "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL",
        for_writer: room.for_writer(),
    }
}

fn set_aside(folder: &Path, counters: &Counters, why: &str) -> Result<(), StoreError> {
    let kept = folder::set_history_aside(folder)?;
    Counters::add(&counters.files_set_aside, 1);
    tracing::error!(
        why, kept = %kept.display(),
        "history.db was damaged: it is kept, and a fresh one takes its place. \
         Agents hand in again what they still hold"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
