use std::fmt::Write;

use clap::ValueEnum;
use watchfire_agent::{ProcessDetail, processes_now};
use watchfire_api::agent as api;
use watchfire_model::{ProcessQuery, ProcessRow, ProcessSort, ProcessTable};
use watchfire_runtime::Clock;

use super::block_on;
use super::past::{Past, found, local, rfc3339, tell_age};
use crate::screen::{self, bytes};

#[derive(clap::Args)]
#[command(
    after_help = "Without --at this machine is read itself for a second, so no agent needs to run."
)]
pub(super) struct Ps {
    #[command(flatten)]
    past: Past,
    /// How many processes to show
    #[arg(long, value_name = "N", value_parser = read_top)]
    top: Option<usize>,
    /// What comes first
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    sort: Sort,
    /// Only processes whose short name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Also count open files and the memory with shared pages in part (PSS); not for the past
    #[arg(long, conflicts_with = "at")]
    details: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown {
    /// When the table was read, RFC 3339.
    at: String,
    /// All processes there were.
    total: u32,
    processes: Vec<api::ProcessRow>,
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
        let arguments = self.past.arguments()?;
        let (table, detail) = match self.past.open(&clock)? {
            Some((history, at)) => {
                let table = found(&history, at, history.processes_at(at)?)?;
                tell_age(at, table.at.unix_ms);
                (table, None)
            }
            None => {
                let (table, detail) =
                    block_on(async { Ok(processes_now(&clock, arguments).await?) })?;
                (table, self.details.then_some(detail))
            }
        };
        let query = ProcessQuery { sort: self.sort.into(), top: self.top, name: self.name };
        let rows = table.select(&query);
        if self.json {
            let rows: Vec<_> = rows.into_iter().map(|row| json(row, detail.as_ref())).collect();
            let at = rfc3339(table.at.unix_ms);
            return screen::print_json(&Shown { at, total: table.total, processes: rows });
        }
        screen::print(&text(&table, &rows, detail.as_ref()))
    }
}

/// As the query of the same name over HTTP.
fn read_top(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|top| *top > 0);
    number.ok_or("it is a number from 1 on, as in --top 10")
}

fn json(row: &ProcessRow, detail: Option<&ProcessDetail>) -> api::ProcessRow {
    let mut shown = api::ProcessRow::from(row);
    shown.pss_bytes = detail.and_then(|ask| ask.pss_bytes(row.pid, row.start_time_ms).ok());
    shown.open_files = detail.and_then(|ask| ask.open_files(row.pid, row.start_time_ms).ok());
    shown
}

fn text(table: &ProcessTable, rows: &[&ProcessRow], detail: Option<&ProcessDetail>) -> String {
    let mut out = format!("{}, {} processes\n", local(table.at.unix_ms), table.total);
    let more = if detail.is_some() { "      PSS  FILES " } else { " " };
    let _ = writeln!(
        out,
        "    PID USER       S   CPU%      RSS{more}  READ/s  WRITE/s UNIT               COMMAND"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "{:>7} {:<10} {} {:>6} {:>8}{} {:>8} {:>8} {:<18} {}",
            row.pid,
            screen::fit(&row.user, 10),
            row.state,
            row.cpu_percent.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}")),
            bytes(row.rss_bytes),
            detail.map_or_else(String::new, |detail| details(row, detail)),
            rate(row.read_bytes_per_s),
            rate(row.written_bytes_per_s),
            screen::fit(row.container.as_deref().or(row.unit.as_deref()).unwrap_or("-"), 18),
            command(row),
        );
    }
    out
}

/// Kernel threads have no command line; their name stands in brackets, as `ps` shows it.
fn command(row: &ProcessRow) -> String {
    screen::line(&if row.command.is_empty() {
        format!("[{}]", row.name)
    } else {
        row.command.clone()
    })
}

fn details(row: &ProcessRow, detail: &ProcessDetail) -> String {
    let unknown = || "-".to_owned();
    let pss = detail.pss_bytes(row.pid, row.start_time_ms).map_or_else(|_| unknown(), bytes);
    let files = detail.open_files(row.pid, row.start_time_ms);
    format!(" {pss:>8} {:>6}", files.map_or_else(|_| unknown(), |files| files.to_string()))
}

fn rate(bytes_per_s: Option<f64>) -> String {
    bytes_per_s.map_or_else(|| "-".to_owned(), |rate| bytes(screen::whole(rate)))
}
