//! The facts of a letter about alerts.

use std::time::Duration;

use watchfire_model::Severity;

use super::{AlertFacts, ToldAlert, is_over, moment};
use crate::human;
use crate::view::Row;

/// Labels that the letter says elsewhere, or that say what it is about.
const SAID: [&str; 6] = ["__name__", "alertname", "severity", "server", "instance", "name"];
/// How many labels a letter shows.
const MAX_LABELS: usize = 12;

/// What is known of the one alert.
pub(super) fn of_one(facts: &AlertFacts<'_>, alert: &ToldAlert<'_>) -> Vec<Row> {
    let at = |unix_ms| human::moment(moment(unix_ms), facts.time_zone);
    let mut rows = vec![Row::new("Severity", alert.severity.as_str())];
    rows.extend(again(facts));
    if is_over(facts.kind) {
        let was = super::tail(alert);
        rows.extend(Some(was).filter(|was| !was.is_empty()).map(|was| Row::new("It was", &was)));
        rows.push(Row::new("Began at", &at(alert.since_ms)));
        rows.push(Row::new("Over at", &at(alert.ended_ms.unwrap_or(facts.at_ms))));
        rows.push(Row::new("Lasted", &human::duration(lasted(alert, facts.at_ms))));
    } else {
        rows.push(Row::new("Fires since", &at(alert.since_ms)));
        rows.push(Row::new("Value", &alert.value.map_or("not told".to_owned(), human::number)));
    }
    rows.extend(labels(alert).map(|labels| Row::new("Labels", &labels)));
    rows
}

/// What is known of all alerts together.
pub(super) fn of_many(facts: &AlertFacts<'_>, many: &[ToldAlert<'_>]) -> Vec<Row> {
    let at = |unix_ms| human::moment(moment(unix_ms), facts.time_zone);
    let mut rows = vec![Row::new("Severity", &severities(many))];
    rows.extend(again(facts));
    let first = many.iter().map(|alert| alert.since_ms).min();
    if is_over(facts.kind) {
        let last = many.iter().map(|alert| alert.ended_ms.unwrap_or(facts.at_ms)).max();
        let longest = many.iter().map(|alert| lasted(alert, facts.at_ms)).max();
        rows.extend(last.map(|last| Row::new("All over at", &at(last))));
        rows.extend(longest.map(|long| Row::new("Lasted at most", &human::duration(long))));
    } else {
        rows.extend(first.map(|first| Row::new("First since", &at(first))));
    }
    rows
}

/// How long it has fired, or did.
pub(super) fn lasted(alert: &ToldAlert<'_>, at_ms: i64) -> Duration {
    let millis = alert.ended_ms.unwrap_or(at_ms).saturating_sub(alert.since_ms);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn again(facts: &AlertFacts<'_>) -> Option<Row> {
    let words = "it goes on, and nobody has acknowledged it";
    facts.repeats.then(|| Row::new("Told again", words))
}

/// `critical 2, warning 10`.
fn severities(many: &[ToldAlert<'_>]) -> String {
    let count = |severity| many.iter().filter(|alert| alert.severity == severity).count();
    let counts = Severity::ALL.into_iter().rev().map(|severity| (severity, count(severity)));
    let counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
    match counts.as_slice() {
        [(severity, _)] => severity.as_str().to_owned(),
        several => {
            let words = several.iter().map(|(severity, count)| format!("{severity} {count}"));
            words.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The labels of the alert and those of its server, each once; `None` when there are none.
fn labels(alert: &ToldAlert<'_>) -> Option<String> {
    let of_server = alert.server.into_iter().flat_map(|server| server.labels.iter());
    let of_server = of_server.filter(|(name, _)| alert.labels.get(name).is_empty());
    let named: Vec<String> = alert
        .labels
        .iter()
        .chain(of_server)
        .filter(|(name, _)| !SAID.contains(name))
        .take(MAX_LABELS)
        .map(|(name, value)| super::groups::label(name, value))
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}
