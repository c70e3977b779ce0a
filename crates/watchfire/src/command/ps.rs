use std::fmt::Write;

use clap::ValueEnum;
use jiff::Timestamp;
use watchfire_agent::{ProcessDetail, processes_now};
use watchfire_api::agent as api;
use watchfire_api::hub::ProcessList;
use watchfire_model::{ProcessQuery, ProcessRow, ProcessSort};
use watchfire_runtime::Clock;

use super::block_on;
use super::of_hub::{OfHub, Server};
use super::past::{Past, found, local, rfc3339, tell_age};
use crate::screen::{self, bytes};

#[derive(clap::Args)]
#[command(
    after_help = "Without SERVER and --at this machine is read itself for a second, so no agent \
    needs to run; with --at alone, what its agent recorded. With SERVER the hub is asked at which \
    `watchfire login` was last done."
)]
pub(super) struct Ps {
    #[command(flatten)]
    of_hub: OfHub,
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
    /// Also count open files and the memory with shared pages in part (PSS); for this machine now
    #[arg(long, conflicts_with_all = ["at", "server"])]
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

impl Sort {
    /// The word for it in a hub's questions.
    fn word(self) -> &'static str {
        let sort = ProcessSort::from(self);
        ProcessSort::WORDS.iter().find(|(_, known)| *known == sort).map_or("cpu", |(word, _)| word)
    }
}

impl Ps {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let Self { of_hub, past, top, sort, name, details, json } = self;
        let shown = match of_hub.server(past.at(), &clock)? {
            Some(server) => at_hub(&server, top, sort, name)?,
            None => {
                let query = ProcessQuery { sort: sort.into(), top, name };
                of_this_machine(past, &query, details, &clock)?
            }
        };
        if json {
            return screen::print_json(&shown);
        }
        screen::print(&text(&shown, details))
    }
}

/// A hub lists all processes where no number is named, as this machine does.
fn at_hub(
    server: &Server,
    top: Option<usize>,
    sort: Sort,
    name: Option<String>,
) -> anyhow::Result<Shown> {
    let mut more =
        vec![("sort", sort.word().to_owned()), ("top", top.unwrap_or(usize::MAX).to_string())];
    more.extend(name.map(|name| ("name", name)));
    let list: ProcessList = block_on(server.hub.get(&server.path("processes", &more)))?;
    match server.at {
        Some(at) => tell_age(at, list.at_unix_ms),
        None if list.at_unix_ms == 0 => anyhow::bail!("the hub has no processes of it yet"),
        None => {}
    }
    let ProcessList { at_unix_ms, total, processes } = list;
    Ok(Shown { at: rfc3339(at_unix_ms), total, processes })
}

fn of_this_machine(
    past: Past,
    query: &ProcessQuery,
    details: bool,
    clock: &Clock,
) -> anyhow::Result<Shown> {
    let arguments = past.arguments()?;
    let (table, detail) = match past.open(clock)? {
        Some((history, at)) => {
            let table = found(&history, at, history.processes_at(at)?)?;
            tell_age(at, table.at.unix_ms);
            (table, None)
        }
        None => {
            let (table, detail) = block_on(async { Ok(processes_now(clock, arguments).await?) })?;
            (table, details.then_some(detail))
        }
    };
    let rows = table.select(query).into_iter().map(|row| api_row(row, detail.as_ref()));
    Ok(Shown { at: rfc3339(table.at.unix_ms), total: table.total, processes: rows.collect() })
}

/// As the query of the same name over HTTP.
fn read_top(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|top| *top > 0);
    number.ok_or("it is a number from 1 on, as in --top 10")
}

fn api_row(row: &ProcessRow, detail: Option<&ProcessDetail>) -> api::ProcessRow {
    let mut shown = api::ProcessRow::from(row);
    shown.pss_bytes = detail.and_then(|ask| ask.pss_bytes(row.pid, row.start_time_ms).ok());
    shown.open_files = detail.and_then(|ask| ask.open_files(row.pid, row.start_time_ms).ok());
    shown
}

fn text(shown: &Shown, with_details: bool) -> String {
    let at = shown.at.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    let mut out = format!("{}, {} processes\n", local(at.as_millisecond()), shown.total);
    let more = if with_details { "      PSS  FILES " } else { " " };
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(
        out,
        "    PID USER       S   CPU%      RSS{more}  READ/s  WRITE/s UNIT               COMMAND"
    );
    for row in &shown.processes {
        let _ = writeln!(
            out,
            "{:>7} {:<10} {} {:>6} {:>8}{} {:>8} {:>8} {:<18} {}",
            row.pid,
            screen::fit(&row.user, 10),
            row.state,
            row.cpu_percent.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}")),
            bytes(row.rss_bytes),
            if with_details { details(row) } else { String::new() },
            rate(row.read_bytes_per_s),
            rate(row.written_bytes_per_s),
            screen::fit(row.container.as_deref().or(row.unit.as_deref()).unwrap_or("-"), 18),
            command(row),
        );
    }
    out
}

/// Kernel threads have no command line; their name stands in brackets, as `ps` shows it.
fn command(row: &api::ProcessRow) -> String {
    screen::line(&if row.command.is_empty() {
        format!("[{}]", row.name)
    } else {
        row.command.clone()
    })
}

fn details(row: &api::ProcessRow) -> String {
    let unknown = || "-".to_owned();
    let files = row.open_files.map_or_else(unknown, |files| files.to_string());
    format!(" {:>8} {files:>6}", row.pss_bytes.map_or_else(unknown, bytes))
}

fn rate(bytes_per_s: Option<f64>) -> String {
    bytes_per_s.map_or_else(|| "-".to_owned(), |rate| bytes(screen::whole(rate)))
}
