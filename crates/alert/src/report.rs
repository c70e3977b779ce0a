use jiff::tz::TimeZone;
use serde::Serialize;
use watchfire_model::{Content, Moment, Presence, Server, Status};

use crate::template::{Form, View, render};
use crate::view::{self, Badge};
use crate::{clean, human};

/// How many servers of each group a report lists; the page has them all.
const MAX_LISTED: usize = 200;
/// The longest user name in a report.
const MAX_USER: usize = 60;

/// What a report says of one server.
#[derive(Debug, Clone)]
pub struct ReportRow<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its presence.
    pub presence: Presence,
    /// Since when it has that presence.
    pub since: Option<Moment>,
    /// The last status the hub has.
    pub status: Option<&'a Status>,
    /// Why it failed, in one sentence.
    pub cause: Option<String>,
    /// Its last sign of life.
    pub last_sign: Option<Moment>,
}

/// The daily report of a user's servers: those that failed first, those that passed
/// after, apart. A server passes when it gives signs of life; one that is leaving or
/// not heard of yet does not answer, so it did not pass.
#[must_use]
pub fn report(
    rows: &[ReportRow<'_>],
    user: &str,
    at: Moment,
    link: &str,
    time_zone: &TimeZone,
) -> Content {
    render(Form::Report, &report_view(rows, user, at, link, time_zone))
}

#[derive(Debug, Serialize)]
struct ReportView {
    subject: String,
    badge: Badge,
    preheader: String,
    headline: String,
    intro: String,
    failed: Vec<Failed>,
    failed_count: usize,
    failed_hidden: usize,
    passed: Vec<Passed>,
    passed_count: usize,
    passed_hidden: usize,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct Failed {
    name: String,
    badge: Badge,
    cause: String,
    since: String,
    last_sign: String,
}

#[derive(Debug, Serialize)]
struct Passed {
    name: String,
    /// A word where the server passed but is not simply up.
    note: &'static str,
    reading: String,
}

impl View for ReportView {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn plain(&self) -> String {
        let mut lines = vec![self.headline.clone(), self.intro.clone()];
        lines.push(format!("Failed: {}", self.failed_count));
        lines.extend(self.failed.iter().map(|row| {
            format!("{}: {}. {} Since {}.", row.name, row.badge.word, row.cause, row.since)
        }));
        lines.push(format!("Passed: {}", self.passed_count));
        lines.extend(self.passed.iter().map(|row| format!("{}: {}", row.name, row.reading)));
        lines.extend(self.link.clone());
        lines.join("\n") + "\n"
    }
}

fn report_view(
    rows: &[ReportRow<'_>],
    user: &str,
    at: Moment,
    link: &str,
    zone: &TimeZone,
) -> ReportView {
    let (passed, failed): (Vec<_>, Vec<_>) =
        sorted(rows).into_iter().partition(|row| passes(row.presence));
    let headline = headline(failed.len(), passed.len());
    let tag = if failed.is_empty() { "REPORT" } else { "FAILED" };
    ReportView {
        subject: format!("[{tag}] {headline}, {}", human::date(at, zone)),
        badge: Badge { word: tag, ..badge(failed.len()) },
        preheader: preheader(&failed),
        headline: human::capitalised(&headline),
        intro: format!("Report for {} at {}.", clean(user, MAX_USER), human::moment(at, zone)),
        failed: failed.iter().take(MAX_LISTED).map(|row| failed_row(row, zone)).collect(),
        failed_count: failed.len(),
        failed_hidden: failed.len().saturating_sub(MAX_LISTED),
        passed: passed.iter().take(MAX_LISTED).map(|row| passed_row(row)).collect(),
        passed_count: passed.len(),
        passed_hidden: passed.len().saturating_sub(MAX_LISTED),
        link: view::link(link),
    }
}

fn sorted<'a, 'b>(rows: &'b [ReportRow<'a>]) -> Vec<&'b ReportRow<'a>> {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by(|a, b| a.server.name.cmp(&b.server.name));
    sorted
}

fn passes(presence: Presence) -> bool {
    matches!(presence, Presence::Up | Presence::Late)
}

/// The names that a phone shows beside the subject.
fn preheader(failed: &[&ReportRow<'_>]) -> String {
    let names: Vec<String> =
        failed.iter().take(MAX_LISTED).map(|row| view::name(row.server)).collect();
    clean(&names.join(", "), view::MAX_SENTENCE)
}

fn badge(failed: usize) -> Badge {
    Badge::of(if failed == 0 { Presence::Up } else { Presence::Down })
}

fn headline(failed: usize, passed: usize) -> String {
    match (failed, passed) {
        (0, 0) => "no servers to report on".to_owned(),
        (0, 1) => "the one server passed".to_owned(),
        (0, passed) => format!("all {passed} servers passed"),
        (failed, passed) => format!("{failed} failed, {passed} passed"),
    }
}

fn failed_row(row: &ReportRow<'_>, zone: &TimeZone) -> Failed {
    let moment = |at: Option<Moment>, none: &str| {
        at.map_or_else(|| none.to_owned(), |at| human::moment(at, zone))
    };
    let cause = row.cause.as_deref().unwrap_or(match row.presence {
        Presence::Leaving => "It said goodbye and may be away for a while.",
        Presence::Unknown => "The hub has not heard of it yet.",
        _ => "It gives no sign of life.",
    });
    Failed {
        name: view::name(row.server),
        badge: Badge::of(row.presence),
        cause: clean(cause, view::MAX_SENTENCE),
        since: moment(row.since, "an unknown time"),
        last_sign: moment(row.last_sign, "none since the hub started"),
    }
}

fn passed_row(row: &ReportRow<'_>) -> Passed {
    let reading = row.status.map_or_else(|| "no reading yet".to_owned(), reading);
    let note = if row.presence == Presence::Late { "late" } else { "" };
    Passed { name: view::name(row.server), note, reading }
}

/// The last cpu, memory, fullest filesystem and load, in one line.
pub(crate) fn reading(status: &Status) -> String {
    let memory = human::percent(status.memory.used_percent());
    let mut words = format!("cpu {}, memory {memory}", view::cpu_words(status));
    if let Some(filesystem) = status.fullest_filesystem() {
        words.push_str(&format!(", disk {}", view::disk_words(filesystem)));
    }
    words.push_str(&format!(", load {:.2}", status.load.one));
    words
}

#[cfg(test)]
mod tests;
