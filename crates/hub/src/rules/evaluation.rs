//! One evaluation of a group, on a thread where it may block.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use watchfire_alert::go_template;
use watchfire_alert::rules::{Evaluation, GroupState, Scene, rule_limits};
use watchfire_model::{LabelSet, SeriesSource};
use watchfire_runtime::{Clock, Shutdown};

use super::board::Timed;
use super::sink::AlertSink;

/// Makes the source that questions are asked of.
pub(crate) type SourceOf = Arc<dyn Fn() -> Box<dyn SeriesSource> + Send + Sync>;

/// No evaluation takes longer, whatever the interval.
const LONGEST: Duration = Duration::from_secs(30);
/// What an evaluation needs.
pub(super) struct Work {
    pub(super) state: Arc<GroupState>,
    pub(super) at_ms: i64,
    pub(super) source: SourceOf,
    pub(super) sink: Arc<dyn AlertSink>,
    pub(super) external_labels: LabelSet,
    pub(super) external_url: String,
    pub(super) clock: Clock,
    pub(super) time: Duration,
    pub(super) stop: Shutdown,
    /// The turn is over when the work is: whoever stops waiting must not make room for more.
    pub(super) turn: OwnedSemaphorePermit,
}

/// What came of it.
pub(super) struct Done {
    pub(super) state: GroupState,
    pub(super) evaluation: Evaluation,
    pub(super) whole: Timed,
    pub(super) rules: Vec<Timed>,
}

/// How long a group with this interval may take.
pub(super) fn time(interval_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(interval_ms).unwrap_or(0)).min(LONGEST)
}

impl Work {
    pub(super) fn done(self) -> Done {
        let Self { clock, stop, .. } = &self;
        let began = clock.now();
        let until = began.after(self.time).monotonic;
        let out_of_time = || clock.now().monotonic >= until || stop.is_requested();
        let source = (self.source)();
        let scene = Scene {
            source: &*source,
            // Two are asked at a time.
            limits: rule_limits(),
            template_limits: go_template::Limits::default(),
            out_of_time: &out_of_time,
            is_known: &|labels| self.sink.is_known(labels),
            external_labels: &self.external_labels,
            external_url: &self.external_url,
        };
        // A copy: what is shown stays as it is when this one comes to nothing.
        let mut state = GroupState::clone(&self.state);
        let (mut rules, mut last) = (Vec::new(), began);
        let evaluation = state.evaluate_each(self.at_ms, &scene, &mut |_| {
            let now = clock.now();
            rules.push(Timed { began_unix_ms: last.unix_ms, took: now.since(last) });
            last = now;
        });
        let whole = Timed { began_unix_ms: began.unix_ms, took: last.since(began) };
        drop(self.turn);
        Done { state, evaluation, whole, rules }
    }
}
