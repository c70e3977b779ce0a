//! The collectors: each reads its files and gives its series.

mod arp;
mod bonding;
mod btrfs;
mod cgroup;
mod conntrack;
mod containers;
mod cpu;
mod cpu_info;
mod cpu_throttle;
mod cpufreq;
mod disks;
mod dmi;
mod edac;
mod entropy;
mod filefd;
mod filesystems;
mod hwmon;
mod infiniband;
mod line_stream;
mod load;
mod local_socket;
mod logind;
mod mdadm;
mod memory;
mod mounts;
mod net_class;
mod netstat;
mod networks;
mod nfs;
mod nfsd;
mod nvme;
mod os;
mod own_process;
mod power_supply;
mod pressure;
mod pstore;
mod rapl;
mod schedstat;
mod selinux;
mod socket_dump;
mod sockstat;
mod softnet;
mod sysfs;
mod systemd;
mod tcpstat;
mod thermal;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod uptime;
mod vmstat;
mod watchdog;
mod xfs;
mod zfs;

use watchfire_model::Moment;

use crate::record::{RecordedPath, Rewrite};
use crate::series::{Family, Ledger};
use crate::{CollectError, Fault, Root};

pub use containers::{CONTAINERS_PATH, container_table};
pub(crate) use filesystems::asked_mount_points;
pub(crate) use mounts::without_secrets as mounts_without_secrets;
pub(crate) use systemd::is_stopping as systemd_is_stopping;
pub use systemd::{FailedUnit, SYSTEMD_PATH, systemd_table};
pub use timex::TIMEX_PATH;
pub(crate) use timex::live_text as timex_text;

/// The most rows of one kind (filesystems, disks, network devices) that are
/// read. More are dropped in the order of their names, and a fault counts them.
pub const MAX_DEVICES: usize = 512;

/// The list of collectors, in the order in which they run. What can be many
/// comes last, because the first to come gets the room.
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
        Box::new(uname::UnameCollector::new()),
        Box::new(os::OsCollector::new()),
        Box::new(pstore::PstoreCollector::new()),
        Box::new(cpu_info::CpuInfoCollector::new()),
        Box::new(own_process::OwnProcessCollector::new()),
        Box::new(vmstat::VmstatCollector::new()),
        Box::new(pressure::PressureCollector::new()),
        Box::new(netstat::NetstatCollector::new()),
        Box::new(sockstat::SockstatCollector::new()),
        Box::new(softnet::SoftnetCollector::new()),
        Box::new(schedstat::SchedstatCollector::new()),
        Box::new(filefd::FilefdCollector::new()),
        Box::new(time::TimeCollector::new()),
        Box::new(tcpstat::TcpstatCollector::new()),
        Box::new(conntrack::ConntrackCollector::new()),
        Box::new(net_class::NetClassCollector::new()),
        Box::new(arp::ArpCollector::new()),
        Box::new(udp_queues::UdpQueuesCollector::new()),
        Box::new(entropy::EntropyCollector::new()),
        Box::new(timex::TimexCollector),
        Box::new(hwmon::HwmonCollector::new()),
        Box::new(thermal::ThermalCollector::new()),
        Box::new(cpufreq::CpuFrequencyCollector::new()),
        Box::new(cpu_throttle::CpuThrottleCollector::new()),
        Box::new(power_supply::PowerSupplyCollector::new()),
        Box::new(mdadm::MdCollector::new()),
        Box::new(zfs::ZfsCollector::new()),
        Box::new(nvme::NvmeCollector::new()),
        Box::new(bonding::BondingCollector::new()),
        Box::new(edac::EdacCollector::new()),
        Box::new(rapl::RaplCollector::new()),
        Box::new(dmi::DmiCollector::new()),
        Box::new(btrfs::BtrfsCollector::new()),
        Box::new(xfs::XfsCollector::new()),
        Box::new(nfs::NfsCollector::new()),
        Box::new(nfsd::NfsdCollector::new()),
        Box::new(watchdog::WatchdogCollector::new()),
        Box::new(selinux::SelinuxCollector::new()),
        Box::new(logind::LogindCollector::new()),
        Box::new(infiniband::InfinibandCollector::new()),
        Box::new(systemd::SystemdCollector::new()),
        Box::new(containers::ContainerCollector::new()),
    ]
}

/// Reads files of one kind and gives the series that they tell of.
pub(crate) trait Collector: std::fmt::Debug + Send {
    /// The name in faults and in `node_scrape_collector_success`:
    /// node_exporter's where it has such a collector.
    fn name(&self) -> &'static str;

    /// How often it reads.
    fn pace(&self) -> Pace;

    /// The files it reads, for `xtask record-root`.
    fn paths(&self) -> &'static [RecordedPath];

    /// A unit that it saw to have failed, each once: only one collector knows of units.
    fn failed_unit(&mut self) -> Option<String> {
        None
    }

    /// The failures that it gave and that go on.
    fn told_failures(&self) -> Vec<FailedUnit> {
        Vec::new()
    }

    /// Takes these failures as given.
    fn resume_failures(&mut self, _told: &[FailedUnit]) {}

    /// Gives its series to `reading`, in the same order each time as far as
    /// that is possible. An error ends its work; what it gave before stays, and
    /// all else is gone. What harms one series only goes to [`Reading::note`].
    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError>;
}

/// How often a collector reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At every tick: what moves.
    EveryTick,
    /// Every 15 s: what does not.
    Slow,
}

/// How a reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The machine has what the collector reads.
    Read,
    /// The machine has no such thing, which is no fault.
    NotHere,
}

/// What a collector is given for one reading.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) root: &'a Root,
    pub(crate) now: Moment,
    collector: &'static str,
    page: usize,
    ledger: &'a mut Ledger,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        root: &'a Root,
        now: Moment,
        collector: &'static str,
        page: usize,
        ledger: &'a mut Ledger,
        faults: &'a mut Vec<Fault>,
    ) -> Self {
        Self { root, now, collector, page, ledger, faults }
    }

    /// Gives one sample. `values` are those of the family's labels in their
    /// order, before them what fills the gap of its name where it has one, as
    /// the kernel writes them.
    pub(crate) fn put(&mut self, family: &'static Family, values: &[&[u8]], value: f64) {
        self.ledger.put(self.page, family, values, value);
    }

    /// Records a fault that does not end the collector's work.
    pub(crate) fn note(&mut self, error: &CollectError) {
        self.faults.push(Fault { collector: self.collector, error: error.to_string() });
    }

    /// How many of `rows` rows are taken, and says so when not all are.
    pub(crate) fn limit(&mut self, rows: usize) -> usize {
        if rows > MAX_DEVICES {
            let error = format!(
                "{} rows were left out, because {MAX_DEVICES} are the most of a kind",
                rows - MAX_DEVICES
            );
            self.faults.push(Fault { collector: self.collector, error });
        }
        rows.min(MAX_DEVICES)
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

    use watchfire_model::{Metric, Tick};

    use super::*;

    /// A root made of `files`, and what one collector reads there.
    pub(crate) struct Bench {
        pub(crate) dir: tempfile::TempDir,
        pub(crate) faults: Vec<Fault>,
        pub(crate) ledger: Ledger,
        pub(crate) outcome: Option<Outcome>,
    }

    impl Bench {
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            let bench = Self {
                dir: tempfile::tempdir().unwrap(),
                faults: Vec::new(),
                ledger: Ledger::new(3, 1),
                outcome: None,
            };
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

        /// What `collector` gives at `at_ms`, one line a series, sorted:
        /// `node_load1 0.5`.
        pub(crate) fn read(&mut self, collector: &mut dyn Collector, at_ms: u64) -> Vec<String> {
            let root = Root::recorded(self.dir.path());
            let now = Moment { monotonic: Duration::from_millis(at_ms), unix_ms: 0 };
            self.faults.clear();
            self.ledger.begin(now);
            self.ledger.open(0);
            let name = collector.name();
            let mut reading = Reading::new(&root, now, name, 0, &mut self.ledger, &mut self.faults);
            let outcome = collector.collect(&mut reading);
            if let Err(error) = &outcome {
                reading.note(error);
            }
            self.outcome = outcome.ok();
            self.ledger.close(0);
            let tick: &Tick = self.ledger.tick();
            let keys = self.ledger.schema().keys().iter().enumerate();
            let mut lines: Vec<String> = keys
                .filter_map(|(number, key)| Some(format!("{key} {}", tick.value(number)?)))
                .collect();
            lines.sort();
            lines
        }

        /// The metrics that were given so far.
        pub(crate) fn metrics(&self) -> &[Metric] {
            self.ledger.metrics()
        }
    }

    /// The lines that begin with `start`, without it.
    pub(crate) fn below<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
        lines.iter().filter_map(|line| line.strip_prefix(start)).collect()
    }

    #[test]
    fn too_many_rows_are_cut_and_counted() {
        let (root, mut faults, mut ledger) = (Root::live(), Vec::new(), Ledger::new(3, 1));
        let now = Moment::default();
        let mut reading = Reading::new(&root, now, "test", 0, &mut ledger, &mut faults);
        assert_eq!((reading.limit(5), reading.limit(MAX_DEVICES + 3)), (5, MAX_DEVICES));
        assert!(faults[0].error.starts_with("3 rows were left out"), "{faults:?}");
    }
}
