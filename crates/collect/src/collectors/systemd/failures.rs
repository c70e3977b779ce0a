//! Which units failed, so that each failure is told once: also where a unit fails again between
//! two readings, and where the agent is started anew while it still is as it was.

use std::collections::{BTreeMap, VecDeque};

/// One failure of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedUnit {
    /// The unit.
    pub name: String,
    /// When it failed by systemd's clock, in microseconds since 1970, as far as that is known.
    pub since_us: Option<u64>,
}

/// The failures that were seen.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The units that were seen to have failed at the last reading, and since when.
    seen: BTreeMap<String, Option<u64>>,
    /// Those among them that nobody has asked for yet.
    new: VecDeque<String>,
}

impl Failures {
    /// Takes these as told: an earlier run did.
    pub(super) fn resume(&mut self, told: &[FailedUnit]) {
        self.seen.extend(told.iter().map(|unit| (unit.name.clone(), unit.since_us)));
    }

    /// Takes what has failed now. At the first reading all that was not told is new: what fails
    /// while the machine starts is often seen then.
    pub(super) fn note(&mut self, mut failed: BTreeMap<String, Option<u64>>) {
        self.new.retain(|name| failed.contains_key(name));
        for (name, since) in &mut failed {
            let before = self.seen.get(name).copied();
            let is_same = before.is_some_and(|before| is_same(before, *since));
            if is_same {
                *since = since.or(before.flatten());
            } else if !self.new.contains(name) {
                self.new.push_back(name.clone());
            }
        }
        self.seen = failed;
    }

    /// One that was not given yet.
    pub(super) fn next(&mut self) -> Option<String> {
        self.new.pop_front()
    }

    /// Those that were given and go on, by name.
    pub(super) fn told(&self) -> Vec<FailedUnit> {
        let told = self.seen.iter().filter(|(name, _)| !self.new.contains(name));
        told.map(|(name, &since_us)| FailedUnit { name: name.clone(), since_us }).collect()
    }
}

/// True when these are one failure, as far as it is known.
fn is_same(before: Option<u64>, now: Option<u64>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(failures: &mut Failures, units: &[(&str, Option<u64>)]) -> Vec<String> {
        failures.note(units.iter().map(|&(name, since)| (name.to_owned(), since)).collect());
        std::iter::from_fn(|| failures.next()).collect()
    }

    #[test]
    fn each_failure_is_given_once_also_when_nobody_saw_the_unit_well_between_two() {
        let mut failures = Failures::default();
        assert_eq!(seen(&mut failures, &[("a", Some(1)), ("b", None)]), ["a", "b"]);
        assert!(seen(&mut failures, &[("a", Some(1)), ("b", None)]).is_empty());
        assert!(seen(&mut failures, &[("a", None), ("b", Some(5))]).is_empty(), "not known");
        assert_eq!(seen(&mut failures, &[("a", Some(2)), ("b", Some(6))]), ["a", "b"]);
        assert!(seen(&mut failures, &[("b", Some(6))]).is_empty());
        assert_eq!(seen(&mut failures, &[("a", Some(2)), ("b", Some(6))]), ["a"]);
    }

    #[test]
    fn what_an_earlier_run_told_is_not_told_again_unless_it_failed_again() {
        let mut failures = Failures::default();
        seen(&mut failures, &[("a", Some(1)), ("b", Some(2)), ("c", None)]);
        failures.note(BTreeMap::from([
            ("a".to_owned(), Some(1)),
            ("b".to_owned(), Some(2)),
            ("c".to_owned(), None),
            ("waits".to_owned(), Some(3)),
        ]));
        let told = failures.told();
        assert_eq!(told.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let mut next = Failures::default();
        next.resume(&told);
        let now = [("a", Some(1)), ("b", Some(9)), ("c", None), ("waits", Some(3))];
        assert_eq!(seen(&mut next, &now), ["b", "waits"]);
    }
}
