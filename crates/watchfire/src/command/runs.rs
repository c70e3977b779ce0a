//! `watchfire runs`: what was run, and what came of it; `watchfire runbooks`: what may be.

use std::fmt::Write;

use anyhow::bail;
use clap::Subcommand;
use watchfire_api::runs::{RunList, RunRow, RunWhat, RunbookList, RunbookRow};
use watchfire_runtime::Clock;

use super::past::local;
use super::run;
use super::{block_on, run::names};
use crate::hub_client::{Hub, Question, encoded};
use crate::screen;

#[derive(clap::Args)]
pub(super) struct Runs {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    of: Of,
}

#[derive(Subcommand)]
enum Act {
    /// Show a run and what its servers said
    Show(One),
    /// End a run where it runs, and begin it nowhere else
    Cancel(One),
}

#[derive(clap::Args)]
struct One {
    /// The run, as `watchfire runs` shows it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(clap::Args)]
pub(super) struct Runbooks {
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
struct Of {
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB", global = true)]
    hub: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

impl Runs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.of.hub.as_deref(), &Clock::system())?;
        match self.act {
            None => {
                let list: RunList = block_on(hub.get("/api/runs"))?;
                if self.of.json {
                    return screen::print_json(&list);
                }
                screen::print(&text(&list.runs))
            }
            Some(Act::Show(one)) => {
                let (row, outputs) = block_on(run::read(&hub, &one.id))?;
                run::show(&row, &outputs, self.of.json)
            }
            Some(Act::Cancel(one)) => {
                let path = format!("/api/runs/{}", encoded(&one.id));
                let answer = block_on(hub.send(&Question::delete(&path)))?;
                if answer.status != 200 {
                    bail!("{}", hub.words(&answer));
                }
                let row: RunRow = hub.read(&answer)?;
                if self.of.json {
                    return screen::print_json(&row);
                }
                eprintln!("{} is cancelled; watchfire runs show {} tells the rest", row.id, row.id);
                Ok(())
            }
        }
    }
}

impl Runbooks {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::known(self.of.hub.as_deref(), &Clock::system())?;
        let list: RunbookList = block_on(hub.get("/api/runbooks"))?;
        if self.of.json {
            return screen::print_json(&list);
        }
        screen::print(&books(&list.runbooks))
    }
}

fn text(rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return "nothing was run\n".to_owned();
    }
    let mut out = format!("{:<16} {:<23} {:<12} {:>11}  WHAT\n", "ID", "BEGAN", "BY", "WELL");
    for row in rows {
        let counts = &row.counts;
        let all = counts.ok
            + counts.failed
            + counts.refused
            + counts.not_reached
            + counts.other
            + counts.running
            + counts.waiting;
        let well = format!("{}/{all}", counts.ok);
        let user = screen::fit(&row.user, 12);
        let goes = if row.ended_unix_ms.is_none() { " (runs)" } else { "" };
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(
            out,
            "{:<16} {:<23} {user:<12} {well:>11}  {}{goes}",
            row.id,
            local(row.began_unix_ms),
            screen::line(&screen::fit(&what(&row.what), 60)),
        );
    }
    out
}

fn what(what: &RunWhat) -> String {
    let Some(runbook) = &what.runbook else { return what.argv.join(" ") };
    let params = what.params.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("runbook {runbook}{}", params.collect::<String>())
}

fn books(rows: &[RunbookRow]) -> String {
    if rows.is_empty() {
        return "no server that is there has a runbook\n".to_owned();
    }
    let mut out = String::new();
    for row in rows {
        let params = row.params.iter().map(|param| format!(" {}=…", param.name));
        let _ = writeln!(
            out,
            "{}{}  {}",
            screen::line(&row.name),
            screen::line(&params.collect::<String>()),
            screen::line(&row.description)
        );
        for param in &row.params {
            let hint = screen::line(&param.hint);
            let _ = writeln!(
                out,
                "    {} ({}): {hint}",
                screen::line(&param.name),
                screen::line(&param.kind)
            );
        }
        let _ = writeln!(out, "    on {}", names(&row.servers));
    }
    out
}
