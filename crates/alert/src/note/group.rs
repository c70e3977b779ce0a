use std::collections::HashMap;

use jiff::tz::TimeZone;
use watchfire_model::{Content, Incident, IncidentState, Moment, Presence, Server};

use super::{MAX_NAMED, NoteView, Section, few, names, servers, subject};
use crate::template::{Form, render};
use crate::view::{self, Badge, Row};
use crate::{Suspect, clean, human};

/// How many causes a letter tells apart; servers with others share one list.
const MAX_CAUSES: usize = 8;

/// What a letter about many servers tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// They are in trouble.
    Down,
    /// They are back.
    Recovered,
    /// What happened to them is known better now.
    Corrected,
}

/// One server of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupMember<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its incident as it is now.
    pub incident: &'a Incident,
}

/// All that a letter about many servers is made from.
#[derive(Debug, Clone, Copy)]
pub struct GroupFacts<'a> {
    /// What it tells.
    pub kind: GroupKind,
    /// The servers; only those whose news the user gets.
    pub members: &'a [GroupMember<'a>],
    /// Set when half of the fleet and more went quiet together.
    pub suspect: Option<Suspect>,
    /// The page of the incidents.
    pub link: &'a str,
    /// The zone in which the user reads times.
    pub time_zone: &'a TimeZone,
}

/// The words for many servers that went down or came back together.
#[must_use]
pub fn group_content(facts: &GroupFacts<'_>) -> Content {
    render(Form::Note, &view(facts))
}

pub(super) fn view(facts: &GroupFacts<'_>) -> NoteView {
    let mut members = facts.members.to_vec();
    members.sort_by(|a, b| a.server.name.cmp(&b.server.name));
    let mut all: Vec<&Server> = members.iter().map(|member| member.server).collect();
    // Several incidents of one server may be corrected together.
    all.dedup_by(|one, other| one.name == other.name);
    let count = servers(all.len());
    let are = if all.len() == 1 { "is" } else { "are" };
    let (badge, state) = match facts.kind {
        GroupKind::Recovered => (Badge::UP, "up again"),
        GroupKind::Corrected => (Badge::UP, "better understood now"),
        GroupKind::Down => together(&members),
    };
    NoteView {
        subject: subject(badge, &format!("{count}: {}", few(&all))),
        badge,
        preheader: clean(&few(&all), view::MAX_SENTENCE),
        headline: format!("{count} {are} {state}"),
        cause: cause(facts),
        facts: rows(facts, &members),
        sections: match facts.kind {
            GroupKind::Down => causes(&members, |badge| badge.word.to_owned()),
            GroupKind::Corrected => causes(&members, |_| "Known now".to_owned()),
            GroupKind::Recovered => vec![section("Back".to_owned(), "", &all, MAX_NAMED)],
        },
        link_words: "Open the incidents",
        link: view::link(facts.link),
        acknowledge: None,
    }
}

/// The badge and the words for all: those of the one verdict they share, and else
/// those of the worst.
fn together(members: &[GroupMember<'_>]) -> (Badge, &'static str) {
    let has = |presence| members.iter().any(|member| member.incident.presence == presence);
    let others = members.windows(2).any(|two| two[0].incident.presence != two[1].incident.presence);
    match (others, has(Presence::Down), has(Presence::AgentDown)) {
        (true, true, _) => (Badge::of(Presence::Down), "down or cannot be reached"),
        (true, false, _) => (Badge::of(Presence::AgentDown), "without agent or cannot be reached"),
        (false, true, _) => (Badge::of(Presence::Down), "down"),
        (false, _, true) => (Badge::of(Presence::AgentDown), "without their agents"),
        (false, _, _) => (Badge::of(Presence::Unreachable), "not to be reached"),
    }
}

fn cause(facts: &GroupFacts<'_>) -> String {
    match (facts.kind, facts.suspect) {
        (GroupKind::Recovered, _) => "They give signs of life.",
        (GroupKind::Corrected, _) => "Their agents handed in what they recorded meanwhile.",
        (GroupKind::Down, None) => "They went quiet together.",
        // No numbers: they would tell of servers that are not the user's.
        (GroupKind::Down, Some(_)) => {
            "Half or more of all servers went quiet within 2 s of one another: \
             the hub's own link is suspect."
        }
    }
    .to_owned()
}

fn rows(facts: &GroupFacts<'_>, members: &[GroupMember<'_>]) -> Vec<Row> {
    let moment = |at| human::moment(at, facts.time_zone);
    let began =
        |member: &GroupMember<'_>| member.incident.silence_began.unwrap_or(member.incident.judged);
    let mut rows = Vec::new();
    let first = members.iter().map(began).min_by_key(|at| at.unix_ms);
    rows.extend(first.map(|at| Row::new("Silent since", &moment(at))));
    if facts.kind == GroupKind::Recovered {
        let ended = members.iter().filter_map(|member| match member.incident.state {
            IncidentState::Closed(at) => Some((began(member), at)),
            IncidentState::Open => None,
        });
        let longest = ended.clone().map(|(began, ended)| human::elapsed(began, ended)).max();
        let last = ended.map(|(_, ended)| ended).max_by_key(|at: &Moment| at.unix_ms);
        rows.extend(last.map(|at| Row::new("All back at", &moment(at))));
        rows.extend(longest.map(|gone| Row::new("Gone for at most", &human::duration(gone))));
    }
    rows
}

/// The servers by what happened to them, most first.
fn causes(members: &[GroupMember<'_>], title: impl Fn(Badge) -> String) -> Vec<Section> {
    let mut by_cause: HashMap<(String, &str), Vec<&Server>> = HashMap::new();
    for member in members {
        let incident = member.incident;
        let key = (title(Badge::of(incident.presence)), incident.cause.as_str());
        let list = by_cause.entry(key).or_default();
        if list.last().is_none_or(|last| last.name != member.server.name) {
            list.push(member.server);
        }
    }
    let mut lists: Vec<_> = by_cause.into_iter().collect();
    lists.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    let mut rest: Vec<&Server> = lists
        .split_off(lists.len().min(MAX_CAUSES))
        .into_iter()
        .flat_map(|(_, servers)| servers)
        .collect();
    rest.sort_by(|a, b| a.name.cmp(&b.name));
    let mut room = MAX_NAMED;
    let mut sections = Vec::new();
    for ((word, cause), servers) in lists {
        sections.push(section(word, cause, &servers, room));
        room = room.saturating_sub(servers.len());
    }
    if !rest.is_empty() {
        sections.push(section("For other reasons".to_owned(), "", &rest, room));
    }
    sections
}

fn section(title: String, note: &str, servers: &[&Server], room: usize) -> Section {
    Section {
        title: format!("{title}: {}", servers.len()),
        note: clean(note, view::MAX_SENTENCE),
        lines: names(servers, room),
    }
}
