//! `watchfire user`: who may log in at a hub.

use std::fmt::Write;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use watchfire_api::users::{GivenPassword, UserChange, UserList, UserRow};

use super::at_hub::AtHub;
use super::prompt;
use crate::hub_client::{Question, encoded};
use crate::screen;

#[derive(Args)]
#[command(
    after_help = "For administrators of every server, but `password` without a name, which changes \
    your own. Users of hub.toml are changed there. A change ends the user's sessions at once.\n  \
    watchfire user add bob --role operator --servers 'role=\"web\"'\n  watchfire user role bob \
    --role viewer\n  watchfire user password"
)]
pub(super) struct User {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Add one, and print the first password this once
    Add(Add),
    /// List those who may log in
    Ls(Ls),
    /// Change the role of one, and which servers they see
    Role(Change),
    /// Remove one, with sessions and tokens
    Remove(One),
    /// Give one a new password, or change your own
    Password(Password),
    /// Turn off the second factor of one who has lost it
    ResetTotp(One),
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Viewer,
    Operator,
    Admin,
}

#[derive(Args)]
struct Add {
    #[arg(value_name = "NAME")]
    name: String,
    /// What the user may do
    #[arg(long, value_enum, default_value = "viewer")]
    role: Role,
    /// Matchers of the servers that the user sees, as in role="web" or '*'; may be repeated
    #[arg(long, value_name = "MATCHERS", required = true)]
    servers: Vec<String>,
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct Ls {
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct Change {
    #[arg(value_name = "NAME")]
    name: String,
    /// What the user may do [default: as it is]
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Matchers of the servers that the user sees; may be repeated [default: as they are]
    #[arg(long, value_name = "MATCHERS")]
    servers: Vec<String>,
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct One {
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct Password {
    /// Who gets a new one [default: you change your own]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    at: AtHub,
}

impl Role {
    fn word(self) -> String {
        let word = match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        };
        word.to_owned()
    }
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::Add(add) => add.run(),
            Act::Ls(ls) => ls.run(),
            Act::Role(change) => change.run(),
            Act::Remove(One { name, at }) => at.told(&Question::delete(&path(&name, ""))),
            Act::Password(password) => password.run(),
            Act::ResetTotp(One { name, at }) => at.told(&Question::delete(&path(&name, "/totp"))),
        }
    }
}

impl Add {
    fn run(self) -> anyhow::Result<()> {
        let body = json!({ "name": self.name, "role": self.role.word(), "servers": self.servers });
        given(&self.at, &self.at.change(&Question::post("/api/users", &body))?)
    }
}

impl Ls {
    fn run(self) -> anyhow::Result<()> {
        let list: UserList = self.at.get("/api/users")?;
        if self.at.json {
            return screen::print_json(&list);
        }
        screen::print(&text(&list.users))
    }
}

impl Change {
    fn run(self) -> anyhow::Result<()> {
        let change = UserChange {
            role: self.role.map(Role::word),
            servers: Some(self.servers).filter(|servers| !servers.is_empty()),
        };
        if change == UserChange::default() {
            bail!("nothing is to be changed\n  hint: add --role or --servers");
        }
        let body = serde_json::to_value(&change)?;
        let row: UserRow = self.at.change(&Question::patch(&path(&self.name, ""), &body))?;
        if self.at.json { screen::print_json(&row) } else { screen::print(&text(&[row])) }
    }
}

impl Password {
    fn run(self) -> anyhow::Result<()> {
        if let Some(name) = &self.name {
            let path = path(name, "/password");
            return given(&self.at, &self.at.change(&Question::post(&path, &json!({})))?);
        }
        let old = prompt::secret("Password of now: ")?;
        let new = prompt::secret("New password: ")?;
        if prompt::by_hand() && new.expose() != prompt::secret("Again: ")?.expose() {
            bail!("the two are not the same; nothing was changed");
        }
        let body = json!({ "old": old.expose(), "new": new.expose() });
        self.at.told(&Question::post("/api/password", &body))
    }
}

fn path(name: &str, what: &str) -> String {
    format!("/api/users/{}{what}", encoded(name))
}

fn given(at: &AtHub, given: &GivenPassword) -> anyhow::Result<()> {
    if at.json {
        return screen::print_json(given);
    }
    let user = screen::line(&given.user);
    eprintln!("The password of {user}, who changes it by `watchfire user password`:");
    screen::print(&format!("{}\n", given.password))
}

fn text(rows: &[UserRow]) -> String {
    let mut out = format!("{:<20} {:<9} {:<7} {:<10} SERVERS\n", "NAME", "ROLE", "CODE", "WHERE");
    for row in rows {
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{:<20} {:<9} {:<7} {:<10} {}",
            screen::line(&row.name),
            row.role,
            if row.totp { "on" } else { "-" },
            if row.locked { "hub.toml" } else { "database" },
            screen::line(&row.servers.join(" or ")),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_who_sees_what_and_where_they_stand() {
        let row = UserRow {
            name: "ada".to_owned(),
            role: "admin".to_owned(),
            servers: vec!["role=\"web\"".to_owned(), "name=\"db-1\"".to_owned()],
            locked: true,
            totp: true,
            sessions: 1,
            tokens: 0,
        };
        let text = text(&[row]);
        assert!(text.contains("on      hub.toml   role=\"web\" or name=\"db-1\""), "{text}");
        assert_eq!(path("a@b", "/totp"), "/api/users/a%40b/totp");
    }
}
