//! The words of letters about alerts.

use std::sync::Arc;

use watchfire_alert::{
    AlertFacts, Around, Recipient, ToldAlert, alert_content, alert_content_with, clean,
};
use watchfire_model::{Content, Event, EventKind, IncidentId, Moment, NotificationKind, Server};

use super::Tools;
use super::book::Alert;
use super::change::{FLAPS, name_of};
use crate::desk::{carefully, plain_lines};
use crate::foreign::Foreign;

/// How many alerts the plainest letter names.
const NAMED: usize = 20;
/// The longest sentence in it, in characters.
const LONGEST: usize = 110;

/// The built-in rule of units that failed; its alerts have the unit in the label `name`.
const UNIT_RULE: &str = "UnitFailed";
/// How much of a letter the last lines of a unit take, in characters.
const LINES_CHARS: usize = 420;

/// A letter about alerts.
pub(super) struct Letter<'a> {
    pub(super) kind: NotificationKind,
    pub(super) alerts: &'a [&'a Alert],
    /// How often each fired of late.
    pub(super) times: &'a [usize],
    /// The incident, where it is one.
    pub(super) incident: Option<IncidentId>,
    /// Where its user acknowledges that.
    pub(super) acknowledge: Option<&'a str>,
    pub(super) repeats: bool,
    pub(super) user: &'a Recipient,
    pub(super) tools: &'a Tools,
    pub(super) now: Moment,
}

/// Its words, and plain ones when making them fails: the letter goes out in any case.
pub(super) fn content(letter: &Letter<'_>) -> Content {
    let public_url = &letter.tools.public_url;
    let link = match letter.incident {
        Some(id) => format!("{public_url}/#/incident/{}", id.0),
        None => format!("{public_url}/#/incidents"),
    };
    carefully(|| made(letter, &link), || plain(letter, &link))
}

fn made(letter: &Letter<'_>, link: &str) -> Content {
    let servers: Vec<Option<Server>> =
        letter.alerts.iter().map(|alert| server(letter.tools, alert)).collect();
    let foreign = Foreign::new(&letter.tools.fleet, &letter.user.scope);
    let texts: Vec<[String; 3]> = letter
        .alerts
        .iter()
        .zip(letter.times)
        .map(|(alert, times)| {
            [
                foreign.redact(&summary(alert, *times)).into_owned(),
                foreign.redact(&description(letter, alert)).into_owned(),
                foreign.generator_url(&alert.source, &alert.generator_url),
            ]
        })
        .collect();
    let told: Vec<ToldAlert<'_>> = letter
        .alerts
        .iter()
        .zip(servers.iter().zip(&texts))
        .map(|(alert, (server, [summary, description, generator_url]))| ToldAlert {
            name: alert.name(),
            severity: alert.severity,
            server: server.as_ref(),
            labels: &alert.labels,
            summary,
            description,
            runbook_url: alert.annotation(&["runbook_url", "runbook"]),
            value: alert.value,
            since_ms: alert.starts_ms,
            ended_ms: alert.over_ms,
            generator_url,
        })
        .collect();
    let facts = AlertFacts {
        kind: letter.kind,
        alerts: &told,
        link,
        acknowledge: letter.acknowledge,
        time_zone: &letter.user.time_zone,
        at_ms: letter.now.unix_ms,
        repeats: letter.repeats,
    };
    let around = around(letter);
    let ours = match &around {
        Some(around) => alert_content_with(&facts, around),
        None => alert_content(&facts),
    };
    letter.tools.wording.over(ours, |own, ours| own.of_alerts(&facts, ours))
}

/// What is known of the time before them, where all are about one server.
fn around(letter: &Letter<'_>) -> Option<Arc<Around>> {
    let server = letter.alerts.first()?.server.as_ref()?;
    let is_one = letter.alerts.iter().all(|alert| alert.server.as_ref() == Some(server));
    is_one.then(|| letter.tools.wording.around.of(server, letter.now)).flatten()
}

fn server(tools: &Tools, alert: &Alert) -> Option<Server> {
    let index = tools.fleet.index(alert.server.as_ref()?)?;
    Some(tools.fleet.config(index).server.clone())
}

/// What is wrong in a line, and how often, where it comes and goes.
fn summary(alert: &Alert, times: usize) -> String {
    let said = alert.annotation(&["summary", "description"]);
    let said = if said.is_empty() { alert.name() } else { said };
    if times < FLAPS {
        return said.to_owned();
    }
    format!("{said} (it comes and goes: {times} times within half an hour)")
}

/// What the rule says about it; of a unit that failed its last lines before that, and what may
/// help behind it.
fn description(letter: &Letter<'_>, alert: &Alert) -> String {
    let said = alert.annotation(&["description"]);
    if letter.kind != NotificationKind::Firing {
        return said.to_owned();
    }
    let tools = letter.tools;
    let (lines, offer) = (last_lines(tools, alert), tools.wording.offers.of(alert, &tools.fleet));
    let parts = [lines.as_deref(), Some(said), offer.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// The last lines that the agent told of the unit that an alert is about, the newest ones that
/// there is room for.
fn last_lines(tools: &Tools, alert: &Alert) -> Option<String> {
    if alert.name() != UNIT_RULE {
        return None;
    }
    let unit = alert.labels.get("name");
    let index = tools.fleet.index(alert.server.as_ref()?)?;
    lines_of(&tools.fleet.snapshot(index).link.events, unit)
}

fn lines_of(events: &[Event], unit: &str) -> Option<String> {
    let of_unit = |event: &&Event| event.kind == EventKind::UnitFailed;
    let mut failed = events.iter().rev().filter(of_unit).filter_map(|event| {
        let (head, lines) = event.text.split_once('\n')?;
        (head.strip_suffix(" failed")? == unit).then_some(lines)
    });
    let mut room = LINES_CHARS;
    let fits = |line: &&str| {
        let left = room.checked_sub(line.chars().count() + 3);
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut last: Vec<&str> = failed.next()?.lines().rev().take_while(fits).collect();
    last.reverse();
    (!last.is_empty()).then(|| format!("Its last lines: {}.", last.join(" | ")))
}

/// The least that such a letter must say.
fn plain(letter: &Letter<'_>, link: &str) -> Content {
    let what = if letter.kind == NotificationKind::Resolved { "RESOLVED" } else { "FIRING" };
    let foreign = Foreign::new(&letter.tools.fleet, &letter.user.scope);
    let line = |alert: &&Alert| {
        let said = foreign.redact(&summary(alert, 0)).into_owned();
        let on = alert.server.as_ref().map(|server| format!(" on {server}")).unwrap_or_default();
        clean(&format!("{}{on}: {said}", name_of(alert)), LONGEST)
    };
    match letter.alerts {
        [one] => plain_lines(&format!("[{what}] {}", line(one)), &[], link),
        many => {
            let mut named: Vec<String> = many.iter().take(NAMED).map(line).collect();
            let more = many.len().saturating_sub(NAMED);
            named.extend((more > 0).then(|| format!("and {more} more")));
            plain_lines(&format!("[{what}] {} alerts", many.len()), &named, link)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_unit_has_its_newest_lines_as_far_as_there_is_room() {
        let event = |kind, text: &str| Event {
            at: Moment::default(),
            kind,
            text: text.to_owned(),
            victim: None,
        };
        let long = "x".repeat(LINES_CHARS);
        let events = [
            event(EventKind::UnitFailed, "web.service failed\nof an earlier time"),
            event(EventKind::UnitFailed, &format!("web.service failed\n{long}\nno port\nbye")),
            event(EventKind::UnitFailed, "db.service failed"),
            event(EventKind::DiskError, "lone.service failed\nsays the kernel"),
        ];
        let lines = |unit| lines_of(&events, unit);
        assert_eq!(lines("web.service").as_deref(), Some("Its last lines: no port | bye."));
        assert_eq!((lines("db.service"), lines("lone.service")), (None, None));
    }
}
