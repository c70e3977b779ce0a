//! The collectors: each reads its files and fills its part of the status.

mod cgroup;
mod cpu;
mod disks;
mod filesystems;
mod host;
mod load;
mod memory;
mod mounts;
mod networks;
mod uptime;

use watchfire_model::{Moment, Status};

use crate::record::{RecordedPath, Rewrite};
use crate::{CollectError, Fault, Root};

pub(crate) use filesystems::asked_mount_points;

/// The most rows of one kind (filesystems, disks, network devices) in a
/// status. More are dropped in the order of their names, and a fault counts
/// them.
pub const MAX_DEVICES: usize = 512;

/// The list of collectors, in the order in which they run. `cgroup` narrows
/// what `memory` found, and `host` counts the cores that `cpu` found.
pub(crate) fn all() -> Vec<Box<dyn Collector>> {
    vec![
        Box::new(cpu::CpuCollector::new()),
        Box::new(memory::MemoryCollector::new()),
        Box::new(cgroup::CgroupCollector::new()),
        Box::new(load::LoadCollector::new()),
        Box::new(uptime::UptimeCollector::new()),
        Box::new(filesystems::FilesystemCollector::new()),
        Box::new(disks::DiskCollector::new()),
        Box::new(networks::NetworkCollector::new()),
        Box::new(host::HostCollector::new()),
    ]
}

/// One family of values of the status.
pub(crate) trait Collector: std::fmt::Debug + Send {
    /// The name in faults.
    fn name(&self) -> &'static str;

    /// The files it reads, for `xtask record-root`.
    fn paths(&self) -> &'static [RecordedPath];

    /// Fills its part of `status`. An error ends its work; what it filled
    /// before stays. What harms one row only goes to [`Sample::note`].
    fn collect(&mut self, sample: &mut Sample<'_>, status: &mut Status)
    -> Result<(), CollectError>;
}

/// What a collector is given for one reading.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    pub(crate) root: &'a Root,
    pub(crate) now: Moment,
    collector: &'static str,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Sample<'a> {
    pub(crate) fn new(
        root: &'a Root,
        now: Moment,
        collector: &'static str,
        faults: &'a mut Vec<Fault>,
    ) -> Self {
        Self { root, now, collector, faults }
    }

    /// Records a fault that does not end the collector's work.
    pub(crate) fn note(&mut self, error: &CollectError) {
        self.faults.push(Fault { collector: self.collector, error: error.to_string() });
    }

    /// Cuts `rows` to [`MAX_DEVICES`] and says so.
    pub(crate) fn limit<T>(&mut self, rows: &mut Vec<T>) {
        if rows.len() > MAX_DEVICES {
            let error = format!(
                "{} rows were left out, because a status holds {MAX_DEVICES}",
                rows.len() - MAX_DEVICES
            );
            self.faults.push(Fault { collector: self.collector, error });
            rows.truncate(MAX_DEVICES);
        }
    }
}

/// A file that is recorded as it is.
const fn whole(pattern: &'static str) -> RecordedPath {
    RecordedPath { pattern, rewrite: Rewrite::Whole }
}

/// Each collector alone, for their tests.
#[cfg(test)]
pub(crate) mod testing {
    use std::time::Duration;

    use super::*;

    /// A root made of `files`, and what `collector` reads there at `at_ms`.
    pub(crate) struct Bench {
        pub(crate) dir: tempfile::TempDir,
        pub(crate) faults: Vec<Fault>,
    }

    impl Bench {
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            let bench = Self { dir: tempfile::tempdir().unwrap(), faults: Vec::new() };
            for (path, content) in files {
                bench.write(path, content);
            }
            bench
        }

        pub(crate) fn write(&self, path: &str, content: &str) {
            let path = self.dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        pub(crate) fn read(&mut self, collector: &mut dyn Collector, at_ms: u64) -> Status {
            self.read_into(collector, at_ms, Status::default())
        }

        pub(crate) fn read_into(
            &mut self,
            collector: &mut dyn Collector,
            at_ms: u64,
            mut status: Status,
        ) -> Status {
            let root = Root::recorded(self.dir.path());
            let now = Moment { monotonic: Duration::from_millis(at_ms), unix_ms: 0 };
            self.faults.clear();
            let mut sample = Sample::new(&root, now, collector.name(), &mut self.faults);
            if let Err(error) = collector.collect(&mut sample, &mut status) {
                sample.note(&error);
            }
            status
        }
    }

    #[test]
    fn too_many_rows_are_cut_and_counted() {
        let (root, mut faults) = (Root::live(), Vec::new());
        let mut sample = Sample::new(&root, Moment::default(), "test", &mut faults);
        let mut rows = vec![0; MAX_DEVICES + 3];
        sample.limit(&mut rows);
        assert_eq!(rows.len(), MAX_DEVICES);
        assert!(faults[0].error.starts_with("3 rows were left out"), "{faults:?}");
    }
}
