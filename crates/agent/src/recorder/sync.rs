//! When and how what was written is put on the disk.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::folder::Folder;

/// How long a record waits at most until `fdatasync` is asked for.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(10);
/// Sealed segments that wait for a sync. More come together only when the disk
/// has not answered for hours; then the next ones are not waited for.
const MAX_WAITING: usize = 16;

/// One `fdatasync` of everything written so far. It may take as long as the
/// disk likes, so it can be run on another thread than the sampler's; give the
/// result back with [`Recorder::synced`](super::Recorder::synced).
#[derive(Debug)]
#[must_use = "nothing is safe from a power cut before it has run"]
pub struct SyncJob {
    files: Vec<Arc<File>>,
    folder: Option<PathBuf>,
    sealed: usize,
    running: Arc<()>,
}

/// What came of a [`SyncJob`].
#[derive(Debug)]
#[must_use = "the recorder must know of it"]
pub struct SyncDone {
    pub(super) result: io::Result<()>,
    sealed: usize,
    folder: bool,
    _running: Arc<()>,
}

impl SyncJob {
    /// Syncs the files, and the folder when segments were begun or removed.
    pub fn run(self) -> SyncDone {
        let files = || self.files.iter().try_for_each(|file| file.sync_data());
        let folder = || self.folder.as_ref().map_or(Ok(()), |path| Folder::sync(path));
        let result = files().and_then(|()| folder());
        let folder = self.folder.is_some();
        SyncDone { result, sealed: self.sealed, folder, _running: self.running }
    }
}

/// What waits for the next sync.
#[derive(Debug, Default)]
pub(super) struct SyncState {
    last: Duration,
    running: Weak<()>,
    sealed: Vec<Arc<File>>,
    folder_changed: bool,
    written: bool,
}

impl SyncState {
    pub(super) fn new(now: Duration) -> Self {
        Self { last: now, ..Self::default() }
    }

    /// The live segment was written to.
    pub(super) fn written(&mut self) {
        self.written = true;
    }

    /// A segment was ended.
    pub(super) fn sealed(&mut self, file: Arc<File>) {
        if self.sealed.len() < MAX_WAITING {
            self.sealed.push(file);
        }
    }

    /// A segment was begun or removed.
    pub(super) fn folder_changed(&mut self) {
        self.folder_changed = true;
    }

    /// True when it is time and no job is under way.
    pub(super) fn is_due(&self, now: Duration, every: Duration) -> bool {
        let waits = self.written || self.folder_changed || !self.sealed.is_empty();
        waits && now.saturating_sub(self.last) >= every && self.running.strong_count() == 0
    }

    pub(super) fn job(
        &mut self,
        now: Duration,
        live: Option<Arc<File>>,
        folder: PathBuf,
    ) -> SyncJob {
        let running = Arc::new(());
        (self.last, self.running, self.written) = (now, Arc::downgrade(&running), false);
        SyncJob {
            files: self.sealed.iter().cloned().chain(live).collect(),
            folder: std::mem::take(&mut self.folder_changed).then_some(folder),
            sealed: self.sealed.len(),
            running,
        }
    }

    /// After a failure the kernel may call the same pages clean, so a second
    /// try on the same files would prove nothing: they wait no longer.
    pub(super) fn done(&mut self, done: &SyncDone) {
        let sealed = done.sealed.min(self.sealed.len());
        self.sealed.drain(..sealed);
        self.folder_changed |= done.folder && done.result.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_everything_that_waits_and_each_thing_once() {
        let file = || Arc::new(tempfile::tempfile().expect("a file"));
        let seconds = Duration::from_secs;
        let mut state = SyncState::new(seconds(5));
        assert!(!state.is_due(seconds(99), SYNC_EVERY), "nothing was written");
        state.sealed(file());
        state.folder_changed();
        state.written();
        assert!(!state.is_due(seconds(14), SYNC_EVERY) && state.is_due(seconds(15), SYNC_EVERY));
        let job = state.job(seconds(15), Some(file()), PathBuf::from("/"));
        assert_eq!((job.files.len(), job.folder.is_some()), (2, true));
        state.sealed(file());
        assert!(!state.is_due(seconds(99), SYNC_EVERY), "one at a time");
        let done = job.run();
        assert!(done.result.is_ok());
        state.done(&done);
        drop(done);
        assert!(state.is_due(seconds(99), SYNC_EVERY), "what was sealed meanwhile still waits");
        let job = state.job(seconds(99), None, PathBuf::from("/no such folder"));
        assert_eq!((job.files.len(), job.folder.is_some()), (1, false));
    }

    #[test]
    fn a_folder_that_was_not_synced_is_tried_again() {
        let mut state = SyncState::new(Duration::ZERO);
        state.folder_changed();
        let done = state.job(Duration::ZERO, None, PathBuf::from("/no such folder")).run();
        assert!(done.result.is_err());
        state.done(&done);
        drop(done);
        assert!(state.is_due(SYNC_EVERY, SYNC_EVERY));
    }
}
