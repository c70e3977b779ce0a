//! Ticks as a status: one reading of the machine serves history and people.

mod index;

use std::time::Duration;

use self::index::{Core, Device, Index};
use super::{Cpu, CpuLoad, DiskIo, Filesystem, HostFacts, Load, Memory, NetworkIo, Status};
use crate::{Schema, Tick};

/// Reads the [`Status`] of a server out of its ticks.
///
/// It knows the names of the metrics that a status is made of, and remembers
/// which series they are, so a known schema is not searched again.
#[derive(Debug, Default)]
pub struct StatusView {
    index: Index,
    before: Option<Tick>,
}

impl StatusView {
    /// A view that has seen no tick yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The status at `tick`. Rates are over the time since the tick of the call
    /// before, and `None` at the first call, after a change of the schema's
    /// generation, and for counters that went back.
    pub fn read(&mut self, schema: &Schema, tick: &Tick) -> Status {
        self.index.follow(schema);
        let before = self.before.take().filter(|before| before.generation == tick.generation);
        let pair = Pair { now: tick, before: before.as_ref() };
        let cores: Vec<CpuLoad> = self.index.cores().map(|core| load(&pair, [core])).collect();
        let status = Status {
            at: tick.at,
            cpu: Cpu {
                total: load(&pair, self.index.cores()),
                limit_cores: pair.value(self.index.cpu_limit),
                cores: self.present(&pair, cores),
            },
            memory: memory(&pair, &self.index),
            load: load_averages(&pair, &self.index),
            uptime: pair
                .value(self.index.uptime)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .unwrap_or_default(),
            filesystems: filesystems(&pair, &self.index),
            disks: disks(&pair, &self.index),
            networks: networks(&pair, &self.index),
            host: self.host(&pair, schema),
        };
        self.remember(before, tick);
        status
    }

    /// Without the cores that are not there now.
    fn present(&self, pair: &Pair<'_>, cores: Vec<CpuLoad>) -> Vec<CpuLoad> {
        let there = self.index.cores().map(|core| pair.value(core.user).is_some());
        cores.into_iter().zip(there).filter_map(|(core, there)| there.then_some(core)).collect()
    }

    fn host(&self, pair: &Pair<'_>, schema: &Schema) -> HostFacts {
        let label = |series: &[usize], name: &str| {
            let current = series.iter().find(|&&series| pair.now.value(series).is_some());
            let value = current.and_then(|&series| schema.keys().get(series)?.label(name));
            value.unwrap_or_default().to_owned()
        };
        let there = self.index.cores().filter(|core| pair.value(core.user).is_some());
        HostFacts {
            hostname: label(&self.index.uname, "nodename"),
            os: match label(&self.index.os, "pretty_name") {
                name if name.is_empty() => label(&self.index.os, "name"),
                name => name,
            },
            kernel: label(&self.index.uname, "release"),
            architecture: label(&self.index.uname, "machine"),
            cpu_model: label(&self.index.cpu_info, "model_name"),
            cores: u32::try_from(there.count()).unwrap_or(u32::MAX),
            boot_id: label(&self.index.boot, "boot_id"),
        }
    }

    /// Keeps the tick in the room of the one before it.
    fn remember(&mut self, room: Option<Tick>, tick: &Tick) {
        let mut kept = room.unwrap_or_default();
        kept.at = tick.at;
        kept.generation = tick.generation;
        kept.values.clear();
        kept.values.extend_from_slice(&tick.values);
        self.before = Some(kept);
    }
}

/// A tick and the one before it.
struct Pair<'a> {
    now: &'a Tick,
    before: Option<&'a Tick>,
}

impl Pair<'_> {
    fn value(&self, series: Option<usize>) -> Option<f64> {
        self.now.value(series?)
    }

    fn whole(&self, series: Option<usize>) -> Option<u64> {
        self.value(series).map(as_u64)
    }

    /// How much a counter grew; `None` when it went back or was not there.
    fn grown(&self, series: Option<usize>) -> Option<f64> {
        let grown = self.value(series)? - self.before?.value(series?)?;
        (grown >= 0.0 && grown.is_finite()).then_some(grown)
    }

    fn rate(&self, series: Option<usize>) -> Option<f64> {
        let seconds = self.now.at.since(self.before?.at).as_secs_f64();
        let grown = self.grown(series)?;
        (seconds > 0.0).then(|| grown / seconds)
    }
}

/// Shares of the time that went by, which is the interval itself as the kernel
/// counted it; so a late reading does not distort them.
fn load<'i>(pair: &Pair<'_>, cores: impl IntoIterator<Item = &'i Core>) -> CpuLoad {
    let mut sum = Times::default();
    for core in cores {
        // A core that is gone has no time, and one that came has none before.
        if pair.value(core.user).is_some() {
            let Some(spent) = Times::spent(pair, core) else { return CpuLoad::default() };
            sum.add(&spent);
        }
    }
    sum.shares()
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    user: f64,
    system: f64,
    idle: f64,
    iowait: f64,
    steal: f64,
}

impl Times {
    /// `None` when a counter began anew. Columns that old kernels lack are 0.
    fn spent(pair: &Pair<'_>, core: &Core) -> Option<Self> {
        let part = |series: Option<usize>| match pair.value(series) {
            None => Some(0.0),
            Some(_) => pair.grown(series),
        };
        Some(Self {
            user: part(core.user)? + part(core.nice)?,
            system: part(core.system)? + part(core.irq)? + part(core.softirq)?,
            idle: part(core.idle)?,
            iowait: part(core.iowait)?,
            steal: part(core.steal)?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.user += other.user;
        self.system += other.system;
        self.idle += other.idle;
        self.iowait += other.iowait;
        self.steal += other.steal;
    }

    fn shares(&self) -> CpuLoad {
        let busy = self.user + self.system + self.steal;
        let all = busy + self.idle + self.iowait;
        // Less than half a clock tick is what is left of rounding.
        if all < 0.000_5 {
            return CpuLoad::default();
        }
        let percent = |part: f64| Some((part * 100.0 / all).clamp(0.0, 100.0));
        CpuLoad {
            busy_percent: percent(busy),
            user_percent: percent(self.user),
            system_percent: percent(self.system),
            iowait_percent: percent(self.iowait),
            steal_percent: percent(self.steal),
        }
    }
}

/// Kernels before 3.14 have no `MemAvailable`; what they call free and cached
/// is the estimate that was used then.
fn memory(pair: &Pair<'_>, index: &Index) -> Memory {
    let bytes = |series| pair.whole(series).unwrap_or(0);
    let fields = &index.memory;
    let free_bytes = bytes(fields.free);
    let buffers_bytes = bytes(fields.buffers);
    let cached_bytes = bytes(fields.cached).saturating_add(bytes(fields.reclaimable));
    let total_bytes = bytes(fields.total);
    let unused = free_bytes.saturating_add(buffers_bytes).saturating_add(cached_bytes);
    let swap_total_bytes = bytes(fields.swap_total);
    let mut memory = Memory {
        total_bytes,
        available_bytes: pair.whole(fields.available).unwrap_or(unused).min(total_bytes),
        free_bytes,
        buffers_bytes,
        cached_bytes,
        swap_total_bytes,
        swap_used_bytes: swap_total_bytes.saturating_sub(bytes(fields.swap_free)),
        limit_bytes: None,
    };
    narrow(&mut memory, pair, index);
    memory
}

/// Makes `memory` what the agent's cgroup sees, where it has a limit below the
/// host: available is the limit less the working set (usage without inactive
/// page cache), and never more than the host has.
fn narrow(memory: &mut Memory, pair: &Pair<'_>, index: &Index) {
    let group = &index.group;
    let Some(limit) = pair.whole(group.limit) else { return };
    // An unknown total of the host leaves the limit as all that is known.
    if memory.total_bytes != 0 && limit >= memory.total_bytes {
        return;
    }
    memory.total_bytes = limit;
    memory.limit_bytes = Some(limit);
    let Some(used) = pair.whole(group.used) else {
        memory.available_bytes = memory.available_bytes.min(limit);
        memory.free_bytes = memory.free_bytes.min(limit);
        return;
    };
    let bytes = |series| pair.whole(series).unwrap_or(0);
    let working_set = used.saturating_sub(bytes(group.inactive_file));
    memory.available_bytes = memory.available_bytes.min(limit.saturating_sub(working_set));
    memory.free_bytes = memory.free_bytes.min(limit.saturating_sub(used));
    memory.cached_bytes = bytes(group.file).saturating_add(bytes(group.reclaimable));
    // The group's block device buffers are part of its `file`.
    memory.buffers_bytes = 0;
}

fn load_averages(pair: &Pair<'_>, index: &Index) -> Load {
    let value = |series| pair.value(series).unwrap_or(0.0);
    Load {
        one: value(index.load.one),
        five: value(index.load.five),
        fifteen: value(index.load.fifteen),
        running: as_u64(value(index.load.running)),
        threads: as_u64(value(index.load.threads)),
    }
}

fn filesystems(pair: &Pair<'_>, index: &Index) -> Vec<Filesystem> {
    let row = |([mount_point, device, kind], series): (&[String; 3], &index::Space)| {
        let error = pair.value(series.error);
        let not_asked = pair.value(series.not_asked);
        error.or(not_asked)?;
        let number = |series| pair.whole(series).unwrap_or(0);
        Some(Filesystem {
            device: device.clone(),
            mount_point: mount_point.clone(),
            kind: kind.clone(),
            read_only: pair.value(series.read_only) == Some(1.0),
            size_bytes: number(series.size),
            available_bytes: number(series.available),
            free_bytes: number(series.free),
            files: number(series.files),
            files_free: number(series.files_free),
            stale: not_asked == Some(1.0) || error != Some(0.0),
        })
    };
    let mut rows: Vec<_> = index.filesystems.iter().filter_map(row).collect();
    rows.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    rows
}

fn disks(pair: &Pair<'_>, index: &Index) -> Vec<DiskIo> {
    let there = index.disks.iter().filter(|(_, disk)| pair.value(disk.reads).is_some());
    let row = |(name, disk): (&String, &Device)| DiskIo {
        name: name.clone(),
        read_bytes_per_s: pair.rate(disk.in_bytes),
        written_bytes_per_s: pair.rate(disk.out_bytes),
        reads_per_s: pair.rate(disk.reads),
        writes_per_s: pair.rate(disk.writes),
        // Jitter between the kernel's clock and ours must not make it more than all.
        busy_percent: pair.rate(disk.busy).map(|share| (share * 100.0).min(100.0)),
    };
    there.map(row).collect()
}

/// Without the loopback, which is no way to anybody.
fn networks(pair: &Pair<'_>, index: &Index) -> Vec<NetworkIo> {
    let there = index
        .networks
        .iter()
        .filter(|(name, network)| *name != "lo" && pair.value(network.in_bytes).is_some());
    let row = |(name, network): (&String, &Device)| {
        let both = |one, other| Some(pair.rate(one)? + pair.rate(other)?);
        NetworkIo {
            name: name.clone(),
            received_bytes_per_s: pair.rate(network.in_bytes),
            sent_bytes_per_s: pair.rate(network.out_bytes),
            received_packets_per_s: pair.rate(network.reads),
            sent_packets_per_s: pair.rate(network.writes),
            errors_per_s: both(network.in_errors, network.out_errors),
            drops_per_s: both(network.in_drops, network.out_drops),
        }
    };
    there.map(row).collect()
}

/// Values of ticks that count bytes or things. What is no number of things is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn as_u64(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
