//! The process table, from `/proc/PID`.
//!
//! # The walk that asks only who ran
//!
//! On a live machine a process is asked (its `stat` is read) when its cpu clock
//! moved. The walk rests on these facts of the kernel:
//!
//! * The cpu clock of a process (`clock_getcpuclockid(3)`, `posix-timers`)
//!   counts all its threads in nanoseconds, up to the instant of the call, and
//!   reading it opens nothing. When it stands between two tables, no thread of
//!   the process ran. This is a proof for single processes, so it needs no
//!   control group that sleeps as a whole.
//! * State, threads, names, arguments, owner, cpu time, waited-for children and
//!   storage counters change only by what a process does itself, so they stand
//!   with the clock.
//! * The parent changes when the parent ends: then its children are asked.
//! * Resident memory and the control group change without it, and so does the
//!   letter `R` of a process that was woken and did not get a core yet. They
//!   are read at least every [`MAX_ROW_AGE_TABLES`] tables, the group every
//!   [`MAX_TEXT_AGE_TABLES`].
//! * Pids are given out rising (`/proc/loadavg`, last field; `pid_max`), so
//!   newcomers and pids that are used again are between the last pids of two
//!   tables. When those are many, or `processes` of `/proc/stat` does not fit
//!   them, the folder is listed, and so it is every [`births::LIST_EVERY`]
//!   tables.
//!
//! On a recorded root, and where `/proc` was mounted from another pid
//! namespace, the clocks say nothing, so every process is asked in every table.

mod births;
mod clock;
mod detail;
mod ended;
mod folder;
mod group;
mod io;
mod kept;
mod known;
mod machine;
mod options;
mod rounds;
mod sampler;
mod span;
mod stat;
mod summary;
mod texts;
mod totals;
mod units;
mod walk;

use watchfire_model::Moment;

pub use self::detail::{DetailError, ProcessDetail};
pub use self::options::ProcessOptions;
pub use self::sampler::ProcessSampler;
pub use self::summary::ProcessSummary;
use crate::record::{RecordedPath, Rewrite};

/// The most processes that a table lists: those that use the cpu most.
/// `ProcessTable::total` counts the others too.
pub const MAX_PROCESSES: usize = 16 * 1024;

/// The most of a command line that is read, in bytes.
pub const MAX_COMMAND_BYTES: usize = 4096;

/// After how many tables the memory of a process that did not run is read
/// again, and the texts and storage counters of one that did: a share of the
/// processes has its turn in each table.
pub const MAX_ROW_AGE_TABLES: u32 = 12;

/// After how many tables the control group of a process that did not run is
/// read again, and, while many processes run, the texts of one that did.
pub const MAX_TEXT_AGE_TABLES: u32 = 3 * MAX_ROW_AGE_TABLES;

/// The files it reads beside those of the status, for `xtask record-root`.
pub(crate) const PATHS: &[RecordedPath] = &[
    RecordedPath { pattern: "etc/passwd", rewrite: Rewrite::Accounts },
    RecordedPath { pattern: "proc/sys/kernel/pid_max", rewrite: Rewrite::Whole },
    RecordedPath { pattern: "proc/PID/stat", rewrite: Rewrite::Whole },
    RecordedPath { pattern: "proc/PID/status", rewrite: Rewrite::Lines(&["Uid:"]) },
    RecordedPath { pattern: "proc/PID/cmdline", rewrite: Rewrite::Arguments },
    RecordedPath { pattern: "proc/PID/cgroup", rewrite: Rewrite::Whole },
    RecordedPath { pattern: "proc/PID/io", rewrite: Rewrite::Whole },
    RecordedPath { pattern: "proc/PID/smaps_rollup", rewrite: Rewrite::Lines(&["Pss:"]) },
];

/// When a table was read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    now: Moment,
    /// Clock ticks since boot, on the clock of the processes' start times.
    boot_ticks: Option<u64>,
}
