//! The rounds of a walk: who is known, who lost a parent, who is new.

use super::births::Look;
use super::ended::{Ended, EndedProcesses};
use super::folder::Room;
use super::known::{Known, KnownProcesses};
use super::walk::{Buffers, Fate, Walk};

/// Memory that is used again in each table.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) pids: Vec<u32>,
    pub(super) candidates: Vec<u32>,
    #[expect(clippy::vec_box, reason = "they are moved among the known ones")]
    pub(super) newcomers: Vec<Box<Known>>,
    pub(super) order: Vec<u32>,
    pub(super) room: Room,
    pub(super) buffers: Buffers,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            pids: Vec::new(),
            candidates: Vec::new(),
            newcomers: Vec::new(),
            order: Vec::new(),
            room: Room::new(),
            buffers: Buffers::new(),
        }
    }
}

/// Makes the rows of known processes, and collects the pids that can be new.
pub(super) fn visit_known(
    walk: &mut Walk<'_>,
    known: &mut KnownProcesses,
    ended: &mut EndedProcesses,
    scratch: &mut Scratch,
    look: Look,
) {
    let Scratch { pids, candidates, buffers, .. } = scratch;
    candidates.clear();
    let mut listed = Listed { pids, next: 0 };
    known.retain(|known| {
        if look == Look::Everywhere && !listed.pass(known.pid, candidates) {
            walk.lose(known);
            ended.push(Ended::of(known));
            return false;
        }
        match walk.visit(known, buffers) {
            Fate::There => true,
            Fate::Waited => {
                ended.push_waiter(known.pid);
                true
            }
            fate @ (Fate::Gone | Fate::Replaced) => {
                ended.push(Ended::of(known));
                candidates.extend((fate == Fate::Replaced).then_some(known.pid));
                false
            }
        }
    });
    if look == Look::Everywhere {
        candidates.extend_from_slice(&listed.pids[listed.next..]);
    }
    if let Look::Within(newborn) = look {
        let before = newborn.before.into_iter().flat_map(|span| span.pids(newborn.pid_max));
        candidates.extend(newborn.now.pids(newborn.pid_max).chain(before));
        candidates.sort_unstable();
        candidates.dedup();
    }
    ended.sort();
}

/// Asks processes that were not asked and whose parent ended: they have
/// another one now.
pub(super) fn ask_orphans(
    walk: &mut Walk<'_>,
    known: &mut KnownProcesses,
    ended: &mut EndedProcesses,
    scratch: &mut Scratch,
) {
    if ended.is_empty() {
        return;
    }
    let mut more = Vec::new();
    let table = walk.table;
    known.retain(|known| {
        if known.asked == table || !ended.holds(known.row.ppid) {
            return true;
        }
        match walk.ask_again(known, &mut scratch.buffers) {
            Fate::There => true,
            Fate::Waited => {
                ended.push_waiter(known.pid);
                true
            }
            Fate::Gone | Fate::Replaced => {
                more.push(Ended::of(known));
                false
            }
        }
    });
    more.into_iter().for_each(|one| ended.push(one));
    ended.sort();
}

pub(super) fn meet_newcomers(
    walk: &mut Walk<'_>,
    known: &KnownProcesses,
    ended: &mut EndedProcesses,
    scratch: &mut Scratch,
) {
    for &pid in &scratch.candidates {
        if known.get(pid).is_some() {
            continue;
        }
        if let Some(newcomer) = walk.meet(pid, &mut scratch.buffers) {
            if newcomer.children.unseen_ns > 0 {
                ended.push_waiter(pid);
            }
            scratch.newcomers.push(newcomer);
        }
    }
}

/// A listing that is gone through beside the known processes, both ascending.
struct Listed<'a> {
    pids: &'a [u32],
    next: usize,
}

impl Listed<'_> {
    /// Goes on to `pid`, collecting what comes before it as not known. False
    /// when it is not listed.
    fn pass(&mut self, pid: u32, unknown: &mut Vec<u32>) -> bool {
        while let Some(listed) = self.pids.get(self.next).filter(|listed| **listed < pid) {
            unknown.push(*listed);
            self.next += 1;
        }
        let is_listed = self.pids.get(self.next) == Some(&pid);
        self.next += usize::from(is_listed);
        is_listed
    }
}

impl Ended {
    fn of(known: &Known) -> Self {
        let seen = known.cpu_ns.saturating_add(known.children.total_ns);
        Self {
            pid: known.pid,
            ppid: known.row.ppid,
            seen_ns: i64::try_from(seen).unwrap_or(i64::MAX),
        }
    }
}
