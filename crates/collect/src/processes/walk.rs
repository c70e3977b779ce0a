use std::time::Duration;

use watchfire_model::{Moment, ProcessRow};

use super::folder::ProcFolder;
use super::known::{Known, KnownProcesses};
use super::stat::Stat;
use super::units::Units;
use super::{MAX_COMMAND_BYTES, Reading};
use crate::mask::command_line;
use crate::rate::{as_f64, per_second};
use crate::text::printable;
use crate::users::Users;

/// More than `/proc/PID/stat` can be: 52 numbers and a name.
const MAX_STAT_BYTES: usize = 2048;

/// Room for the files of one process, used for all of them.
#[derive(Debug)]
pub(super) struct Buffers {
    stat: Vec<u8>,
    text: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { stat: vec![0; MAX_STAT_BYTES], text: vec![0; MAX_COMMAND_BYTES] }
    }
}

/// The time between two tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    length: Duration,
    /// Its begin in clock ticks since boot.
    from_ticks: Option<u64>,
}

impl Interval {
    pub(super) fn new(before: Reading, now: Moment) -> Self {
        Self { length: now.since(before.now), from_ticks: before.boot_ticks }
    }

    /// True when a process that was not in the table before cannot have been
    /// there: all its cpu time is of this interval.
    fn holds_start(&self, stat: &Stat<'_>) -> bool {
        self.from_ticks.is_some_and(|from| stat.start_ticks >= from)
    }
}

/// One walk over the processes.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) interval: Option<Interval>,
    pub(super) boot_time_ms: i64,
    pub(super) units: Units,
    pub(super) folder: ProcFolder,
    pub(super) users: &'a Users,
}

impl Walk<'_> {
    /// Reads one process; `None` when it ended meanwhile.
    pub(super) fn process(
        &self,
        pid: u32,
        known: &mut KnownProcesses,
        buffers: &mut Buffers,
    ) -> Option<ProcessRow> {
        let stat = Stat::parse(self.folder.read(pid, "stat", &mut buffers.stat)?)?;
        let cpu_percent = self.cpu_percent(known.cpu_ticks(pid, &stat), &stat);
        if known.is_stale(pid, &stat) {
            known.insert(pid, self.texts(pid, &stat, &mut buffers.text)?);
        }
        let texts = known.touch(pid, &stat)?;
        Some(ProcessRow {
            pid,
            ppid: stat.ppid,
            user: texts.user.as_ref().to_owned(),
            name: texts.name.clone(),
            command: texts.command.clone(),
            state: stat.state,
            cpu_percent,
            rss_bytes: self.units.bytes(stat.rss_pages),
            threads: stat.threads,
            start_time_ms: self
                .boot_time_ms
                .saturating_add(self.units.milliseconds(stat.start_ticks)),
        })
    }

    fn cpu_percent(&self, before: Option<u64>, stat: &Stat<'_>) -> Option<f64> {
        let interval = self.interval?;
        let before = before.or_else(|| interval.holds_start(stat).then_some(0))?;
        let ticks = per_second(before, stat.cpu_ticks, interval.length)?;
        Some(ticks * 100.0 / as_f64(self.units.ticks_per_second))
    }

    fn texts(&self, pid: u32, stat: &Stat<'_>, buffer: &mut [u8]) -> Option<Known> {
        let uid = self.folder.owner(pid, buffer)?;
        let command = command_line(self.folder.read(pid, "cmdline", buffer)?);
        Some(Known {
            start_ticks: stat.start_ticks,
            cpu_ticks: stat.cpu_ticks,
            raw_name: stat.name.to_vec(),
            name: printable(stat.name),
            user: self.users.name(uid),
            command,
            table: 0,
        })
    }
}
