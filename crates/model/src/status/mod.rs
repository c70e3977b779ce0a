//! System status: what `/stats` tells and what a server sends once a second.
//!
//! Units are in the names. Rates are over the interval since the reading
//! before; the first reading has none, so rates are `None` there.

mod view;

use std::time::Duration;

use crate::Moment;

pub use view::StatusView;

/// The state of one server at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// When it was read, on the server's clocks.
    pub at: Moment,
    /// The processors.
    pub cpu: Cpu,
    /// Memory and swap.
    pub memory: Memory,
    /// Load averages.
    pub load: Load,
    /// Time since boot.
    pub uptime: Duration,
    /// Mounted filesystems that hold data, sorted by mount point.
    pub filesystems: Vec<Filesystem>,
    /// Block devices, sorted by name.
    pub disks: Vec<DiskIo>,
    /// Network devices, sorted by name.
    pub networks: Vec<NetworkIo>,
    /// What rarely changes.
    pub host: HostFacts,
}

/// Processor use since the reading before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cpu {
    /// All cores together, 0 to 100.
    pub total: CpuLoad,
    /// Each core, in the kernel's order.
    pub cores: Vec<CpuLoad>,
    /// How many cores' worth of time the agent's cgroup may use, when it is limited.
    pub limit_cores: Option<f64>,
}

/// Shares of time in per cent; they add up to 100 with idle. `None` on the
/// first reading and when a counter went back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CpuLoad {
    /// All but idle and waiting for I/O.
    pub busy_percent: Option<f64>,
    /// In user space, with nice.
    pub user_percent: Option<f64>,
    /// In the kernel, with interrupts.
    pub system_percent: Option<f64>,
    /// Idle with I/O outstanding.
    pub iowait_percent: Option<f64>,
    /// Taken by the hypervisor.
    pub steal_percent: Option<f64>,
}

/// Memory and swap, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// What can be used: the host's memory, or the cgroup's limit where that is smaller.
    pub total_bytes: u64,
    /// What new programs can get without swapping.
    pub available_bytes: u64,
    /// Free, unused even as cache.
    pub free_bytes: u64,
    /// Block device buffers.
    pub buffers_bytes: u64,
    /// Page cache and reclaimable slab.
    pub cached_bytes: u64,
    /// Swap space.
    pub swap_total_bytes: u64,
    /// Swap space in use.
    pub swap_used_bytes: u64,
    /// The cgroup's limit, when there is one below the host's memory.
    pub limit_bytes: Option<u64>,
}

impl Memory {
    /// Total less available, in bytes.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes)
    }

    /// Used memory in per cent of the total; 0 when the total is unknown.
    #[must_use]
    pub fn used_percent(&self) -> f64 {
        percent(self.used_bytes(), self.total_bytes)
    }

    /// Used swap in per cent; 0 without swap.
    #[must_use]
    pub fn swap_used_percent(&self) -> f64 {
        percent(self.swap_used_bytes, self.swap_total_bytes)
    }
}

/// Load averages and run queue, from `/proc/loadavg`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Over 1 minute.
    pub one: f64,
    /// Over 5 minutes.
    pub five: f64,
    /// Over 15 minutes.
    pub fifteen: f64,
    /// Threads that run or could.
    pub running: u64,
    /// Threads there are.
    pub threads: u64,
}

/// One mounted filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filesystem {
    /// The device or source.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// Its kind, `ext4` for example.
    pub kind: String,
    /// True when it is mounted read-only.
    pub read_only: bool,
    /// Its size.
    pub size_bytes: u64,
    /// Free for anybody.
    pub available_bytes: u64,
    /// Free, with what is reserved for root.
    pub free_bytes: u64,
    /// Inodes there are; 0 where the kind has no fixed number.
    pub files: u64,
    /// Inodes free.
    pub files_free: u64,
    /// True when it did not answer in time: its numbers are not known.
    pub stale: bool,
}

impl Filesystem {
    /// Used space in per cent of what users can have, as `df` counts.
    #[must_use]
    pub fn used_percent(&self) -> f64 {
        let used = self.size_bytes.saturating_sub(self.free_bytes);
        percent(used, used.saturating_add(self.available_bytes))
    }
}

/// One block device. Rates are per second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DiskIo {
    /// The kernel's name.
    pub name: String,
    /// Bytes read.
    pub read_bytes_per_s: Option<f64>,
    /// Bytes written.
    pub written_bytes_per_s: Option<f64>,
    /// Reads done.
    pub reads_per_s: Option<f64>,
    /// Writes done.
    pub writes_per_s: Option<f64>,
    /// Share of time with I/O in flight, 0 to 100.
    pub busy_percent: Option<f64>,
}

/// One network device. Rates are per second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NetworkIo {
    /// The kernel's name.
    pub name: String,
    /// Bytes received.
    pub received_bytes_per_s: Option<f64>,
    /// Bytes sent.
    pub sent_bytes_per_s: Option<f64>,
    /// Packets received.
    pub received_packets_per_s: Option<f64>,
    /// Packets sent.
    pub sent_packets_per_s: Option<f64>,
    /// Receive and send errors together.
    pub errors_per_s: Option<f64>,
    /// Dropped packets, both ways.
    pub drops_per_s: Option<f64>,
}

/// What a host is, rather than what it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// The kernel's host name.
    pub hostname: String,
    /// `PRETTY_NAME` of `os-release`.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's architecture, `x86_64` for example.
    pub architecture: String,
    /// The processor's model name.
    pub cpu_model: String,
    /// Cores online.
    pub cores: u32,
    /// Changes with each boot.
    pub boot_id: String,
}

impl Status {
    /// Busy time of all cores in per cent; `None` on the first reading.
    #[must_use]
    pub fn cpu_percent(&self) -> Option<f64> {
        self.cpu.total.busy_percent
    }

    /// The fullest filesystem that can be written to.
    #[must_use]
    pub fn fullest_filesystem(&self) -> Option<&Filesystem> {
        self.filesystems
            .iter()
            .filter(|fs| !fs.read_only && !fs.stale && fs.size_bytes > 0)
            .max_by(|a, b| a.used_percent().total_cmp(&b.used_percent()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_space_counts_as_df_does() {
        let fs = Filesystem {
            size_bytes: 100,
            free_bytes: 40,
            available_bytes: 20,
            ..Filesystem::default()
        };
        assert!((fs.used_percent() - 75.0).abs() < 1e-9);
    }

    #[test]
    fn the_fullest_filesystem_can_be_written_to() {
        let fs = |mount_point: &str, available_bytes, read_only| Filesystem {
            mount_point: mount_point.to_owned(),
            size_bytes: 100,
            free_bytes: available_bytes,
            available_bytes,
            read_only,
            ..Filesystem::default()
        };
        let status = Status {
            filesystems: vec![fs("/", 50, false), fs("/cdrom", 0, true), fs("/var", 10, false)],
            ..Status::default()
        };
        let fullest = status.fullest_filesystem().expect("there is one");
        assert_eq!(fullest.mount_point, "/var");
    }

    #[test]
    fn nothing_divides_by_zero() {
        assert!(Memory::default().used_percent().abs() < f64::EPSILON);
        assert!(Filesystem::default().used_percent().abs() < f64::EPSILON);
    }
}
