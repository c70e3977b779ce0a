use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_model::{Content, Moment};

use super::{MAX_IN_SUBJECT, MAX_NAME, NoteView, Section, subject};
use crate::template::{Form, render};
use crate::view::{self, Badge, Row};
use crate::{clean, human};

/// How many incidents such a letter names; beyond that it counts.
const MAX_INCIDENTS: usize = 20;

/// One incident that nobody looks after.
#[derive(Debug, Clone, Copy)]
pub struct EscalatedMember<'a> {
    /// Its server; the name of the alert where it is about no server.
    pub name: &'a str,
    /// What happened, in the reader's words.
    pub cause: &'a str,
    /// Since when.
    pub since: Moment,
}

/// All that a letter about incidents that nobody looks after is made from.
#[derive(Debug, Clone, Copy)]
pub struct EscalatedFacts<'a> {
    /// The incidents; only those that the user may know of.
    pub members: &'a [EscalatedMember<'a>],
    /// Who was told before, in vain.
    pub told: &'a [&'a str],
    /// How long ago the first of them was told.
    pub waited: Duration,
    /// The page of the incident, or of all.
    pub link: &'a str,
    /// Where the incident is acknowledged, if it is one.
    pub acknowledge: Option<&'a str>,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
}

/// The words for incidents that nobody acknowledged in time.
#[must_use]
pub fn escalated_content(facts: &EscalatedFacts<'_>) -> Content {
    render(Form::Note, &view(facts))
}

pub(super) fn view(facts: &EscalatedFacts<'_>) -> NoteView {
    let waited = human::duration(facts.waited);
    let names = few(facts.members);
    let (what, sections) = match facts.members {
        [one] => (clean(one.cause, view::MAX_SENTENCE), Vec::new()),
        many => (format!("{} incidents that nobody looks after.", many.len()), sections(facts)),
    };
    NoteView {
        subject: subject(Badge::ESCALATED, &format!("{names}: nobody looks after it for {waited}")),
        badge: Badge::ESCALATED,
        preheader: what.clone(),
        headline: format!("Nobody looks after {names}"),
        cause: what,
        facts: rows(facts, &waited),
        sections,
        link_words: if facts.members.len() == 1 {
            "Open the incident"
        } else {
            "Open the incidents"
        },
        link: view::link(facts.link),
        acknowledge: facts.acknowledge.and_then(view::link),
    }
}

fn rows(facts: &EscalatedFacts<'_>, waited: &str) -> Vec<Row> {
    let first = facts.members.iter().map(|member| member.since).min_by_key(|since| since.unix_ms);
    let mut rows: Vec<Row> = first
        .map(|at| Row::new("Since", &human::moment(at, facts.time_zone)))
        .into_iter()
        .collect();
    let told: Vec<String> =
        facts.told.iter().take(MAX_IN_SUBJECT).map(|user| clean(user, MAX_NAME)).collect();
    let more = match facts.told.len().saturating_sub(MAX_IN_SUBJECT) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    rows.push(Row::new("Told before", &format!("{}{more}, {waited} ago", told.join(", "))));
    rows
}

fn sections(facts: &EscalatedFacts<'_>) -> Vec<Section> {
    let named = facts.members.iter().take(MAX_INCIDENTS);
    let mut sections: Vec<Section> = named
        .map(|member| Section {
            title: clean(member.name, MAX_NAME),
            note: clean(member.cause, view::MAX_SENTENCE),
            lines: Vec::new(),
        })
        .collect();
    let hidden = facts.members.len().saturating_sub(MAX_INCIDENTS);
    if hidden > 0 {
        let title = format!("and {hidden} more on the page");
        sections.push(Section { title, note: String::new(), lines: Vec::new() });
    }
    sections
}

/// `web-1, web-2, web-3 and 9 more`.
fn few(members: &[EscalatedMember<'_>]) -> String {
    let named = members.iter().take(MAX_IN_SUBJECT).map(|member| clean(member.name, MAX_NAME));
    let named = named.collect::<Vec<_>>().join(", ");
    match members.len().saturating_sub(MAX_IN_SUBJECT) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
