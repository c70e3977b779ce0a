//! `watchfire silence`: what a hub's operators mute.

mod what;

use std::fmt::Write;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use watchfire_api::silences::{SilenceList, SilenceRow, SilenceWish};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Located, duration};

use super::block_on;
use super::past::local;
use crate::hub_client::{Hub, Question, encoded};
use crate::screen;

#[derive(Args)]
#[command(
    after_help = "The hub is asked at which `watchfire login` was last done; making and ending \
    silences wants the role operator or admin. What fits all matchers is told to nobody while a \
    silence lasts:\n  watchfire silence add web-1 --for 2h -m 'new disks'\n  watchfire silence add \
    'role=\"web\"' 'site=~\"fra|ams\"' --for 30m\n  watchfire silence add alertname=DiskFull \
    server=db-1 --for 1d\nThe trouble of a server itself is the alert ServerDown."
)]
pub(super) struct Silence {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Mute a server, or whatever fits matchers, for a while
    Add(Add),
    /// List silences
    Ls(Ls),
    /// End silences before their time
    End(End),
}

#[derive(Args)]
struct Add {
    /// The name of a server, or matchers as in role="web"; all of them must hold
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<String>,
    /// How long, as in 30m, 2h or 1d
    #[arg(long = "for", value_name = "DURATION", value_parser = read_duration)]
    lasts: Duration,
    /// How much later it begins [default: now]
    #[arg(long = "in", value_name = "DURATION", value_parser = read_duration)]
    begins_in: Option<Duration>,
    /// Why
    #[arg(short = 'm', long, value_name = "WORDS", default_value = "")]
    comment: String,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
struct Ls {
    /// Those too that are over, which stay for five days
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
struct End {
    /// Which, as `watchfire silence ls` shows them; their first characters will do
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    of: Of,
}

#[derive(Args)]
struct Of {
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Silence {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.act {
            Act::Add(add) => add.run(),
            Act::Ls(ls) => ls.run(),
            Act::End(end) => end.run(),
        }
    }
}

impl Add {
    fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let hub = Hub::known(self.of.hub.as_deref(), &clock)?;
        let now = clock.now();
        let wish = SilenceWish {
            matchers: what::matchers(&self.what)?,
            from_unix_ms: self.begins_in.map(|wait| now.after(wait).unix_ms),
            seconds: Some(self.lasts.as_secs()),
            comment: self.comment,
            ..SilenceWish::default()
        };
        let body = serde_json::to_value(&wish)?;
        let row: SilenceRow = change(&hub, &Question::post("/api/silences", &body))?;
        if self.of.json {
            return screen::print_json(&row);
        }
        eprintln!("{}", summary(&row));
        screen::print(&format!("{}\n", row.id))
    }
}

impl Ls {
    fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.of.hub.as_deref(), &Clock::system())?;
        let state = if self.all { "" } else { "?state=active,pending" };
        let list: SilenceList = block_on(hub.get(&format!("/api/silences{state}")))?;
        if self.of.json {
            return screen::print_json(&list);
        }
        screen::print(&text(&list.silences))
    }
}

impl End {
    fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.of.hub.as_deref(), &Clock::system())?;
        let list: SilenceList = block_on(hub.get("/api/silences?state=active,pending"))?;
        // All are looked up before the first one ends.
        let ids: anyhow::Result<Vec<&str>> =
            self.ids.iter().map(|begin| whole_id(begin, &list.silences)).collect();
        let mut ended: Vec<SilenceRow> = Vec::new();
        for id in ids? {
            let path = format!("/api/silences/{}", encoded(id));
            let row: SilenceRow = change(&hub, &Question::delete(&path))?;
            if !self.of.json {
                eprintln!("ended: {}", row.matchers);
            }
            ended.push(row);
        }
        if self.of.json { screen::print_json(&ended) } else { Ok(()) }
    }
}

/// Has the hub change something.
fn change<T: DeserializeOwned>(hub: &Hub, question: &Question<'_>) -> anyhow::Result<T> {
    let answer = block_on(hub.send(question))?;
    if !matches!(answer.status, 200 | 201) {
        bail!("{}", hub.words(&answer));
    }
    hub.read(&answer)
}

fn read_duration(text: &str) -> Result<Duration, String> {
    let read = duration(&Located::default_value(text.to_owned())).ok();
    let read = read.filter(|read| !read.is_zero());
    read.ok_or_else(|| "write a number with its unit, as in 30m, 2h or 1d".to_owned())
}

/// The id that begins so.
fn whole_id<'a>(begin: &'a str, rows: &'a [SilenceRow]) -> anyhow::Result<&'a str> {
    let mut fitting = rows.iter().filter(|row| row.id.starts_with(begin) && !begin.is_empty());
    match (fitting.next(), fitting.next()) {
        (Some(row), None) => Ok(&row.id),
        (Some(_), Some(_)) => bail!("{begin:?} is the begin of several silences: write more of it"),
        // The hub may have one that the list is too long for.
        (None, _) => Ok(begin),
    }
}

/// What was made, in a line.
fn summary(row: &SilenceRow) -> String {
    let until = local(row.to_unix_ms);
    let servers = match row.server_count {
        Some(0) | None => "no server that is down would be muted now".to_owned(),
        Some(1) => "1 server".to_owned(),
        Some(count) => format!("{count} servers"),
    };
    let from = match row.state.as_str() {
        "pending" => format!("from {} ", local(row.from_unix_ms)),
        _ => String::new(),
    };
    format!("{} is silenced {from}until {until}: {servers}", row.matchers)
}

fn text(rows: &[SilenceRow]) -> String {
    if rows.is_empty() {
        return "nothing is silenced\n".to_owned();
    }
    let mut out = format!("{:<8} {:<8} {:<23} {:<12} MATCHERS\n", "ID", "STATE", "UNTIL", "BY");
    for row in rows {
        let id: String = row.id.chars().take(8).collect();
        let author = screen::fit(&row.author, 12);
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{id:<8} {:<8} {:<23} {author:<12} {}",
            row.state,
            local(row.to_unix_ms),
            screen::line(&row.matchers)
        );
        if row.state == "pending" {
            let _ = writeln!(out, "{:8} from {}", "", local(row.from_unix_ms));
        }
        if !row.comment.is_empty() {
            let _ = writeln!(out, "{:8} {}", "", screen::line(&row.comment));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, state: &str) -> SilenceRow {
        SilenceRow {
            id: id.to_owned(),
            state: state.to_owned(),
            matchers: "role=\"web\"".to_owned(),
            author: "ada".to_owned(),
            comment: "new\ndisks".to_owned(),
            from_unix_ms: 0,
            to_unix_ms: 3_600_000,
            created_unix_ms: 0,
            updated_unix_ms: 0,
            servers: vec!["web-1".to_owned()],
            server_count: Some(1),
        }
    }

    #[test]
    fn a_list_says_what_until_when_and_by_whom() {
        let text = text(&[row("0123456789", "active"), row("abcdef", "pending")]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("01234567 active   "), "{text}");
        assert!(lines[1].ends_with("ada          role=\"web\""), "{text}");
        assert_eq!(lines[2].trim(), "new?disks");
        assert!(lines[4].trim().starts_with("from "), "{text}");
        assert_eq!(super::text(&[]), "nothing is silenced\n");
        assert!(summary(&row("x", "active")).ends_with(": 1 server"));
    }

    #[test]
    fn the_begin_of_an_id_will_do_when_it_is_one_alone() {
        let rows = [row("abc1", "active"), row("abd2", "active")];
        assert_eq!(whole_id("abc", &rows).expect("one"), "abc1");
        assert!(whole_id("ab", &rows).is_err());
        assert_eq!(whole_id("zz", &rows).expect("the hub knows"), "zz");
        assert!(whole_id("", &rows).expect("none").is_empty());
    }
}
