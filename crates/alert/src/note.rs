//! Letters that tell of more than one incident: many servers at once, a server that
//! flaps, and the hub that is cut off.

mod cut_off;
mod escalated;
mod flapping;
mod group;

use serde::Serialize;
use watchfire_model::Server;

use crate::template::View;
use crate::view::{self, Badge, Row};

pub use cut_off::{CutOffFacts, cut_off_content};
pub use escalated::{EscalatedFacts, EscalatedMember, escalated_content};
pub use flapping::{FlapFacts, flap_content};
pub use group::{GroupFacts, GroupKind, GroupMember, group_content};

/// How many servers a letter names; beyond that it counts.
const MAX_NAMED: usize = 1000;
/// How many a subject names.
const MAX_IN_SUBJECT: usize = 3;
/// The longest name in a list or a subject that names several.
const MAX_NAME: usize = 40;
/// The longest line of names, in characters.
const MAX_LINE: usize = 90;

/// What the template of these letters shows.
#[derive(Debug, Serialize)]
struct NoteView {
    subject: String,
    badge: Badge,
    preheader: String,
    headline: String,
    cause: String,
    facts: Vec<Row>,
    sections: Vec<Section>,
    link_words: &'static str,
    link: Option<String>,
    acknowledge: Option<String>,
}

/// A list under a heading.
#[derive(Debug, Serialize)]
struct Section {
    title: String,
    note: String,
    lines: Vec<String>,
}

impl View for NoteView {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn plain(&self) -> String {
        let mut lines = vec![self.headline.clone(), self.cause.clone()];
        lines.extend(self.facts.iter().map(|row| format!("{}: {}", row.label, row.value)));
        for section in &self.sections {
            lines.push(section.title.clone());
            lines.push(section.note.clone());
            lines.extend(section.lines.iter().cloned());
        }
        lines.extend(self.link.clone());
        lines.extend(self.acknowledge.as_ref().map(|link| format!("Acknowledge: {link}")));
        lines.retain(|line| !line.is_empty());
        lines.join("\n") + "\n"
    }
}

/// The subject: `[DOWN] 12 servers: web-1, web-2, web-3 and 9 more`.
fn subject(badge: Badge, what: &str) -> String {
    crate::clean(&format!("[{}] {what}", badge.word), view::MAX_SUBJECT)
}

/// `web-1, web-2, web-3 and 9 more`, for a subject.
fn few(servers: &[&Server]) -> String {
    let named: Vec<String> =
        servers.iter().take(MAX_IN_SUBJECT).map(|server| name(server)).collect();
    match servers.len().saturating_sub(MAX_IN_SUBJECT) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// All names in lines that a mail may hold, at most `room` of them; what has no room
/// is counted.
fn names(servers: &[&Server], room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for server in servers.iter().take(room) {
        let name = name(server);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + name.chars().count() <= MAX_LINE => {
                line.push_str(", ");
                line.push_str(&name);
            }
            _ => lines.push(name),
        }
    }
    let hidden = servers.len().saturating_sub(room);
    if hidden > 0 {
        lines.push(format!("and {hidden} more on the page"));
    }
    lines
}

fn name(server: &Server) -> String {
    crate::clean(server.name.as_str(), MAX_NAME)
}

/// `1 server`, `12 servers`.
fn servers(count: usize) -> String {
    if count == 1 { "1 server".to_owned() } else { format!("{count} servers") }
}

#[cfg(test)]
mod tests;
