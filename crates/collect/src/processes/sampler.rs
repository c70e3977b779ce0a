use watchfire_model::{Moment, ProcessRow, ProcessTable};

use super::births::{BirthCount, Births, Look};
use super::clock::CpuClocks;
use super::detail::ProcessDetail;
use super::ended::EndedProcesses;
use super::folder::ProcFolder;
use super::kept::KeptFiles;
use super::known::{Known, KnownProcesses};
use super::machine::{Machine, MachineCounts};
use super::rounds::{Scratch, ask_orphans, meet_newcomers, visit_known};
use super::summary::ProcessSummary;
use super::totals::Totals;
use super::units::Units;
use super::walk::{FEW, Interval, Tally, Walk};
use super::{MAX_PROCESSES, ProcessOptions, Reading};
use crate::rate::{as_f64, as_u64};
use crate::recorded::Facts;
use crate::users::Users;
use crate::{CollectError, Root};

/// Reads the process table once per call.
#[derive(Debug)]
pub struct ProcessSampler {
    root: Root,
    options: ProcessOptions,
    units: Option<Units>,
    boot_time_ms: Option<i64>,
    folder: Option<ProcFolder>,
    clocks: Option<CpuClocks>,
    machine: Machine,
    users: Users,
    known: KnownProcesses,
    births: Births,
    ended: EndedProcesses,
    kept: KeptFiles,
    before: Option<Reading>,
    table: u32,
    /// How many ran at the table before.
    ran: u32,
    scratch: Scratch,
    totals: Totals,
    summary: ProcessSummary,
}

impl ProcessSampler {
    /// A sampler that has read nothing yet, of whole rows.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self::with_options(root, ProcessOptions::default())
    }

    /// The same with a choice of what rows hold.
    #[must_use]
    pub fn with_options(root: Root, options: ProcessOptions) -> Self {
        let kept = KeptFiles::new(root.is_live());
        Self {
            root,
            options,
            units: None,
            boot_time_ms: None,
            folder: None,
            clocks: None,
            machine: Machine::new(),
            users: Users::new(),
            known: KnownProcesses::default(),
            births: Births::default(),
            ended: EndedProcesses::default(),
            kept,
            before: None,
            table: 0,
            ran: 0,
            scratch: Scratch::new(),
            totals: Totals::default(),
            summary: ProcessSummary::default(),
        }
    }

    /// Reads the table. Cpu use is over the time since `now` of the call
    /// before, in per cent of one core. A process that ends while the table is
    /// read is left out.
    ///
    /// What a process can change only by running is as old as the table. What
    /// others can change (resident memory, control group) and texts that
    /// changed while the short name stood are at most
    /// [`crate::MAX_ROW_AGE_TABLES`] tables old, and so are storage counters
    /// when many processes run. Where the boot time is not known, start times
    /// count from it.
    ///
    /// # Errors
    ///
    /// Only when `/proc` itself cannot be listed.
    pub fn sample(&mut self, now: Moment) -> Result<ProcessTable, CollectError> {
        let mut table = ProcessTable::default();
        self.sample_into(now, &mut table)?;
        Ok(table)
    }

    /// The same into a table that was filled before. Its memory is used again,
    /// so that nothing is requested for processes that stay as they are.
    ///
    /// # Errors
    ///
    /// As [`ProcessSampler::sample`]; `table` is then as it was.
    pub fn sample_into(
        &mut self,
        now: Moment,
        table: &mut ProcessTable,
    ) -> Result<(), CollectError> {
        self.refresh(now)?;
        table.at = now;
        table.total = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.sort();
        let rows = self.scratch.order.iter().filter_map(|place| self.known.at(*place));
        copy_rows(rows.map(|known| &known.row), &mut table.processes);
        Ok(())
    }

    /// What the last table says about all processes together.
    #[must_use]
    pub fn summary(&self) -> &ProcessSummary {
        &self.summary
    }

    /// Answers questions about one process of the tables of this sampler.
    #[must_use]
    pub fn detail(&self) -> ProcessDetail {
        ProcessDetail::new(self.root.clone(), self.boot_time_ms, self.units)
    }

    fn refresh(&mut self, now: Moment) -> Result<(), CollectError> {
        let folder = self.folder()?;
        let counts = self.machine.read(&self.root);
        let clocks = self.clocks(&folder);
        let known = self.known.len();
        let mut look = self.births.begin(counts.births, known);
        if clocks == CpuClocks::Off {
            look = Look::Everywhere;
        }
        if look == Look::Everywhere {
            folder.list(&mut self.scratch.pids, &mut self.scratch.room)?;
        }
        let tally = self.walk(&folder, now, counts, look);
        self.summarize(counts, look, &tally);
        self.ran = tally.ran;
        self.folder = self.root.is_live().then_some(folder);
        Ok(())
    }

    /// The folder that was open before, or a new one.
    fn folder(&mut self) -> Result<ProcFolder, CollectError> {
        self.folder.take().map_or_else(|| ProcFolder::open(&self.root), Ok)
    }

    fn clocks(&mut self, folder: &ProcFolder) -> CpuClocks {
        let live = self.root.is_live();
        *self.clocks.get_or_insert_with(|| CpuClocks::when(live && folder.has_our_pids()))
    }

    fn walk(
        &mut self,
        folder: &ProcFolder,
        now: Moment,
        counts: MachineCounts,
        look: Look,
    ) -> Tally {
        let units = self.units();
        // The time is taken before the walk: a process that starts during it
        // and is missed counts as started inside the next interval.
        let reading = Reading { now, boot_ticks: boot_ticks(counts, units) };
        let boot_time_ms = self.boot_time_ms(counts, reading, units);
        let interval = self.before.replace(reading).map(|before| Interval::new(before, now));
        let forget_texts = self.users.refresh(&self.root);
        self.table = self.table.wrapping_add(1);
        self.kept.begin(self.known.iter().filter(|known| known.file.is_some()).count());
        let mut walk = Walk {
            table: self.table,
            now,
            interval,
            boot_time_ms,
            units,
            options: self.options,
            clocks: self.clocks.unwrap_or(CpuClocks::Off),
            listed: look == Look::Everywhere,
            folder,
            births: &self.births,
            users: &self.users,
            forget_texts,
            few: self.ran <= FEW,
            kept: &mut self.kept,
            tally: Tally::default(),
        };
        let scratch = &mut self.scratch;
        visit_known(&mut walk, &mut self.known, &mut self.ended, scratch, look);
        ask_orphans(&mut walk, &mut self.known, &mut self.ended, scratch);
        meet_newcomers(&mut walk, &self.known, &mut self.ended, scratch);
        let mut tally = std::mem::take(&mut walk.tally);
        // They can have turned out to be of no use.
        self.clocks = Some(walk.clocks);
        self.known.extend(self.scratch.newcomers.drain(..));
        tally.short_lived_ns = self.settle(interval, units);
        tally
    }

    /// Finds out what the processes used that ended.
    fn settle(&mut self, interval: Option<Interval>, units: Units) -> u64 {
        let tick_ns = units.nanoseconds(1);
        self.ended.settle(&mut self.known, tick_ns, |known, ns| {
            known.row.ended_children_percent = interval.and_then(|interval| interval.percent(ns));
        })
    }

    fn summarize(&mut self, counts: MachineCounts, look: Look, tally: &Tally) {
        let BirthCount { pid_max, .. } = counts.births;
        let mut summary = ProcessSummary {
            forks: counts.own_births,
            pid_max,
            asked: tally.asked,
            taken_over: tally.taken_over,
            not_asked: tally.not_asked,
            listed: look == Look::Everywhere,
            kept_files: u32::try_from(self.kept.open()).unwrap_or(u32::MAX),
            ..ProcessSummary::default()
        };
        for known in self.known.iter() {
            summary.count(known.row.state, known.row.threads);
        }
        let units = self.units();
        self.totals.add(counts, tally, units);
        self.totals.tell(&mut summary);
        self.summary = summary;
    }

    fn units(&mut self) -> Units {
        if self.units.is_none() {
            self.units = Facts::of(&self.root).ok().map(|facts| Units::from(&facts));
        }
        self.units.unwrap_or_else(|| Units::from(&Facts::default()))
    }

    /// Found once, so that a stepped clock does not move the start of a
    /// running process, which is half of its identity.
    fn boot_time_ms(&mut self, counts: MachineCounts, reading: Reading, units: Units) -> i64 {
        if self.boot_time_ms.is_none() {
            self.boot_time_ms = counts.boot_time_ms.or_else(|| {
                let since_boot = units.milliseconds(reading.boot_ticks?);
                (reading.now.unix_ms > since_boot).then(|| reading.now.unix_ms - since_boot)
            });
        }
        self.boot_time_ms.unwrap_or(0)
    }

    /// Puts the places of the busiest processes first, up to as many as a
    /// table lists. Most use nothing and are in the order of their pids already.
    fn sort(&mut self) {
        let order = &mut self.scratch.order;
        order.clear();
        let places = || (0_u32..).zip(self.known.iter().map(|known| known.row.cpu_percent));
        let some = |wanted: fn(Option<f64>) -> bool| {
            places().filter(move |(_, percent)| wanted(*percent)).map(|(place, _)| place)
        };
        order.extend(some(|percent| percent.is_some_and(|percent| percent > 0.0)));
        order.sort_unstable_by(|a, b| busiest_first(self.known.at(*a), self.known.at(*b)));
        order.extend(some(|percent| percent.is_some_and(|percent| percent <= 0.0)));
        order.extend(some(|percent| percent.is_none()));
        order.truncate(MAX_PROCESSES);
    }
}

fn boot_ticks(counts: MachineCounts, units: Units) -> Option<u64> {
    // Rounded, because 1.15 s is 114.99999999999999 hundredths.
    Some(as_u64((counts.uptime? * as_f64(units.ticks_per_second)).round()))
}

fn busiest_first(a: Option<&Known>, b: Option<&Known>) -> std::cmp::Ordering {
    let percent = |known: Option<&Known>| known.and_then(|known| known.row.cpu_percent);
    let pid = |known: Option<&Known>| known.map(|known| known.pid);
    percent(b).unwrap_or(-1.0).total_cmp(&percent(a).unwrap_or(-1.0)).then(pid(a).cmp(&pid(b)))
}

/// Copies `rows` over those that are there.
fn copy_rows<'a>(rows: impl Iterator<Item = &'a ProcessRow>, to: &mut Vec<ProcessRow>) {
    let mut length = 0;
    for row in rows {
        match to.get_mut(length) {
            Some(place) => place.clone_from(row),
            None => to.push(row.clone()),
        }
        length += 1;
    }
    to.truncate(length);
}
