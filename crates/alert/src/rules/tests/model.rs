//! The same times and the same series give what a naive model says.

use proptest::prelude::*;

use super::*;

/// What is told to rule and model alike. Times are seconds.
#[derive(Debug, Clone)]
struct Plan {
    for_s: i64,
    keep_s: i64,
    limit: usize,
    /// How long after the one before each evaluation is, and which series are there.
    steps: Vec<(i64, [bool; 3])>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = (1_i64..40, prop::array::uniform3(prop::bool::weighted(0.6)));
    let steps = prop::collection::vec(step, 1..40);
    let times = prop::sample::select(vec![0_i64, 1, 20, 60]);
    (times.clone(), times, 0_usize..4, steps).prop_map(|(for_s, keep_s, limit, steps)| Plan {
        for_s,
        keep_s,
        limit,
        steps,
    })
}

impl Plan {
    fn times(&self) -> Vec<i64> {
        let add = |at: &mut i64, (by, _): &(i64, [bool; 3])| {
            *at += by;
            Some(*at)
        };
        self.steps.iter().scan(0, add).collect()
    }

    /// The state of each series after each step, worked out from the whole past each time.
    fn model(&self) -> Vec<[Option<AlertState>; 3]> {
        let times = self.times();
        let mut all: Vec<[Option<AlertState>; 3]> = Vec::new();
        // What counts as seen: past the limit nothing new does.
        let mut seen: Vec<[bool; 3]> = Vec::new();
        for (_, found) in &self.steps {
            let states =
                |seen: &[[bool; 3]]| [0, 1, 2].map(|series| self.state(series, seen, &times));
            seen.push(*found);
            let active = states(&seen).iter().filter(|state| is_active(**state)).count();
            if self.limit > 0 && active > self.limit {
                let before = all.last().copied().unwrap_or_default();
                let old = [0, 1, 2].map(|series| found[series] && is_active(before[series]));
                *seen.last_mut().unwrap() = old;
            }
            all.push(states(&seen));
        }
        all
    }

    fn state(&self, series: usize, seen: &[[bool; 3]], times: &[i64]) -> Option<AlertState> {
        let (last, earlier) = seen.split_last()?;
        let now = earlier.len();
        let before = self.state(series, earlier, times);
        let fired = before == Some(AlertState::Firing);
        let since = |is_seen: bool| {
            (0..=now).rev().take_while(|step| seen[*step][series] == is_seen).last()
        };
        if last[series] {
            // Since when it is seen without a break, from this alert's beginning on.
            let long_enough = times[now] - times[since(true)?] >= self.for_s;
            let fires = fired || long_enough;
            return Some(if fires { AlertState::Firing } else { AlertState::Pending });
        }
        if fired {
            let kept = times[now] - times[since(false)?] < self.keep_s;
            return Some(if kept { AlertState::Firing } else { AlertState::Resolved });
        }
        // What is over stays so for a quarter of an hour, which no plan lasts long enough to end.
        before.filter(|state| *state == AlertState::Resolved)
    }

    fn group(&self) -> Arc<Group> {
        let Self { for_s, keep_s, limit, .. } = self;
        let rule = format!(
            "  - alert: A\n    expr: x == 1\n    for: {for_s}s\n    keep_firing_for: {keep_s}s\n"
        );
        rules(&format!("limit: {limit}"), &rule)
    }

    fn source(&self) -> MemorySource {
        let mut source = MemorySource::default();
        for series in 0..3 {
            let values = self.steps.iter().map(|(_, seen)| f64::from(u8::from(seen[series])));
            let times = self.times().into_iter().map(|at| at * 1000);
            let samples: Vec<(i64, f64)> = times.zip(values).collect();
            source.add(&[("__name__", "x"), ("n", &series.to_string())], &samples);
        }
        source
    }
}

fn is_active(state: Option<AlertState>) -> bool {
    matches!(state, Some(AlertState::Pending | AlertState::Firing))
}

fn states(state: &GroupState) -> [Option<AlertState>; 3] {
    let of = |series: usize| {
        let named = |alert: &&Alert| alert.labels.get("n") == series.to_string();
        state.alerts(0).find(named).map(|alert| alert.state)
    };
    [0, 1, 2].map(of)
}

proptest! {
    #[test]
    fn a_group_does_what_the_model_does(plan in plan()) {
        let (source, model) = (plan.source(), plan.model());
        prop_assume!(plan.times().last().is_some_and(|last| *last < 900));
        let mut state = GroupState::new(plan.group());
        for (at, expected) in plan.times().into_iter().zip(model) {
            let evaluation = evaluate(&mut state, &source, at * 1000);
            prop_assert_eq!(states(&state), expected, "at {}", at);
            let active = expected.iter().filter(|state| is_active(**state)).count();
            let alive = evaluation.series.iter().filter(|(_, value)| !is_absent(*value)).count();
            prop_assert_eq!(alive, 2 * active);
        }
    }

    /// Every change that is told leads from the state that was told before.
    #[test]
    fn what_is_told_adds_up(plan in plan()) {
        let source = plan.source();
        let mut state = GroupState::new(plan.group());
        let mut told = std::collections::BTreeMap::new();
        for at in plan.times() {
            for one in evaluate(&mut state, &source, at * 1000).alerts {
                let before = told.get(&one.alert.labels).copied();
                let fits = match one.change {
                    Change::Pending => before.is_none(),
                    Change::Firing => before != Some(Change::Firing),
                    Change::Resolved => before == Some(Change::Firing),
                    Change::Gone => before == Some(Change::Pending),
                };
                prop_assert!(fits, "{:?} after {:?}", one.change, before);
                match one.change {
                    Change::Pending | Change::Firing => told.insert(one.alert.labels, one.change),
                    _ => told.remove(&one.alert.labels),
                };
            }
            let active = state.alerts(0).filter(|alert| alert.is_active());
            let active: Vec<_> = active.map(|alert| alert.labels.clone()).collect();
            prop_assert_eq!(active, told.keys().cloned().collect::<Vec<_>>());
        }
    }

    /// A restart that takes no time changes nothing.
    #[test]
    fn a_restart_changes_nothing(plan in plan(), at in 0_usize..40) {
        let source = plan.source();
        let (mut one, mut other) = (GroupState::new(plan.group()), GroupState::new(plan.group()));
        for (number, time) in plan.times().into_iter().enumerate() {
            let (first, second) = (evaluate(&mut one, &source, time * 1000), evaluate(&mut other, &source, time * 1000));
            prop_assert_eq!(first.alerts.len(), second.alerts.len());
            prop_assert_eq!(states(&one), states(&other));
            if number == at {
                let now = time * 1000;
                let outage = Outage { from_ms: now, until_ms: now, grace_ms: 0 };
                other = GroupState::restored(plan.group(), other.rows(), outage).0;
            }
        }
    }
}
