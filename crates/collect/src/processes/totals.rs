use super::machine::MachineCounts;
use super::summary::ProcessSummary;
use super::units::Units;
use super::walk::Tally;
use crate::rate::as_f64;

/// What was counted since the first table.
#[derive(Debug, Default)]
pub(super) struct Totals {
    busy_ticks: Option<u64>,
    forks: Option<u64>,
    seen_ns: u64,
    short_lived_ns: u64,
    unaccounted: Excess,
    unseen_births: Excess,
}

impl Totals {
    /// The first table is where counting begins: what is in it was before.
    pub(super) fn add(&mut self, counts: MachineCounts, tally: &Tally, units: Units) {
        let busy = counts.busy_ticks.zip(self.busy_ticks);
        let forks = counts.own_births.zip(self.forks);
        (self.busy_ticks, self.forks) = (counts.busy_ticks, counts.own_births);
        self.seen_ns = self.seen_ns.saturating_add(tally.cpu_ns);
        self.short_lived_ns = self.short_lived_ns.saturating_add(tally.short_lived_ns);
        if let Some((now, before)) = busy {
            let accounted = tally.cpu_ns.saturating_add(tally.short_lived_ns);
            self.unaccounted.add(units.nanoseconds(now.saturating_sub(before)), accounted);
        }
        if let Some((now, before)) = forks {
            self.unseen_births.add(now.saturating_sub(before), tally.born);
        }
    }

    pub(super) fn tell(&mut self, summary: &mut ProcessSummary) {
        summary.unseen_births = self.forks.map(|_| self.unseen_births.add(0, 0));
        summary.seen_cpu_seconds = as_f64(self.seen_ns) / 1e9;
        summary.short_lived_cpu_seconds = as_f64(self.short_lived_ns) / 1e9;
        summary.unaccounted_cpu_seconds =
            self.busy_ticks.map(|_| as_f64(self.unaccounted.add(0, 0)) / 1e9);
    }
}

/// A counter of what one total has more than another since the beginning. The
/// two are not read at one instant, so it waits until the first is ahead again
/// instead of counting the same twice.
#[derive(Debug, Clone, Copy, Default)]
struct Excess {
    balance: i128,
    highest: i128,
}

impl Excess {
    /// Adds to both totals and returns the counter.
    fn add(&mut self, more: u64, less: u64) -> u64 {
        self.balance += i128::from(more) - i128::from(less);
        self.highest = self.highest.max(self.balance);
        u64::try_from(self.highest).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_never_falls_and_counts_nothing_twice() {
        let mut excess = Excess::default();
        assert_eq!(excess.add(10, 4), 6);
        assert_eq!(excess.add(0, 5), 6);
        assert_eq!(excess.add(5, 0), 6);
        assert_eq!(excess.add(2, 0), 8);
    }
}
