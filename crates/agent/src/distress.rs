//! How much the agent may ask of a machine that has nothing to spare.
//!
//! Two signs say that the machine is starved: the agent is woken late, and it
//! gets little done while it runs. One says that the agent itself takes too
//! much: the cpu time of its own readings, over half a minute. The first two,
//! three seconds in a row, or the last makes it do less: slow collectors and the
//! process walk wait twice as long at each level. Half a minute without a sign gives
//! one level back. Signs of life and
//! the once-a-second reading go on at every level, because they are what the
//! agent is for.

use std::time::Duration;

/// The highest level. Slow things happen eight times as seldom then.
const MAX_LEVEL: u32 = 3;
/// Woken this much too late, the agent shares its processor with too many.
const LATE: Duration = Duration::from_millis(250);
/// A reading of the machine that takes this long is one that mostly waited.
const LONG: Duration = Duration::from_millis(150);
/// The most cpu time that the agent's readings should take of one core, as a share.
const CPU_SHARE: f64 = 0.02;
/// Below this they are calm again. Half as many readings take half as much, so
/// with less of a gap the level would go up and down for ever.
const CALM_CPU_SHARE: f64 = 0.008;
/// Over this long its own cpu time is averaged, because a process walk is a
/// peak that comes each few seconds.
const CPU_WINDOW: Duration = Duration::from_secs(30);
/// Bad readings in a row that make the level rise.
const RISE_AFTER: u32 = 3;
/// Good readings in a row that make it fall.
const FALL_AFTER: u32 = 30;

/// What was felt at one reading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    /// How much later than planned it began.
    pub(crate) late: Duration,
    /// How long it took.
    pub(crate) took: Duration,
    /// When it began, on the monotonic clock.
    pub(crate) now: Duration,
    /// The cpu time of all readings so far.
    pub(crate) cpu: Duration,
}

/// The present level, and what led to it.
#[derive(Debug, Default)]
pub(crate) struct Distress {
    level: u32,
    bad: u32,
    good: u32,
    window: Option<(Duration, Duration)>,
    cpu_share: f64,
}

impl Distress {
    /// Takes note of one reading.
    pub(crate) fn note(&mut self, signs: &Signs) {
        let measured = self.measure(signs);
        let starved = signs.late > LATE || signs.took > LONG;
        self.bad = if starved { self.bad + 1 } else { 0 };
        let calm = !starved && self.cpu_share < CALM_CPU_SHARE;
        self.good = if calm { self.good + 1 } else { 0 };
        // A share is measured over a window, and says one thing once.
        if self.bad >= RISE_AFTER || (measured && self.cpu_share > CPU_SHARE) {
            self.level = (self.level + 1).min(MAX_LEVEL);
            self.bad = 0;
        } else if self.good >= FALL_AFTER {
            self.level = self.level.saturating_sub(1);
            self.good = 0;
        }
    }

    /// 0 when all is well, to 3.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    /// How many times as long slow things wait: 1, 2, 4 or 8.
    pub(crate) fn ease(&self) -> u32 {
        1 << self.level
    }

    /// The share of one core that the agent took over the last half minute.
    pub(crate) fn cpu_share(&self) -> f64 {
        self.cpu_share
    }

    /// True when a window ended and the share is new.
    fn measure(&mut self, signs: &Signs) -> bool {
        let (began, cpu) = *self.window.get_or_insert((signs.now, signs.cpu));
        let went_by = signs.now.saturating_sub(began);
        let ended = went_by >= CPU_WINDOW;
        if ended {
            let spent = signs.cpu.saturating_sub(cpu);
            self.cpu_share = spent.as_secs_f64() / went_by.as_secs_f64();
            self.window = Some((signs.now, signs.cpu));
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One reading a second, with `late` and a share of cpu time.
    fn run(distress: &mut Distress, from: u64, seconds: u64, late: Duration, share: f64) -> u64 {
        for second in from..from + seconds {
            let now = Duration::from_secs(second);
            let cpu = now.mul_f64(share);
            distress.note(&Signs { late, took: Duration::from_millis(1), now, cpu });
        }
        from + seconds
    }

    #[test]
    fn a_calm_machine_has_no_distress() {
        let mut distress = Distress::default();
        run(&mut distress, 0, 100, Duration::from_millis(5), 0.002);
        assert_eq!((distress.level(), distress.ease()), (0, 1));
        assert!((distress.cpu_share() - 0.002).abs() < 1e-6);
    }

    #[test]
    fn lateness_makes_it_rise_and_calm_makes_it_fall() {
        let mut distress = Distress::default();
        let second = run(&mut distress, 0, 2, Duration::from_secs(1), 0.0);
        assert_eq!(distress.level(), 0, "once or twice may be chance");
        let second = run(&mut distress, second, 1, Duration::from_secs(1), 0.0);
        assert_eq!(distress.ease(), 2);
        let second = run(&mut distress, second, 60, Duration::from_secs(1), 0.0);
        assert_eq!((distress.level(), distress.ease()), (3, 8));
        let second = run(&mut distress, second, 29, Duration::ZERO, 0.0);
        assert_eq!(distress.level(), 3);
        run(&mut distress, second, 61, Duration::ZERO, 0.0);
        assert_eq!(distress.level(), 0);
    }

    #[test]
    fn long_readings_count_as_starved() {
        let mut distress = Distress::default();
        for _ in 0..3 {
            distress.note(&Signs { took: Duration::from_millis(200), ..Signs::default() });
        }
        assert_eq!(distress.level(), 1);
    }

    #[test]
    fn its_own_cpu_time_makes_it_rise_a_level_a_window() {
        let mut distress = Distress::default();
        let second = run(&mut distress, 0, 30, Duration::ZERO, 0.05);
        assert_eq!(distress.level(), 0);
        let second = run(&mut distress, second, 10, Duration::ZERO, 0.05);
        assert_eq!(distress.level(), 1, "one window is one sign");
        run(&mut distress, second, 60, Duration::ZERO, 0.05);
        assert_eq!(distress.level(), 3);
    }

    #[test]
    fn what_doing_less_brought_down_does_not_go_up_and_down() {
        let (mut distress, mut cpu, mut changes) = (Distress::default(), Duration::ZERO, 0);
        for second in 0..1200 {
            // A walk of 120 ms each five seconds, or as seldom as is asked for.
            if second % (5 * u64::from(distress.ease())) == 0 {
                cpu += Duration::from_millis(120);
            }
            let before = distress.level();
            let took = Duration::from_millis(1);
            let now = Duration::from_secs(second);
            distress.note(&Signs { late: Duration::ZERO, took, now, cpu });
            changes += u32::from(distress.level() != before);
        }
        assert!(distress.level() >= 1 && changes <= 2, "{changes} changes, {distress:?}");
    }
}
