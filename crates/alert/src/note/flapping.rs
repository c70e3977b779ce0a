use jiff::tz::TimeZone;
use watchfire_model::{Content, Moment, Server};

use super::{NoteView, subject};
use crate::template::{Form, render};
use crate::view::{self, Badge, Row};
use crate::{FlapDigest, clean, human};

/// All that a letter about a flapping server is made from.
#[derive(Debug, Clone, Copy)]
pub struct FlapFacts<'a> {
    /// The server.
    pub server: &'a Server,
    /// What it did.
    pub digest: &'a FlapDigest,
    /// True for the notice that it flaps, false for a digest.
    pub is_notice: bool,
    /// The cause of its newest incident.
    pub cause: &'a str,
    /// When the letter is made.
    pub at: Moment,
    /// The page of the newest incident.
    pub link: &'a str,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
}

/// The words for a server that comes and goes.
#[must_use]
pub fn flap_content(facts: &FlapFacts<'_>) -> Content {
    render(Form::Note, &view(facts))
}

pub(super) fn view(facts: &FlapFacts<'_>) -> NoteView {
    let digest = facts.digest;
    let name = view::name(facts.server);
    let is_up = digest.down_since.is_none();
    let state = if is_up { "up now" } else { "down now" };
    let what = if facts.is_notice {
        let span = human::duration(human::elapsed(digest.since, facts.at));
        // A notice that comes late may find the server up again.
        let state = if is_up { ", up now" } else { "" };
        format!("down {} in {span}{state}", times(digest.outages))
    } else {
        match digest.outages {
            0 => state.to_owned(),
            outages => format!("down {} more, {state}", times(outages)),
        }
    };
    let rule = "While this goes on, one message in 5 minutes tells it.";
    NoteView {
        subject: subject(Badge::FLAPPING, &format!("{name}: {what}")),
        badge: Badge::FLAPPING,
        preheader: rule.to_owned(),
        headline: format!("{name} comes and goes: {what}"),
        cause: rule.to_owned(),
        facts: rows(facts),
        sections: Vec::new(),
        link_words: "Open the newest incident",
        link: view::link(facts.link),
        acknowledge: None,
    }
}

fn rows(facts: &FlapFacts<'_>) -> Vec<Row> {
    let digest = facts.digest;
    let moment = |at| human::moment(at, facts.time_zone);
    let now = digest
        .down_since
        .map_or_else(|| "up".to_owned(), |since| format!("down since {}", moment(since)));
    let mut rows = vec![
        Row::new("Now", &now),
        Row::new("Outages in all", &digest.total.to_string()),
        Row::new("Comes and goes since", &moment(digest.since)),
    ];
    if !digest.longest.is_zero() {
        rows.push(Row::new("Longest outage", &human::duration(digest.longest)));
    }
    rows.push(Row::new("Last reason", &clean(facts.cause, view::MAX_SENTENCE)));
    rows
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
