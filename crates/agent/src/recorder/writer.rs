//! The writing side: appends, rotation, and what happens when the disk says no.

mod room;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;

use super::counters::RecorderCounters;
use super::error::RecorderError;
use super::folder::{self, Folder};
use super::kind::Kind;
use super::layout::{BootId, SegmentHeader};
use super::live::{Live, OVERHEAD};
use super::mend::mend;
use super::options::RecorderOptions;
use super::pause::Pause;
use super::sequence::Sequence;
use super::sync::{SyncDone, SyncJob, SyncState};

/// A record waits at most this long for the next write, as long as anything
/// is appended or flushed.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// More than this is written at once.
const MAX_BUFFER_BYTES: usize = 256 << 10;
/// A power cut may take the names of segments that were begun since the last
/// sync; after a reboot so many numbers are left out, so that none is given twice.
const NUMBERS_PER_REBOOT: u64 = 1024;

/// Writes a ring of records into a folder and keeps it below its cap.
///
/// Nothing here waits for anything but the disk, and when the disk fails the
/// recorder rests for a while (10 s, doubling to 5 minutes) and says so in the
/// log once; the caller goes on.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    options: RecorderOptions,
    me: u32,
    boot: BootId,
    ring: [u8; 16],
    next_number: u64,
    /// `None` while the folder cannot be used.
    folder: Option<Folder>,
    live: Option<Live>,
    oldest_buffered: Duration,
    sync: SyncState,
    pause: Pause,
    counters: RecorderCounters,
}

impl Recorder {
    /// Opens the ring in `folder`, which is made where it is missing, and
    /// mends what a killed agent or a power cut left. `boot_id` is the kernel's.
    ///
    /// A disk that fails is no error: the recorder rests and tries again.
    ///
    /// # Errors
    ///
    /// What an operator must see to: [`RecorderError::Cap`], `Locked`,
    /// `Foreign` and `OpenFolder`.
    pub fn open(
        folder: &Path,
        options: RecorderOptions,
        boot_id: &str,
        now: Moment,
    ) -> Result<Self, RecorderError> {
        options.check(2 * OVERHEAD)?;
        let mut recorder = Self {
            path: folder.to_owned(),
            options,
            me: geteuid().as_raw(),
            boot: BootId::new(boot_id),
            ring: [0; 16],
            next_number: 0,
            folder: None,
            live: None,
            oldest_buffered: Duration::ZERO,
            sync: SyncState::new(now.monotonic),
            pause: Pause::default(),
            counters: RecorderCounters::default(),
        };
        match recorder.open_folder(now) {
            Err(error @ RecorderError::Io { .. }) => {
                let _rests = recorder.fail(error, now);
            }
            other => other?,
        }
        Ok(recorder)
    }

    /// True when records can be appended; false while it rests after a
    /// failure. It tries to go on where the rest is over.
    pub fn is_ready(&mut self, now: Moment) -> bool {
        self.begin(now).is_ok()
    }

    /// True when the next record of this kind must start a chain: whole schema
    /// and key tick, whole table. Ask before encoding.
    ///
    /// It rotates when the segment is nearly full and tries again after a
    /// rest, so that nothing whole is asked for in vain.
    pub fn needs_restart(&mut self, kind: Kind, now: Moment) -> bool {
        let nearly_full = self.live.as_ref().is_some_and(Live::is_nearly_full);
        let ready = if nearly_full { self.rotate(now) } else { self.begin(now) };
        ready.is_ok() && self.live.as_ref().is_some_and(|live| live.wants_start(kind))
    }

    /// Appends a record that was taken `at`, and returns its sequence.
    ///
    /// `starts_chain` says that the bytes can be decoded without any record
    /// before them; events always can. The record is written with the next
    /// write, one second later at most.
    ///
    /// # Errors
    ///
    /// [`RecorderError::NeedsRestart`] when the bytes go on from a record that
    /// is in another segment: encode anew, whole, and append that.
    /// [`RecorderError::TooLarge`] when no segment can hold it; the kind is
    /// left out until the next segment. `Paused` while it rests after a
    /// failure, `Io` when it failed just now. Only the first needs an answer.
    pub fn append(
        &mut self,
        kind: Kind,
        at: Moment,
        starts_chain: bool,
        bytes: &[u8],
    ) -> Result<Sequence, RecorderError> {
        let starts_chain = starts_chain || kind == Kind::Event;
        self.begin(at)?;
        self.check_size(kind, starts_chain, bytes)?;
        if !self.live.as_ref().is_some_and(|live| live.has_room(bytes.len())) {
            self.rotate(at)?;
        }
        let Some(live) = &mut self.live else { return Err(RecorderError::Paused) };
        if live.wants_start(kind) && !starts_chain {
            return Err(RecorderError::NeedsRestart { kind });
        }
        if live.buffered() == 0 {
            self.oldest_buffered = at.monotonic;
        }
        let before = live.buffered_bytes();
        let sequence = live.push(kind, at, starts_chain, bytes);
        self.counters.records += 1;
        self.counters.bytes += (live.buffered_bytes() - before) as u64;
        let waited = at.monotonic.saturating_sub(self.oldest_buffered);
        if waited >= WRITE_EVERY || live.buffered_bytes() > MAX_BUFFER_BYTES {
            self.write(at)?;
        }
        Ok(sequence)
    }

    /// Writes what was appended, so that it outlives the agent, and hands out
    /// a sync when one is due (every 10 s): run it here or on another thread.
    /// Call it once a round.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the write failed; nothing needs to be done.
    pub fn flush(&mut self, now: Moment) -> Result<Option<SyncJob>, RecorderError> {
        self.write(now)?;
        if !self.sync.is_due(now.monotonic, self.options.sync_every) {
            return Ok(None);
        }
        self.check_not_removed(now)?;
        Ok(Some(self.sync_job(now)))
    }

    /// Takes the result of a sync.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when it failed. The segment is given up then:
    /// after a failed sync the kernel forgets which pages were never written.
    pub fn synced(&mut self, done: SyncDone, now: Moment) -> Result<(), RecorderError> {
        self.sync.done(&done);
        match done.result {
            Ok(()) => {
                self.counters.syncs += 1;
                self.pause.reset();
                Ok(())
            }
            Err(error) => self.fail(RecorderError::io("sync", &self.path)(error), now),
        }
    }

    /// Writes and syncs everything now, as before a shutdown and in an incident.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when it failed.
    pub fn sync(&mut self, now: Moment) -> Result<(), RecorderError> {
        self.write(now)?;
        let done = self.sync_job(now).run();
        self.synced(done, now)
    }

    /// Seals and syncs the segment, and lets go of the folder.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when it failed; the ring is mended when it is
    /// opened the next time.
    pub fn close(mut self, now: Moment) -> Result<(), RecorderError> {
        self.seal(now)?;
        self.sync(now)
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> RecorderCounters {
        self.counters
    }

    /// False while it rests after a failure.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        !self.pause.is_on()
    }

    /// Names this ring: sequences of two rings do not compare. A folder that
    /// was removed begins another one.
    #[must_use]
    pub fn ring_id(&self) -> [u8; 16] {
        self.ring
    }

    fn open_folder(&mut self, now: Moment) -> Result<(), RecorderError> {
        let folder = Folder::lock(&self.path, self.me)?;
        let last = mend(&folder, now, &mut self.counters)?;
        let next = folder::next_number(&folder.list()?);
        let rebooted = last.is_some_and(|last| last.boot != self.boot);
        let next = if rebooted { next + NUMBERS_PER_REBOOT } else { next };
        // Numbers that this process gave are not given again, even if the files are gone.
        self.next_number = self.next_number.max(next);
        self.ring = last.map_or_else(random, |last| last.ring);
        self.folder = Some(folder);
        Ok(())
    }

    /// Sees to it that there is a segment to write to.
    fn begin(&mut self, now: Moment) -> Result<(), RecorderError> {
        if self.live.is_some() {
            return Ok(());
        }
        if self.pause.lasts(now.monotonic) {
            return Err(RecorderError::Paused);
        }
        match self.begin_segment(now) {
            Ok(live) => {
                self.live = Some(live);
                self.counters.segments += 1;
                self.sync.folder_changed();
                if self.pause.end() {
                    tracing::info!(folder = %self.path.display(), "records again");
                }
                Ok(())
            }
            Err(error) => {
                // The folder itself may be gone: it is made and locked anew.
                self.folder = None;
                self.fail(error, now)
            }
        }
    }

    fn begin_segment(&mut self, now: Moment) -> Result<Live, RecorderError> {
        if self.folder.is_none() {
            self.open_folder(now)?;
        }
        self.make_room()?;
        match self.create(now) {
            Err(error) if error.is_full() && self.give_one_up()? => self.create(now),
            other => other,
        }
    }

    fn create(&mut self, now: Moment) -> Result<Live, RecorderError> {
        let Some(folder) = &self.folder else { return Err(RecorderError::Paused) };
        let path = folder.segment_path(self.next_number);
        let header = SegmentHeader {
            number: self.next_number,
            ring: self.ring,
            boot: self.boot,
            salt: u64::from_le_bytes(random()),
            created: now,
        };
        self.next_number += 1;
        let limit = self.options.segment_bytes;
        Live::create(path.clone(), header, limit).map_err(RecorderError::io("create", &path))
    }

    fn check_size(
        &mut self,
        kind: Kind,
        starts_chain: bool,
        bytes: &[u8],
    ) -> Result<(), RecorderError> {
        let limit = self.options.segment_bytes;
        let fits = bytes.len() as u64 <= limit - OVERHEAD;
        let Some(live) = &mut self.live else { return Ok(()) };
        if !fits {
            live.skip(kind, starts_chain);
        }
        if fits && (starts_chain || !live.gave_up(kind)) {
            return Ok(());
        }
        self.counters.too_large += 1;
        Err(RecorderError::TooLarge { kind, bytes: bytes.len(), limit })
    }

    fn rotate(&mut self, now: Moment) -> Result<(), RecorderError> {
        self.seal(now)?;
        self.begin(now)
    }

    fn seal(&mut self, now: Moment) -> Result<(), RecorderError> {
        let Some(live) = &mut self.live else { return Ok(()) };
        if let Err(error) = live.seal(now) {
            let error = RecorderError::io("write", live.path())(error);
            return self.fail(error, now);
        }
        self.sync.sealed(live.file());
        self.live = None;
        Ok(())
    }

    fn write(&mut self, now: Moment) -> Result<(), RecorderError> {
        let Some(live) = self.live.as_mut().filter(|live| live.buffered() > 0) else {
            return Ok(());
        };
        if let Err(error) = live.write() {
            let error = RecorderError::io("write", live.path())(error);
            return self.fail(error, now);
        }
        self.sync.written();
        Ok(())
    }

    /// A file that somebody removed would be written to for hours, for nobody.
    fn check_not_removed(&mut self, now: Moment) -> Result<(), RecorderError> {
        match self.live.as_ref().filter(|live| live.is_removed()) {
            Some(live) => {
                let gone = RecorderError::io("find", live.path())(io::ErrorKind::NotFound.into());
                self.folder = None;
                self.fail(gone, now)
            }
            None => Ok(()),
        }
    }

    fn sync_job(&mut self, now: Moment) -> SyncJob {
        let live = self.live.as_ref().map(Live::file);
        self.sync.job(now.monotonic, live, self.path.clone())
    }

    /// Gives the segment up and rests. Always an error: the one that is given.
    fn fail(&mut self, error: RecorderError, now: Moment) -> Result<(), RecorderError> {
        self.counters.failed_writes += 1;
        if let Some(live) = self.live.take() {
            self.counters.lost_records += live.buffered();
            live.abandon();
        }
        let before = self.pause.is_on();
        let rest = self.pause.begin(now.monotonic);
        if !before {
            tracing::warn!(%error, again_in = ?rest, "nothing is recorded");
        }
        Err(error)
    }
}

/// What was appended is written, but not synced: see [`Recorder::close`].
impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(live) = &mut self.live {
            // A failure loses the last second, as a kill does.
            let _ = live.write();
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandomness.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
