//! Many alerts as lists under the names of their rules.

use std::cmp::Reverse;

use serde::Serialize;

use super::words::{place, said, tail};
use super::{AlertFacts, Page, ToldAlert, is_over, lines, moment, pages};
use crate::{clean, human, view};

/// How many rules a letter lists; alerts of others are counted.
const MAX_GROUPS: usize = 12;
/// How many alerts of one rule it names; beyond that it counts.
const MAX_LINES: usize = 20;
/// How many labels keep two alerts of one rule and one server apart.
const MAX_APART: usize = 3;
/// The longest name and the longest value of a label.
const MAX_WORD: usize = 40;

/// The alerts of one rule.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    title: String,
    about: String,
    pages: Vec<Page>,
    lines: Vec<Line>,
    hidden: String,
}

/// One alert in a list.
#[derive(Debug, Serialize)]
struct Line {
    place: String,
    what: String,
    note: String,
}

impl Group {
    /// All of it as lines.
    pub(super) fn plain(&self) -> Vec<String> {
        let mut lines = vec![self.title.clone(), self.about.clone()];
        let text = |line: &Line| format!("  {} {} ({})", line.place, line.what, line.note);
        lines.extend(self.lines.iter().map(text));
        lines.push(self.hidden.clone());
        lines
    }
}

/// A label as people read it.
pub(super) fn label(name: &str, value: &str) -> String {
    format!("{}={}", clean(name, MAX_WORD), clean(value, MAX_WORD))
}

/// Alerts of each rule, the worst rule first and in it the worst alert. No list is empty.
pub(super) struct ByRule<'a, 'f>(Vec<Vec<&'a ToldAlert<'f>>>);

impl<'a, 'f> ByRule<'a, 'f> {
    pub(super) fn of(alerts: &'a [ToldAlert<'f>]) -> Self {
        let mut sorted: Vec<&ToldAlert<'_>> = alerts.iter().collect();
        sorted.sort_by_cached_key(|alert| {
            let labels = alert.labels.clone();
            (alert.name, Reverse(alert.severity), place(alert), alert.since_ms, labels)
        });
        let mut rules: Vec<Vec<&ToldAlert<'_>>> = Vec::new();
        for alert in sorted {
            match rules.last_mut() {
                Some(rule) if rule[0].name == alert.name => rule.push(alert),
                _ => rules.push(vec![alert]),
            }
        }
        // Their first alert is their worst. The sort is stable: equals stay by their names.
        rules.sort_by_key(|rule| (Reverse(rule[0].severity), Reverse(rule.len())));
        Self(rules)
    }

    /// The names of the rules.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|rule| said(rule[0].name)).collect()
    }

    /// `disk full: 3, memory low: 2`.
    pub(super) fn counts(&self) -> String {
        let count = |rule: &Vec<&ToldAlert<'_>>| format!("{}: {}", said(rule[0].name), rule.len());
        self.0.iter().map(count).collect::<Vec<_>>().join(", ")
    }

    /// The lists that a letter has.
    pub(super) fn groups(&self, facts: &AlertFacts<'_>) -> Vec<Group> {
        let mut groups: Vec<Group> =
            self.0.iter().take(MAX_GROUPS).map(|alerts| group(facts, alerts)).collect();
        let rest = self.0.get(MAX_GROUPS..).unwrap_or_default();
        if !rest.is_empty() {
            let count: usize = rest.iter().map(Vec::len).sum();
            groups.push(Group {
                title: format!("Others: {count}"),
                about: format!("They are of {} more rules, and on the page.", rest.len()),
                pages: Vec::new(),
                lines: Vec::new(),
                hidden: String::new(),
            });
        }
        groups
    }
}

fn group(facts: &AlertFacts<'_>, alerts: &[&ToldAlert<'_>]) -> Group {
    let first = alerts[0];
    let is_over = is_over(facts.kind);
    let same = |other: &&ToldAlert<'_>| other.description == first.description;
    let says = !is_over && first.description != first.summary && alerts.iter().all(same);
    let severity = if is_over { "" } else { first.severity.as_str() };
    let comma = if is_over { "" } else { ", " };
    let name = human::capitalised(&said(first.name));
    let more = alerts.len().saturating_sub(MAX_LINES);
    let pages = pages(first).into_iter().filter(|page| page.label == "Runbook");
    Group {
        title: format!("{name}{comma}{severity}: {}", alerts.len()),
        about: if says { clean(first.description, view::MAX_SENTENCE) } else { String::new() },
        pages: pages.filter(|_| !is_over).collect(),
        lines: alerts.iter().take(MAX_LINES).map(|alert| line(facts, alert, alerts)).collect(),
        hidden: if more > 0 { format!("and {more} more on the page") } else { String::new() },
    }
}

fn line(facts: &AlertFacts<'_>, alert: &ToldAlert<'_>, all: &[&ToldAlert<'_>]) -> Line {
    let mut what = vec![tail(alert)];
    what.extend(apart(alert, all, &what[0]));
    what.retain(|words| !words.is_empty());
    let mut note = Vec::new();
    if alert.ended_ms.is_some() || is_over(facts.kind) {
        let lasted = human::duration(lines::lasted(alert, facts.at_ms));
        note.push(format!("lasted {lasted}"));
    } else {
        note.extend(alert.value.map(|value| format!("value {}", human::number(value))));
        let (since, now) = (moment(alert.since_ms), moment(facts.at_ms));
        note.push(format!("since {}", human::clock(since, now, facts.time_zone)));
    }
    Line {
        place: place(alert).unwrap_or_else(|| "no server".to_owned()),
        what: what.join(", "),
        note: note.join(", "),
    }
}

/// The labels that keep it apart from others of its rule in the same place, unless its words say
/// that already.
fn apart(alert: &ToldAlert<'_>, all: &[&ToldAlert<'_>], words: &str) -> Vec<String> {
    let here = place(alert);
    let twins = all.iter().filter(|other| place(other) == here && tail(other) == *words);
    let twins: Vec<_> = twins.take(MAX_LINES).collect();
    if twins.len() < 2 {
        return Vec::new();
    }
    let differs =
        |name: &str, value: &str| twins.iter().any(|other| other.labels.get(name) != value);
    let pairs = alert.labels.iter();
    let pairs = pairs.filter(|(name, value)| differs(name, value) && !words.contains(value));
    pairs.take(MAX_APART).map(|(name, value)| label(name, value)).collect()
}
