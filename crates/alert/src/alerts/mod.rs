//! Letters about alerts of rules: what fires, and what is over.

mod groups;
mod lines;
mod subject;
mod words;

use jiff::tz::TimeZone;
use serde::Serialize;
use watchfire_model::{Content, LabelSet, Moment, NotificationKind, Server, Severity};

use crate::around::{self, Around, AroundView};
use crate::template::{Form, View, render};
use crate::view::{self, Badge, Process, Row};
use crate::{clean, human};
use groups::{ByRule, Group};
use words::{place, said, tail};

/// The longest description of an alert that a letter has, in characters.
const MAX_DESCRIPTION: usize = 600;

/// All that a letter about alerts is made from.
#[derive(Debug, Clone, Copy)]
pub struct AlertFacts<'a> {
    /// That they fire, or that they are over.
    pub kind: NotificationKind,
    /// The alerts; only those that the user may know of.
    pub alerts: &'a [ToldAlert<'a>],
    /// The page of the incident, or of all incidents.
    pub link: &'a str,
    /// The page on which this user says that somebody takes care of it.
    pub acknowledge: Option<&'a str>,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
    /// When the letter is written, in Unix milliseconds.
    pub at_ms: i64,
    /// True when the same was told before and still goes on.
    pub repeats: bool,
}

/// One alert of a letter.
#[derive(Debug, Clone, Copy)]
pub struct ToldAlert<'a> {
    /// The name of its rule: `DiskFullSoon`.
    pub name: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// The server that it is about, if it is about one of the fleet.
    pub server: Option<&'a Server>,
    /// Its labels.
    pub labels: &'a LabelSet,
    /// What is wrong, in a line.
    pub summary: &'a str,
    /// What that means, in some lines; may be empty.
    pub description: &'a str,
    /// What to do about it; may be empty.
    pub runbook_url: &'a str,
    /// The value of the rule's expression.
    pub value: Option<f64>,
    /// Since when it fires, in Unix milliseconds.
    pub since_ms: i64,
    /// When it was over, in Unix milliseconds.
    pub ended_ms: Option<i64>,
    /// The page of whoever found it; may be empty.
    pub generator_url: &'a str,
}

/// The words for alerts that fire, or that are over.
#[must_use]
pub fn alert_content(facts: &AlertFacts<'_>) -> Content {
    render(Form::Firing, &view(facts))
}

/// The same, with the time around them where all are about one server.
#[must_use]
pub fn alert_content_with(facts: &AlertFacts<'_>, around: &Around) -> Content {
    render(Form::Firing, &with(view(facts), facts, around))
}

/// What the template of these letters shows.
#[derive(Debug, Serialize)]
struct FiringView {
    subject: String,
    badge: Badge,
    preheader: String,
    headline: String,
    cause: String,
    facts: Vec<Row>,
    about: String,
    pages: Vec<Page>,
    groups: Vec<Group>,
    around: AroundView,
    processes_title: String,
    processes: Vec<Process>,
    acknowledge: Option<String>,
    link: Option<String>,
    link_words: &'static str,
}

/// A page elsewhere that an alert names.
#[derive(Debug, Clone, Serialize)]
struct Page {
    label: &'static str,
    url: String,
}

impl View for FiringView {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn plain(&self) -> String {
        let mut lines = vec![self.subject.clone(), self.cause.clone()];
        lines.extend(self.facts.iter().map(|row| format!("{}: {}", row.label, row.value)));
        lines.push(self.about.clone());
        lines.extend(self.pages.iter().map(|page| format!("{}: {}", page.label, page.url)));
        lines.extend(self.groups.iter().flat_map(Group::plain));
        lines.extend(self.around.plain());
        lines.extend(self.processes.iter().map(Process::plain));
        lines.extend(self.acknowledge.iter().map(|url| format!("Acknowledge: {url}")));
        lines.extend(self.link.clone());
        lines.retain(|line| !line.is_empty());
        lines.join("\n") + "\n"
    }
}

fn view(facts: &AlertFacts<'_>) -> FiringView {
    match facts.alerts {
        [one] => of_one(facts, one),
        many => of_many(facts, many),
    }
}

fn of_one(facts: &AlertFacts<'_>, alert: &ToldAlert<'_>) -> FiringView {
    let tail = tail(alert);
    let what = match place(alert) {
        Some(place) => format!("{} on {place}", said(alert.name)),
        None => said(alert.name),
    };
    let about = clean(alert.description, MAX_DESCRIPTION);
    let is_over = is_over(facts.kind);
    let lasted = human::duration(lines::lasted(alert, facts.at_ms));
    let cause = match (is_over, tail.as_str()) {
        (true, _) => format!("It lasted {lasted}."),
        (false, "") => "The rule says no more than its name.".to_owned(),
        (false, tail) => words::sentence(tail),
    };
    let headline = match (is_over, facts.repeats) {
        (true, _) => format!("Over: {what}"),
        (false, true) => human::capitalised(&format!("{what}, for {lasted} now")),
        (false, false) => human::capitalised(&what),
    };
    FiringView {
        subject: subject::of_one(facts, alert, &tail),
        preheader: preheader(&cause, alert.since_ms, facts),
        headline,
        // A rule without a summary has its description in its place, and once is enough.
        about: if is_over || alert.summary == alert.description { String::new() } else { about },
        cause,
        facts: lines::of_one(facts, alert),
        pages: if is_over { Vec::new() } else { pages(alert) },
        groups: Vec::new(),
        ..common(facts)
    }
}

fn of_many(facts: &AlertFacts<'_>, many: &[ToldAlert<'_>]) -> FiringView {
    let by_rule = ByRule::of(many);
    let first = many.iter().map(|alert| alert.since_ms).min().unwrap_or(facts.at_ms);
    let count = subject::alerts(many.len());
    let targets = subject::targets(many);
    let on = if targets.is_empty() { String::new() } else { format!(" on {targets}") };
    let headline = match is_over(facts.kind) {
        true => format!("Over: {count}{on}"),
        false if many.len() == 1 => format!("{count} fires{on}"),
        false => format!("{count} fire{on}"),
    };
    let cause = words::sentence(&clean(&by_rule.counts(), view::MAX_SENTENCE));
    FiringView {
        subject: subject::of_many(facts, many, &by_rule),
        preheader: preheader(&cause, first, facts),
        headline,
        cause,
        facts: lines::of_many(facts, many),
        about: String::new(),
        pages: Vec::new(),
        groups: by_rule.groups(facts),
        ..common(facts)
    }
}

/// Nobody looks for the reasons of what is over.
fn with(view: FiringView, facts: &AlertFacts<'_>, around: &Around) -> FiringView {
    if is_over(facts.kind) {
        return view;
    }
    let table = around.processes.as_deref();
    let mut processes = table.map(view::top_processes).unwrap_or_default();
    around::compare(&mut processes, Some(around));
    let processes_title = table.map(|table| view::processes_title(table, processes.len()));
    FiringView {
        around: AroundView::of(Some(around), facts.time_zone),
        processes_title: processes_title.unwrap_or_default(),
        processes,
        ..view
    }
}

/// What letters about one alert and about many share.
fn common(facts: &AlertFacts<'_>) -> FiringView {
    let badge = if is_over(facts.kind) { Badge::RESOLVED } else { Badge::graded(worst(facts)) };
    FiringView {
        subject: String::new(),
        badge,
        preheader: String::new(),
        headline: String::new(),
        cause: String::new(),
        facts: Vec::new(),
        about: String::new(),
        pages: Vec::new(),
        groups: Vec::new(),
        around: AroundView::default(),
        processes_title: String::new(),
        processes: Vec::new(),
        acknowledge: facts.acknowledge.filter(|_| !is_over(facts.kind)).and_then(view::link),
        link: view::link(facts.link),
        link_words: if facts.alerts.len() == 1 {
            "Open the incident"
        } else {
            "Open the incidents"
        },
    }
}

/// The line that a phone shows beside the subject.
fn preheader(cause: &str, since_ms: i64, facts: &AlertFacts<'_>) -> String {
    format!("{cause} Since {}.", human::moment(moment(since_ms), facts.time_zone))
}

/// Where people read on; a link that is none is left out.
fn pages(alert: &ToldAlert<'_>) -> Vec<Page> {
    [("Runbook", alert.runbook_url), ("Source", alert.generator_url)]
        .into_iter()
        .filter_map(|(label, url)| view::short_link(url).map(|url| Page { label, url }))
        .collect()
}

fn worst(facts: &AlertFacts<'_>) -> Severity {
    facts.alerts.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Warning)
}

fn is_over(kind: NotificationKind) -> bool {
    kind == NotificationKind::Resolved
}

/// A moment of which only the wall clock is known.
fn moment(unix_ms: i64) -> Moment {
    Moment { unix_ms, ..Moment::default() }
}

#[cfg(test)]
mod tests;
