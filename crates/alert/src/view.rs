//! What the templates show: every outside string cleaned, every number in words.

use jiff::tz::TimeZone;
use serde::Serialize;
use watchfire_model::{
    Filesystem, Presence, ProcessRow, ProcessTable, Server, Severity, Status, TimelineEntry,
};

use crate::{clean, human};

/// How many processes a message names.
const MAX_PROCESSES: usize = 5;
/// How many lines of a timeline a message shows.
const MAX_WHY: usize = 12;
/// The longest subject, in characters: what most mail programs show at all.
pub(crate) const MAX_SUBJECT: usize = 110;
/// The longest server name in a subject; the rest of the line says what happened.
pub(crate) const MAX_NAME: usize = 60;
/// The longest sentence, such as a cause.
pub(crate) const MAX_SENTENCE: usize = 200;
/// The longest value of a fact, such as an address or all labels together.
const MAX_VALUE: usize = 120;
/// The longest name of a process, a user or a mount point.
const MAX_WORD: usize = 40;
/// The longest link; a cut link would lead elsewhere, so a longer one is left out.
const MAX_LINK_BYTES: usize = 1000;
/// The longest link that comes from a rule.
const MAX_SHORT_LINK_BYTES: usize = 500;

/// A fact with its name.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) value: String,
}

impl Row {
    pub(crate) fn new(label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), value: clean(value, MAX_VALUE) }
    }
}

/// A measured value, with a bar where it is a share of something.
#[derive(Debug, Serialize)]
pub(crate) struct Gauge {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// How full the bar is, 0 to 100.
    pub(crate) percent: Option<u8>,
}

/// One process.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    /// How it was an hour before; may be empty.
    pub(crate) then: String,
    #[serde(skip)]
    pub(crate) start_time_ms: i64,
}

impl Process {
    pub(crate) fn plain(&self) -> String {
        let Self { pid, name, user, cpu, memory, then, .. } = self;
        let then = if then.is_empty() { String::new() } else { format!("; {then}") };
        format!("{name} (pid {pid}, {user}): {cpu} cpu, {memory}{then}")
    }
}

/// A presence as a word and a colour; the word alone says everything.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Badge {
    pub(crate) word: &'static str,
    /// A dark background on which white text reads well (contrast above 4.5).
    pub(crate) colour: &'static str,
}

impl Badge {
    pub(crate) const UP: Self = Self { word: "UP", colour: "#1a7f37" };
    pub(crate) const WAS_DOWN: Self = Self { word: "WAS DOWN", colour: "#1a7f37" };
    pub(crate) const FLAPPING: Self = Self { word: "FLAPPING", colour: "#7a5c00" };
    pub(crate) const ESCALATED: Self = Self { word: "ESCALATED", colour: "#c5221f" };
    pub(crate) const HUB_CUT_OFF: Self = Self { word: "HUB CUT OFF", colour: "#c5221f" };
    pub(crate) const HUB_BACK: Self = Self { word: "HUB BACK", colour: "#1a7f37" };

    pub(crate) const RESOLVED: Self = Self { word: "RESOLVED", colour: "#1a7f37" };

    /// How bad an alert is.
    pub(crate) fn graded(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self { word: "CRITICAL", colour: "#c5221f" },
            Severity::Warning => Self { word: "WARNING", colour: "#a84300" },
            Severity::Info => Self { word: "INFO", colour: "#24476b" },
        }
    }

    pub(crate) fn of(presence: Presence) -> Self {
        match presence {
            Presence::Up => Self::UP,
            Presence::Down => Self { word: "DOWN", colour: "#c5221f" },
            Presence::AgentDown => Self { word: "AGENT DOWN", colour: "#a84300" },
            Presence::Unreachable => Self { word: "UNREACHABLE", colour: "#6f42c1" },
            Presence::Late => Self { word: "LATE", colour: "#7a5c00" },
            Presence::Leaving => Self { word: "LEAVING", colour: "#57606a" },
            Presence::Unknown => Self { word: "UNKNOWN", colour: "#57606a" },
        }
    }
}

/// The server's name, fit for a line of words.
pub(crate) fn name(server: &Server) -> String {
    clean(server.name.as_str(), MAX_NAME)
}

/// The operator's labels in one line; `None` when there are none.
pub(crate) fn labels(server: &Server) -> Option<String> {
    let own = server.labels.iter().filter(|(label, _)| !matches!(*label, "name" | "instance"));
    let pairs: Vec<String> =
        own.map(|(label, value)| format!("{label}={}", clean(value, MAX_WORD))).collect();
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

/// The link as it is, when it leads to a page and to nothing else.
pub(crate) fn link(link: &str) -> Option<String> {
    let to_page = link.starts_with("https://") || link.starts_with("http://");
    let whole = clean(link, MAX_LINK_BYTES) == link && !link.contains(char::is_whitespace);
    (to_page && whole).then(|| link.to_owned())
}

/// The same for a link that a rule names, which a mail's line must hold.
pub(crate) fn short_link(outside: &str) -> Option<String> {
    link(outside).filter(|link| link.len() <= MAX_SHORT_LINK_BYTES)
}

/// The last known cpu, memory, swap in use, fullest filesystem and load.
pub(crate) fn gauges(status: &Status) -> Vec<Gauge> {
    let mut gauges = vec![cpu(status), memory(status)];
    gauges.extend(swap(status));
    gauges.extend(status.fullest_filesystem().map(disk));
    gauges.push(load(status));
    gauges
}

/// The processes that used most of the processors, most first.
pub(crate) fn top_processes(table: &ProcessTable) -> Vec<Process> {
    let mut rows: Vec<&ProcessRow> = table.processes.iter().collect();
    let used = |row: &ProcessRow| row.cpu_percent.filter(|p| p.is_finite()).unwrap_or(-1.0);
    rows.sort_by(|a, b| used(b).total_cmp(&used(a)).then(a.pid.cmp(&b.pid)));
    rows.into_iter().take(MAX_PROCESSES).map(process).collect()
}

/// How many processes are shown, of how many.
pub(crate) fn processes_title(table: &ProcessTable, shown: usize) -> String {
    let listed = table.processes.len();
    let total = usize::try_from(table.total).unwrap_or(usize::MAX).max(listed);
    if total > shown { format!("Top {shown} of {total} processes") } else { "Processes".to_owned() }
}

/// The timeline's lines; from a long one the first and the last.
pub(crate) fn why(timeline: &[TimelineEntry], zone: &TimeZone) -> Vec<Row> {
    let row = |entry: &TimelineEntry| Row {
        label: human::time_of_day(entry.at, zone),
        value: clean(&entry.text, MAX_SENTENCE),
    };
    if timeline.len() <= MAX_WHY {
        return timeline.iter().map(row).collect();
    }
    let hidden = timeline.len() - (MAX_WHY - 1);
    let note = Row { label: "…".to_owned(), value: format!("{hidden} more on the page") };
    let tail = &timeline[timeline.len() - (MAX_WHY - 2)..];
    timeline.iter().take(1).map(row).chain([note]).chain(tail.iter().map(row)).collect()
}

/// The cpu in per cent, or that it is not known.
pub(crate) fn cpu_words(status: &Status) -> String {
    status.cpu_percent().map_or_else(|| "not measured".to_owned(), human::percent)
}

/// The fullest filesystem in a few words.
pub(crate) fn disk_words(filesystem: &Filesystem) -> String {
    let mount_point = clean(&filesystem.mount_point, MAX_WORD);
    format!("{} of {mount_point}", human::percent(filesystem.used_percent()))
}

fn cpu(status: &Status) -> Gauge {
    let percent = status.cpu_percent();
    let cores = match status.host.cores {
        0 => String::new(),
        1 => ", 1 core".to_owned(),
        cores => format!(", {cores} cores"),
    };
    let value = format!("{}{cores}", cpu_words(status));
    Gauge { label: "CPU", value, percent: percent.and_then(bar) }
}

fn memory(status: &Status) -> Gauge {
    let memory = &status.memory;
    if memory.total_bytes == 0 {
        return Gauge { label: "Memory", value: "not measured".to_owned(), percent: None };
    }
    let used = human::bytes(memory.used_bytes());
    let total = human::bytes(memory.total_bytes);
    let percent = memory.used_percent();
    let value = format!("{}, {used} of {total}", human::percent(percent));
    Gauge { label: "Memory", value, percent: bar(percent) }
}

/// Swap in use; a server that uses none has nothing to tell.
fn swap(status: &Status) -> Option<Gauge> {
    let memory = &status.memory;
    let used = human::bytes(memory.swap_used_bytes);
    let total = human::bytes(memory.swap_total_bytes);
    let percent = memory.swap_used_percent();
    let value = format!("{}, {used} of {total}", human::percent(percent));
    (memory.swap_used_bytes > 0).then(|| Gauge { label: "Swap", value, percent: bar(percent) })
}

fn disk(filesystem: &Filesystem) -> Gauge {
    let free = human::bytes(filesystem.available_bytes);
    let value = format!("{}, {free} free", disk_words(filesystem));
    Gauge { label: "Disk", value, percent: bar(filesystem.used_percent()) }
}

fn load(status: &Status) -> Gauge {
    let load = &status.load;
    let value = format!("{:.2}, {:.2}, {:.2}", load.one, load.five, load.fifteen);
    Gauge { label: "Load", value, percent: None }
}

fn process(row: &ProcessRow) -> Process {
    Process {
        pid: row.pid,
        name: clean(&row.name, MAX_WORD),
        user: clean(&row.user, MAX_WORD),
        cpu: row.cpu_percent.map_or_else(|| "–".to_owned(), human::percent),
        memory: human::bytes(row.rss_bytes),
        then: String::new(),
        start_time_ms: row.start_time_ms,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0 to 100")]
fn bar(percent: f64) -> Option<u8> {
    percent.is_finite().then(|| percent.clamp(0.0, 100.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use watchfire_model::TimelineKind;

    use super::*;
    use crate::fixtures::{moment, processes, server};

    #[test]
    fn only_links_to_pages_are_links() {
        assert_eq!(link("https://hub/i/7").as_deref(), Some("https://hub/i/7"));
        for bad in ["", "javascript:alert(1)", "https://a b", "https://a\r\nBcc: e", "ftp://x"] {
            assert_eq!(link(bad), None, "{bad:?}");
        }
        assert_eq!(link(&format!("https://{}", "x".repeat(2000))), None);
    }

    #[test]
    fn the_five_busiest_processes_come_first_even_from_a_bad_table() {
        let mut table = processes();
        table.processes.reverse();
        table.processes[0].cpu_percent = Some(f64::NAN);
        let pids: Vec<_> = top_processes(&table).iter().map(|p| p.pid).collect();
        assert_eq!(pids, [812, 4411, 4410, 23, 1]);
        assert_eq!(labels(&server("a", &[])), None);
    }

    #[test]
    fn a_long_timeline_keeps_its_ends() {
        let entry = |ms| TimelineEntry {
            at: moment(ms),
            kind: TimelineKind::Observed,
            text: format!("line {ms}"),
        };
        let all: Vec<_> = (0..100).map(entry).collect();
        let shown = why(&all, &TimeZone::UTC);
        assert_eq!(shown.len(), MAX_WHY);
        assert_eq!(shown[0].value, "line 0");
        assert_eq!(shown[1].value, "89 more on the page");
        assert_eq!(shown[2].value, "line 90");
        assert_eq!(shown.last().map(|row| row.value.as_str()), Some("line 99"));
        assert_eq!(why(&all[..MAX_WHY], &TimeZone::UTC).len(), MAX_WHY);
    }
}
