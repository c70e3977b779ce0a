//! The cpu time of processes that ended before a table could show it.
//!
//! When a process waits for a child that ended, the kernel adds the child's
//! time, and the time of the children that it had waited for, to the waiter's
//! `cutime` and `cstime` (`proc_pid_stat(5)`, `getrusage(2)`,
//! `RUSAGE_CHILDREN`). So what these counters grew by in an interval, less what
//! tables have shown of the children that ended in it, was used by processes
//! that no table has shown, and by the others after the last table they were in.

use super::known::KnownProcesses;

/// Generations that are gone through to find who waited for a process.
const MAX_GENERATIONS: usize = 64;

/// A process that is in no table any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    /// What was seen of its own time and of its children's, in nanoseconds.
    pub(super) seen_ns: i64,
}

/// The processes that ended in this table, and those of the table before whose
/// time is in no counter yet: the walk may have passed the parent before the
/// child ended.
#[derive(Debug, Default)]
pub(super) struct EndedProcesses {
    now: Vec<Ended>,
    late: Vec<Ended>,
    /// Processes whose children's time grew.
    waiters: Vec<u32>,
    /// The same at the table before.
    earlier_waiters: Vec<u32>,
}

impl EndedProcesses {
    pub(super) fn push(&mut self, ended: Ended) {
        self.now.push(ended);
    }

    /// Notes a process whose children's time grew.
    pub(super) fn push_waiter(&mut self, pid: u32) {
        self.waiters.push(pid);
    }

    /// Ends the walk. From here on ended processes are looked up.
    pub(super) fn sort(&mut self) {
        self.now.sort_unstable_by_key(|ended| ended.pid);
    }

    /// True when a process of this number ended in this table.
    pub(super) fn holds(&self, pid: u32) -> bool {
        parent_of(&self.now, pid).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// Takes what was seen of the ended off what their waiters' counters grew
    /// by, and returns the rest. `tick_ns` is the precision of the counters.
    ///
    /// `tell` is called for each waiter with its share of the rest.
    pub(super) fn settle(
        &mut self,
        known: &mut KnownProcesses,
        tick_ns: u64,
        mut tell: impl FnMut(&mut super::known::Known, u64),
    ) -> u64 {
        for ended in std::mem::take(&mut self.late) {
            let missing = self.take(known, ended, ended.seen_ns);
            self.owe(known, ended, missing, tick_ns);
        }
        for place in 0..self.now.len() {
            let ended = self.now[place];
            let missing = self.take(known, ended, ended.seen_ns);
            if missing > 0 {
                self.late.push(Ended { seen_ns: missing, ..ended });
            }
        }
        let rest = self.close(known, &mut tell);
        self.now.clear();
        rest
    }

    /// Takes `wanted` from the nearest waiter that has it, and returns what
    /// nobody had.
    fn take(&self, known: &mut KnownProcesses, ended: Ended, wanted: i64) -> i64 {
        let mut wanted = wanted;
        for from_before in [false, true] {
            self.each_waiter(known, ended, |children| {
                let there =
                    if from_before { &mut children.told_ns } else { &mut children.unseen_ns };
                let taken = wanted.min(*there).max(0);
                *there -= taken;
                if from_before {
                    // It was told in the table before, while the process was
                    // still in it. What comes next is told that much less.
                    children.unseen_ns -= taken;
                }
                wanted -= taken;
                wanted > 0
            });
        }
        wanted
    }

    /// Nobody waited for it, or its time is less than the counters show. The
    /// latter comes later and must not be told again.
    fn owe(&self, known: &mut KnownProcesses, ended: Ended, missing: i64, tick_ns: u64) {
        // User and system time are cut off to ticks one by one.
        let most = i64::try_from(tick_ns.saturating_mul(2)).unwrap_or(i64::MAX);
        if missing > 0 {
            self.each_waiter(known, ended, |children| {
                children.unseen_ns = (children.unseen_ns - missing).max(-most);
                false
            });
        }
    }

    /// Goes from the parent up through those that are there, as long as `go`
    /// says so. Orphans are given to one of them (`prctl(2)`,
    /// `PR_SET_CHILD_SUBREAPER`), the last of which is process 1.
    fn each_waiter(
        &self,
        known: &mut KnownProcesses,
        ended: Ended,
        mut go: impl FnMut(&mut super::known::Children) -> bool,
    ) {
        let mut pid = ended.ppid;
        for _ in 0..MAX_GENERATIONS {
            if let Some(waiter) = known.get_mut(pid) {
                if !go(&mut waiter.children) {
                    return;
                }
                pid = waiter.row.ppid;
            } else if pid == 1 {
                return;
            } else {
                let gone = parent_of(&self.now, pid).or_else(|| parent_of(&self.late, pid));
                pid = gone.unwrap_or(1);
            }
            if pid == 0 {
                return;
            }
        }
    }

    fn close(
        &mut self,
        known: &mut KnownProcesses,
        tell: &mut impl FnMut(&mut super::known::Known, u64),
    ) -> u64 {
        for pid in self.earlier_waiters.drain(..) {
            if let Some(waiter) = known.get_mut(pid) {
                waiter.children.told_ns = 0;
            }
        }
        let mut rest = 0_u64;
        for pid in &self.waiters {
            let Some(waiter) = known.get_mut(*pid) else { continue };
            let unseen = u64::try_from(waiter.children.unseen_ns).unwrap_or(0);
            waiter.children.unseen_ns = waiter.children.unseen_ns.min(0);
            waiter.children.told_ns = i64::try_from(unseen).unwrap_or(i64::MAX);
            rest = rest.saturating_add(unseen);
            tell(waiter, unseen);
        }
        std::mem::swap(&mut self.waiters, &mut self.earlier_waiters);
        rest
    }
}

/// The parent of the process of this number in a sorted list.
fn parent_of(ended: &[Ended], pid: u32) -> Option<u32> {
    let place = ended.binary_search_by_key(&pid, |ended| ended.pid).ok()?;
    Some(ended[place].ppid)
}

#[cfg(test)]
mod tests {
    use super::super::known::tests::known;
    use super::*;

    const TICK: u64 = 10;

    /// Process 1, its child 10, and 10's child 20.
    fn family() -> KnownProcesses {
        let mut processes = KnownProcesses::default();
        let three = [known(1, 0, 0), known(10, 1, 0), known(20, 10, 0)];
        processes.extend(three.into_iter());
        processes
    }

    fn grow(processes: &mut KnownProcesses, ended: &mut EndedProcesses, pid: u32, by: i64) {
        processes.get_mut(pid).unwrap().children.unseen_ns += by;
        ended.push_waiter(pid);
    }

    fn end(processes: &mut KnownProcesses, ended: &mut EndedProcesses, pid: u32, seen_ns: i64) {
        let ppid = processes.get(pid).unwrap().row.ppid;
        processes.retain(|known| known.pid != pid);
        ended.push(Ended { pid, ppid, seen_ns });
    }

    fn settle(processes: &mut KnownProcesses, ended: &mut EndedProcesses) -> u64 {
        ended.sort();
        ended.settle(processes, TICK, |_, _| {})
    }

    #[test]
    fn children_that_no_table_showed_are_told() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        grow(&mut processes, &mut ended, 10, 700);
        let mut told = Vec::new();
        let rest = ended.settle(&mut processes, TICK, |known, ns| told.push((known.pid, ns)));
        assert_eq!((rest, told), (700, vec![(10, 700)]));
        assert_eq!(settle(&mut processes, &mut ended), 0, "not twice");
    }

    #[test]
    fn of_a_child_that_was_shown_only_the_rest_is_told() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        end(&mut processes, &mut ended, 20, 500);
        grow(&mut processes, &mut ended, 10, 530);
        assert_eq!(settle(&mut processes, &mut ended), 30);
    }

    #[test]
    fn a_whole_family_that_ended_is_in_its_last_waiter() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        end(&mut processes, &mut ended, 20, 500);
        end(&mut processes, &mut ended, 10, 40);
        grow(&mut processes, &mut ended, 1, 545);
        assert_eq!(settle(&mut processes, &mut ended), 5);
    }

    #[test]
    fn a_walk_that_met_the_parent_too_early_tells_nothing_twice() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        end(&mut processes, &mut ended, 20, 500);
        assert_eq!(settle(&mut processes, &mut ended), 0);
        grow(&mut processes, &mut ended, 10, 510);
        assert_eq!(settle(&mut processes, &mut ended), 10);
    }

    #[test]
    fn a_walk_that_met_the_child_too_early_tells_nothing_twice() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        // It ended and was waited for between its own turn and its parent's.
        grow(&mut processes, &mut ended, 10, 500);
        assert_eq!(settle(&mut processes, &mut ended), 500);
        end(&mut processes, &mut ended, 20, 500);
        assert_eq!(settle(&mut processes, &mut ended), 0);
        grow(&mut processes, &mut ended, 10, 600);
        assert_eq!(settle(&mut processes, &mut ended), 100);
    }

    #[test]
    fn what_nobody_waited_for_is_not_held_against_others() {
        let (mut processes, mut ended) = (family(), EndedProcesses::default());
        end(&mut processes, &mut ended, 20, 5000);
        assert_eq!(settle(&mut processes, &mut ended), 0);
        assert_eq!(settle(&mut processes, &mut ended), 0);
        grow(&mut processes, &mut ended, 10, 300);
        let two_ticks = 20;
        assert_eq!(settle(&mut processes, &mut ended), 300 - two_ticks);
    }
}
