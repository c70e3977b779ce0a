use std::collections::HashMap;
use std::sync::Arc;

use super::stat::Stat;

/// After how many tables the command line and the owner of a known process are
/// read again, a share of the processes in each table. Programs rename
/// themselves and drop privileges without a sign that costs less to read.
const REREAD_EVERY: u32 = 12;

/// What is kept of a process between two tables.
#[derive(Debug)]
pub(super) struct Known {
    /// With the pid, the identity: the kernel uses pids again.
    pub(super) start_ticks: u64,
    pub(super) cpu_ticks: u64,
    /// The kernel's bytes, to see a change.
    pub(super) raw_name: Vec<u8>,
    /// The same, made printable.
    pub(super) name: String,
    pub(super) user: Arc<str>,
    pub(super) command: String,
    /// The table it was last in.
    pub(super) table: u32,
}

/// The processes of the table before. It holds no others, so it is as bounded
/// as the kernel's own table.
#[derive(Debug, Default)]
pub(super) struct KnownProcesses {
    by_pid: HashMap<u32, Known>,
    table: u32,
    forget_texts: bool,
}

impl KnownProcesses {
    /// Begins a table. With `forget_texts` nothing but counters is used again.
    pub(super) fn begin(&mut self, forget_texts: bool) {
        self.table = self.table.wrapping_add(1);
        self.forget_texts = forget_texts;
    }

    /// Ends a table: who was not in it is gone.
    pub(super) fn end(&mut self) {
        let table = self.table;
        self.by_pid.retain(|_, known| known.table == table);
    }

    /// The cpu time that the same process had at the table before.
    pub(super) fn cpu_ticks(&self, pid: u32, stat: &Stat<'_>) -> Option<u64> {
        self.same(pid, stat).map(|known| known.cpu_ticks)
    }

    /// True when the texts of the process must be read.
    pub(super) fn is_stale(&self, pid: u32, stat: &Stat<'_>) -> bool {
        let turn = pid.wrapping_add(self.table).is_multiple_of(REREAD_EVERY);
        let fresh = |known: &Known| known.raw_name == stat.name;
        self.forget_texts || turn || !self.same(pid, stat).is_some_and(fresh)
    }

    /// Keeps texts that were read just now.
    pub(super) fn insert(&mut self, pid: u32, known: Known) {
        self.by_pid.insert(pid, known);
    }

    /// Marks a process as seen in this table and returns what is known of it.
    pub(super) fn touch(&mut self, pid: u32, stat: &Stat<'_>) -> Option<&Known> {
        let known = self.by_pid.get_mut(&pid)?;
        known.table = self.table;
        known.cpu_ticks = stat.cpu_ticks;
        Some(known)
    }

    fn same(&self, pid: u32, stat: &Stat<'_>) -> Option<&Known> {
        self.by_pid.get(&pid).filter(|known| known.start_ticks == stat.start_ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat() -> Stat<'static> {
        Stat::parse(b"1 (x) S 1 0 0 0 0 0 0 0 0 0 7 0 0 0 0 0 1 0 5 0 1").expect("it is whole")
    }

    fn known() -> Known {
        Known {
            start_ticks: 5,
            cpu_ticks: 0,
            raw_name: b"x".to_vec(),
            name: "x".to_owned(),
            user: "root".into(),
            command: String::new(),
            table: 0,
        }
    }

    #[test]
    fn who_was_not_in_a_table_is_forgotten() {
        let mut processes = KnownProcesses::default();
        processes.begin(false);
        for pid in [1, 2] {
            processes.insert(pid, known());
        }
        processes.touch(1, &stat());
        processes.end();
        assert_eq!(processes.cpu_ticks(1, &stat()), Some(7));
        assert_eq!(processes.cpu_ticks(2, &stat()), None);
        assert_eq!(processes.by_pid.len(), 1);
    }

    #[test]
    fn each_process_has_its_turn_within_some_tables() {
        let mut processes = KnownProcesses::default();
        processes.insert(1, known());
        let turns = (0..REREAD_EVERY * 2).filter(|_| {
            processes.begin(false);
            processes.is_stale(1, &stat())
        });
        assert_eq!(turns.count(), 2);
        processes.begin(true);
        assert!(processes.is_stale(1, &stat()), "all texts were to be forgotten");
    }
}
