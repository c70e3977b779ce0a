//! What an agent answers over HTTP.
//!
//! Units are in the names. A rate or share that is not known yet, because it
//! needs two readings, is `null`.

mod convert;

use serde::{Deserialize, Serialize};

/// `GET` and `POST /login`: the token to send with what follows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginReply {
    /// A JSON Web Token.
    pub token: String,
}

/// `POST /login`: who asks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: String,
}

impl std::fmt::Debug for LoginReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginReply(hidden)")
    }
}

impl std::fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequest").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Every answer that is not what was asked for: what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The words.
    pub message: String,
}

impl Message {
    /// An answer with those words.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// `GET /stats`: the state of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsReply {
    /// When it was read, RFC 3339.
    pub at: String,
    /// Busy time of all cores, 0 to 100.
    pub cpu_percent: Option<f64>,
    /// Memory in use, 0 to 100.
    pub ram_percent: f64,
    /// The processors.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Swap.
    pub swap: Swap,
    /// Load averages.
    pub load: Load,
    /// Time since boot.
    pub uptime_seconds: f64,
    /// Filesystems, by mount point.
    pub filesystems: Vec<Filesystem>,
    /// Block devices, by name.
    pub disks: Vec<Disk>,
    /// Network devices, by name.
    pub networks: Vec<Network>,
    /// What rarely changes.
    pub host: Host,
}

/// Shares of time, in per cent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// The processors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// All cores together.
    #[serde(flatten)]
    pub total: CpuLoad,
    /// How many cores' worth of time may be used, when that is limited.
    pub limit_cores: Option<f64>,
    /// Each core.
    pub cores: Vec<CpuLoad>,
}

/// Memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// What can be used.
    pub total_bytes: u64,
    /// Total less available.
    pub used_bytes: u64,
    /// What new programs can get without swapping.
    pub available_bytes: u64,
    /// Free, unused even as cache.
    pub free_bytes: u64,
    /// Block device buffers.
    pub buffers_bytes: u64,
    /// Page cache and reclaimable slab.
    pub cached_bytes: u64,
    /// The limit, when there is one below the machine's memory.
    pub limit_bytes: Option<u64>,
    /// Used, of the total.
    pub used_percent: f64,
}

/// Swap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swap {
    /// Its size.
    pub total_bytes: u64,
    /// What is in use.
    pub used_bytes: u64,
    /// Used, of the total.
    pub used_percent: f64,
}

/// Load averages and run queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount_point: String,
    /// The device or source.
    pub device: String,
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
    /// Used, as `df` counts.
    pub used_percent: f64,
    /// Inodes there are; 0 where the kind has no fixed number.
    pub files: u64,
    /// Inodes free.
    pub files_free: u64,
    /// True when its numbers are not known, because it was not or could not be asked.
    pub stale: bool,
}

/// One block device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disk {
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
    /// Share of time with I/O in flight.
    pub busy_percent: Option<f64>,
}

/// One network device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
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
    /// Errors, both ways.
    pub errors_per_s: Option<f64>,
    /// Dropped packets, both ways.
    pub drops_per_s: Option<f64>,
}

/// What the host is, rather than what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The kernel's host name.
    pub hostname: String,
    /// The operating system's full name.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's architecture.
    pub architecture: String,
    /// The processor's model name.
    pub cpu_model: String,
    /// Cores online.
    pub cores: u32,
    /// Changes with each boot.
    pub boot_id: String,
}

/// `GET /processlist` answers an array of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Process id.
    pub pid: u32,
    /// The parent's id.
    pub ppid: u32,
    /// The owner's name.
    pub user: String,
    /// The kernel's short name.
    pub name: String,
    /// The command line.
    pub command: String,
    /// The kernel's letter: R, S, D, Z, T, t, X, I.
    pub state: char,
    /// Per cent of one core over the last interval.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// When it began, RFC 3339.
    pub start_time: String,
    /// User and system time since then.
    #[serde(default)]
    pub cpu_seconds: f64,
    /// Per cent of one core that children used which ended within the interval.
    #[serde(default)]
    pub ended_children_percent: Option<f64>,
    /// The size of the address space.
    #[serde(default)]
    pub virtual_bytes: u64,
    /// Bytes read from storage.
    #[serde(default)]
    pub read_bytes_per_s: Option<f64>,
    /// Bytes written to storage.
    #[serde(default)]
    pub written_bytes_per_s: Option<f64>,
    /// The path of its control group; empty where it is not known.
    #[serde(default)]
    pub cgroup: String,
    /// The systemd unit that it belongs to.
    #[serde(default)]
    pub unit: Option<String>,
    /// The container that it runs in.
    #[serde(default)]
    pub container: Option<String>,
    /// Memory with shared pages in part; only when details were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pss_bytes: Option<u64>,
    /// Open files; only when details were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use watchfire_model as model;

    use super::*;

    #[test]
    fn the_first_systems_fields_are_on_the_top_level() {
        let status = model::Status {
            at: model::Moment { unix_ms: 1_700_000_000_250, ..model::Moment::default() },
            cpu: model::Cpu {
                total: model::CpuLoad { busy_percent: Some(12.5), ..model::CpuLoad::default() },
                ..model::Cpu::default()
            },
            memory: model::Memory {
                total_bytes: 1000,
                available_bytes: 250,
                ..model::Memory::default()
            },
            uptime: Duration::from_millis(1500),
            ..model::Status::default()
        };
        let reply = StatsReply::from(&status);
        let json = serde_json::to_value(&reply).expect("is JSON");
        assert_eq!(json["cpu_percent"], 12.5);
        assert_eq!(json["ram_percent"], 75.0);
        assert_eq!(json["cpu"]["busy_percent"], 12.5);
        assert_eq!(json["cpu"]["user_percent"], serde_json::Value::Null);
        assert_eq!(json["uptime_seconds"], 1.5);
        assert_eq!(json["at"], "2023-11-14T22:13:20.25Z");
        let back: StatsReply = serde_json::from_value(json).expect("reads back");
        assert_eq!(back, reply);
    }

    #[test]
    fn a_process_has_the_agreed_fields() {
        let row = model::ProcessRow {
            pid: 7,
            state: 'S',
            start_time_ms: 1_700_000_000_000,
            ..model::ProcessRow::default()
        };
        let json = serde_json::to_value(ProcessRow::from(&row)).expect("is JSON");
        let fields: Vec<_> = json.as_object().expect("is an object").keys().cloned().collect();
        let mut expected = [
            "pid",
            "ppid",
            "user",
            "name",
            "command",
            "state",
            "cpu_percent",
            "rss_bytes",
            "threads",
            "start_time",
            "cpu_seconds",
            "ended_children_percent",
            "virtual_bytes",
            "read_bytes_per_s",
            "written_bytes_per_s",
            "cgroup",
            "unit",
            "container",
        ];
        expected.sort_unstable();
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(fields, expected);
        assert_eq!(json["state"], "S");
        assert_eq!(json["start_time"], "2023-11-14T22:13:20Z");
    }

    #[test]
    fn debug_shows_no_secret() {
        let reply = LoginReply { token: "aaa.bbb.ccc".to_owned() };
        assert!(!format!("{reply:?}").contains("bbb"));
        let request = LoginRequest { username: "ada".to_owned(), password: "hunter2".to_owned() };
        let debug = format!("{request:?}");
        assert!(debug.contains("ada") && !debug.contains("hunter2"), "{debug}");
    }
}
