//! One server that is not there: its ticks at any second.

mod cores;
mod host;
mod variation;

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Moment, Schema, Tick};

use self::cores::Cores;
pub(crate) use self::host::{Boot, Host};
use self::variation::Variation;
use crate::recording::{Growth, Recording, Role};

/// Memory and filesystems are counted in pages.
const PAGE_BYTES: f64 = 4096.0;
/// A runaway process has taken most of the memory after so long.
const MEMORY_TAKEN: Duration = Duration::from_secs(60);
/// The share of the memory that it leaves.
const MEMORY_LEFT: f64 = 0.04;

/// What the machine suffers from at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Strain {
    /// For how long a process takes all cpu and more and more memory.
    pub(crate) runaway: Option<Duration>,
    /// The share of the free disk that something has filled, from 0 to 1.
    pub(crate) disk: f64,
}

/// Makes the ticks of one server out of the recording: other places in it,
/// other sizes, other counters.
#[derive(Debug)]
pub(crate) struct Machine {
    recording: Arc<Recording>,
    variation: Variation,
    schema: Schema,
    boot: Boot,
    /// The step of the recording at the last boot.
    boot_step: u64,
    /// It has been rebooted, so its counters began at zero.
    fresh: bool,
    cores: Cores,
    tick: Tick,
}

impl Machine {
    /// The machine of `host`, up since `boot`.
    pub(crate) fn new(seed: u64, host: &Host, boot: Boot) -> Self {
        let recording = Recording::embedded();
        let variation = Variation::of(seed, host.number, recording.round());
        let schema = host.schema(&recording.schema, boot.generation);
        let cores = Cores::of(&recording);
        let boot_step = variation.phase;
        let tick = Tick::default();
        Self { recording, variation, schema, boot, boot_step, fresh: false, cores, tick }
    }

    /// The machine was started anew: its counters begin at zero.
    pub(crate) fn reboot(&mut self, seconds: u64, host: &Host, boot: Boot) {
        self.boot = boot;
        self.boot_step = self.variation.phase + seconds;
        self.fresh = true;
        self.cores.reset();
        self.schema = host.schema(&self.recording.schema, boot.generation);
    }

    /// How many cores it has.
    pub(crate) fn cores(&self) -> usize {
        self.cores.count()
    }

    /// The tick at `at`, `seconds` after the simulation began, and its series.
    pub(crate) fn tick(&mut self, seconds: u64, at: Moment, strain: &Strain) -> (&Schema, &Tick) {
        let step = self.variation.phase + seconds;
        let recording = Arc::clone(&self.recording);
        let mut tick = std::mem::take(&mut self.tick);
        (tick.at, tick.generation) = (at, self.boot.generation);
        tick.values.clear();
        let rows = recording.roles().iter().zip(recording.at(step));
        tick.values
            .extend(rows.enumerate().map(|(number, (role, &value))| {
                self.value(*role, value, number, step, at, strain)
            }));
        let mut cores = std::mem::take(&mut self.cores);
        let row = recording.at(step);
        cores.fill(&mut tick.values, strain.runaway.is_some(), |number, growth| {
            let grown = self.grown(growth, row[number], number, step);
            grown - grown * self.variation.cpu / 1000
        });
        self.cores = cores;
        self.tick = tick;
        (&self.schema, &self.tick)
    }

    fn value(
        &self,
        role: Role,
        value: f64,
        number: usize,
        step: u64,
        at: Moment,
        strain: &Strain,
    ) -> f64 {
        let vary = &self.variation;
        match role {
            Role::AsIs => value,
            Role::Counter(growth) => self.counter(growth, value, number, step, 1000),
            Role::Traffic(growth) => self.counter(growth, value, number, step, vary.traffic),
            Role::Disk(growth) => self.counter(growth, value, number, step, vary.disk),
            Role::Cpu(mode, growth) => {
                let busy = if mode == crate::recording::CpuMode::Idle { 1000 } else { vary.cpu };
                self.counter(growth, value, number, step, busy)
            }
            Role::Memory => value * vary.memory,
            Role::MemoryLeft => pages(value * vary.memory * memory_left(strain)),
            Role::Filesystem => value * vary.filesystem,
            Role::FilesystemLeft => pages(value * vary.filesystem * (1.0 - strain.disk)),
            Role::Load => value + load_of(strain, self.cores.count()),
            Role::WallClock => at.unix_ms as f64 / 1000.0,
            Role::BootTime => (self.boot.unix_ms / 1000) as f64,
            Role::Uptime => (at.monotonic.as_millis() / 10) as f64 / 100.0,
        }
    }

    /// A counter whose growth is taken `permille` times a thousand.
    fn counter(&self, growth: Growth, value: f64, number: usize, step: u64, permille: i64) -> f64 {
        let start = if self.fresh { 0 } else { growth.first / 1000 * self.variation.age };
        growth.value(start + self.grown(growth, value, number, step) * permille / 1000)
    }

    /// What a counter of the recorded machine grew by since the last boot, in units.
    fn grown(&self, growth: Growth, value: f64, number: usize, step: u64) -> i64 {
        let at_boot = growth.units(self.recording.at(self.boot_step)[number]);
        let before = self.progress(growth, at_boot, self.boot_step);
        self.progress(growth, growth.units(value), step) - before
    }

    /// How far a counter has come since the recording began, rounds included.
    fn progress(&self, growth: Growth, units: i64, step: u64) -> i64 {
        let rounds = i64::try_from(step / self.recording.round()).unwrap_or(0);
        rounds * growth.round + units - growth.first
    }
}

fn pages(bytes: f64) -> f64 {
    (bytes / PAGE_BYTES).floor() * PAGE_BYTES
}

fn memory_left(strain: &Strain) -> f64 {
    let taken = |since: Duration| (since.as_secs_f64() / MEMORY_TAKEN.as_secs_f64()).min(1.0);
    1.0 - strain.runaway.map_or(0.0, taken) * (1.0 - MEMORY_LEFT)
}

/// What all cores together add to a load average after so long.
fn load_of(strain: &Strain, cores: usize) -> f64 {
    let Some(since) = strain.runaway else { return 0.0 };
    let grown = 1.0 - (-since.as_secs_f64() / 60.0).exp();
    (grown * cores as f64 * 100.0).round() / 100.0
}
