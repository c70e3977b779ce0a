//! The alerts of one rule, and what becomes of each from evaluation to evaluation.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchfire_model::LabelSet;

/// For how long a resolved alert is kept, in milliseconds, so that whoever missed the news of it can
/// still hear it. As in Prometheus.
pub const RESOLVED_KEPT_MS: i64 = 15 * 60 * 1000;

/// Names and texts, sorted by name.
pub type Annotations = Vec<(Arc<str>, String)>;

/// What an alert is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// What the rule asks for is there, and not for long enough yet.
    Pending,
    /// It is there for long enough, or was until less than `keep_firing_for` ago.
    Firing,
    /// It fired and is over.
    Resolved,
}

impl AlertState {
    /// The word for it; the first two are those of Prometheus' series.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Pending, Self::Firing, Self::Resolved].into_iter().find(|one| one.as_str() == word)
    }
}

/// One alert of a rule. Moments are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its labels, by which it is known: those of the series, those of the rule, and `alertname`.
    pub labels: LabelSet,
    /// What is told of it, as it was when it was last seen.
    pub annotations: Annotations,
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
    /// True from a restart on until it is seen again.
    pub(super) is_restored: bool,
    /// True when the last evaluation could not know whether it is still there.
    pub(super) is_unknown: bool,
}

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It was seen for the first time and waits for its `for`.
    Pending,
    /// It fires.
    Firing,
    /// It fired and is over.
    Resolved,
    /// It was pending and went away without having fired.
    Gone,
}

/// The alerts of one rule, by their labels.
pub(super) type Alerts = BTreeMap<LabelSet, Alert>;

/// What an evaluation found for one alert.
pub(super) struct Seen {
    pub(super) value: f64,
    pub(super) annotations: Annotations,
}

/// How a rule's alerts age.
#[derive(Clone, Copy)]
pub(super) struct Ageing {
    pub(super) for_ms: i64,
    pub(super) keep_firing_for_ms: i64,
    /// Until then no alert from before a restart ends.
    pub(super) grace_until_ms: i64,
    /// How long ago the evaluation before was.
    pub(super) gap_ms: i64,
    /// More alerts than this are an error; 0 for no limit.
    pub(super) limit: usize,
}

/// Takes in what was found at a moment, and returns what became of which alert, by labels. What was
/// not found and `is_known` knows nothing of stays as it is. When there would be more alerts than the
/// limit allows, no new one is taken in, and how many there would be is the error: that there are too
/// many says of none that it is over.
pub(super) fn step(
    alerts: &mut Alerts,
    mut seen: BTreeMap<LabelSet, Seen>,
    is_known: &dyn Fn(&LabelSet) -> bool,
    at_ms: i64,
    ageing: Ageing,
) -> (Vec<(Change, Alert)>, Result<(), usize>) {
    let mut changes = Vec::new();
    for alert in alerts.values_mut().filter(|alert| !seen.contains_key(&alert.labels)) {
        if alert.is_active() && !is_known(&alert.labels) {
            alert.stand_still(at_ms, ageing);
        } else if let Some(change) = alert.missed(at_ms, ageing) {
            changes.push((change, alert.clone()));
        }
    }
    alerts.retain(|_, alert| !alert.is_over(at_ms));
    let unseen = |alert: &&Alert| alert.is_active() && !seen.contains_key(&alert.labels);
    let active = seen.len() + alerts.values().filter(unseen).count();
    let is_past = ageing.limit > 0 && active > ageing.limit;
    if is_past {
        seen.retain(|labels, _| alerts.get(labels).is_some_and(Alert::is_active));
    }
    for (labels, seen) in seen {
        let known = alerts.remove(&labels).filter(Alert::is_active);
        let first = known.is_none().then_some(Change::Pending);
        let mut alert = known.unwrap_or_else(|| Alert::new(labels.clone(), at_ms));
        if let Some(change) = alert.seen(seen, at_ms, ageing).or(first) {
            changes.push((change, alert.clone()));
        }
        alerts.insert(labels, alert);
    }
    changes.sort_by(|(_, one), (_, other)| one.labels.cmp(&other.labels));
    (changes, if is_past { Err(active) } else { Ok(()) })
}

impl Alert {
    fn new(labels: LabelSet, at_ms: i64) -> Self {
        Self {
            labels,
            annotations: Vec::new(),
            value: 0.0,
            state: AlertState::Pending,
            since_ms: at_ms,
            fired_at_ms: None,
            keep_since_ms: None,
            resolved_at_ms: None,
            is_restored: false,
            is_unknown: false,
        }
    }

    /// True while it is pending or fires.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state != AlertState::Resolved
    }

    /// The alert was found; it fires once it is there for long enough.
    fn seen(&mut self, seen: Seen, at_ms: i64, ageing: Ageing) -> Option<Change> {
        self.go_on(at_ms, ageing);
        self.value = seen.value;
        self.annotations = seen.annotations;
        self.keep_since_ms = None;
        self.is_restored = false;
        let fires = self.state == AlertState::Pending && at_ms - self.since_ms >= ageing.for_ms;
        fires.then(|| {
            self.state = AlertState::Firing;
            self.fired_at_ms = Some(at_ms);
            Change::Firing
        })
    }

    /// The alert was not found, and nobody can know whether it is there: the time since the
    /// evaluation before counts neither as pending nor as kept firing.
    fn stand_still(&mut self, at_ms: i64, ageing: Ageing) {
        self.put_off(ageing.gap_ms, at_ms);
        self.is_unknown = true;
    }

    /// The alert is known of again. Nobody knew of it until now.
    fn go_on(&mut self, at_ms: i64, ageing: Ageing) {
        if std::mem::take(&mut self.is_unknown) {
            self.put_off(ageing.gap_ms, at_ms);
        }
    }

    /// What counts the time of the alert's state counts that much less.
    pub(super) fn put_off(&mut self, by_ms: i64, at_ms: i64) {
        // A clock that was set back must not make it wait for a moment that it has seen.
        let later = |ms: i64| ms.saturating_add(by_ms).min(at_ms);
        if self.state == AlertState::Pending {
            self.since_ms = later(self.since_ms);
        }
        self.keep_since_ms = self.keep_since_ms.map(later);
    }

    /// The alert was not found.
    fn missed(&mut self, at_ms: i64, ageing: Ageing) -> Option<Change> {
        self.go_on(at_ms, ageing);
        if self.is_restored && at_ms < ageing.grace_until_ms {
            return None;
        }
        match self.state {
            AlertState::Resolved => None,
            AlertState::Pending => {
                self.resolved_at_ms = Some(at_ms);
                Some(Change::Gone)
            }
            AlertState::Firing => (!self.is_kept(at_ms, ageing)).then(|| {
                self.state = AlertState::Resolved;
                self.resolved_at_ms = Some(at_ms);
                Change::Resolved
            }),
        }
    }

    /// True while it goes on firing unseen.
    fn is_kept(&mut self, at_ms: i64, ageing: Ageing) -> bool {
        if ageing.keep_firing_for_ms == 0 {
            return false;
        }
        let since = *self.keep_since_ms.get_or_insert(at_ms);
        at_ms - since < ageing.keep_firing_for_ms
    }

    /// True when nobody needs it any more: it never fired, or was over for long enough.
    fn is_over(&self, at_ms: i64) -> bool {
        let Some(resolved) = self.resolved_at_ms else { return false };
        self.state == AlertState::Pending || at_ms - resolved > RESOLVED_KEPT_MS
    }
}
