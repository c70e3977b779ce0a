//! The alerts of a group as the store keeps them, and back.

use serde::{Deserialize, Serialize};
use watchfire_alert::rules::{ALERT_NAME_LABEL, AlertRow, AlertState, Group, Rule, RuleKind};
use watchfire_model::LabelSet;
use watchfire_store::{MAX_RULE_STATE_BYTES, StoredRuleState};

use crate::alerts::Firing;

/// One alert, as it stands in the store.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    rule: String,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    /// As text: JSON knows no infinity.
    value: String,
    state: String,
    since_ms: i64,
    fired_at_ms: Option<i64>,
    keep_since_ms: Option<i64>,
    resolved_at_ms: Option<i64>,
}

/// How the store knows a group.
pub(super) fn name(group: &Group) -> String {
    format!("{}\n{}", group.file, group.name)
}

/// The file and the group of such a name.
pub(super) fn parts(name: &str) -> (&str, &str) {
    // A file may have a break in its name, and so may a group; then it is told otherwise, no more.
    name.split_once('\n').unwrap_or((name, ""))
}

/// What is stored of a group; nothing when nothing is active. It also says how many alerts were left
/// out for want of room: pending ones go first, because nobody was told of them.
pub(super) fn stored(
    group: &Group,
    rows: Vec<AlertRow>,
    evaluated_unix_ms: i64,
) -> (Option<StoredRuleState>, usize) {
    if rows.is_empty() {
        return (None, 0);
    }
    let (first, last): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.state != AlertState::Pending);
    let all = first.len() + last.len();
    let (mut alerts, mut kept) = (String::from("["), 0);
    for row in first.into_iter().chain(last) {
        // Writing texts and numbers as JSON cannot fail.
        let Ok(text) = serde_json::to_string(&Kept::of(row)) else { continue };
        if alerts.len() + text.len() + 2 > MAX_RULE_STATE_BYTES {
            continue;
        }
        if kept > 0 {
            alerts.push(',');
        }
        alerts.push_str(&text);
        kept += 1;
    }
    alerts.push(']');
    (Some(StoredRuleState { group: name(group), evaluated_unix_ms, alerts }), all - kept)
}

/// The alerts that are stored; what cannot be read is told and left out.
pub(super) fn rows(stored: &StoredRuleState) -> Vec<AlertRow> {
    let (file, group) = parts(&stored.group);
    let read: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&stored.alerts);
    let kept = read.unwrap_or_else(|error| {
        tracing::error!(%error, file, group, "the alerts of a group are not kept over this start");
        Vec::new()
    });
    let all = kept.len();
    let rows: Vec<AlertRow> = kept.into_iter().filter_map(row).collect();
    if rows.len() < all {
        let lost = all - rows.len();
        tracing::error!(lost, file, group, "some alerts are not kept over this start");
    }
    rows
}

/// The rows of a group, and with them what fires of it though none of them says so: what was handed
/// on is on the disk, also where its row was not written, or could not be read.
pub(super) fn with_firing(
    group: &Group,
    mut rows: Vec<AlertRow>,
    firing: &[Firing],
) -> Vec<AlertRow> {
    let identities = group.identities();
    for one in firing {
        let is_same = |row: &AlertRow| same_labels(row, &one.labels);
        let known = rows.iter().position(is_same);
        let says_so = |row: &AlertRow| match row.state {
            AlertState::Firing => true,
            // It was over after that, and the desk has not heard of it.
            AlertState::Resolved => row.resolved_at_ms.is_some_and(|over| over >= one.starts_ms),
            AlertState::Pending => false,
        };
        if known.is_some_and(|at| says_so(&rows[at])) {
            continue;
        }
        let rules = group.rules.iter().zip(&identities);
        let Some((_, rule)) = rules.into_iter().find(|(rule, _)| may_give(rule, &one.labels))
        else {
            continue;
        };
        let row = AlertRow {
            rule: rule.clone(),
            labels: one.labels.iter().map(|(name, text)| (name.into(), text.into())).collect(),
            annotations: one.annotations.clone(),
            value: one.value.unwrap_or(f64::NAN),
            state: AlertState::Firing,
            since_ms: known.map_or(one.starts_ms, |at| rows[at].since_ms.min(one.starts_ms)),
            fired_at_ms: Some(one.starts_ms),
            keep_since_ms: None,
            resolved_at_ms: None,
        };
        match known {
            Some(at) => rows[at] = row,
            None => rows.push(row),
        }
    }
    rows
}

fn same_labels(row: &AlertRow, labels: &LabelSet) -> bool {
    let pairs = row.labels.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    labels.iter().eq(pairs)
}

/// Whether a rule may have given an alert: by its name, and the labels that are no templates.
fn may_give(rule: &Rule, labels: &LabelSet) -> bool {
    let is_plain = |(_, text): &(&str, &str)| !text.contains("{{");
    matches!(rule.kind, RuleKind::Alerting(_))
        && *rule.name == *labels.get(ALERT_NAME_LABEL)
        && rule.labels().filter(is_plain).all(|(name, text)| labels.get(name) == text)
}

fn row(kept: serde_json::Value) -> Option<AlertRow> {
    let kept: Kept = serde_json::from_value(kept).ok()?;
    Some(AlertRow {
        rule: kept.rule,
        labels: kept.labels,
        annotations: kept.annotations,
        value: kept.value.parse().ok()?,
        state: AlertState::of(&kept.state)?,
        since_ms: kept.since_ms,
        fired_at_ms: kept.fired_at_ms,
        keep_since_ms: kept.keep_since_ms,
        resolved_at_ms: kept.resolved_at_ms,
    })
}

impl Kept {
    fn of(row: AlertRow) -> Self {
        Self {
            rule: row.rule,
            labels: row.labels,
            annotations: row.annotations,
            value: row.value.to_string(),
            state: row.state.as_str().to_owned(),
            since_ms: row.since_ms,
            fired_at_ms: row.fired_at_ms,
            keep_since_ms: row.keep_since_ms,
            resolved_at_ms: row.resolved_at_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_alert::rules::built_in;

    use super::*;

    fn alert(number: usize, state: AlertState, value: f64, words: &str) -> AlertRow {
        AlertRow {
            rule: "alert A".to_owned(),
            labels: vec![("alertname".to_owned(), format!("A{number}"))],
            annotations: vec![("summary".to_owned(), words.to_owned())],
            value,
            state,
            since_ms: 1,
            fired_at_ms: Some(2),
            keep_since_ms: None,
            resolved_at_ms: Some(4),
        }
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let group = built_in().groups[0].clone();
        let values = [0.1, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324];
        let rows: Vec<AlertRow> = (values.iter().enumerate())
            .map(|(number, value)| alert(number, AlertState::Firing, *value, "ü\n\"x\""))
            .collect();
        let (kept, left_out) = stored(&group, rows.clone(), 7);
        let kept = kept.expect("there are some");
        assert_eq!((left_out, kept.evaluated_unix_ms), (0, 7));
        assert_eq!(parts(&kept.group), ("built-in", &*group.name));
        assert_eq!(super::rows(&kept), rows);
        let (none, _) = stored(&group, Vec::new(), 7);
        assert_eq!(none, None);
        let nan = stored(&group, vec![alert(0, AlertState::Firing, f64::NAN, "")], 7).0;
        assert!(super::rows(&nan.expect("one"))[0].value.is_nan());
    }

    #[test]
    fn what_has_no_room_is_counted_and_pending_alerts_go_first() {
        let group = built_in().groups[0].clone();
        let words = "x".repeat(MAX_RULE_STATE_BYTES / 10);
        let of = |number| {
            let state = if number % 2 == 0 { AlertState::Pending } else { AlertState::Firing };
            alert(number, state, 1.0, &words)
        };
        let (kept, left_out) = stored(&group, (0..12).map(of).collect(), 7);
        let kept = super::rows(&kept.expect("some"));
        assert_eq!((kept.len(), left_out), (9, 3));
        let firing = kept.iter().filter(|row| row.state == AlertState::Firing).count();
        assert_eq!(firing, 6);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let group = built_in().groups[0].clone();
        let (kept, _) = stored(&group, vec![alert(1, AlertState::Pending, 1.0, "")], 7);
        let kept = kept.expect("one");
        let with = |alerts: String| StoredRuleState { alerts, ..kept.clone() };
        let one = kept.alerts.trim_matches(['[', ']']);
        let half = with(format!("[{one},{{\"rule\":\"x\"}},{}]", one.replace("pending", "odd")));
        assert_eq!(rows(&half).len(), 1);
        assert!(rows(&with("no JSON".to_owned())).is_empty());
    }
}
