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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProcessRow {
    /// Process id.
    pub pid: u32,
    /// The parent's id.
    pub ppid: u32,
    /// The owner's name, or the number where it has none.
    pub user: String,
    /// The kernel's short name, at most 15 bytes for user processes.
    pub name: String,
    /// Arguments joined by spaces; empty for kernel threads and where hidden.
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
}
