//! `watchfire sessions`: where somebody is logged in at a hub.

use std::fmt::Write;

use clap::{Args, Subcommand};
use watchfire_api::sessions::{SessionList, SessionRow};

use super::at_hub::{AtHub, whole_id};
use super::past::local;
use crate::hub_client::{Question, encoded};
use crate::screen;

#[derive(Args)]
#[command(
    after_help = "Everybody sees and ends their own sessions; administrators of every server all."
)]
pub(super) struct Sessions {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// List them, newest first
    Ls(Ls),
    /// End them: what is open in them closes
    End(End),
}

#[derive(Args)]
struct Ls {
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct End {
    /// Which, as `watchfire sessions ls` shows them; their first characters will do
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    at: AtHub,
}

impl Sessions {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::Ls(ls) => ls.run(),
            Act::End(end) => end.run(),
        }
    }
}

impl Ls {
    fn run(self) -> anyhow::Result<()> {
        let list: SessionList = self.at.get("/api/sessions")?;
        if self.at.json {
            return screen::print_json(&list);
        }
        screen::print(&text(&list.sessions))
    }
}

impl End {
    fn run(self) -> anyhow::Result<()> {
        let list: SessionList = self.at.get("/api/sessions")?;
        let known = || list.sessions.iter().map(|row| row.id.as_str());
        // All are looked up before the first one ends.
        let ids: anyhow::Result<Vec<&str>> =
            self.ids.iter().map(|begin| whole_id(begin, known())).collect();
        let path = |id: &str| format!("/api/sessions/{}", encoded(id));
        ids?.into_iter().try_for_each(|id| self.at.told(&Question::delete(&path(id))))
    }
}

fn text(rows: &[SessionRow]) -> String {
    let mut out = format!("{:<16} {:<16} {:<8} {:<23} FROM\n", "ID", "USER", "ROLE", "SINCE");
    for row in rows {
        let this = if row.is_this { "  (this one)" } else { "" };
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{:<16} {:<16} {:<8} {:<23} {}{this}",
            screen::line(&row.id),
            screen::line(&row.user),
            row.role,
            local(row.began_unix_ms),
            screen::line(&row.from),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_whose_since_when_and_from_where() {
        let row = SessionRow {
            id: "ab12".to_owned(),
            user: "ada".to_owned(),
            role: "viewer".to_owned(),
            from: "192.0.2.1\u{1b}".to_owned(),
            began_unix_ms: 0,
            ends_unix_ms: 1,
            is_this: true,
        };
        let text = text(&[row]);
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("ab12 ")), "{text}");
        assert!(text.ends_with("192.0.2.1?  (this one)\n"), "{text}");
    }
}
