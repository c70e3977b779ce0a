//! When a group has its turns.

/// The turns of a group: moments evenly apart, in Unix milliseconds. Where they begin follows from
/// the group's name, so that groups of one interval are not all evaluated at once, and that a group
/// has the same turns after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    interval_ms: i64,
    offset_ms: i64,
}

impl Schedule {
    pub(super) fn new(file: &str, group: &str, interval_ms: i64) -> Self {
        let interval_ms = interval_ms.max(1);
        let mut hash = FNV_START;
        for byte in file.bytes().chain([0xff]).chain(group.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        // Names that differ in their last letter alone are near to each other until here.
        hash = (hash ^ (hash >> 33)).wrapping_mul(MIX);
        hash ^= hash >> 33;
        let offset_ms = i64::from((hash >> 32) as u32) % interval_ms;
        Self { interval_ms, offset_ms }
    }

    pub(super) fn interval_ms(self) -> i64 {
        self.interval_ms
    }

    /// The last turn that is not later.
    pub(super) fn last(self, now_ms: i64) -> i64 {
        let since = now_ms.saturating_sub(self.offset_ms).rem_euclid(self.interval_ms);
        now_ms.saturating_sub(since)
    }

    /// The first turn that is later.
    pub(super) fn next(self, now_ms: i64) -> i64 {
        self.last(now_ms).saturating_add(self.interval_ms)
    }

    /// How many turns there are between two of them.
    pub(super) fn between(self, one_ms: i64, later_ms: i64) -> u64 {
        let apart = later_ms.saturating_sub(one_ms) / self.interval_ms - 1;
        u64::try_from(apart).unwrap_or(0)
    }
}

/// FNV-1a: the same on every machine and in every release.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
/// A step of MurmurHash3's end, by which each bit depends on all of the name.
const MIX: u64 = 0xff51_afd7_ed55_8ccd;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_are_spread_over_the_interval() {
        let offsets: BTreeSet<i64> = (0..100)
            .map(|number| Schedule::new("rules/a.yml", &format!("g{number}"), 60_000).offset_ms)
            .collect();
        assert!(offsets.len() > 95, "{offsets:?}");
        let early = offsets.iter().filter(|offset| **offset < 30_000).count();
        assert!((30..70).contains(&early), "{early} of 100 are in the first half");
    }

    #[test]
    fn files_and_groups_are_told_apart() {
        let offset = |file: &str, group: &str| Schedule::new(file, group, 1 << 40).offset_ms;
        assert_ne!(offset("ab", "c"), offset("a", "bc"));
        assert_eq!(offset("ab", "c"), offset("ab", "c"));
    }

    proptest! {
        #[test]
        fn turns_are_an_interval_apart(
            interval in 1_i64..100_000_000,
            now in -10_000_000_000_000_i64..10_000_000_000_000,
        ) {
            let schedule = Schedule::new("f", "g", interval);
            let (last, next) = (schedule.last(now), schedule.next(now));
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(next - last, interval);
            prop_assert_eq!(schedule.last(next), next);
            prop_assert_eq!(schedule.between(last, next), 0);
            prop_assert_eq!(schedule.between(last, next + 3 * interval), 3);
        }
    }
}
