use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;
use watchfire_model::{
    Content, Incident, IncidentState, Moment, NotificationKind, Presence, ProcessTable, Server,
    Status, TimelineEntry, TimelineKind,
};

use crate::around::{self, Around, AroundView};
use crate::template::{Form, View, render};
use crate::view::{self, Badge, Gauge, Process, Row};
use crate::{clean, human};

/// All that a message about an incident is made from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What it tells: a beginning, a change, a return or a correction. Other kinds are
    /// told like the beginning of the trouble.
    pub kind: NotificationKind,
    /// The server.
    pub server: &'a Server,
    /// Where the hub dials it.
    pub address: Option<&'a str>,
    /// The incident as it is now.
    pub incident: &'a Incident,
    /// Its timeline, oldest first.
    pub timeline: &'a [TimelineEntry],
    /// When it ended.
    pub ended: Option<Moment>,
    /// The last status from before the news, or the first one after it when the hub
    /// has no earlier one.
    pub last_status: Option<&'a Status>,
    /// When the hub got that status, on the hub's clocks.
    pub last_status_at: Option<Moment>,
    /// The process table that goes with that status.
    pub last_processes: Option<&'a ProcessTable>,
    /// What else is known of the time before it.
    pub around: Option<&'a Around>,
    /// The page of the incident.
    pub link: &'a str,
    /// The page on which this user says that somebody takes care of it.
    pub acknowledge: Option<&'a str>,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
}

/// The words for a server that went down, whose verdict changed, or that is back.
#[must_use]
pub fn content(facts: &Facts<'_>) -> Content {
    render(Form::Alert, &alert(facts))
}

/// The words for a recovery whose beginning was never sent: one message tells both.
#[must_use]
pub fn content_if_first(facts: &Facts<'_>) -> Content {
    render(Form::Alert, &was_down(facts))
}

#[derive(Debug, Serialize)]
struct AlertView {
    subject: String,
    badge: Badge,
    preheader: String,
    headline: String,
    cause: String,
    facts: Vec<Row>,
    why_title: &'static str,
    why: Vec<Row>,
    reading_title: String,
    gauges: Vec<Gauge>,
    around: AroundView,
    processes_title: String,
    processes: Vec<Process>,
    acknowledge: Option<String>,
    link: Option<String>,
    link_words: &'static str,
}

impl View for AlertView {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn plain(&self) -> String {
        let mut lines = vec![self.subject.clone(), self.cause.clone()];
        let rows = self.facts.iter().chain(&self.why);
        lines.extend(rows.map(|row| format!("{}: {}", row.label, row.value)));
        lines.push(self.reading_title.clone());
        lines.extend(self.gauges.iter().map(|gauge| format!("{}: {}", gauge.label, gauge.value)));
        lines.extend(self.around.plain());
        lines.extend(self.processes.iter().map(Process::plain));
        lines.extend(self.acknowledge.iter().map(|url| format!("Acknowledge: {url}")));
        lines.extend(self.link.clone());
        lines.join("\n") + "\n"
    }
}

fn alert(facts: &Facts<'_>) -> AlertView {
    match facts.kind {
        NotificationKind::Recovered => recovered(facts),
        NotificationKind::Changed => changed(facts),
        NotificationKind::Corrected => corrected(facts),
        _ => down(facts),
    }
}

fn down(facts: &Facts<'_>) -> AlertView {
    let name = view::name(facts.server);
    let cause = cause(facts);
    AlertView {
        subject: subject(Badge::of(facts.incident.presence), facts, &brief(&cause)),
        headline: match facts.incident.presence {
            Presence::AgentDown => format!("The agent on {name} is down"),
            Presence::Unreachable => format!("{name} cannot be reached"),
            _ => format!("{name} is down"),
        },
        ..common(facts, Badge::of(facts.incident.presence), "the verdict")
    }
}

fn changed(facts: &Facts<'_>) -> AlertView {
    let what = format!("now {}", brief(&cause(facts)));
    let headline = match facts.incident.presence {
        Presence::AgentDown => "host answers again, but its agent is still down",
        Presence::Unreachable => "server now cannot be reached",
        _ => "host no longer answers either",
    };
    AlertView {
        subject: subject(Badge::of(facts.incident.presence), facts, &what),
        headline: format!("{}: the {headline}", view::name(facts.server)),
        ..common(facts, Badge::of(facts.incident.presence), "this change")
    }
}

/// What is known better, once its agent handed in what it recorded.
fn corrected(facts: &Facts<'_>) -> AlertView {
    let badge = match facts.incident.state {
        IncidentState::Open => Badge::of(facts.incident.presence),
        IncidentState::Closed(_) => Badge::UP,
    };
    AlertView {
        subject: subject(badge, facts, &brief(&cause(facts))),
        headline: format!("What happened to {} is known better now", view::name(facts.server)),
        ..common(facts, badge, "the news")
    }
}

fn recovered(facts: &Facts<'_>) -> AlertView {
    let facts = &Facts { kind: NotificationKind::Recovered, ..*facts };
    let gone = human::duration(gone(facts));
    AlertView {
        subject: subject(Badge::UP, facts, &format!("back after {gone}")),
        headline: format!("{} is up again", view::name(facts.server)),
        cause: format!("It was {} for {gone}.", human::presence(facts.incident.presence)),
        ..common(facts, Badge::UP, "the return")
    }
}

fn was_down(facts: &Facts<'_>) -> AlertView {
    let facts = &Facts { kind: NotificationKind::Recovered, ..*facts };
    let gone = human::duration(gone(facts));
    let name = view::name(facts.server);
    let was = human::presence(facts.incident.presence);
    AlertView {
        subject: subject(Badge::WAS_DOWN, facts, &format!("{was} for {gone}, and up again")),
        headline: format!("{name} was {was} for {gone}, and is up again"),
        cause: "No message could be sent while it lasted, so this one tells all of it.".to_owned(),
        ..common(facts, Badge::WAS_DOWN, "the return")
    }
}

/// What all messages about an incident share.
fn common(facts: &Facts<'_>, badge: Badge, event: &str) -> AlertView {
    let cause = cause(facts);
    let mut processes = facts.last_processes.map(view::top_processes).unwrap_or_default();
    // What was before the trouble explains it, and not its end.
    let around = facts.around.filter(|_| facts.kind != NotificationKind::Recovered);
    around::compare(&mut processes, around);
    let title = facts.last_processes.map(|table| view::processes_title(table, processes.len()));
    let is_open = facts.incident.state == IncidentState::Open;
    let acknowledge =
        facts.acknowledge.filter(|_| is_open && facts.kind != NotificationKind::Recovered);
    AlertView {
        subject: String::new(),
        badge,
        preheader: preheader(facts, &cause),
        headline: String::new(),
        cause,
        facts: rows(facts),
        why_title: match facts.kind {
            NotificationKind::Recovered | NotificationKind::Corrected => "What happened",
            _ => "Why we think so",
        },
        why: view::why(facts.timeline, facts.time_zone),
        reading_title: reading_title(facts, event),
        gauges: facts.last_status.map(view::gauges).unwrap_or_default(),
        around: AroundView::of(around, facts.time_zone),
        processes_title: title.unwrap_or_default(),
        processes,
        acknowledge: acknowledge.and_then(view::link),
        link: view::link(facts.link),
        link_words: "Open the incident",
    }
}

/// How old the reading was at `event`. One from after it must not pass for what
/// was known before.
fn reading_title(facts: &Facts<'_>, event: &str) -> String {
    if facts.last_status.is_none() {
        return "The hub has no reading of it.".to_owned();
    }
    let Some(at) = facts.last_status_at else { return "Last reading".to_owned() };
    let news = news_at(facts);
    if at.monotonic > news.monotonic && at.unix_ms >= news.unix_ms {
        return format!("Reading from {} after {event}", human::duration(at.since(news)));
    }
    format!("Last reading, {} before {event}", human::duration(human::elapsed(at, news)))
}

fn subject(badge: Badge, facts: &Facts<'_>, what: &str) -> String {
    let line = format!("[{}] {}: {what}", badge.word, view::name(facts.server));
    clean(&line, view::MAX_SUBJECT)
}

fn cause(facts: &Facts<'_>) -> String {
    clean(&facts.incident.cause, view::MAX_SENTENCE)
}

/// The part of a cause that says what is wrong, as the end of a line.
fn brief(cause: &str) -> String {
    let first = cause.split_once(": ").map_or(cause, |(first, _)| first);
    let mut chars = first.trim_end_matches('.').chars();
    let initial = chars.next().map(|c| c.to_ascii_lowercase());
    initial.into_iter().chain(chars).collect()
}

/// The line that a phone shows beside the subject.
fn preheader(facts: &Facts<'_>, cause: &str) -> String {
    let began = facts.incident.silence_began.unwrap_or(facts.incident.judged);
    format!("{cause} Since {}.", human::moment(began, facts.time_zone))
}

fn rows(facts: &Facts<'_>) -> Vec<Row> {
    let moment = |at| human::moment(at, facts.time_zone);
    let began = facts.incident.silence_began;
    let mut rows = vec![match began {
        Some(began) => Row::new("Silent since", &moment(began)),
        None => Row::new("Silent since", "the hub never heard of it since it started"),
    }];
    if facts.kind == NotificationKind::Recovered {
        rows.push(Row::new("Back at", &moment(ended(facts))));
        rows.push(Row::new("Gone for", &human::duration(gone(facts))));
        rows.push(Row::new("Reason", &cause(facts)));
    } else {
        let silence = began.map(|began| silent_for(facts, began));
        rows.extend(silence.map(|silence| Row::new("Silent for", &silence)));
    }
    rows.extend(facts.address.map(|address| Row::new("Address", address)));
    rows.extend(view::labels(facts.server).map(|labels| Row::new("Labels", &labels)));
    rows
}

fn silent_for(facts: &Facts<'_>, began: Moment) -> String {
    let silence = human::duration(human::elapsed(began, news_at(facts)));
    match human::hub_stalled(facts.incident.hub_stalled) {
        Some(note) => format!("{silence} ({note})"),
        None => format!("{silence} when judged"),
    }
}

/// The moment the message is about: the judgement, the change or the return.
fn news_at(facts: &Facts<'_>) -> Moment {
    match facts.kind {
        NotificationKind::Recovered => ended(facts),
        NotificationKind::Changed => {
            newest(facts, TimelineKind::Judged).unwrap_or(facts.incident.judged)
        }
        NotificationKind::Corrected => {
            newest(facts, TimelineKind::Corrected).unwrap_or(facts.incident.judged)
        }
        _ => facts.incident.judged,
    }
}

fn ended(facts: &Facts<'_>) -> Moment {
    let closed = match facts.incident.state {
        IncidentState::Closed(at) => Some(at),
        IncidentState::Open => newest(facts, TimelineKind::Recovered),
    };
    facts.ended.or(closed).unwrap_or(facts.incident.judged)
}

fn gone(facts: &Facts<'_>) -> Duration {
    let began = facts.incident.silence_began.unwrap_or(facts.incident.judged);
    human::elapsed(began, ended(facts))
}

fn newest(facts: &Facts<'_>, kind: TimelineKind) -> Option<Moment> {
    facts.timeline.iter().rev().find(|entry| entry.kind == kind).map(|entry| entry.at)
}

#[cfg(test)]
mod tests;
