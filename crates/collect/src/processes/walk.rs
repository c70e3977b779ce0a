use std::time::Duration;

use watchfire_model::{Moment, ProcessRow};

use super::births::Births;
use super::clock::{CpuClocks, Ran};
use super::folder::{Absent, ProcFolder, read_again};
use super::group::MAX_CGROUP_BYTES;
use super::io::Io;
use super::kept::{KEEP_AFTER, KeptFiles};
use super::known::{Children, Known, KnownIo};
use super::stat::Stat;
use super::units::Units;
use super::{MAX_COMMAND_BYTES, MAX_ROW_AGE_TABLES, MAX_TEXT_AGE_TABLES, ProcessOptions, Reading};
use crate::rate::as_f64;
use crate::users::Users;

/// More than `/proc/PID/stat` can be: 52 numbers and a name.
const MAX_STAT_BYTES: usize = 2048;

/// When no more processes than this ran, the storage counters of all of them
/// are read in each table, and their texts at every turn.
pub(super) const FEW: u32 = 512;

/// Room for the files of one process, used for all of them.
#[derive(Debug)]
pub(super) struct Buffers {
    stat: Vec<u8>,
    pub(super) text: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            stat: vec![0; MAX_STAT_BYTES],
            text: vec![0; MAX_COMMAND_BYTES.max(MAX_CGROUP_BYTES)],
        }
    }
}

/// The time between two tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) length: Duration,
    /// Its begin in clock ticks since boot.
    from_ticks: Option<u64>,
    pub(super) from: Moment,
}

impl Interval {
    pub(super) fn new(before: Reading, now: Moment) -> Self {
        Self { length: now.since(before.now), from_ticks: before.boot_ticks, from: before.now }
    }

    /// True when a process that was not in the table before cannot have been
    /// there: all its cpu time is of this interval.
    pub(super) fn holds_start(&self, stat: &Stat<'_>) -> bool {
        self.from_ticks.is_some_and(|from| stat.start_ticks >= from)
    }

    /// Nanoseconds of cpu as per cent of one core.
    pub(super) fn percent(&self, cpu_ns: u64) -> Option<f64> {
        let length = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        (length > 0).then(|| as_f64(cpu_ns) / as_f64(length) * 100.0)
    }
}

/// What a walk counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) asked: u32,
    pub(super) taken_over: u32,
    pub(super) not_asked: u32,
    /// Processes that ran, or may have.
    pub(super) ran: u32,
    /// Processes and threads that were not there at the table before.
    pub(super) born: u64,
    /// The cpu time of rows in the interval, in nanoseconds.
    pub(super) cpu_ns: u64,
    /// Storage counters that were read.
    pub(super) io: u32,
    /// The cpu time of processes that ended in it and that no row shows.
    pub(super) short_lived_ns: u64,
}

/// What became of a known process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    There,
    /// It is there, and its children's time grew.
    Waited,
    Gone,
    /// It is gone, and another process has its pid.
    Replaced,
}

/// One walk over the processes.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) table: u32,
    pub(super) now: Moment,
    pub(super) interval: Option<Interval>,
    pub(super) boot_time_ms: i64,
    pub(super) units: Units,
    pub(super) options: ProcessOptions,
    pub(super) clocks: CpuClocks,
    /// True when the folder was listed for this walk.
    pub(super) listed: bool,
    pub(super) folder: &'a ProcFolder,
    pub(super) births: &'a Births,
    pub(super) users: &'a Users,
    /// True when names of users changed.
    pub(super) forget_texts: bool,
    /// True when few processes ran at the table before.
    pub(super) few: bool,
    pub(super) kept: &'a mut KeptFiles,
    pub(super) tally: Tally,
}

impl Walk<'_> {
    /// Makes the row of a process that was in the table before.
    pub(super) fn visit(&mut self, known: &mut Known, buffers: &mut Buffers) -> Fate {
        if self.kept.must_close() {
            known.file = None;
        }
        // The clock is read before the file: what the process does in between
        // shows in the next table.
        let Some(clock_ns) = self.clock(known.pid, Some(known.start_ticks), &mut buffers.stat)
        else {
            return self.forget(known, Fate::Gone);
        };
        let ran = clock_ns.is_none() || clock_ns != known.clock_ns;
        let must = ran || self.has_turn(known.pid) || self.forget_texts;
        if !must && !self.births.may_be_reused(known.pid) {
            self.take_over(known);
            return Fate::There;
        }
        self.tally.ran += u32::from(ran);
        known.busy_tables = if ran { known.busy_tables.saturating_add(1) } else { 0 };
        self.ask(known, clock_ns, buffers)
    }

    /// Asks a process whose row was taken over, because its parent is gone.
    pub(super) fn ask_again(&mut self, known: &mut Known, buffers: &mut Buffers) -> Fate {
        self.tally.taken_over -= 1;
        let Some(clock_ns) = self.clock(known.pid, Some(known.start_ticks), &mut buffers.stat)
        else {
            return self.forget(known, Fate::Gone);
        };
        self.ask(known, clock_ns, buffers)
    }

    /// Makes the row of a process that was not in the table before; `None`
    /// when it ended meanwhile or is no process.
    pub(super) fn meet(&mut self, pid: u32, buffers: &mut Buffers) -> Option<Box<Known>> {
        let clock_ns = self.clock(pid, None, &mut buffers.stat)?;
        if self.clocks == CpuClocks::Off && !self.listed {
            // Without clocks nothing tells threads from processes here; the next
            // table is listed.
            return None;
        }
        let stat = Stat::parse(self.folder.read(pid, "stat", &mut buffers.stat).ok()?)?;
        let interval = self.interval.filter(|interval| interval.holds_start(&stat));
        let mut known = Box::new(Known {
            pid,
            start_ticks: stat.start_ticks,
            clock_ns,
            cpu_ns: self.cpu_ns(clock_ns, &stat),
            raw_name: Vec::new(),
            row: ProcessRow { pid, ..ProcessRow::default() },
            ran_since_texts: true,
            io: KnownIo { stale: true, ..KnownIo::default() },
            children: Children {
                total_ns: self.units.nanoseconds(stat.children_ticks),
                ..Children::default()
            },
            file: None,
            busy_tables: 0,
            asked: self.table,
        });
        if let Some(interval) = interval {
            // Its whole life is in this interval.
            self.tally.cpu_ns = self.tally.cpu_ns.saturating_add(known.cpu_ns);
            known.row.cpu_percent = interval.percent(known.cpu_ns);
            known.row.ended_children_percent = interval.percent(0);
            known.children.unseen_ns = signed(known.children.total_ns);
            known.io.last = Some((Io::default(), interval.from));
        }
        self.tally.born += u64::from(stat.threads);
        self.tally.asked += 1;
        self.tally.ran += 1;
        self.numbers(&mut known, &stat);
        self.texts(&mut known, stat.name, &mut buffers.text).ok()?;
        self.group(&mut known, &mut buffers.text);
        self.io(&mut known, &mut buffers.text);
        Some(known)
    }

    /// What the clock says: `None` when there is no such process, `Some(None)`
    /// when it cannot be said. A process that is there and has no clock shows
    /// that the clocks are of no use; then they are not asked any more.
    fn clock(&mut self, pid: u32, start: Option<u64>, buffer: &mut [u8]) -> Option<Option<u64>> {
        match self.clocks.read(pid) {
            Ran::For(ns) => return Some(Some(ns)),
            Ran::Unknown => return Some(None),
            Ran::NoProcess => {}
        }
        // A thread has a `stat` and no clock, and can have the pid of one that is gone.
        if start.is_none() && !self.listed {
            return None;
        }
        let stat = Stat::parse(self.folder.read(pid, "stat", buffer).ok()?)?;
        match start {
            // It came between the two questions, or it was there for both.
            None => {
                let start = stat.start_ticks;
                self.clock(pid, Some(start), buffer)
            }
            Some(start) if start == stat.start_ticks => {
                self.clocks = CpuClocks::Off;
                Some(None)
            }
            Some(_) => None,
        }
    }

    fn ask(&mut self, known: &mut Known, clock_ns: Option<u64>, buffers: &mut Buffers) -> Fate {
        let read = match &known.file {
            Some(file) => read_again(file, &mut buffers.stat),
            None => self.folder.read(known.pid, "stat", &mut buffers.stat),
        };
        let text = match read {
            Ok(text) => text,
            Err(Absent::Starved) => return self.pass_over(known, clock_ns),
            Err(Absent::Gone | Absent::Forbidden) => return self.forget(known, Fate::Gone),
        };
        let Some(stat) = Stat::parse(text) else { return self.forget(known, Fate::Gone) };
        if stat.start_ticks != known.start_ticks {
            return self.forget(known, Fate::Replaced);
        }
        self.tally.asked += 1;
        known.asked = self.table;
        let ran = clock_ns.is_none() || clock_ns != known.clock_ns;
        known.clock_ns = clock_ns;
        known.ran_since_texts |= ran;
        known.io.stale |= ran;
        self.cpu(known, self.cpu_ns(clock_ns, &stat));
        let waited = self.children(known, &stat);
        self.tally.born += u64::from(stat.threads.saturating_sub(known.row.threads));
        self.numbers(known, &stat);
        if self.refresh_texts(known, stat.name, &mut buffers.text) == Err(Absent::Gone) {
            return self.forget(known, Fate::Gone);
        }
        if self.wants_io(known) {
            self.io(known, &mut buffers.text);
        } else if !known.io.stale {
            self.no_io(known);
        }
        self.keep_file(known);
        if waited { Fate::Waited } else { Fate::There }
    }

    /// The row of a process that did not run: nothing of it changed but what
    /// others can change.
    fn take_over(&mut self, known: &mut Known) {
        self.tally.taken_over += 1;
        let zero = self.interval.and_then(|interval| interval.percent(0));
        known.row.cpu_percent = zero;
        known.row.ended_children_percent = zero;
        known.busy_tables = 0;
        self.keep_file(known);
        if !known.io.stale {
            self.no_io(known);
        }
    }

    /// The row of a process that ran and cannot be asked. Its cpu time is known
    /// all the same.
    fn pass_over(&mut self, known: &mut Known, clock_ns: Option<u64>) -> Fate {
        self.kept.starved();
        self.tally.not_asked += 1;
        if let Some(ns) = clock_ns {
            self.cpu(known, ns);
        }
        // Without it the next table asks again.
        known.clock_ns = None;
        known.ran_since_texts = true;
        known.io.stale = true;
        // What cannot be asked for is not what it was.
        known.row.ended_children_percent = None;
        known.row.read_bytes_per_s = None;
        known.row.written_bytes_per_s = None;
        Fate::There
    }

    /// Lets go of a process that is not listed any more.
    pub(super) fn lose(&mut self, known: &mut Known) {
        self.forget(known, Fate::Gone);
    }

    fn forget(&mut self, known: &mut Known, fate: Fate) -> Fate {
        if known.file.take().is_some() {
            self.kept.give();
        }
        fate
    }

    fn cpu(&mut self, known: &mut Known, cpu_ns: u64) {
        let used = cpu_ns.checked_sub(known.cpu_ns);
        self.tally.cpu_ns = self.tally.cpu_ns.saturating_add(used.unwrap_or(0));
        known.cpu_ns = cpu_ns;
        known.row.cpu_percent =
            self.interval.zip(used).and_then(|(interval, used)| interval.percent(used));
    }

    /// Returns true when the children's time grew.
    fn children(&self, known: &mut Known, stat: &Stat<'_>) -> bool {
        let total_ns = self.units.nanoseconds(stat.children_ticks);
        let grown = total_ns.saturating_sub(known.children.total_ns);
        known.children.total_ns = total_ns;
        known.children.unseen_ns = known.children.unseen_ns.saturating_add(signed(grown));
        known.row.ended_children_percent = self.interval.and_then(|interval| interval.percent(0));
        grown > 0
    }

    fn numbers(&self, known: &mut Known, stat: &Stat<'_>) {
        let row = &mut known.row;
        row.ppid = stat.ppid;
        row.state = stat.state;
        row.threads = stat.threads;
        row.cpu_seconds = as_f64(known.cpu_ns) / 1e9;
        row.rss_bytes = self.units.bytes(stat.rss_pages);
        row.virtual_bytes = stat.virtual_bytes;
        row.start_time_ms =
            self.boot_time_ms.saturating_add(self.units.milliseconds(stat.start_ticks));
    }

    fn cpu_ns(&self, clock_ns: Option<u64>, stat: &Stat<'_>) -> u64 {
        clock_ns.unwrap_or_else(|| self.units.nanoseconds(stat.cpu_ticks))
    }

    /// A share of the processes has its turn in each table.
    pub(super) fn has_turn(&self, pid: u32) -> bool {
        pid.wrapping_add(self.table).is_multiple_of(MAX_ROW_AGE_TABLES)
    }

    /// Every few of its turns are long ones.
    pub(super) fn has_long_turn(&self, pid: u32) -> bool {
        pid.wrapping_add(self.table).is_multiple_of(MAX_TEXT_AGE_TABLES)
    }

    /// A process that runs in table after table keeps its file open.
    fn keep_file(&mut self, known: &mut Known) {
        if known.busy_tables == 0 {
            if known.file.take().is_some() {
                self.kept.give();
            }
        } else if known.file.is_none() && known.busy_tables >= KEEP_AFTER && self.kept.take() {
            known.file = self.folder.open_file(known.pid, "stat").ok();
            if known.file.is_none() {
                self.kept.give();
            }
        }
    }
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::known::tests::known;
    use super::*;
    use crate::Root;
    use crate::recorded::Facts;

    /// Does `what` with a walk on this machine whose clocks are `clocks`.
    fn with_walk<T>(clocks: CpuClocks, listed: bool, what: impl FnOnce(&mut Walk<'_>) -> T) -> T {
        let now = Moment { monotonic: Duration::from_secs(5), unix_ms: 5000 };
        let folder = ProcFolder::open(&Root::live()).unwrap();
        let mut walk = Walk {
            table: 1,
            now,
            interval: None,
            boot_time_ms: 0,
            units: Units::from(&Facts::default()),
            options: ProcessOptions::default(),
            clocks,
            listed,
            folder: &folder,
            births: &Births::default(),
            users: &Users::new(),
            forget_texts: false,
            few: true,
            kept: &mut KeptFiles::new(false),
            tally: Tally::default(),
        };
        what(&mut walk)
    }

    #[test]
    fn what_was_not_asked_is_not_told_again() {
        let mut known = known(5, 1, 0);
        known.row.ended_children_percent = Some(30.0);
        known.row.read_bytes_per_s = Some(4096.0);
        known.row.written_bytes_per_s = Some(1.0);
        with_walk(CpuClocks::Off, true, |walk| walk.pass_over(&mut known, None));
        let row = &known.row;
        let told = (row.ended_children_percent, row.read_bytes_per_s, row.written_bytes_per_s);
        assert_eq!(told, (None, None, None));
    }

    #[test]
    fn clocks_that_deny_a_process_are_given_up_and_the_process_is_kept() {
        let (own, mut buffers) = (std::process::id(), Buffers::new());
        let met =
            with_walk(CpuClocks::Blind, true, |walk| (walk.meet(own, &mut buffers), walk.clocks));
        assert_eq!(met.1, CpuClocks::Off);
        let mut met = met.0.expect("it is there");
        let fate = with_walk(CpuClocks::Blind, false, |walk| {
            (walk.visit(&mut met, &mut buffers), walk.clocks)
        });
        assert_eq!(fate, (Fate::There, CpuClocks::Off));
        // Another process of this number, and a number that was not listed.
        met.start_ticks += 1;
        let fate = with_walk(CpuClocks::Blind, true, |walk| {
            (walk.visit(&mut met, &mut buffers), walk.clocks)
        });
        assert_eq!(fate, (Fate::Gone, CpuClocks::Blind));
        let unlisted = with_walk(CpuClocks::Blind, false, |walk| walk.meet(own, &mut buffers));
        assert!(unlisted.is_none());
    }
}
