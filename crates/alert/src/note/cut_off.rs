use jiff::tz::TimeZone;
use watchfire_model::{Content, Moment, Server};

use super::{MAX_NAMED, NoteView, Section, names, servers, subject};
use crate::human;
use crate::template::{Form, render};
use crate::view::{self, Badge, Row};

/// All that a letter about the hub's own cut is made from.
#[derive(Debug, Clone, Copy)]
pub struct CutOffFacts<'a> {
    /// The last time the hub heard anybody.
    pub since: Moment,
    /// When it heard somebody again; `None` while the cut lasts.
    pub ended: Option<Moment>,
    /// The servers that it should have heard; only those whose news the user gets.
    pub servers: &'a [&'a Server],
    /// The page of the fleet.
    pub link: &'a str,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
}

/// The words for a hub that hears nobody, and for its return. The two may be made
/// into one: where the first was never sent, the second tells all of it.
#[must_use]
pub fn cut_off_content(facts: &CutOffFacts<'_>) -> Content {
    render(Form::Note, &view(facts))
}

pub(super) fn view(facts: &CutOffFacts<'_>) -> NoteView {
    let mut quiet = facts.servers.to_vec();
    quiet.sort_by(|a, b| a.name.cmp(&b.name));
    let count = servers(quiet.len());
    let badge = if facts.ended.is_none() { Badge::HUB_CUT_OFF } else { Badge::HUB_BACK };
    let gone = facts.ended.map(|ended| human::duration(human::elapsed(facts.since, ended)));
    let headline = match &gone {
        None => format!("the hub hears nobody: {count} quiet"),
        Some(gone) => format!("the hub was cut off for {gone}: {count} not watched"),
    };
    NoteView {
        subject: subject(badge, &headline),
        badge,
        preheader: format!("Since {}.", human::moment(facts.since, facts.time_zone)),
        headline: human::capitalised(&headline),
        cause: match facts.ended {
            None => {
                "All servers went quiet together: the hub's own link is cut, or all of them are \
                 down. None is judged until one is heard."
            }
            Some(_) => {
                "All servers were quiet together, so none was judged. Those that stay quiet \
                 are judged now."
            }
        }
        .to_owned(),
        facts: rows(facts, gone.as_deref()),
        sections: vec![Section {
            title: format!("Not heard: {}", quiet.len()),
            note: String::new(),
            lines: names(&quiet, MAX_NAMED),
        }],
        link_words: "Open the fleet",
        link: view::link(facts.link),
        acknowledge: None,
    }
}

fn rows(facts: &CutOffFacts<'_>, gone: Option<&str>) -> Vec<Row> {
    let moment = |at| human::moment(at, facts.time_zone);
    let mut rows = vec![Row::new("Heard nobody since", &moment(facts.since))];
    rows.extend(facts.ended.map(|ended| Row::new("Heard again at", &moment(ended))));
    rows.extend(gone.map(|gone| Row::new("Cut off for", gone)));
    rows
}
