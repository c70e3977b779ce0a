//! The alerts of a group as rows, and back: so that a restart neither forgets an alert nor tells it
//! twice.

use std::collections::HashMap;
use std::sync::Arc;

use watchfire_model::LabelSet;

use super::alerts::{Alert, AlertState};
use super::evaluate::series_of;
use super::group::Group;
use super::state::GroupState;

/// An alert that was pending is not taken over when nobody looked for longer than this, in
/// milliseconds: what was before says nothing about now. As in Prometheus.
pub const PENDING_OUTAGE_MS: i64 = 60 * 60 * 1000;

/// Evaluations that are further apart than this many intervals were left out in between.
const MISSED_INTERVALS: i64 = 3;

/// A shorter time between evaluations is no outage, however short the interval, in milliseconds.
const SHORTEST_OUTAGE_MS: i64 = 10_000;

/// One alert of a group. Moments are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// Its rule, as [`Group::identities`] has it.
    pub rule: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// What was told of it last.
    pub annotations: Vec<(String, String)>,
    /// The value of the series when it was last seen.
    pub value: f64,
    /// What it is.
    pub state: AlertState,
    /// When it was first seen.
    pub since_ms: i64,
    /// When it began to fire.
    pub fired_at_ms: Option<i64>,
    /// Since when it fires though it is not seen any more.
    pub keep_since_ms: Option<i64>,
    /// When it was over.
    pub resolved_at_ms: Option<i64>,
}

/// The time in which nobody evaluated a group, because of a restart, a pause, or a clock that was set.
/// Moments are Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When the group was last evaluated.
    pub from_ms: i64,
    /// Now; earlier when the clock was set back.
    pub until_ms: i64,
    /// For how many milliseconds from now on an alert does not end because nothing is found: what
    /// is asked for may not be there again yet.
    pub grace_ms: i64,
}

/// For how many milliseconds after an outage an alert of a group with this interval does not end
/// because nothing is found: two evaluations, and not less than two minutes.
#[must_use]
pub fn usual_grace_ms(interval_ms: i64) -> i64 {
    interval_ms.max(60_000).saturating_mul(2)
}

impl GroupState {
    /// Whoever knows better than the moments of evaluations tells of an outage. Its time counts
    /// neither as pending nor as kept firing.
    pub fn outlast(&mut self, outage: Outage) {
        for rule in &mut self.rules {
            rule.alerts.retain(|_, alert| alert.outlast(outage));
        }
        self.looked_at_ms = Some(outage.until_ms);
        self.grace_until_ms = outage.until_ms.saturating_add(outage.grace_ms);
    }

    /// Takes the time since the last evaluation for an outage when it does not fit the interval.
    pub(super) fn notice_outage(&mut self, at_ms: i64, interval_ms: i64) {
        let Some(from_ms) = self.looked_at_ms else { return };
        let usual_ms = interval_ms.saturating_mul(MISSED_INTERVALS).max(SHORTEST_OUTAGE_MS);
        let gap_ms = at_ms.saturating_sub(from_ms);
        if gap_ms < 0 || gap_ms > usual_ms {
            let grace_ms = usual_grace_ms(interval_ms);
            self.outlast(Outage { from_ms, until_ms: at_ms, grace_ms });
        }
    }

    /// All alerts, for [`GroupState::restored`].
    #[must_use]
    pub fn rows(&self) -> Vec<AlertRow> {
        let identities = self.group().identities().into_iter().zip(&self.rules);
        let rows = identities.flat_map(|(rule, state)| {
            state.alerts.values().map(move |alert| AlertRow::of(alert, rule.clone()))
        });
        rows.collect()
    }

    /// A group with the alerts of `rows`. The time of the outage counts neither as pending nor as
    /// kept firing. Rows whose rule is not there any more are returned.
    #[must_use]
    pub fn restored(
        group: Arc<Group>,
        rows: Vec<AlertRow>,
        outage: Outage,
    ) -> (Self, Vec<AlertRow>) {
        let mut state = Self::new(group);
        let numbers: HashMap<String, usize> =
            state.group().identities().into_iter().zip(0..).collect();
        let mut orphans = Vec::new();
        for row in rows {
            let Some(rule) = numbers.get(&row.rule).and_then(|at| state.rules.get_mut(*at)) else {
                orphans.push(row);
                continue;
            };
            let Some(alert) = row.after(outage) else { continue };
            if alert.is_active() {
                // Its series are stored, and want an end when it is over.
                rule.series.extend(series_of(&alert).map(|(labels, _)| labels));
            }
            rule.alerts.insert(alert.labels.clone(), alert);
        }
        state.evaluated_at_ms = Some(outage.from_ms);
        state.looked_at_ms = Some(outage.until_ms);
        state.grace_until_ms = outage.until_ms.saturating_add(outage.grace_ms);
        (state, orphans)
    }
}

impl Alert {
    /// The alert as it is after an outage; false when what was before says nothing any more.
    fn outlast(&mut self, outage: Outage) -> bool {
        let gap_ms = outage.until_ms.saturating_sub(outage.from_ms).max(0);
        self.put_off(gap_ms, outage.until_ms);
        // Nothing can have been later than now.
        let not_later = |ms: i64| ms.min(outage.until_ms);
        self.since_ms = self.since_ms.min(outage.until_ms);
        self.fired_at_ms = self.fired_at_ms.map(not_later);
        self.resolved_at_ms = self.resolved_at_ms.map(not_later);
        self.is_restored = true;
        self.state != AlertState::Pending || gap_ms <= PENDING_OUTAGE_MS
    }
}

impl AlertRow {
    fn of(alert: &Alert, rule: String) -> Self {
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let told = alert.annotations.iter();
        Self {
            rule,
            labels: alert.labels.iter().map(text).collect(),
            annotations: told.map(|(name, words)| (name.to_string(), words.clone())).collect(),
            value: alert.value,
            state: alert.state,
            since_ms: alert.since_ms,
            fired_at_ms: alert.fired_at_ms,
            keep_since_ms: alert.keep_since_ms,
            resolved_at_ms: alert.resolved_at_ms,
        }
    }

    /// The alert as it is after an outage; none when what was before says nothing any more.
    fn after(self, outage: Outage) -> Option<Alert> {
        let pairs = self.labels.into_iter().map(|(name, value)| (name.into(), value.into()));
        let told = self.annotations.into_iter();
        let mut alert = Alert {
            labels: LabelSet::new(pairs),
            annotations: told.map(|(name, words)| (name.into(), words)).collect(),
            value: self.value,
            state: self.state,
            since_ms: self.since_ms,
            fired_at_ms: self.fired_at_ms,
            keep_since_ms: self.keep_since_ms,
            resolved_at_ms: self.resolved_at_ms,
            is_restored: true,
            is_unknown: false,
        };
        alert.outlast(outage).then_some(alert)
    }
}
