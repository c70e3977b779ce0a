use std::cmp::Ordering;

use crate::Moment;

/// The processes of a server at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessTable {
    /// When it was read, on the server's clocks.
    pub at: Moment,
    /// The processes, by per cent of cpu falling, then by pid.
    pub processes: Vec<ProcessRow>,
    /// How many there were when not all are listed.
    pub total: u32,
}

/// One process. It is identified by `pid` and `start_time_ms` together,
/// because the kernel uses pids again.
#[derive(Debug, PartialEq, Default)]
pub struct ProcessRow {
    /// Process id.
    pub pid: u32,
    /// The parent's id.
    pub ppid: u32,
    /// The owner's name, or the number where it has none.
    pub user: String,
    /// The kernel's short name, at most 15 bytes for user processes.
    pub name: String,
    /// Arguments joined by spaces; empty for kernel threads, where hidden and
    /// where the agent's owner does not show arguments.
    pub command: String,
    /// The kernel's letter: R, S, D, Z, T, t, X, I.
    pub state: char,
    /// Per cent of one core over the interval since the reading before;
    /// `None` when there was none.
    pub cpu_percent: Option<f64>,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Start, in milliseconds since 1970.
    pub start_time_ms: i64,
    /// User and system time since the start, in seconds.
    pub cpu_seconds: f64,
    /// Per cent of one core that children used which ended within the interval
    /// and for which this process waited, as far as no row showed it. `None`
    /// when there was no reading before.
    pub ended_children_percent: Option<f64>,
    /// The size of the address space.
    pub virtual_bytes: u64,
    /// Bytes read from storage since the start; `None` where that may not be
    /// read.
    pub read_bytes: Option<u64>,
    /// Bytes written to storage since the start; `None` where that may not be
    /// read.
    pub written_bytes: Option<u64>,
    /// Bytes read from storage per second, over the time between the last two
    /// readings of this counter.
    pub read_bytes_per_s: Option<f64>,
    /// Bytes written to storage per second, likewise.
    pub written_bytes_per_s: Option<f64>,
    /// The path of its control group; empty where it is not known.
    pub cgroup: String,
    /// The systemd unit that it belongs to, `ssh.service` for example.
    pub unit: Option<String>,
    /// The id of the container that it runs in, or the name where the runtime
    /// has names only.
    pub container: Option<String>,
}

/// Which rows of a table are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessQuery {
    /// The order.
    pub sort: ProcessSort,
    /// How many at most; all when `None`.
    pub top: Option<usize>,
    /// Only those whose short name contains this.
    pub name: Option<String>,
}

/// The order of rows. Rows that are equal in it are in the order of their pids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessSort {
    /// Most cpu first. A process whose use is not known yet comes after those
    /// that use nothing.
    #[default]
    Cpu,
    /// Most resident memory first.
    Rss,
    /// Lowest pid first.
    Pid,
    /// By short name.
    Name,
    /// Most bytes per second read from and written to storage first. A process
    /// whose rate is not known comes after those that do nothing.
    Io,
}

impl ProcessTable {
    /// The rows that `query` wants, in its order.
    #[must_use]
    pub fn select(&self, query: &ProcessQuery) -> Vec<&ProcessRow> {
        query.choose(&self.processes)
    }
}

impl ProcessQuery {
    /// The same of rows without a table.
    #[must_use]
    pub fn choose<'a>(&self, rows: &'a [ProcessRow]) -> Vec<&'a ProcessRow> {
        let fits =
            |row: &&ProcessRow| self.name.as_ref().is_none_or(|part| row.name.contains(part));
        let mut rows: Vec<&ProcessRow> = rows.iter().filter(fits).collect();
        rows.sort_unstable_by(|a, b| self.sort.compare(a, b));
        rows.truncate(self.top.unwrap_or(usize::MAX));
        rows
    }
}

impl ProcessSort {
    /// Every order, with the word that stands for it in requests.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("cpu", Self::Cpu),
        ("rss", Self::Rss),
        ("pid", Self::Pid),
        ("name", Self::Name),
        ("io", Self::Io),
    ];

    /// The order that `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, sort)| sort)
    }

    /// Compares two rows; never equal for two processes of one table.
    #[must_use]
    pub fn compare(self, a: &ProcessRow, b: &ProcessRow) -> Ordering {
        let order = match self {
            Self::Cpu => known(b.cpu_percent).total_cmp(&known(a.cpu_percent)),
            Self::Rss => b.rss_bytes.cmp(&a.rss_bytes),
            Self::Pid => Ordering::Equal,
            Self::Name => a.name.cmp(&b.name),
            Self::Io => io_per_s(b).total_cmp(&io_per_s(a)),
        };
        order.then(a.pid.cmp(&b.pid))
    }
}

/// What is not known sorts below zero.
fn known(value: Option<f64>) -> f64 {
    value.unwrap_or(-1.0)
}

fn io_per_s(row: &ProcessRow) -> f64 {
    match (row.read_bytes_per_s, row.written_bytes_per_s) {
        (None, None) => -1.0,
        (read, written) => read.unwrap_or(0.0) + written.unwrap_or(0.0),
    }
}

impl Clone for ProcessRow {
    fn clone(&self) -> Self {
        let mut row = Self::default();
        row.clone_from(self);
        row
    }

    /// Copies into the strings that are there, so that a table that is filled
    /// again and again costs no memory requests.
    fn clone_from(&mut self, source: &Self) {
        let Self { pid, ppid, user, name, command, state, cpu_percent, rss_bytes, .. } = source;
        let Self { threads, start_time_ms, cpu_seconds, ended_children_percent, .. } = source;
        let Self { virtual_bytes, read_bytes, written_bytes, read_bytes_per_s, .. } = source;
        let Self { written_bytes_per_s, cgroup, unit, container, .. } = source;
        (self.pid, self.ppid, self.state, self.threads) = (*pid, *ppid, *state, *threads);
        (self.rss_bytes, self.virtual_bytes) = (*rss_bytes, *virtual_bytes);
        (self.cpu_percent, self.cpu_seconds) = (*cpu_percent, *cpu_seconds);
        (self.start_time_ms, self.ended_children_percent) =
            (*start_time_ms, *ended_children_percent);
        (self.read_bytes, self.written_bytes) = (*read_bytes, *written_bytes);
        (self.read_bytes_per_s, self.written_bytes_per_s) =
            (*read_bytes_per_s, *written_bytes_per_s);
        self.user.clone_from(user);
        self.name.clone_from(name);
        self.command.clone_from(command);
        self.cgroup.clone_from(cgroup);
        self.unit.clone_from(unit);
        self.container.clone_from(container);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: u32, name: &str, cpu_percent: Option<f64>, rss_bytes: u64) -> ProcessRow {
        ProcessRow { pid, name: name.to_owned(), cpu_percent, rss_bytes, ..ProcessRow::default() }
    }

    fn table() -> ProcessTable {
        let mut processes = vec![
            row(1, "init", Some(0.0), 50),
            row(30, "sshd", Some(7.5), 10),
            row(2, "kthreadd", None, 0),
            row(31, "sshd", Some(7.5), 900),
            row(8, "a b", Some(120.0), 70),
        ];
        processes[0].written_bytes_per_s = Some(5.0);
        processes[1].read_bytes_per_s = Some(0.0);
        (processes[4].read_bytes_per_s, processes[4].written_bytes_per_s) = (Some(3.0), Some(3.0));
        ProcessTable { processes, total: 5, ..ProcessTable::default() }
    }

    fn pids(query: &ProcessQuery) -> Vec<u32> {
        table().select(query).into_iter().map(|row| row.pid).collect()
    }

    #[test]
    fn every_order_is_total() {
        for (word, expected) in [
            ("cpu", [8, 30, 31, 1, 2]),
            ("rss", [31, 8, 1, 30, 2]),
            ("pid", [1, 2, 8, 30, 31]),
            ("name", [8, 1, 2, 30, 31]),
            ("io", [8, 1, 30, 2, 31]),
        ] {
            let sort = ProcessSort::from_word(word).unwrap();
            assert_eq!(pids(&ProcessQuery { sort, ..ProcessQuery::default() }), expected, "{word}");
        }
        assert_eq!(ProcessSort::from_word("CPU"), None);
    }

    #[test]
    fn top_and_name_choose() {
        let usual = ProcessQuery::default();
        assert_eq!(pids(&ProcessQuery { top: Some(2), ..usual.clone() }), [8, 30]);
        assert_eq!(pids(&ProcessQuery { top: Some(0), ..usual.clone() }), []);
        let named = |name: &str| ProcessQuery { name: Some(name.to_owned()), ..usual.clone() };
        assert_eq!(pids(&named("ssh")), [30, 31]);
        assert_eq!(pids(&named("nobody")), []);
        assert_eq!(pids(&named("")).len(), 5);
    }

    #[test]
    fn a_copy_has_every_field() {
        let whole = ProcessRow {
            pid: 1,
            ppid: 2,
            user: "ada".to_owned(),
            name: "db".to_owned(),
            command: "db -x".to_owned(),
            state: 'S',
            cpu_percent: Some(3.0),
            rss_bytes: 4,
            threads: 5,
            start_time_ms: 6,
            cpu_seconds: 7.0,
            ended_children_percent: Some(8.0),
            virtual_bytes: 9,
            read_bytes: Some(10),
            written_bytes: Some(11),
            read_bytes_per_s: Some(12.0),
            written_bytes_per_s: Some(13.0),
            cgroup: "/a".to_owned(),
            unit: Some("a.service".to_owned()),
            container: Some("0123456789ab".to_owned()),
        };
        assert_eq!(whole.clone(), whole);
        let mut other = row(9, "a much longer name", None, 1);
        other.clone_from(&whole);
        assert_eq!(other, whole);
        other.clone_from(&ProcessRow::default());
        assert_eq!(other, ProcessRow::default());
    }
}
