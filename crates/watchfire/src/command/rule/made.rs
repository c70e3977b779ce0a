//! Files of rules on a hub: those that it reads, and those that are made there.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::bail;
use watchfire_api::rule_files::{RuleFileList, RuleFileRow, RuleFileText, RuleRefusal};
use watchfire_runtime::Clock;

use super::files::{self, BadFiles, counted};
use crate::command::block_on;
use crate::command::past::local;
use crate::hub_client::{Answer, Hub, Question, encoded};
use crate::screen;

const PATH: &str = "/api/rules/files";
/// What the names of made files begin with.
const MADE: &str = "page/";

#[derive(clap::Args)]
struct Of {
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
pub(super) struct Get {
    /// The file, as `watchfire rule list` shows it; page/ may be left out
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
pub(super) struct Put {
    /// What it is called on the hub: letters, digits, - _ and .
    #[arg(value_name = "NAME")]
    name: String,
    /// A file of rules
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only in place of this version, as `rule get` tells it [default: whatever is there now]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
pub(super) struct Delete {
    /// The file; page/ may be left out
    #[arg(value_name = "NAME")]
    name: String,
    /// Only this version, as `rule get` tells it [default: whatever is there now]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let list: RuleFileList = block_on(self.of.open()?.get(PATH))?;
        if self.of.json {
            return screen::print_json(&list);
        }
        screen::print(&table(&list.files))
    }
}

impl Get {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = self.of.open()?;
        let mut answer = ask(&hub, &Question::get(&path(&self.name)))?;
        if answer.status == 404 && !self.name.contains('/') {
            answer = ask(&hub, &Question::get(&path(&made_name(&self.name))))?;
        }
        let file: RuleFileText = understood(&hub, &answer)?;
        if self.of.json {
            return screen::print_json(&file);
        }
        if let Some(version) = &file.row.version {
            eprintln!("version {}", screen::line(version));
        }
        screen::print_exactly(&file.text)
    }
}

impl Put {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let text = files::read(&self.file)?;
        let hub = self.of.open()?;
        let path = path(&made_name(&self.name));
        let version = match self.version {
            Some(version) => Some(version),
            None => version_of(&hub, &path)?,
        };
        let question = Question::put(&path, "application/yaml", text);
        let question = match &version {
            Some(version) => question.if_it_is(version),
            None => question.if_there_is_none(),
        };
        let answer = ask(&hub, &question)?;
        if answer.status == 422
            && let Ok(refusal) = serde_json::from_slice::<RuleRefusal>(&answer.body)
            && !refusal.faults.is_empty()
        {
            let name = self.file.display().to_string();
            for fault in &refusal.faults {
                let told = format!("{name}:{}:{}: {}", fault.line, fault.column, fault.words);
                eprintln!("{}", screen::line(&told));
            }
            return Err(BadFiles { bad: 1, all: 1 }.into());
        }
        let file: RuleFileText = understood(&hub, &answer)?;
        for warning in &file.warnings {
            let told = format!("warning: line {}: {}", warning.line, warning.words);
            eprintln!("{}", screen::line(&told));
        }
        if self.of.json {
            return screen::print_json(&file.row);
        }
        let (rules, groups) = (counted(file.row.rules, "rule"), counted(file.row.groups, "group"));
        let since = if answer.status == 202 { "soon" } else { "from now on" };
        let name = screen::line(&file.row.name);
        screen::print(&format!("{name}: {rules} in {groups}, evaluated {since}\n"))
    }
}

impl Delete {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.hub.as_deref(), &Clock::system())?;
        let path = path(&made_name(&self.name));
        let version = self.version.as_deref().unwrap_or("*");
        let answer = ask(&hub, &Question::delete(&path).if_it_is(version))?;
        if !matches!(answer.status, 202 | 204) {
            bail!("{}", hub.words(&answer));
        }
        eprintln!("removed: {}", screen::line(&made_name(&self.name)));
        Ok(())
    }
}

impl Of {
    fn open(&self) -> anyhow::Result<Hub> {
        Hub::known(self.hub.as_deref(), &Clock::system())
    }
}

/// What stands there now.
fn version_of(hub: &Hub, path: &str) -> anyhow::Result<Option<String>> {
    let answer = ask(hub, &Question::get(path))?;
    if answer.status == 404 {
        return Ok(None);
    }
    let file: RuleFileText = understood(hub, &answer)?;
    Ok(file.row.version)
}

fn ask(hub: &Hub, question: &Question<'_>) -> anyhow::Result<Answer> {
    block_on(hub.send(question))
}

fn understood(hub: &Hub, answer: &Answer) -> anyhow::Result<RuleFileText> {
    if !matches!(answer.status, 200..=202) {
        bail!("{}", hub.words(answer));
    }
    hub.read(answer)
}

fn path(name: &str) -> String {
    format!("{PATH}/{}", encoded(name))
}

fn made_name(name: &str) -> String {
    if name.starts_with(MADE) { name.to_owned() } else { format!("{MADE}{name}") }
}

fn table(files: &[RuleFileRow]) -> String {
    let mut out = format!("{:<32} {:<9} {:>6} {:>6} CHANGED\n", "FILE", "KIND", "GROUPS", "RULES");
    for file in files {
        let (name, kind) = (screen::line(&file.name), screen::line(&file.kind));
        let changed = match (&file.author, file.changed_unix_ms) {
            (Some(author), Some(at)) => format!("{} by {}", local(at), screen::line(author)),
            _ => String::new(),
        };
        let bad = if file.evaluated { "" } else { " NOT EVALUATED" };
        let (groups, rules) = (file.groups, file.rules);
        let row = format!("{name:<32} {kind:<9} {groups:>6} {rules:>6} {changed}{bad}");
        // Writing to a String cannot fail, so the result is not looked at.
        let _ = writeln!(out, "{}", row.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_is_made_by_whom_and_what_is_not_evaluated() {
        let locked = RuleFileRow {
            name: "built-in".to_owned(),
            kind: "built-in".to_owned(),
            groups: 2,
            rules: 30,
            version: None,
            author: None,
            changed_unix_ms: None,
            evaluated: true,
        };
        let made = RuleFileRow {
            name: "page/disks".to_owned(),
            kind: "made".to_owned(),
            version: Some("v".to_owned()),
            author: Some("ada\n".to_owned()),
            changed_unix_ms: Some(0),
            evaluated: false,
            ..locked.clone()
        };
        let table = table(&[locked, made]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].ends_with("     2     30"), "{table}");
        assert!(lines[2].starts_with("page/disks ") && lines[2].contains(" by ada"), "{table}");
        assert!(lines[2].ends_with("NOT EVALUATED"), "{table}");
        assert_eq!((made_name("a"), made_name("page/a")), ("page/a".into(), "page/a".into()));
    }
}
