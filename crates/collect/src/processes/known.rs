use std::os::fd::OwnedFd;

use watchfire_model::{Moment, ProcessRow};

use super::io::Io;

/// What is kept of a process between two tables.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) pid: u32,
    /// With the pid, the identity: the kernel uses pids again.
    pub(super) start_ticks: u64,
    /// What its clock said before it was asked last; `None` where the clocks
    /// are off.
    pub(super) clock_ns: Option<u64>,
    /// User and system time as far as it was seen, in nanoseconds.
    pub(super) cpu_ns: u64,
    /// The kernel's bytes of the short name, to see a change.
    pub(super) raw_name: Vec<u8>,
    /// Its row of the table before.
    pub(super) row: ProcessRow,
    /// True when it ran, or may have, since its texts were read.
    pub(super) ran_since_texts: bool,
    pub(super) io: KnownIo,
    pub(super) children: Children,
    /// Its `stat`, kept open while it runs in every table.
    pub(super) file: Option<OwnedFd>,
    /// In how many tables in a row it ran.
    pub(super) busy_tables: u8,
    /// The table in which it was asked last.
    pub(super) asked: u32,
}

/// What is kept of a process' storage counters.
#[derive(Debug, Default)]
pub(super) struct KnownIo {
    /// The last reading, and when it was true at the latest.
    pub(super) last: Option<(Io, Moment)>,
    /// True when it ran since, or may have.
    pub(super) stale: bool,
    /// True when it may not be read.
    pub(super) forbidden: bool,
}

/// The time of children that a process waited for.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// As the kernel counts it.
    pub(super) total_ns: u64,
    /// What of it came since the table before and is of no process that was
    /// seen. Below zero, within the precision of the kernel's counter, when a
    /// process that was seen is not in the counter yet.
    pub(super) unseen_ns: i64,
    /// What was `unseen_ns` at the end of the table before.
    pub(super) told_ns: i64,
}

/// The processes of the table before, ascending by pid. It holds no others, so
/// it is as bounded as the kernel's own table.
#[derive(Debug, Default)]
pub(super) struct KnownProcesses {
    #[expect(clippy::vec_box, reason = "newcomers move all that come after them")]
    by_pid: Vec<Box<Known>>,
}

impl KnownProcesses {
    pub(super) fn len(&self) -> usize {
        self.by_pid.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.by_pid.iter().map(AsRef::as_ref)
    }

    pub(super) fn at(&self, place: u32) -> Option<&Known> {
        self.by_pid.get(usize::try_from(place).ok()?).map(AsRef::as_ref)
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Known> {
        self.find(pid).ok().map(|place| self.by_pid[place].as_ref())
    }

    pub(super) fn get_mut(&mut self, pid: u32) -> Option<&mut Known> {
        self.find(pid).ok().map(|place| self.by_pid[place].as_mut())
    }

    /// Visits all and forgets those for which `keep` is false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Known) -> bool) {
        self.by_pid.retain_mut(|known| keep(known));
    }

    /// Takes in newcomers, none of which is known.
    pub(super) fn extend(&mut self, newcomers: impl Iterator<Item = Box<Known>>) {
        let before = self.by_pid.len();
        self.by_pid.extend(newcomers);
        if self.by_pid.len() > before {
            self.by_pid.sort_unstable_by_key(|known| known.pid);
        }
    }

    fn find(&self, pid: u32) -> Result<usize, usize> {
        self.by_pid.binary_search_by_key(&pid, |known| known.pid)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A process that was seen once and has run for `cpu_ns`.
    pub(in crate::processes) fn known(pid: u32, ppid: u32, cpu_ns: u64) -> Box<Known> {
        Box::new(Known {
            pid,
            start_ticks: 5,
            clock_ns: None,
            cpu_ns,
            raw_name: b"x".to_vec(),
            row: ProcessRow { pid, ppid, ..ProcessRow::default() },
            ran_since_texts: false,
            io: KnownIo::default(),
            children: Children::default(),
            file: None,
            busy_tables: 0,
            asked: 0,
        })
    }

    #[test]
    fn newcomers_are_found_and_the_gone_are_not() {
        let mut processes = KnownProcesses::default();
        processes.extend([30, 10].map(|pid| known(pid, 1, 0)).into_iter());
        processes.extend([20].map(|pid| known(pid, 1, 0)).into_iter());
        let pids: Vec<_> = processes.iter().map(|known| known.pid).collect();
        assert_eq!(pids, [10, 20, 30]);
        assert_eq!(processes.at(2).map(|known| known.pid), Some(30));
        processes.retain(|known| known.pid != 20);
        assert!(processes.get(20).is_none() && processes.get_mut(30).is_some());
        assert_eq!(processes.len(), 2);
    }
}
