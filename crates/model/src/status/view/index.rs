use std::collections::BTreeMap;

use crate::{Schema, SeriesKey};

/// Which series a status is made of.
#[derive(Debug, Default)]
pub(super) struct Index {
    generation: u64,
    /// How many keys of the schema were looked at.
    seen: usize,
    cores: BTreeMap<u32, Core>,
    pub(super) cpu_limit: Option<usize>,
    pub(super) memory: MemoryFields,
    pub(super) group: Group,
    pub(super) load: Averages,
    pub(super) uptime: Option<usize>,
    /// By mount point, device and kind.
    pub(super) filesystems: BTreeMap<[String; 3], Space>,
    pub(super) disks: BTreeMap<String, Device>,
    pub(super) networks: BTreeMap<String, Device>,
    pub(super) uname: Vec<usize>,
    pub(super) os: Vec<usize>,
    pub(super) cpu_info: Vec<usize>,
    pub(super) boot: Vec<usize>,
}

/// The modes of one processor.
#[derive(Debug, Default)]
pub(super) struct Core {
    pub(super) user: Option<usize>,
    pub(super) nice: Option<usize>,
    pub(super) system: Option<usize>,
    pub(super) idle: Option<usize>,
    pub(super) iowait: Option<usize>,
    pub(super) irq: Option<usize>,
    pub(super) softirq: Option<usize>,
    pub(super) steal: Option<usize>,
}

/// Fields of `meminfo`.
#[derive(Debug, Default)]
pub(super) struct MemoryFields {
    pub(super) total: Option<usize>,
    pub(super) available: Option<usize>,
    pub(super) free: Option<usize>,
    pub(super) buffers: Option<usize>,
    pub(super) cached: Option<usize>,
    pub(super) reclaimable: Option<usize>,
    pub(super) swap_total: Option<usize>,
    pub(super) swap_free: Option<usize>,
}

/// The agent's own cgroup.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) limit: Option<usize>,
    pub(super) used: Option<usize>,
    pub(super) inactive_file: Option<usize>,
    pub(super) file: Option<usize>,
    pub(super) reclaimable: Option<usize>,
}

/// Load averages.
#[derive(Debug, Default)]
pub(super) struct Averages {
    pub(super) one: Option<usize>,
    pub(super) five: Option<usize>,
    pub(super) fifteen: Option<usize>,
    pub(super) running: Option<usize>,
    pub(super) threads: Option<usize>,
}

/// One mounted filesystem.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub(super) error: Option<usize>,
    pub(super) not_asked: Option<usize>,
    pub(super) read_only: Option<usize>,
    pub(super) size: Option<usize>,
    pub(super) available: Option<usize>,
    pub(super) free: Option<usize>,
    pub(super) files: Option<usize>,
    pub(super) files_free: Option<usize>,
}

/// One disk or network device. For a network, `reads` and `writes` are packets.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub(super) in_bytes: Option<usize>,
    pub(super) out_bytes: Option<usize>,
    pub(super) reads: Option<usize>,
    pub(super) writes: Option<usize>,
    pub(super) busy: Option<usize>,
    pub(super) in_errors: Option<usize>,
    pub(super) out_errors: Option<usize>,
    pub(super) in_drops: Option<usize>,
    pub(super) out_drops: Option<usize>,
}

impl Index {
    /// Looks at the keys that are new since the last call.
    pub(super) fn follow(&mut self, schema: &Schema) {
        if self.generation != schema.generation() || self.seen > schema.len() {
            *self = Self { generation: schema.generation(), ..Self::default() };
        }
        for (series, key) in schema.keys().iter().enumerate().skip(self.seen) {
            if let Some(place) = self.place(key) {
                *place = Some(series);
            } else {
                self.note_info(key.name(), series);
            }
        }
        self.seen = schema.len();
    }

    /// The processors, by their number.
    pub(super) fn cores(&self) -> impl Iterator<Item = &Core> {
        self.cores.values()
    }

    /// Series whose labels tell something. Each change makes a new series, so
    /// there may be some, of which one has a value.
    fn note_info(&mut self, name: &str, series: usize) {
        match name {
            "node_uname_info" => self.uname.push(series),
            "node_os_info" => self.os.push(series),
            "node_cpu_info" => self.cpu_info.push(series),
            "watchfire_boot_info" => self.boot.push(series),
            _ => {}
        }
    }

    fn place(&mut self, key: &SeriesKey) -> Option<&mut Option<usize>> {
        let name = key.name();
        if name == "node_cpu_seconds_total" {
            let core = self.cores.entry(key.label("cpu")?.parse().ok()?).or_default();
            return core.place(key.label("mode")?);
        }
        if let Some(field) = name.strip_prefix("node_memory_") {
            return self.memory.place(field);
        }
        if let Some(what) = name.strip_prefix("node_disk_") {
            let disk = self.disks.entry(key.label("device")?.to_owned());
            return disk.or_default().of_disk(what);
        }
        if let Some(what) = name.strip_prefix("node_network_") {
            let network = self.networks.entry(key.label("device")?.to_owned());
            return network.or_default().of_network(what);
        }
        let of_filesystem = name.strip_prefix("node_filesystem_");
        if let Some(what) = of_filesystem.or(name.strip_prefix("watchfire_filesystem_")) {
            let label = |name| key.label(name).unwrap_or_default().to_owned();
            let point = [label("mountpoint"), label("device"), label("fstype")];
            return self.filesystems.entry(point).or_default().place(what);
        }
        self.single(name, key.label("kind"))
    }

    fn single(&mut self, name: &str, kind: Option<&str>) -> Option<&mut Option<usize>> {
        Some(match name {
            "node_load1" => &mut self.load.one,
            "node_load5" => &mut self.load.five,
            "node_load15" => &mut self.load.fifteen,
            "watchfire_threads_runnable" => &mut self.load.running,
            "watchfire_threads" => &mut self.load.threads,
            "watchfire_uptime_seconds" => &mut self.uptime,
            "watchfire_cgroup_cpu_limit_cores" => &mut self.cpu_limit,
            "watchfire_cgroup_memory_limit_bytes" => &mut self.group.limit,
            "watchfire_cgroup_memory_used_bytes" => &mut self.group.used,
            "watchfire_cgroup_memory_stat_bytes" => match kind? {
                "inactive_file" => &mut self.group.inactive_file,
                "file" => &mut self.group.file,
                "slab_reclaimable" => &mut self.group.reclaimable,
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl Core {
    fn place(&mut self, mode: &str) -> Option<&mut Option<usize>> {
        Some(match mode {
            "user" => &mut self.user,
            "nice" => &mut self.nice,
            "system" => &mut self.system,
            "idle" => &mut self.idle,
            "iowait" => &mut self.iowait,
            "irq" => &mut self.irq,
            "softirq" => &mut self.softirq,
            "steal" => &mut self.steal,
            _ => return None,
        })
    }
}

impl MemoryFields {
    fn place(&mut self, field: &str) -> Option<&mut Option<usize>> {
        Some(match field {
            "MemTotal_bytes" => &mut self.total,
            "MemAvailable_bytes" => &mut self.available,
            "MemFree_bytes" => &mut self.free,
            "Buffers_bytes" => &mut self.buffers,
            "Cached_bytes" => &mut self.cached,
            "SReclaimable_bytes" => &mut self.reclaimable,
            "SwapTotal_bytes" => &mut self.swap_total,
            "SwapFree_bytes" => &mut self.swap_free,
            _ => return None,
        })
    }
}

impl Space {
    fn place(&mut self, what: &str) -> Option<&mut Option<usize>> {
        Some(match what {
            "device_error" => &mut self.error,
            "not_asked" => &mut self.not_asked,
            "readonly" => &mut self.read_only,
            "size_bytes" => &mut self.size,
            "avail_bytes" => &mut self.available,
            "free_bytes" => &mut self.free,
            "files" => &mut self.files,
            "files_free" => &mut self.files_free,
            _ => return None,
        })
    }
}

impl Device {
    fn of_disk(&mut self, what: &str) -> Option<&mut Option<usize>> {
        Some(match what {
            "read_bytes_total" => &mut self.in_bytes,
            "written_bytes_total" => &mut self.out_bytes,
            "reads_completed_total" => &mut self.reads,
            "writes_completed_total" => &mut self.writes,
            "io_time_seconds_total" => &mut self.busy,
            _ => return None,
        })
    }

    fn of_network(&mut self, what: &str) -> Option<&mut Option<usize>> {
        Some(match what {
            "receive_bytes_total" => &mut self.in_bytes,
            "transmit_bytes_total" => &mut self.out_bytes,
            "receive_packets_total" => &mut self.reads,
            "transmit_packets_total" => &mut self.writes,
            "receive_errs_total" => &mut self.in_errors,
            "transmit_errs_total" => &mut self.out_errors,
            "receive_drop_total" => &mut self.in_drops,
            "transmit_drop_total" => &mut self.out_drops,
            _ => return None,
        })
    }
}
