//! Whether the disk of the data folder has room: what is kept free for the outbox while there
//! is, and who is told when there is none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_alert::Recipient;
use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{History, RESERVE_BYTES, Store};

use crate::desk::Desk;

/// How often it is looked at. A disk that fills is told twice as late at the most.
const LOOK: Duration = Duration::from_secs(5);
/// A disk with less than this left is full, in bytes: a group of the history may want more.
const FULL_BELOW: u64 = 1 << 20;
/// A disk that was full has room again from here on.
const ROOM_FROM: u64 = 4 << 20;
/// For how long it must have had room to be called well: what fills it may go on.
const ROOM_FOR: Duration = Duration::from_secs(60);
/// The outbox's reserve is filled up only where this much is left: it must not be what
/// fills the disk.
const RESERVE_FROM: u64 = 2 * RESERVE_BYTES + ROOM_FROM;
/// How long it is not tried again where there was no room for it after all: below a quota, say.
const RESERVE_RESTS: Duration = Duration::from_secs(3600);

/// The disk of the data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    store: Store,
    history: Option<History>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    full_since: Option<Moment>,
    /// Since when it has room again.
    room_since: Option<Moment>,
    /// How many writes had found no room when it was looked at last.
    refused: u64,
    /// Until when the reserve is not filled up.
    reserve_rests: Option<Moment>,
}

impl Disk {
    pub(crate) fn new(folder: &Path, store: Store, history: Option<History>) -> Self {
        Self { folder: folder.to_owned(), store, history, state: Mutex::default() }
    }

    /// Since when it is full, if it is.
    pub(crate) fn full_since(&self) -> Option<Moment> {
        self.state().full_since
    }

    /// Looks at it until the end is asked for. `admins` are told how it stands.
    pub(crate) async fn watch(
        self: Arc<Self>,
        desk: Arc<Desk>,
        admins: Vec<Recipient>,
        clock: Clock,
        shutdown: Shutdown,
    ) {
        let admins = Arc::new(admins);
        while !shutdown.is_requested() {
            let (disk, desk, admins) = (self.clone(), desk.clone(), admins.clone());
            let now = clock.now();
            let looked = task::blocking("disk", move || {
                let full_since = disk.look(now);
                if let Err(error) = desk.heed_disk(&admins, full_since) {
                    tracing::error!(%error, "how the disk stands cannot be told yet");
                }
            });
            if let Err(failed) = looked.await {
                tracing::error!(%failed, "the disk cannot be looked at");
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
        }
    }

    /// Looks once, and says since when it is full.
    fn look(&self, now: Moment) -> Option<Moment> {
        let left = left_for_us(&self.folder);
        let full_since = self.state().take(now, left, self.refused());
        let wants_reserve = self.state().wants_reserve(now, left);
        if wants_reserve && let Err(error) = self.store.keep_reserve() {
            tracing::warn!(%error, "no room can be kept back for the outbox yet");
            self.state().no_reserve(now, self.refused());
        }
        full_since
    }

    /// How many writes found no room so far.
    fn refused(&self) -> u64 {
        let of_history = self.history.as_ref().map_or(0, History::met_full_disk);
        self.store.met_full_disk() + of_history
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the reserve may be filled up. While the disk is full the log must not be spent on
    /// what cannot succeed.
    fn wants_reserve(&self, now: Moment, left: Option<u64>) -> bool {
        let rests = self.reserve_rests.is_some_and(|end| now.monotonic < end.monotonic);
        self.full_since.is_none() && !rests && left.is_none_or(|left| left >= RESERVE_FROM)
    }

    /// The reserve found no room. Nothing that anybody wanted to store was refused by that, so it
    /// makes no disk full.
    fn no_reserve(&mut self, now: Moment, refused: u64) {
        (self.refused, self.reserve_rests) = (refused, Some(now.after(RESERVE_RESTS)));
    }

    /// Takes in what is `left` on the disk, where that can be known, and how many writes were
    /// `refused` so far: a quota refuses them while the disk has room.
    fn take(&mut self, now: Moment, left: Option<u64>, refused: u64) -> Option<Moment> {
        let refused_anew = std::mem::replace(&mut self.refused, refused) < refused;
        let has_room = |least: u64| !refused_anew && left.is_none_or(|left| left >= least);
        match self.full_since {
            None if !has_room(FULL_BELOW) => {
                tracing::error!(left, "the disk of the data folder is full");
                self.full_since = Some(now);
            }
            Some(_) if has_room(ROOM_FROM) => {
                let room_since = *self.room_since.get_or_insert(now);
                if now.since(room_since) >= ROOM_FOR {
                    tracing::info!(left, "the disk of the data folder has room again");
                    (self.full_since, self.room_since) = (None, None);
                }
            }
            _ => self.room_since = None,
        }
        self.full_since
    }
}

/// How many bytes this process may still write to the disk of `folder`.
fn left_for_us(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    // The last few per cent are root's alone on many disks.
    let blocks = if rustix::process::geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    Some(blocks.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests;
