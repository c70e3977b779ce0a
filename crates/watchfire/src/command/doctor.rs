mod agent;

pub(super) use self::agent::SandboxProof;

use std::ffi::OsString;
use std::fmt::Write;

use anyhow::bail;
use watchfire_hub::{Checkup, examine};
use watchfire_runtime::Clock;

use super::beside::Beside;
use super::relaunch::{other_owner, relaunch};
use crate::screen;

#[derive(clap::Args)]
#[command(
    after_help = "It reads every page and checksum, mends nothing, and the hub may run meanwhile. It \
    ends with 1 when something is wrong."
)]
pub(super) struct Doctor {
    #[command(flatten)]
    beside: Beside,
    /// Look at the agent of this machine instead: what its policy lets be run, and whether its
    /// sandbox holds here. --config and --data are the agent's then
    #[arg(long)]
    agent: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown {
    well: bool,
    parts: Vec<Part>,
}

#[derive(serde::Serialize)]
struct Part {
    part: String,
    facts: Vec<String>,
    wrong: Vec<String>,
    notes: Vec<String>,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.agent {
            let found = agent::look(&self.beside)?;
            return self.tell(found);
        }
        let data = self.beside.config()?.data;
        if let Some(owner) = other_owner(&data)? {
            let data = std::path::absolute(data)?;
            let mut arguments: Vec<OsString> = vec!["doctor".into(), "--data".into(), data.into()];
            arguments.extend(self.json.then(|| "--json".into()));
            return Err(relaunch(arguments, None, Some(owner)));
        }
        let found = examine(&data, Clock::system().now(), &mut |next| eprintln!("{next} …"));
        self.tell(found)
    }

    fn tell(&self, found: Checkup) -> anyhow::Result<()> {
        let (well, count) = (found.is_well(), wrong(&found));
        if self.json {
            screen::print_json(&json(found))?;
        } else {
            screen::print(&text(&found))?;
        }
        if !well {
            bail!("{count} {} wrong", if count == 1 { "thing is" } else { "things are" });
        }
        Ok(())
    }
}

fn wrong(found: &Checkup) -> usize {
    found.parts.iter().map(|part| part.wrong.len()).sum()
}

fn json(found: Checkup) -> Shown {
    let well = found.is_well();
    let parts = found.parts.into_iter().map(|part| {
        let watchfire_hub::Examination { part, facts, wrong, notes } = part;
        Part { part, facts, wrong, notes }
    });
    Shown { well, parts: parts.collect() }
}

fn text(found: &Checkup) -> String {
    let mut out = String::new();
    for part in &found.parts {
        let verdict = if part.wrong.is_empty() { "well" } else { "NOT WELL" };
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(out, "{}: {verdict}", part.part);
        for fact in &part.facts {
            let _ = writeln!(out, "  {fact}");
        }
        for wrong in &part.wrong {
            let _ = writeln!(out, "  ! {wrong}");
        }
        for note in &part.notes {
            let _ = writeln!(out, "  note: {note}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use watchfire_hub::Examination;

    use super::*;

    #[test]
    fn what_is_wrong_stands_out() {
        let part = |name: &str, wrong: &[&str]| Examination {
            part: name.to_owned(),
            facts: vec!["format 3".to_owned()],
            wrong: wrong.iter().map(|words| (*words).to_owned()).collect(),
            notes: vec!["an old file".to_owned()],
        };
        let mut found = Checkup { parts: vec![part("watchfire.db", &[])] };
        assert_eq!(text(&found), "watchfire.db: well\n  format 3\n  note: an old file\n");
        assert!(json(found.clone()).well);
        found.parts.push(part("history.db", &["page 7 is torn"]));
        let shown = text(&found);
        assert!(shown.contains("history.db: NOT WELL\n") && shown.contains("  ! page 7 is torn\n"));
        assert_eq!(wrong(&found), 1);
        assert!(!json(found).well);
    }
}
