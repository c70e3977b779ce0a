//! Replays rules over a stretch of time: when they would have fired, and for how long.
//!
//! Each question is asked about many moments at once, and its answers go through the same hands as
//! those of an evaluation. What a rule gives is there for the rules behind it, at all moments; a rule
//! that asks for what a later one gives sees what is stored of it.

use std::collections::BTreeMap;

use watchfire_model::{LabelSet, Matcher, NAME_LABEL};

use super::alerts::{Alert, AlertState, Annotations, Change};
use super::answers::{Answers, Stage};
use super::evaluate::{ALERTS, ALERTS_FOR_STATE, Scene, always_known};
use super::group::{Group, Rule, RuleKind};
use super::overlay::Overlay;
use super::state::{Given, RuleState, Turn};

/// More moments than this are refused.
const MAX_MOMENTS: i64 = 1_000_000;

/// More alerts of one rule are counted and not told.
const MAX_ALERTS: usize = 1_000;

/// More stretches of one alert are counted and not told.
const MAX_STRETCHES: usize = 1_000;

/// More samples that rules give to later ones are refused.
const MAX_SAMPLES: usize = 20_000_000;

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rehearsal {
    /// The number of the rule in its group.
    pub rule: usize,
    /// Its alerts, by labels.
    pub alerts: Vec<RehearsedAlert>,
    /// How often an alert began that is not among them, because there are so many.
    pub untold: usize,
    /// How many moments were looked at.
    pub moments: i64,
    /// At how many of them the rule failed, and how the first time.
    pub failed: Option<(i64, String)>,
}

/// When one alert would have been active.
#[derive(Debug, Clone, PartialEq)]
pub struct RehearsedAlert {
    /// Its labels.
    pub labels: LabelSet,
    /// What would have been told of it last.
    pub annotations: Annotations,
    /// When it was pending or fired, in order.
    pub stretches: Vec<Stretch>,
    /// How many stretches there were that are not among them, because there are so many.
    pub untold: usize,
    /// How long it was pending in all, in milliseconds.
    pub pending_ms: i64,
    /// How long it fired in all, in milliseconds.
    pub firing_ms: i64,
}

/// A time in which an alert was one and the same. Moments are Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Pending or firing.
    pub state: AlertState,
    /// The first moment.
    pub from_ms: i64,
    /// The first moment at which it was not so any more; none when it still was at the end.
    pub until_ms: Option<i64>,
}

/// Why nothing was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The moments make no sense.
    #[error("the time ends before it begins, or the step is not longer than nothing")]
    BadRange,
    /// There are too many.
    #[error(
        "there are {moments} moments, and {MAX_MOMENTS} can be rehearsed: take a shorter time or a \
         longer step"
    )]
    TooMany {
        /// How many there are.
        moments: i64,
    },
    /// What the rules give to one another is too much.
    #[error("the rules give more than {MAX_SAMPLES} samples: take a shorter time or a longer step")]
    TooManySamples,
    /// The time for it is over.
    #[error("the rehearsal took longer than it may: take a shorter time or a longer step")]
    OutOfTime,
}

/// Replays the rules of a group, and tells what its alerting rules would have done. What is not found
/// counts as not there, as in Prometheus: who was heard at which moment is not looked up.
///
/// # Errors
/// [`RehearsalError`] when there is too much of it or the time is over. That a question cannot be
/// answered at some moment is told with its rule.
pub fn rehearse(
    group: &Group,
    stage: Stage,
    scene: &Scene<'_>,
) -> Result<Vec<Rehearsal>, RehearsalError> {
    let moments = moments(stage)?;
    let scene = &Scene { is_known: &always_known, ..*scene };
    let (mut fresh, mut samples) = (Overlay::over(scene.source), 0);
    let mut rehearsals = Vec::new();
    for (number, rule) in group.rules.iter().enumerate() {
        let mut replay = Replay::new(number, moments);
        let wanted = wanted(rule, &group.rules[number + 1..]);
        let given = replay.run(group, rule, stage, &Scene { source: &fresh, ..*scene }, &wanted)?;
        samples += given.len();
        if samples > MAX_SAMPLES {
            return Err(RehearsalError::TooManySamples);
        }
        for (labels, at_ms, value) in given {
            fresh.put(&labels, at_ms, value);
        }
        if matches!(rule.kind, RuleKind::Alerting(_)) {
            rehearsals.push(replay.done(stage.until_ms));
        }
    }
    Ok(rehearsals)
}

/// The selectors of later rules that may find what a rule gives.
fn wanted<'a>(rule: &Rule, later: &'a [Rule]) -> Vec<&'a [Matcher]> {
    let names: &[&str] = match rule.kind {
        RuleKind::Alerting(_) => &[ALERTS, ALERTS_FOR_STATE],
        RuleKind::Recording(_) => &[&rule.name],
    };
    let holds =
        |matcher: &Matcher, name: &str| matcher.label() != NAME_LABEL || matcher.holds(name);
    let may_find = |selector: &&[Matcher]| {
        names.iter().any(|name| selector.iter().all(|matcher| holds(matcher, name)))
    };
    later.iter().flat_map(|rule| rule.expr.selectors()).filter(may_find).collect()
}

fn moments(stage: Stage) -> Result<i64, RehearsalError> {
    if stage.until_ms < stage.from_ms || stage.step_ms <= 0 {
        return Err(RehearsalError::BadRange);
    }
    let moments = stage.until_ms.saturating_sub(stage.from_ms) / stage.step_ms + 1;
    if moments > MAX_MOMENTS { Err(RehearsalError::TooMany { moments }) } else { Ok(moments) }
}

/// A rule on its way through time.
struct Replay {
    state: RuleState,
    told: Rehearsal,
    alerts: BTreeMap<LabelSet, Track>,
}

impl Replay {
    fn new(rule: usize, moments: i64) -> Self {
        let told = Rehearsal { rule, moments, ..Rehearsal::default() };
        Self { state: RuleState::default(), told, alerts: BTreeMap::new() }
    }

    /// Evaluates the rule at each moment, and returns the samples that later rules want.
    fn run(
        &mut self,
        group: &Group,
        rule: &Rule,
        stage: Stage,
        scene: &Scene<'_>,
        wanted: &[&[Matcher]],
    ) -> Result<Vec<(LabelSet, i64, f64)>, RehearsalError> {
        let offset_ms = group.query_offset_ms.unwrap_or(0);
        let mut answers = Answers::of(&rule.expr, stage.earlier(offset_ms), scene);
        let mut samples = Vec::new();
        for at_ms in stage.moments() {
            let series_at_ms = at_ms.saturating_sub(offset_ms);
            let (grace_until_ms, limit) = (i64::MIN, group.limit);
            let turn = Turn { at_ms, series_at_ms, grace_until_ms, gap_ms: stage.step_ms, limit };
            let given = self.state.take(rule, turn, scene, answers.at(series_at_ms));
            if (scene.out_of_time)() {
                return Err(RehearsalError::OutOfTime);
            }
            self.note(at_ms, &given);
            let series = given.series.into_iter();
            let fitting = series.filter(|(labels, _)| wanted.iter().any(|one| labels.fits(one)));
            samples.extend(fitting.map(|(labels, value)| (labels, series_at_ms, value)));
            if samples.len() > MAX_SAMPLES {
                return Err(RehearsalError::TooManySamples);
            }
        }
        Ok(samples)
    }

    /// Writes down what happened at a moment.
    fn note(&mut self, at_ms: i64, given: &Given) {
        if let Some(why) = given.error.as_ref().or(given.fault.as_ref()) {
            self.told.failed.get_or_insert_with(|| (0, why.clone())).0 += 1;
        }
        for (change, alert) in &given.changes {
            let room = self.alerts.len() < MAX_ALERTS || self.alerts.contains_key(&alert.labels);
            if room {
                let track = self.alerts.entry(alert.labels.clone()).or_insert_with(Track::new);
                track.turn(at_ms, *change, alert);
            } else if alert.since_ms == at_ms {
                self.told.untold += 1;
            }
        }
    }

    fn done(mut self, until_ms: i64) -> Rehearsal {
        let alerts = self.alerts.into_iter();
        self.told.alerts = alerts.map(|(labels, track)| track.done(labels, until_ms)).collect();
        self.told
    }
}

/// One alert on its way through time.
struct Track {
    annotations: Annotations,
    open: Option<(AlertState, i64)>,
    stretches: Vec<Stretch>,
    untold: usize,
    pending_ms: i64,
    firing_ms: i64,
}

impl Track {
    fn new() -> Self {
        Self {
            annotations: Vec::new(),
            open: None,
            stretches: Vec::new(),
            untold: 0,
            pending_ms: 0,
            firing_ms: 0,
        }
    }

    fn turn(&mut self, at_ms: i64, change: Change, alert: &Alert) {
        self.close(at_ms, Some(at_ms));
        self.annotations.clone_from(&alert.annotations);
        self.open = match change {
            Change::Pending => Some((AlertState::Pending, at_ms)),
            Change::Firing => Some((AlertState::Firing, at_ms)),
            Change::Resolved | Change::Gone | Change::Dropped => None,
        };
    }

    fn close(&mut self, at_ms: i64, until_ms: Option<i64>) {
        let Some((state, from_ms)) = self.open.take() else { return };
        let total = match state {
            AlertState::Pending => &mut self.pending_ms,
            AlertState::Firing | AlertState::Resolved => &mut self.firing_ms,
        };
        *total += at_ms - from_ms;
        if self.stretches.len() < MAX_STRETCHES {
            self.stretches.push(Stretch { state, from_ms, until_ms });
        } else {
            self.untold += 1;
        }
    }

    fn done(mut self, labels: LabelSet, end_ms: i64) -> RehearsedAlert {
        self.close(end_ms, None);
        RehearsedAlert {
            labels,
            annotations: self.annotations,
            stretches: self.stretches,
            untold: self.untold,
            pending_ms: self.pending_ms,
            firing_ms: self.firing_ms,
        }
    }
}
