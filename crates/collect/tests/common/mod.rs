//! Roots that change between two readings.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchfire_collect::{Fault, Root, TickSampler};
use watchfire_model::{Moment, Status, StatusView};

/// The folder of test data.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// A root whose content is that of one recording after the other: a link that
/// points to each in turn.
pub(crate) struct Frames {
    dir: tempfile::TempDir,
    recordings: PathBuf,
}

impl Frames {
    /// The recordings `0`, `1`, … below `testdata/NAME`.
    pub(crate) fn new(name: &str) -> Self {
        let frames = Self { dir: tempfile::tempdir().unwrap(), recordings: testdata().join(name) };
        frames.show(0);
        frames
    }

    pub(crate) fn root(&self) -> Root {
        Root::recorded(self.link())
    }

    pub(crate) fn show(&self, number: u32) {
        let recording = self.recordings.join(number.to_string());
        assert!(recording.is_dir(), "{} is no recording", recording.display());
        let _ = std::fs::remove_file(self.link());
        symlink(recording, self.link()).unwrap();
    }

    fn link(&self) -> PathBuf {
        self.dir.path().join("root")
    }
}

/// The moment `ms` after boot, of a machine that booted at 1,700,000,000 s.
pub(crate) fn moment(ms: u64) -> Moment {
    Moment {
        monotonic: Duration::from_millis(ms),
        unix_ms: 1_700_000_000_000 + i64::try_from(ms).unwrap(),
    }
}

/// Reads statuses: ticks, seen as a status.
#[derive(Debug)]
pub(crate) struct StatusSampler {
    ticks: TickSampler,
    view: StatusView,
}

impl StatusSampler {
    pub(crate) fn new(root: Root) -> Self {
        let ticks = TickSampler::new(root, &[], Box::new(|| Duration::ZERO));
        Self { ticks, view: StatusView::new() }
    }

    pub(crate) fn sample(&mut self, now: Moment) -> Status {
        self.ticks.sample(now);
        self.view.read(self.ticks.schema(), self.ticks.tick())
    }

    pub(crate) fn faults(&self) -> &[Fault] {
        self.ticks.faults()
    }
}
