//! The line that decides at 3 a.m.

use std::collections::BTreeSet;
use std::time::Duration;

use super::groups::ByRule;
use super::words::{place, said};
use super::{AlertFacts, ToldAlert, is_over, lines, worst};
use crate::{clean, human, view};

/// How many places or names of alerts a subject names.
const MAX_NAMED: usize = 3;

/// `[warning] disk full soon on db-1: / has 3 h left`.
pub(super) fn of_one(facts: &AlertFacts<'_>, alert: &ToldAlert<'_>, tail: &str) -> String {
    let on = place(alert).map(|place| format!(" on {place}")).unwrap_or_default();
    let what = format!("{}{on}", said(alert.name));
    let lasted = human::duration(lines::lasted(alert, facts.at_ms));
    let rest = if is_over(facts.kind) {
        format!(" after {lasted}")
    } else {
        let so_far = if facts.repeats { format!(" for {lasted}") } else { String::new() };
        let tail = if tail.is_empty() { String::new() } else { format!(": {tail}") };
        format!("{so_far}{tail}")
    };
    line(facts, &format!("{what}{rest}"))
}

/// `[critical] disk full on 12 servers: web-1, web-2, web-3 and 9 more`, and for alerts of several
/// names `[critical] 5 alerts on web-1: disk full, memory low`.
pub(super) fn of_many(
    facts: &AlertFacts<'_>,
    many: &[ToldAlert<'_>],
    by_rule: &ByRule<'_, '_>,
) -> String {
    let names = by_rule.names();
    let places: Vec<String> = places(many).into_iter().collect();
    let on = targets(many);
    let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
    let longest = many.iter().map(|alert| lines::lasted(alert, facts.at_ms)).max();
    let longest = human::duration(longest.unwrap_or(Duration::ZERO));
    let so_far = if facts.repeats { format!(" for {longest}") } else { String::new() };
    let what = match names.as_slice() {
        [name] if places.len() > 1 => format!("{name}{on}{so_far}: {}", few(&places)),
        [name] => format!("{name}{on}{so_far}, {}", alerts(many.len())),
        names => format!("{}{on}{so_far}: {}", alerts(many.len()), few(names)),
    };
    line(facts, &what)
}

/// `1 alert`, `12 alerts`.
pub(super) fn alerts(count: usize) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") }
}

/// `db-1`, `12 servers`; empty for alerts that are about no place.
pub(super) fn targets(alerts: &[ToldAlert<'_>]) -> String {
    let places = places(alerts);
    let word =
        if alerts.iter().all(|alert| alert.server.is_some()) { "servers" } else { "targets" };
    match (places.len(), places.first()) {
        (1, Some(one)) => one.clone(),
        (0, _) | (_, None) => String::new(),
        (count, _) => format!("{count} {word}"),
    }
}

fn places(alerts: &[ToldAlert<'_>]) -> BTreeSet<String> {
    alerts.iter().filter_map(place).collect()
}

/// `web-1, web-2, web-3 and 9 more`.
fn few(names: &[String]) -> String {
    let named = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn line(facts: &AlertFacts<'_>, what: &str) -> String {
    let word = if is_over(facts.kind) { "resolved" } else { worst(facts).as_str() };
    clean(&format!("[{word}] {what}"), view::MAX_SUBJECT)
}
