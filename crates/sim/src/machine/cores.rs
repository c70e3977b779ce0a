use crate::recording::{CpuMode, Growth, Recording, Role};

/// The cores of a machine: what their programs do not use is idle time, and
/// what a runaway process takes is none.
#[derive(Debug, Default)]
pub(super) struct Cores(Vec<Core>);

#[derive(Debug)]
struct Core {
    label: String,
    growth: Growth,
    idle: Option<usize>,
    user: Option<usize>,
    /// Everything but idle.
    busy: Vec<usize>,
    /// Idle units that a runaway process took.
    taken: i64,
    /// Idle units at the tick before.
    before: Option<i64>,
}

impl Cores {
    /// The cores of the recorded machine.
    pub(super) fn of(recording: &Recording) -> Self {
        let mut cores: Vec<Core> = Vec::new();
        let series = recording.schema.keys().iter().zip(recording.roles()).enumerate();
        for (number, (key, role)) in series {
            let Role::Cpu(mode, growth) = *role else { continue };
            let label = key.label("cpu").unwrap_or_default();
            let known = cores.iter().position(|core| core.label == label);
            let place = known.unwrap_or_else(|| {
                cores.push(Core::new(label, growth));
                cores.len() - 1
            });
            match mode {
                CpuMode::Idle => cores[place].idle = Some(number),
                CpuMode::User => cores[place].user = Some(number),
                CpuMode::Other => {}
            }
            if mode != CpuMode::Idle {
                cores[place].busy.push(number);
            }
        }
        Self(cores)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The machine was started anew.
    pub(super) fn reset(&mut self) {
        for core in &mut self.0 {
            (core.taken, core.before) = (0, None);
        }
    }

    /// Makes the times of each core add up: idle is what the programs of this
    /// server need less than those of the recorded one, which `spare` tells of
    /// a series in units, and user time what a runaway process took.
    pub(super) fn fill(
        &mut self,
        values: &mut [f64],
        runaway: bool,
        spare: impl Fn(usize, Growth) -> i64,
    ) {
        for core in &mut self.0 {
            let spare = core.busy.iter().map(|&number| spare(number, core.growth)).sum();
            core.fill(values, runaway, spare);
        }
    }
}

impl Core {
    fn new(label: &str, growth: Growth) -> Self {
        let label = label.to_owned();
        Self { label, growth, idle: None, user: None, busy: Vec::new(), taken: 0, before: None }
    }

    fn fill(&mut self, values: &mut [f64], runaway: bool, spare: i64) {
        let (Some(idle), Some(user)) = (self.idle, self.user) else { return };
        let units = self.growth.units(values[idle]) + spare;
        if runaway {
            self.taken += units - self.before.unwrap_or(units);
        }
        self.before = Some(units);
        values[idle] = self.growth.value(units - self.taken);
        values[user] = self.growth.value(self.growth.units(values[user]) + self.taken);
    }
}
