//! Ticks as a status: one reading of the machine serves history and people.

mod index;
mod place;
mod rows;

use std::time::Duration;

use self::index::{Core, Index};
use self::place::{Pair, Place};
use super::{CpuLoad, Load, Memory, Status};
use crate::{Schema, Tick};

/// Reads the [`Status`] of a server out of its ticks.
///
/// It knows the names of the metrics that a status is made of, and remembers
/// which series they are, so a known schema is not searched again. Beside that
/// it keeps the last value of those series, two to four kilobytes for a usual server.
#[derive(Debug, Default)]
pub struct StatusView {
    index: Index,
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
        let mut status = Status::default();
        self.read_into(schema, tick, &mut status);
        status
    }

    /// [`StatusView::read`] into a status of any server before, of which
    /// nothing is left but the memory: who reads many has no need to allocate.
    pub fn read_into(&mut self, schema: &Schema, tick: &Tick, status: &mut Status) {
        self.look_into(schema, tick, status);
        self.index.places.remember(tick);
    }

    /// The status at `tick`, as [`StatusView::read`] would give it, for those who
    /// are seldom asked: they call [`StatusView::remember`] before each next tick.
    pub fn look(&mut self, schema: &Schema, tick: &Tick) -> Status {
        let mut status = Status::default();
        self.look_into(schema, tick, &mut status);
        status
    }

    /// Takes `tick` as the one before that of the next look.
    pub fn remember(&mut self, schema: &Schema, tick: &Tick) {
        self.index.follow(schema);
        self.index.places.remember(tick);
    }

    fn look_into(&mut self, schema: &Schema, tick: &Tick, status: &mut Status) {
        self.index.follow(schema);
        let index = &self.index;
        let pair = index.places.pair(tick);
        status.at = tick.at;
        status.cpu.total = load(&pair, index.cores());
        status.cpu.limit_cores = pair.value(index.cpu_limit);
        status.cpu.cores.clear();
        let there = index.cores().filter(|core| pair.value(core.user).is_some());
        status.cpu.cores.extend(there.map(|core| load(&pair, [core])));
        status.memory = memory(&pair, index);
        status.load = load_averages(&pair, index);
        status.uptime = pair
            .value(index.uptime)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or_default();
        rows::filesystems(&pair, index, schema, &mut status.filesystems);
        rows::disks(&pair, index, schema, &mut status.disks);
        rows::networks(&pair, index, schema, &mut status.networks);
        rows::host(&pair, index, schema, &mut status.host);
        status.host.cores = u32::try_from(status.cpu.cores.len()).unwrap_or(u32::MAX);
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
        let part = |series: Place| match pair.value(series) {
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

/// Values of ticks that count bytes or things. What is no number of things is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn as_u64(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
