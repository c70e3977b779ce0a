use std::fmt::Write;

use anyhow::bail;
use clap::Subcommand;
use serde::de::DeserializeOwned;
use serde_json::json;
use watchfire_api::hub::{IncidentDetail, IncidentList, IncidentRow};
use watchfire_runtime::Clock;

use super::block_on;
use super::past::local;
use crate::hub_client::{Hub, Question, encoded};
use crate::screen;

/// The longest cause and the longest line of a note that a line shows.
const MAX_LINE: usize = 400;

#[derive(clap::Args)]
#[command(after_help = "The hub is asked at which `watchfire login` was last done. Operators and \
    administrators acknowledge and write notes; viewers look.")]
pub(super) struct Incidents {
    #[command(subcommand)]
    action: Option<Action>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB", global = true)]
    hub: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// List incidents, newest first; this is what happens without a word
    Ls {
        /// Those alone that go on
        #[arg(long)]
        open: bool,
        /// Those of one server alone
        #[arg(long, value_name = "SERVER")]
        server: Option<String>,
        /// How many at most, up to 100
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
    /// Show what happened in an incident, and who was told
    Show {
        /// Its number
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Say that you look after an incident, and all that belongs to it
    Ack {
        /// Its number
        #[arg(value_name = "ID")]
        id: i64,
        /// A note that goes with it
        #[arg(long, value_name = "TEXT", conflicts_with = "undo")]
        note: Option<String>,
        /// Take an acknowledgement back
        #[arg(long)]
        undo: bool,
    },
    /// Write a note to an incident
    Note {
        /// Its number
        #[arg(value_name = "ID")]
        id: i64,
        /// What it says
        #[arg(value_name = "TEXT")]
        text: String,
    },
}

impl Incidents {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.hub.as_deref(), &Clock::system())?;
        let usual = Action::Ls { open: false, server: None, limit: 100 };
        match self.action.unwrap_or(usual) {
            Action::Ls { open, server, limit } => {
                let server = server.map(|name| format!("&server={}", encoded(&name)));
                let path = format!("/api/incidents?open={open}&limit={limit}");
                let path = path + &server.unwrap_or_default();
                let list: IncidentList = block_on(hub.get(&path))?;
                let text = || list.incidents.iter().map(row).collect::<String>();
                show(self.json, &list, text)
            }
            Action::Show { id } => {
                let detail: IncidentDetail = block_on(hub.get(&format!("/api/incidents/{id}")))?;
                show(self.json, &detail, || whole(&detail))
            }
            Action::Ack { id, note, undo } => {
                let path = format!("/api/incidents/{id}/acknowledge");
                let body = note.map_or_else(|| json!({}), |note| json!({ "note": note }));
                let question =
                    if undo { Question::delete(&path) } else { Question::post(&path, &body) };
                let changed: IncidentRow = change(&hub, &question)?;
                show(self.json, &changed, || row(&changed))
            }
            Action::Note { id, text } => {
                let path = format!("/api/incidents/{id}/notes");
                let body = json!({ "text": text });
                let changed: IncidentRow = change(&hub, &Question::post(&path, &body))?;
                show(self.json, &changed, || row(&changed))
            }
        }
    }
}

fn change<T: DeserializeOwned>(hub: &Hub, question: &Question<'_>) -> anyhow::Result<T> {
    let answer = block_on(hub.send(question))?;
    if answer.status != 200 {
        bail!("{}", hub.words(&answer));
    }
    hub.read(&answer)
}

fn show(
    as_json: bool,
    value: &impl serde::Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    if as_json { screen::print_json(value) } else { screen::print(&text()) }
}

/// `12  2026-11-23 20:00:00 UTC  critical  web-1  goes on, acknowledged by ada: it is silent`.
fn row(row: &IncidentRow) -> String {
    let at = local(row.judged_unix_ms);
    let (severity, server) = (screen::line(&row.severity), screen::line(&row.server));
    let cause = screen::fit(&screen::line(&row.cause), MAX_LINE);
    format!("{:>5}  {at}  {severity:<8}  {server}  {}: {cause}\n", row.id, state(row))
}

fn state(row: &IncidentRow) -> String {
    let state = if row.closed_unix_ms.is_some() { "over" } else { "goes on" };
    match &row.acknowledged {
        Some(one) => format!("{state}, acknowledged by {}", screen::line(&one.by)),
        None => state.to_owned(),
    }
}

fn whole(detail: &IncidentDetail) -> String {
    let mut out = row(&detail.row);
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(out);
    for entry in &detail.timeline {
        let kind = screen::line(&entry.kind);
        let mut lines = entry.text.lines();
        let first = screen::line(lines.next().unwrap_or(""));
        let _ = writeln!(out, "{}  {kind:<12}  {first}", local(entry.at_unix_ms));
        for line in lines {
            let _ = writeln!(out, "    {}", screen::line(line));
        }
    }
    if !detail.notifications.is_empty() {
        let _ = writeln!(out);
    }
    for one in &detail.notifications {
        let (user, kind) = (screen::line(&one.user), screen::line(&one.kind));
        let (state, subject) = (screen::line(&one.state), screen::line(&one.subject));
        let at = local(one.created_unix_ms);
        let _ = writeln!(out, "{at}  {user}: {kind}, {state}: {subject}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail() -> IncidentDetail {
        serde_json::from_value(json!({
            "id": 7, "kind": "presence", "severity": "critical", "part_of": null,
            "acknowledged": { "by": "ada", "at_unix_ms": 5 }, "server": "web-1",
            "presence": "down", "cause": "it is\u{1b}[2K silent", "silence_began_unix_ms": null,
            "judged_unix_ms": 0, "closed_unix_ms": null, "silent_seconds": null,
            "hub_stalled_seconds": 0.0, "silence_began_monotonic_ms": null,
            "judged_monotonic_ms": 0.0, "closed_monotonic_ms": null,
            "timeline": [{ "at_unix_ms": 6, "kind": "note", "text": "ada: one\ntwo" }],
            "notifications": [{
                "id": 1, "user": "ada", "kind": "down", "state": "delivered",
                "subject": "[DOWN] web-1", "created_unix_ms": 1, "deliveries": []
            }],
        }))
        .expect("the shape of the API")
    }

    #[test]
    fn an_incident_is_shown_with_who_looks_after_it_and_all_that_was_written() {
        let text = whole(&detail());
        let first = text.lines().next().expect("a line");
        assert!(first.starts_with("    7  "), "{first}");
        assert!(first.contains("web-1  goes on, acknowledged by ada: it is"), "{first}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        for words in ["note          ada: one\n    two\n", "ada: down, delivered: [DOWN] web-1\n"] {
            assert!(text.contains(words), "{words:?}: {text}");
        }
    }
}
