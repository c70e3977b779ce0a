//! `watchfire token`: tokens by which programs ask a hub.

use std::fmt::Write;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use watchfire_api::tokens::{NewToken, TokenList, TokenRow, TokenWish};
use watchfire_runtime::config::{Located, duration};

use super::at_hub::{AtHub, whole_id};
use super::past::local;
use crate::hub_client::{Question, encoded};
use crate::screen;

#[derive(Args)]
#[command(
    after_help = "A token opens no more than you may yourself at that moment, and ends with its \
    time, by hand, or when your password changes. It is shown once, on stdout:\n  watchfire token \
    make ci --scope run --servers 'role=\"web\"' --for 30d > token-file\n  curl -H \"Authorization: \
    Bearer $(cat token-file)\" https://hub.example.org:5100/api/v1/labels"
)]
pub(super) struct Token {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Make one, and print it this once
    Make(Make),
    /// List them, with when each was used last
    Ls(Ls),
    /// End them
    End(End),
}

#[derive(Args)]
struct Make {
    /// What it is called
    #[arg(value_name = "NAME")]
    name: String,
    /// What it opens besides reading; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_enum, default_value = "read")]
    scopes: Vec<Scope>,
    /// Only servers that fit these matchers, as in role="web"; may be repeated
    #[arg(long, value_name = "MATCHERS")]
    servers: Vec<String>,
    /// How long it lives, as in 12h or 30d, up to 366d
    #[arg(long = "for", value_name = "DURATION", value_parser = read_life, default_value = "90d")]
    lives: Duration,
    #[command(flatten)]
    at: AtHub,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scope {
    /// What you see
    Read,
    /// Silences, acknowledgements, rules
    Change,
    /// Commands on servers; wants a second factor shown just now
    Run,
}

#[derive(Args)]
struct Ls {
    #[command(flatten)]
    at: AtHub,
}

#[derive(Args)]
struct End {
    /// Which, by id or name, as `watchfire token ls` shows them
    #[arg(value_name = "TOKEN", required = true)]
    tokens: Vec<String>,
    #[command(flatten)]
    at: AtHub,
}

impl Token {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::Make(make) => make.run(),
            Act::Ls(ls) => ls.run(),
            Act::End(end) => end.run(),
        }
    }
}

impl Make {
    fn run(self) -> anyhow::Result<()> {
        let word = |scope: &Scope| match scope {
            Scope::Read => "read".to_owned(),
            Scope::Change => "change".to_owned(),
            Scope::Run => "run".to_owned(),
        };
        let wish = TokenWish {
            name: self.name,
            scopes: self.scopes.iter().map(word).collect(),
            servers: Some(self.servers).filter(|servers| !servers.is_empty()),
            lives_s: Some(self.lives.as_secs()),
        };
        let body = serde_json::to_value(&wish)?;
        let made: NewToken = self.at.change(&Question::post("/api/tokens", &body))?;
        if self.at.json {
            return screen::print_json(&made);
        }
        let NewToken { token, row } = made;
        let (name, until) = (screen::line(&row.name), local(row.ends_unix_ms));
        eprintln!("{name} opens {} until {until}. It is shown this once:", row.scopes.join(", "));
        screen::print(&format!("{token}\n"))
    }
}

impl Ls {
    fn run(self) -> anyhow::Result<()> {
        let list: TokenList = self.at.get("/api/tokens")?;
        if self.at.json {
            return screen::print_json(&list);
        }
        screen::print(&text(&list.tokens))
    }
}

impl End {
    fn run(self) -> anyhow::Result<()> {
        let list: TokenList = self.at.get("/api/tokens")?;
        // All are looked up before the first one ends.
        let ids: anyhow::Result<Vec<&str>> =
            self.tokens.iter().map(|named| id_of(named, &list.tokens)).collect();
        let path = |id: &str| format!("/api/tokens/{}", encoded(id));
        ids?.into_iter().try_for_each(|id| self.at.told(&Question::delete(&path(id))))
    }
}

/// The id of the token of that name, where it is one alone, or that begins so.
fn id_of<'a>(named: &'a str, rows: &'a [TokenRow]) -> anyhow::Result<&'a str> {
    let mut of_name = rows.iter().filter(|row| row.name == named);
    match (of_name.next(), of_name.next()) {
        (Some(row), None) => Ok(&row.id),
        _ => whole_id(named, rows.iter().map(|row| row.id.as_str())),
    }
}

fn read_life(text: &str) -> Result<Duration, String> {
    let read = duration(&Located::default_value(text.to_owned())).ok();
    read.ok_or_else(|| "write a number with its unit, as in 12h or 30d".to_owned())
}

fn text(rows: &[TokenRow]) -> String {
    if rows.is_empty() {
        return "there are no tokens\n".to_owned();
    }
    let mut out = format!(
        "{:<16} {:<12} {:<16} {:<16} {:<23} USED\n",
        "ID", "USER", "NAME", "OPENS", "UNTIL"
    );
    for row in rows {
        let servers = row.servers.as_ref().map(|servers| format!("  {}", servers.join(" or ")));
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{:<16} {:<12} {:<16} {:<16} {:<23} {}{}",
            screen::line(&row.id),
            screen::line(&row.user),
            screen::line(&row.name),
            screen::line(&row.scopes.join(",")),
            local(row.ends_unix_ms),
            row.used_unix_ms.map_or_else(|| "never".to_owned(), local),
            screen::line(&servers.unwrap_or_default()),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, user: &str, name: &str) -> TokenRow {
        TokenRow {
            id: id.to_owned(),
            user: user.to_owned(),
            name: name.to_owned(),
            scopes: vec!["read".to_owned(), "run".to_owned()],
            servers: Some(vec!["role=\"web\"".to_owned()]),
            made_unix_ms: 0,
            ends_unix_ms: 1,
            used_unix_ms: None,
        }
    }

    #[test]
    fn a_list_says_what_each_opens_and_when_it_was_used() {
        let text = text(&[row("ab12", "ada", "ci")]);
        assert!(text.contains("read,run") && text.ends_with("never  role=\"web\"\n"), "{text}");
        assert_eq!(super::text(&[]), "there are no tokens\n");
    }

    #[test]
    fn a_token_is_named_by_name_or_by_id() {
        let rows = [row("ab12", "ada", "ci"), row("cd34", "bob", "ci"), row("ef56", "bob", "x")];
        assert_eq!(id_of("x", &rows).expect("one"), "ef56");
        assert_eq!(id_of("cd", &rows).expect("one"), "cd34");
        assert_eq!(id_of("ci", &rows).expect("the hub says no"), "ci");
    }
}
