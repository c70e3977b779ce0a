use std::fmt::Write;

use clap::ValueEnum;
use watchfire_agent::processes_now;
use watchfire_api::agent as api;
use watchfire_model::{ProcessQuery, ProcessRow, ProcessSort, ProcessTable};
use watchfire_runtime::Clock;

use super::block_on;
use super::past::{Past, found, local};
use crate::screen::{self, bytes};

#[derive(clap::Args)]
#[command(
    after_help = "Without --at this machine is read itself for a second, so no agent needs to run."
)]
pub(super) struct Ps {
    #[command(flatten)]
    past: Past,
    /// How many processes to show
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// What comes first
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    sort: Sort,
    /// Only processes whose short name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    Cpu,
    Rss,
    Io,
    Pid,
    Name,
}

impl From<Sort> for ProcessSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Cpu => Self::Cpu,
            Sort::Rss => Self::Rss,
            Sort::Io => Self::Io,
            Sort::Pid => Self::Pid,
            Sort::Name => Self::Name,
        }
    }
}

impl Ps {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let table = match self.past.open(&clock)? {
            Some((history, at)) => found(&history, at, history.processes_at(at)?)?,
            None => block_on(async { Ok(processes_now(&clock).await?) })?,
        };
        let query = ProcessQuery { sort: self.sort.into(), top: self.top, name: self.name };
        let rows = table.select(&query);
        if self.json {
            let rows: Vec<api::ProcessRow> = rows.into_iter().map(Into::into).collect();
            return screen::print(&(serde_json::to_string_pretty(&rows)? + "\n"));
        }
        screen::print(&text(&table, &rows))
    }
}

fn text(table: &ProcessTable, rows: &[&ProcessRow]) -> String {
    let mut out = format!("{}, {} processes\n", local(table.at.unix_ms), table.total);
    out.push_str(
        "    PID USER       S   CPU%      RSS   READ/s  WRITE/s UNIT               COMMAND\n",
    );
    for row in rows {
        let command =
            if row.command.is_empty() { format!("[{}]", row.name) } else { row.command.clone() };
        let place = row.container.as_deref().or(row.unit.as_deref()).unwrap_or("-");
        let _ = writeln!(
            out,
            "{:>7} {:<10} {} {:>6} {:>8} {:>8} {:>8} {:<18} {command}",
            row.pid,
            screen::fit(&row.user, 10),
            row.state,
            row.cpu_percent.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}")),
            bytes(row.rss_bytes),
            rate(row.read_bytes_per_s),
            rate(row.written_bytes_per_s),
            screen::fit(place, 18),
        );
    }
    out
}

fn rate(bytes_per_s: Option<f64>) -> String {
    bytes_per_s.map_or_else(|| "-".to_owned(), |rate| bytes(screen::whole(rate)))
}
