use super::place::{Place, Places};
use crate::{Schema, SeriesKey};

/// Which series a status is made of. A hub has one for each of thousands of
/// servers, so it is small: names are in the keys, and rows in sorted lists.
#[derive(Debug, Default)]
pub(super) struct Index {
    generation: u64,
    /// How many keys of the schema were looked at.
    seen: usize,
    pub(super) places: Places,
    /// By number.
    cores: Vec<(u32, Core)>,
    pub(super) cpu_limit: Place,
    pub(super) memory: MemoryFields,
    pub(super) group: Group,
    pub(super) load: Averages,
    pub(super) uptime: Place,
    /// By mount point, device and kind.
    pub(super) filesystems: Vec<Named<Space>>,
    /// By name, and so are networks.
    pub(super) disks: Vec<Named<Device>>,
    pub(super) networks: Vec<Named<Device>>,
    /// Series whose labels tell something: numbers of keys.
    pub(super) uname: Vec<u32>,
    pub(super) os: Vec<u32>,
    pub(super) cpu_info: Vec<u32>,
    pub(super) boot: Vec<u32>,
}

/// A thing and the number of a key of which the labels name it.
#[derive(Debug)]
pub(super) struct Named<T> {
    key: u32,
    pub(super) of: T,
}

impl<T> Named<T> {
    /// A label of it, empty when it has none.
    pub(super) fn label<'s>(&self, schema: &'s Schema, name: &str) -> &'s str {
        label(schema, self.key, name)
    }
}

/// A label of a key by its number, empty when it has none.
pub(super) fn label<'s>(schema: &'s Schema, key: u32, name: &str) -> &'s str {
    schema.keys().get(key as usize).and_then(|key| key.label(name)).unwrap_or_default()
}

/// The modes of one processor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Core {
    pub(super) user: Place,
    pub(super) nice: Place,
    pub(super) system: Place,
    pub(super) idle: Place,
    pub(super) iowait: Place,
    pub(super) irq: Place,
    pub(super) softirq: Place,
    pub(super) steal: Place,
}

/// Fields of `meminfo`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MemoryFields {
    pub(super) total: Place,
    pub(super) available: Place,
    pub(super) free: Place,
    pub(super) buffers: Place,
    pub(super) cached: Place,
    pub(super) reclaimable: Place,
    pub(super) swap_total: Place,
    pub(super) swap_free: Place,
}

/// The agent's own cgroup.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) limit: Place,
    pub(super) used: Place,
    pub(super) inactive_file: Place,
    pub(super) file: Place,
    pub(super) reclaimable: Place,
}

/// Load averages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Averages {
    pub(super) one: Place,
    pub(super) five: Place,
    pub(super) fifteen: Place,
    pub(super) running: Place,
    pub(super) threads: Place,
}

/// One mounted filesystem.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Space {
    pub(super) error: Place,
    pub(super) not_asked: Place,
    pub(super) read_only: Place,
    pub(super) size: Place,
    pub(super) available: Place,
    pub(super) free: Place,
    pub(super) files: Place,
    pub(super) files_free: Place,
}

/// One disk or network device. For a network, `reads` and `writes` are packets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Device {
    pub(super) in_bytes: Place,
    pub(super) out_bytes: Place,
    pub(super) reads: Place,
    pub(super) writes: Place,
    pub(super) busy: Place,
    pub(super) in_errors: Place,
    pub(super) out_errors: Place,
    pub(super) in_drops: Place,
    pub(super) out_drops: Place,
}

impl Index {
    /// Looks at the keys that are new since the last call.
    pub(super) fn follow(&mut self, schema: &Schema) {
        if self.generation != schema.generation() || self.seen > schema.len() {
            *self = Self { generation: schema.generation(), ..Self::default() };
        }
        for (series, key) in schema.keys().iter().enumerate().skip(self.seen) {
            // A schema has far fewer keys than that.
            let Ok(series) = u32::try_from(series) else { break };
            let mut places = std::mem::take(&mut self.places);
            if let Some(place) = self.place(schema, key, series) {
                places.set(place, series);
            } else {
                self.note_info(key.name(), series);
            }
            self.places = places;
        }
        if self.seen < schema.len() {
            self.trim();
        }
        self.seen = schema.len();
    }

    /// The processors, by their number.
    pub(super) fn cores(&self) -> impl Iterator<Item = &Core> {
        self.cores.iter().map(|(_, core)| core)
    }

    /// Keys seldom come, and the lists stay for days.
    fn trim(&mut self) {
        self.places.trim();
        self.cores.shrink_to_fit();
        self.filesystems.shrink_to_fit();
        self.disks.shrink_to_fit();
        self.networks.shrink_to_fit();
    }

    /// Series whose labels tell something. Each change makes a new series, so
    /// there may be some, of which one has a value.
    fn note_info(&mut self, name: &str, series: u32) {
        match name {
            "node_uname_info" => self.uname.push(series),
            "node_os_info" => self.os.push(series),
            "node_cpu_info" => self.cpu_info.push(series),
            "watchfire_boot_info" => self.boot.push(series),
            _ => {}
        }
    }

    fn place(&mut self, schema: &Schema, key: &SeriesKey, series: u32) -> Option<&mut Place> {
        let name = key.name();
        if name == "node_cpu_seconds_total" {
            return self.core(key.label("cpu")?.parse().ok()?).place(key.label("mode")?);
        }
        if let Some(field) = name.strip_prefix("node_memory_") {
            return self.memory.place(field);
        }
        let named = |labels| Entry { schema, key, series, labels };
        if let Some(what) = name.strip_prefix("node_disk_") {
            key.label("device")?;
            return named(&["device"]).find(&mut self.disks).of_disk(what);
        }
        if let Some(what) = name.strip_prefix("node_network_") {
            key.label("device")?;
            return named(&["device"]).find(&mut self.networks).of_network(what);
        }
        let of_filesystem = name.strip_prefix("node_filesystem_");
        if let Some(what) = of_filesystem.or(name.strip_prefix("watchfire_filesystem_")) {
            let labels = &["mountpoint", "device", "fstype"];
            return named(labels).find(&mut self.filesystems).place(what);
        }
        self.single(name, key.label("kind"))
    }

    fn core(&mut self, number: u32) -> &mut Core {
        let at = match self.cores.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => at,
            Err(at) => {
                self.cores.insert(at, (number, Core::default()));
                at
            }
        };
        &mut self.cores[at].1
    }

    fn single(&mut self, name: &str, kind: Option<&str>) -> Option<&mut Place> {
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

/// A key of a thing that some labels name.
struct Entry<'a> {
    schema: &'a Schema,
    key: &'a SeriesKey,
    series: u32,
    labels: &'static [&'static str],
}

impl Entry<'_> {
    /// The thing's row in a list that is sorted by these labels; a new one when it has none.
    fn find<'l, T: Default>(&self, list: &'l mut Vec<Named<T>>) -> &'l mut T {
        let own = self.labels.iter().map(|name| self.key.label(name).unwrap_or_default());
        let found = list.binary_search_by(|row| {
            let labels = self.labels.iter().map(|name| row.label(self.schema, name));
            labels.cmp(own.clone())
        });
        let at = match found {
            Ok(at) => at,
            Err(at) => {
                list.insert(at, Named { key: self.series, of: T::default() });
                at
            }
        };
        &mut list[at].of
    }
}

impl Core {
    fn place(&mut self, mode: &str) -> Option<&mut Place> {
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
    fn place(&mut self, field: &str) -> Option<&mut Place> {
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
    fn place(&mut self, what: &str) -> Option<&mut Place> {
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
    fn of_disk(&mut self, what: &str) -> Option<&mut Place> {
        Some(match what {
            "read_bytes_total" => &mut self.in_bytes,
            "written_bytes_total" => &mut self.out_bytes,
            "reads_completed_total" => &mut self.reads,
            "writes_completed_total" => &mut self.writes,
            "io_time_seconds_total" => &mut self.busy,
            _ => return None,
        })
    }

    fn of_network(&mut self, what: &str) -> Option<&mut Place> {
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
