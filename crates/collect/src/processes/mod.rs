//! The process table, from `/proc/PID`.

mod folder;
mod known;
mod stat;
mod units;
mod walk;

use watchfire_model::{Moment, ProcessRow, ProcessTable};

use self::folder::ProcFolder;
use self::known::KnownProcesses;
use self::units::Units;
use self::walk::{Buffers, Interval, Walk};
use crate::rate::{as_f64, as_u64};
use crate::record::{RecordedPath, Rewrite};
use crate::recorded::{Facts, parse_uptime};
use crate::source::Source;
use crate::text::{lines, number};
use crate::users::Users;
use crate::{CollectError, Root};

/// The most processes that a table lists: those that use the cpu most.
/// `ProcessTable::total` counts the others too.
pub const MAX_PROCESSES: usize = 16 * 1024;

/// The most of a command line that is read, in bytes.
pub const MAX_COMMAND_BYTES: usize = 4096;

/// The files it reads beside those of the status, for `xtask record-root`.
pub(crate) const PATHS: &[RecordedPath] = &[
    RecordedPath { pattern: "etc/passwd", rewrite: Rewrite::Accounts },
    RecordedPath { pattern: "proc/PID/stat", rewrite: Rewrite::Whole },
    RecordedPath { pattern: "proc/PID/status", rewrite: Rewrite::Lines(&["Uid:"]) },
    RecordedPath { pattern: "proc/PID/cmdline", rewrite: Rewrite::Arguments },
];

/// Reads the process table once per call.
#[derive(Debug)]
pub struct ProcessSampler {
    root: Root,
    units: Option<Units>,
    boot_time_ms: Option<i64>,
    uptime: Source,
    users: Users,
    known: KnownProcesses,
    before: Option<Reading>,
    pids: Vec<u32>,
    buffers: Buffers,
}

/// When a table was read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    now: Moment,
    /// Clock ticks since boot, on the clock of the processes' start times.
    boot_ticks: Option<u64>,
}

impl ProcessSampler {
    /// A sampler that has read nothing yet.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self {
            root,
            units: None,
            boot_time_ms: None,
            uptime: Source::new("proc/uptime"),
            users: Users::new(),
            known: KnownProcesses::default(),
            before: None,
            pids: Vec::new(),
            buffers: Buffers::new(),
        }
    }

    /// Reads the table. Cpu use is over the time since `now` of the call
    /// before, in per cent of one core. A process that ends while the table is
    /// read is left out.
    ///
    /// Command lines and owners of known processes are read again when the
    /// short name changed, and once in some tables, so they can be a few
    /// tables old. Where the boot time is not known, start times count from it.
    ///
    /// # Errors
    ///
    /// Only when `/proc` itself cannot be listed.
    pub fn sample(&mut self, now: Moment) -> Result<ProcessTable, CollectError> {
        let folder = ProcFolder::open(&self.root)?;
        let units = self.units();
        // The time is taken before the walk: a process that starts during it
        // and is missed counts as started inside the next interval.
        let reading = Reading { now, boot_ticks: self.boot_ticks(units) };
        folder.list(&mut self.pids)?;
        let users_changed = self.users.refresh(&self.root);
        self.known.begin(users_changed);
        let boot_time_ms = self.boot_time_ms(reading, units);
        let interval = self.before.replace(reading).map(|before| Interval::new(before, now));
        let users = &self.users;
        let walk = Walk { interval, boot_time_ms, units, folder, users };
        let (known, buffers) = (&mut self.known, &mut self.buffers);
        let mut processes: Vec<ProcessRow> =
            self.pids.iter().filter_map(|&pid| walk.process(pid, known, buffers)).collect();
        self.known.end();
        let total = u32::try_from(processes.len()).unwrap_or(u32::MAX);
        processes.sort_unstable_by(busiest_first);
        processes.truncate(MAX_PROCESSES);
        Ok(ProcessTable { at: now, processes, total })
    }

    fn units(&mut self) -> Units {
        if self.units.is_none() {
            self.units = Facts::of(&self.root).ok().map(|facts| Units::from(&facts));
        }
        self.units.unwrap_or_else(|| Units::from(&Facts::default()))
    }

    fn boot_ticks(&mut self, units: Units) -> Option<u64> {
        let seconds = parse_uptime(self.uptime.read(&self.root).ok()?)?;
        // Rounded, because 1.15 s is 114.99999999999999 hundredths.
        Some(as_u64((seconds * as_f64(units.ticks_per_second)).round()))
    }

    /// Found once, so that a stepped clock does not move the start of a
    /// running process, which is half of its identity.
    fn boot_time_ms(&mut self, reading: Reading, units: Units) -> i64 {
        if self.boot_time_ms.is_none() {
            let told = Source::new("proc/stat").read(&self.root).ok().and_then(boot_time);
            self.boot_time_ms = told.or_else(|| {
                let since_boot = units.milliseconds(reading.boot_ticks?);
                (reading.now.unix_ms > since_boot).then(|| reading.now.unix_ms - since_boot)
            });
        }
        self.boot_time_ms.unwrap_or(0)
    }
}

/// `btime` of `/proc/stat`, in milliseconds since 1970.
fn boot_time(stat: &[u8]) -> Option<i64> {
    let seconds = lines(stat).find_map(|line| line.strip_prefix(b"btime "))?;
    i64::try_from(number(seconds.trim_ascii())?).ok()?.checked_mul(1000)
}

fn busiest_first(a: &ProcessRow, b: &ProcessRow) -> std::cmp::Ordering {
    let cpu = |row: &ProcessRow| row.cpu_percent.unwrap_or(-1.0);
    cpu(b).total_cmp(&cpu(a)).then(a.pid.cmp(&b.pid))
}
