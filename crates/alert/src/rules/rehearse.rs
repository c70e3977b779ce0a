//! Replays rules over a stretch of time: when they would have fired, and for how long.
//!
//! Each question is asked about many moments at once, and its answers go through the same hands as
//! those of an evaluation. What a rule gives is there for the rules behind it, at all moments. Where a
//! rule asks for what it gives itself, or a later one does, the rules between are evaluated moment by
//! moment. What is stored of rules like these is not seen within the time that is replayed: it is
//! what other rules said.

use std::collections::BTreeMap;

use watchfire_model::{LabelSet, Matcher};

use super::alerts::{Alert, AlertState, Annotations, Change};
use super::answers::{Answers, Stage};
use super::evaluate::{Asked, Scene, always_known};
use super::group::{Group, Rule, RuleKind};
use super::overlay::{Overlay, may_fit};
use super::state::{Given, INCOMPLETE, RuleState, Turn, gives};

/// More moments than this are refused.
const MAX_MOMENTS: i64 = 1_000_000;

/// More alerts of one rule are counted and not told.
const MAX_ALERTS: usize = 1_000;

/// More stretches of one alert are counted and not told.
const MAX_STRETCHES: usize = 1_000;

/// More samples that rules give to later ones are refused.
const MAX_SAMPLES: usize = 2_000_000;

/// So many samples are laid down between two looks at the time.
const BETWEEN_LOOKS: usize = 1_000;

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
    let mut fresh = Overlay::over(scene.source);
    let hidden = stage.earlier(group.query_offset_ms.unwrap_or(0));
    let own = group.rules.iter().flat_map(gives).collect();
    fresh.hide(own, (hidden.from_ms, hidden.until_ms));
    let (mut replays, mut samples): (Vec<Replay<'_>>, usize) = (Vec::new(), 0);
    while replays.len() < group.rules.len() {
        let first = replays.len();
        let last = last_together(&group.rules, first);
        let mut block: Vec<Replay<'_>> =
            (first..=last).map(|number| Replay::new(group, number, moments)).collect();
        match block.as_mut_slice() {
            [alone] if !asks_for(alone.rule, alone.rule) => {
                alone.run(stage, scene, &mut fresh, &mut samples)?;
            }
            block => together(block, stage, scene, &mut fresh, &mut samples)?,
        }
        replays.append(&mut block);
    }
    replays.retain(|replay| matches!(replay.rule.kind, RuleKind::Alerting(_)));
    Ok(replays.into_iter().map(|replay| replay.done(stage.until_ms)).collect())
}

/// Whether one rule may find what another gives.
fn asks_for(one: &Rule, other: &Rule) -> bool {
    let given = gives(other);
    let finds = |selector: &[Matcher]| given.iter().any(|labels| may_fit(labels, selector));
    one.expr.selectors().into_iter().any(finds)
}

/// The last rule without which those from `first` on cannot be replayed one after the other.
fn last_together(rules: &[Rule], first: usize) -> usize {
    let (mut last, mut number) = (first, first);
    while number <= last {
        let later =
            (last + 1..rules.len()).filter(|later| asks_for(&rules[number], &rules[*later]));
        last = later.max().unwrap_or(last);
        number += 1;
    }
    last
}

/// Evaluates rules moment by moment, as a hub does.
fn together(
    block: &mut [Replay<'_>],
    stage: Stage,
    scene: &Scene<'_>,
    fresh: &mut Overlay<'_>,
    samples: &mut usize,
) -> Result<(), RehearsalError> {
    for at_ms in stage.moments() {
        for replay in &mut *block {
            let scene = Scene { source: &*fresh, ..*scene };
            let series_at_ms = replay.series_at_ms(at_ms);
            let asked = scene.ask(&replay.rule.expr, series_at_ms, &mut replay.parts);
            let given = replay.take(at_ms, stage.step_ms, &scene, asked)?;
            count(samples, given.len())?;
            given.iter().for_each(|(labels, value)| fresh.put(labels, series_at_ms, *value));
        }
    }
    Ok(())
}

fn count(samples: &mut usize, more: usize) -> Result<(), RehearsalError> {
    *samples += more;
    if *samples > MAX_SAMPLES { Err(RehearsalError::TooManySamples) } else { Ok(()) }
}

fn moments(stage: Stage) -> Result<i64, RehearsalError> {
    if stage.until_ms < stage.from_ms || stage.step_ms <= 0 {
        return Err(RehearsalError::BadRange);
    }
    let moments = stage.until_ms.saturating_sub(stage.from_ms) / stage.step_ms + 1;
    if moments > MAX_MOMENTS { Err(RehearsalError::TooMany { moments }) } else { Ok(moments) }
}

/// A rule on its way through time.
struct Replay<'a> {
    group: &'a Group,
    rule: &'a Rule,
    /// The selectors that may find what it gives.
    wanted: Vec<&'a [Matcher]>,
    state: RuleState,
    parts: u32,
    told: Rehearsal,
    alerts: BTreeMap<LabelSet, Track>,
}

impl<'a> Replay<'a> {
    fn new(group: &'a Group, number: usize, moments: i64) -> Self {
        let rule = &group.rules[number];
        let told = Rehearsal { rule: number, moments, ..Rehearsal::default() };
        let given = gives(rule);
        let finds = |selector: &&[Matcher]| given.iter().any(|labels| may_fit(labels, selector));
        let all = group.rules.iter().flat_map(|rule| rule.expr.selectors());
        let wanted = all.filter(finds).collect();
        let (state, alerts) = (RuleState::default(), BTreeMap::new());
        Self { group, rule, wanted, state, parts: 1, told, alerts }
    }

    fn series_at_ms(&self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(self.group.query_offset_ms.unwrap_or(0))
    }

    /// Evaluates the rule at each moment, and lays down what others want of it.
    fn run(
        &mut self,
        stage: Stage,
        scene: &Scene<'_>,
        fresh: &mut Overlay<'_>,
        samples: &mut usize,
    ) -> Result<(), RehearsalError> {
        let earlier = Scene { source: &*fresh, ..*scene };
        let asked = stage.earlier(self.group.query_offset_ms.unwrap_or(0));
        let mut answers = Answers::of(&self.rule.expr, asked, &earlier);
        let mut given = Vec::new();
        for at_ms in stage.moments() {
            let series_at_ms = self.series_at_ms(at_ms);
            let series = self.take(at_ms, stage.step_ms, &earlier, answers.at(series_at_ms))?;
            count(samples, series.len())?;
            given.extend(series.into_iter().map(|(labels, value)| (labels, series_at_ms, value)));
        }
        for (number, (labels, at_ms, value)) in given.into_iter().enumerate() {
            if number % BETWEEN_LOOKS == 0 && (scene.out_of_time)() {
                return Err(RehearsalError::OutOfTime);
            }
            fresh.put(&labels, at_ms, value);
        }
        Ok(())
    }

    /// Takes in the answer at a moment, and returns the series that others want.
    fn take(
        &mut self,
        at_ms: i64,
        step_ms: i64,
        scene: &Scene<'_>,
        asked: Result<Asked, String>,
    ) -> Result<Vec<(LabelSet, f64)>, RehearsalError> {
        let series_at_ms = self.series_at_ms(at_ms);
        let (grace_until_ms, limit) = (i64::MIN, self.group.limit);
        let turn = Turn { at_ms, series_at_ms, grace_until_ms, gap_ms: step_ms, limit };
        // What cannot be read today was there then, or was not: it is told, and no more.
        let incomplete = asked.as_ref().is_ok_and(|asked| asked.incomplete);
        let asked = asked.map(|asked| Asked { incomplete: false, ..asked });
        let mut given = self.state.take(self.rule, turn, scene, asked);
        if (scene.out_of_time)() {
            return Err(RehearsalError::OutOfTime);
        }
        if incomplete && given.error.is_none() {
            given.fault.get_or_insert_with(|| INCOMPLETE.to_owned());
        }
        self.note(at_ms, &given);
        let is_wanted = |series: &(LabelSet, f64)| self.wanted.iter().any(|one| series.0.fits(one));
        Ok(given.series.into_iter().filter(is_wanted).collect())
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
            Change::Resolved | Change::Gone => None,
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
