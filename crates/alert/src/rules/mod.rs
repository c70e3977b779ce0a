//! Prometheus' rules: their files, their evaluation, their tests.
//!
//! A file is read as strictly as Prometheus 3 reads it, and told all its mistakes at once
//! ([`RuleFile::parse`]). A [`GroupState`] holds what is active of one of its groups: each
//! [`evaluate`](GroupState::evaluate) asks the rules' questions of a source at a moment, and gives what became of
//! which alert and which series are to be stored. Its rows survive a restart
//! ([`GroupState::rows`], [`GroupState::restored`]). [`rehearse()`] says when rules would have fired, [`test`]
//! runs Prometheus' unit tests of rules, and [`built_in`] are the rules of a fresh install.
//!
//! Not as in Prometheus: a question whose answer can be no vector is told when the file is read and not
//! when it is evaluated, as is a second document in the file; a restart takes alerts over from rows,
//! and not from the series `ALERTS_FOR_STATE`; time in which nobody evaluated counts neither as
//! pending nor as kept firing, after a pause as after a restart; an alert does not end while nothing
//! is known of its server ([`Scene::is_known`]), and goes on when its
//! rule gives more than the limit of its group, which takes no new ones then; where a label comes out empty, the series `ALERTS` has
//! none of that name, and not the template's text.

mod alerts;
mod answers;
mod builtin;
mod error;
mod evaluate;
mod fields;
mod file;
mod group;
mod overlay;
mod rehearse;
mod restore;
mod rule;
mod state;
pub mod test;
mod yaml;

#[cfg(test)]
mod tests;

pub use alerts::{Alert, AlertState, Annotations, Change, RESOLVED_KEPT_MS};
pub use answers::Stage;
pub use builtin::{BUILT_IN, BUILT_IN_FILE, built_in};
pub use error::{Place, RuleError};
pub use evaluate::{ALERT_NAME_LABEL, Scene, always_known, rule_limits};
pub use group::{Alerting, Group, Rule, RuleFile, RuleKind, Wording, Wordings};
pub use rehearse::{Rehearsal, RehearsalError, RehearsedAlert, Stretch, rehearse};
pub use restore::{AlertRow, Outage, PENDING_OUTAGE_MS, usual_grace_ms};
pub use state::{AlertChange, Evaluation, GroupState, Health, USUAL_INTERVAL_MS};

/// Labels as `{name="value"}`, with the metric's name before them where there is one.
fn labels_text(labels: &watchfire_model::LabelSet) -> String {
    watchfire_promql::memory::notation::series_text(labels)
}
