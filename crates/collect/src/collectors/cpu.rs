use watchfire_model::{CpuLoad, Status};

use super::{Collector, Sample};
use crate::CollectError;
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::source::Source;
use crate::text::{lines, number, words};

/// How far a field may step back and still count as standing, in clock ticks.
/// The kernel's `idle` and `iowait` do so by little, because cores add to them
/// without a lock; a larger step is a counter that began anew.
const MAX_BACK_STEP_TICKS: u64 = 100;

/// Processor use from `/proc/stat`.
#[derive(Debug)]
pub(super) struct CpuCollector {
    stat: Source,
    before: Reading,
}

impl CpuCollector {
    pub(super) fn new() -> Self {
        Self { stat: Source::new("proc/stat"), before: Reading::default() }
    }
}

impl Collector for CpuCollector {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &[RecordedPath { pattern: "proc/stat", rewrite: Rewrite::Lines(&["cpu", "btime "]) }]
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let parsed = Reading::parse(self.stat.read(sample.root)?);
        let Some(after) = parsed else {
            self.before = Reading::default();
            return Err(self.stat.malformed("there is no line of all processors"));
        };
        status.cpu.total = load(self.before.total.as_ref(), after.total.as_ref());
        let core = |(id, times): &(u64, Times)| load(self.before.core(*id), Some(times));
        status.cpu.cores = after.cores.iter().map(core).collect();
        self.before = after;
        Ok(())
    }
}

/// Ticks since boot. The columns `guest` and `guest_nice` of the kernel are
/// not here: `user` and `nice` hold them already.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    user: u64,
    nice: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    irq: u64,
    softirq: u64,
    steal: u64,
}

#[derive(Debug, Default)]
struct Reading {
    total: Option<Times>,
    /// By the number in `cpuN`, because cores come and go.
    cores: Vec<(u64, Times)>,
}

impl Reading {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut reading = Self::default();
        for line in lines(text) {
            let mut words = words(line);
            let Some(id) = words.next().and_then(|name| name.strip_prefix(b"cpu")) else {
                continue;
            };
            let Some(times) = Times::parse(words) else { continue };
            if id.is_empty() {
                reading.total = Some(times);
            } else if let Some(id) = number(id) {
                reading.cores.push((id, times));
            }
        }
        reading.total.is_some().then_some(reading)
    }

    fn core(&self, id: u64) -> Option<&Times> {
        self.cores.iter().find(|(other, _)| *other == id).map(|(_, times)| times)
    }
}

impl Times {
    /// Old kernels end after `idle`; columns that are missing are 0.
    fn parse<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut next = || words.next().map(number);
        Some(Self {
            user: next()??,
            nice: next()??,
            system: next()??,
            idle: next()??,
            iowait: next().unwrap_or(Some(0))?,
            irq: next().unwrap_or(Some(0))?,
            softirq: next().unwrap_or(Some(0))?,
            steal: next().unwrap_or(Some(0))?,
        })
    }

    /// Ticks of each kind since `before`; `None` when a counter began anew.
    fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            user: grown(before.user, self.user)?,
            nice: grown(before.nice, self.nice)?,
            system: grown(before.system, self.system)?,
            idle: grown(before.idle, self.idle)?,
            iowait: grown(before.iowait, self.iowait)?,
            irq: grown(before.irq, self.irq)?,
            softirq: grown(before.softirq, self.softirq)?,
            steal: grown(before.steal, self.steal)?,
        })
    }
}

fn grown(before: u64, after: u64) -> Option<u64> {
    match after.checked_sub(before) {
        None if before - after > MAX_BACK_STEP_TICKS => None,
        grown => Some(grown.unwrap_or(0)),
    }
}

fn load(before: Option<&Times>, after: Option<&Times>) -> CpuLoad {
    before.zip(after).and_then(|(before, after)| shares(&after.since(before)?)).unwrap_or_default()
}

/// Shares of the ticks that went by, which is the interval itself as the
/// kernel counted it; so a late reading does not distort them.
fn shares(spent: &Times) -> Option<CpuLoad> {
    let Times { user, nice, system, idle, iowait, irq, softirq, steal } = *spent;
    let sum = |kinds: &[u64]| kinds.iter().map(|&ticks| as_f64(ticks)).sum::<f64>();
    let busy = [user, nice, system, irq, softirq, steal];
    let all = sum(&busy) + sum(&[idle, iowait]);
    if all <= 0.0 {
        return None;
    }
    let percent = |kinds: &[u64]| Some(sum(kinds) * 100.0 / all);
    Some(CpuLoad {
        busy_percent: percent(&busy),
        user_percent: percent(&[user, nice]),
        system_percent: percent(&[system, irq, softirq]),
        iowait_percent: percent(&[iowait]),
        steal_percent: percent(&[steal]),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    fn two_readings(first: &str, second: &str) -> (Status, Vec<crate::Fault>) {
        let mut bench = Bench::new(&[("proc/stat", first)]);
        let mut collector = CpuCollector::new();
        let status = bench.read(&mut collector, 0);
        assert_eq!(status.cpu.total, CpuLoad::default());
        bench.write("proc/stat", second);
        (bench.read(&mut collector, 1000), bench.faults)
    }

    #[test]
    fn shares_add_up_and_guest_is_counted_once() {
        let (status, _) = two_readings(
            "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n",
            "cpu 20 10 5 50 6 2 3 4 20 10\ncpu0 20 10 5 50 6 2 3 4 20 10\n",
        );
        let expected = CpuLoad {
            busy_percent: Some(44.0),
            user_percent: Some(30.0),
            system_percent: Some(10.0),
            iowait_percent: Some(6.0),
            steal_percent: Some(4.0),
        };
        assert_eq!(status.cpu.total, expected);
        assert_eq!(status.cpu.cores, [expected]);
    }

    #[test]
    fn a_small_back_step_of_iowait_counts_as_standing() {
        let (status, _) = two_readings("cpu 0 0 0 0 50\n", "cpu 25 0 0 75 48\n");
        assert_eq!(status.cpu.total.busy_percent, Some(25.0));
        assert_eq!(status.cpu.total.iowait_percent, Some(0.0));
    }

    #[test]
    fn counters_that_began_anew_give_no_share() {
        let (status, faults) = two_readings("cpu 9000 0 0 9000\n", "cpu 5 0 0 5\n");
        assert_eq!(status.cpu.total, CpuLoad::default());
        assert!(faults.is_empty());
    }

    #[test]
    fn cores_are_matched_by_number() {
        let (status, _) = two_readings(
            "cpu 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n",
            "cpu 10 0 0 10\ncpu1 5 0 0 15\ncpu2 7 0 0 7\n",
        );
        let busy: Vec<_> = status.cpu.cores.iter().map(|core| core.busy_percent).collect();
        assert_eq!(busy, [Some(25.0), None]);
    }

    #[test]
    fn no_tick_gone_by_is_no_share() {
        let (status, _) = two_readings("cpu 1 2 3 4\n", "cpu 1 2 3 4\n");
        assert_eq!(status.cpu.total, CpuLoad::default());
    }

    #[test]
    fn a_file_without_the_first_line_is_a_fault() {
        let (status, faults) = two_readings("cpu 1 2 3 4\n", "cpu 1 2\nintr 5\n");
        assert_eq!(status.cpu.total, CpuLoad::default());
        assert!(faults[0].error.contains("no line of all processors"), "{faults:?}");
    }
}
