//! Which lanes wait, are due and are worked on: the courier's memory of the
//! outbox, without a clock or a store.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use watchfire_model::{Moment, NotificationId};
use watchfire_store::{LaneKey, PendingLane};

/// Lanes that are worked on at a time, all together.
pub(super) const MAX_BUSY: usize = 256;
/// Places that the users share for all but the first lane of each. A user's
/// first lane needs none of them: however many recipients of others hang, the
/// next user's mail starts at once.
pub(super) const MAX_SHARED: usize = 64;
/// Lanes of one user that are worked on at a time. Five hundred incidents of a
/// user whose mail server hangs must not take every place from the others.
pub(super) const MAX_BUSY_OF_USER: usize = 16;

/// How the work on a lane ended.
pub(super) struct Ended {
    /// The newest notification that the work saw.
    pub(super) seen: NotificationId,
    /// When there is something to do again, if anything is left.
    pub(super) until: Option<Moment>,
    /// How many tries were made.
    pub(super) tries: u64,
    /// What is left has to wait for another lane, though not for longer than `until`.
    pub(super) out_of_turn: bool,
}

/// Every lane that holds something, in one of three places.
#[derive(Default)]
pub(super) struct Lanes {
    busy: HashMap<LaneKey, Busy>,
    busy_of: HashMap<String, BusyOf>,
    waiting: HashMap<LaneKey, Waiting>,
    /// What `waiting` waits for, soonest first.
    soonest: BTreeSet<(std::time::Duration, LaneKey)>,
    /// Those of `waiting` that wait for another lane, which is of the same user.
    out_of_turn: HashMap<String, HashSet<LaneKey>>,
    /// By user: the least tried ones first, then the oldest ones.
    due: BTreeMap<String, BTreeMap<Rank, PendingLane>>,
}

struct Busy {
    lane: PendingLane,
    /// [`BusyOf::ways`] when the work began.
    ways: u64,
}

/// The lanes of one user that are worked on; there is one at least.
#[derive(Default)]
struct BusyOf {
    count: usize,
    /// How often something of this user left the outbox while any was worked on.
    ways: u64,
}

struct Waiting {
    lane: PendingLane,
    until: Moment,
    seen: NotificationId,
}

/// Tries made and the oldest notification: old lanes that fail again and again
/// must not keep new ones from their first try.
type Rank = (u64, NotificationId);

fn rank(lane: &PendingLane) -> Rank {
    (lane.tries, lane.oldest)
}

impl Lanes {
    /// Takes over what the outbox holds now. A lane that waits goes on waiting
    /// unless it has something new.
    pub(super) fn read(&mut self, pending: Vec<PendingLane>) {
        let alive: HashSet<LaneKey> = pending.iter().map(|lane| lane.key.clone()).collect();
        let gone: Vec<LaneKey> =
            self.waiting.keys().filter(|key| !alive.contains(*key)).cloned().collect();
        for key in gone {
            let _ = self.take_waiting(&key);
        }
        self.due.clear();
        for lane in pending {
            if let Some(busy) = self.busy.get_mut(&lane.key) {
                busy.lane.newest = busy.lane.newest.max(lane.newest);
            } else if self.waiting.get(&lane.key).is_none_or(|w| lane.newest > w.seen) {
                let _ = self.take_waiting(&lane.key);
                self.put_due(lane);
            }
        }
    }

    /// Lanes whose wait is over at `now` become due.
    pub(super) fn wake(&mut self, now: Moment) {
        while let Some((until, key)) = self.soonest.first().cloned()
            && until <= now.monotonic
        {
            match self.take_waiting(&key) {
                Some(waiting) => self.put_due(waiting.lane),
                None => drop(self.soonest.pop_first()),
            }
        }
    }

    /// When the next wait is over.
    pub(super) fn next(&self) -> Option<Moment> {
        let (_, key) = self.soonest.first()?;
        Some(self.waiting.get(key)?.until)
    }

    /// Takes the next lane that is due and has a place. The user with the
    /// fewest places comes first.
    pub(super) fn start(&mut self) -> Option<PendingLane> {
        if self.busy.len() >= MAX_BUSY {
            return None;
        }
        let shared = self.busy.len() - self.busy_of.len();
        let has_place = |busy: usize| busy == 0 || (busy < MAX_BUSY_OF_USER && shared < MAX_SHARED);
        let candidates = self.due.iter().filter_map(|(user, lanes)| {
            let busy = self.busy_of.get(user).map_or(0, |of_user| of_user.count);
            let (rank, _) = lanes.first_key_value()?;
            has_place(busy).then(|| (busy, *rank, user.clone()))
        });
        let (_, _, user) = candidates.min()?;
        let lanes = self.due.get_mut(&user)?;
        let (_, lane) = lanes.pop_first()?;
        if lanes.is_empty() {
            self.due.remove(&user);
        }
        let of_user = self.busy_of.entry(user).or_default();
        of_user.count += 1;
        self.busy.insert(lane.key.clone(), Busy { lane: lane.clone(), ways: of_user.ways });
        Some(lane)
    }

    /// The work on a lane has ended. What came meanwhile makes it due at once.
    pub(super) fn end(&mut self, key: &LaneKey, ended: &Ended) {
        let Some(Busy { mut lane, ways }) = self.busy.remove(key) else { return };
        let is_free = ways < self.leave(&key.user);
        // A look in vain counts as a try: many that wait must not hold up whom they wait for.
        lane.tries = lane.tries.saturating_add(ended.tries.max(u64::from(ended.out_of_turn)));
        if lane.newest > ended.seen || (ended.out_of_turn && is_free) {
            self.put_due(lane);
        } else if let Some(until) = ended.until {
            if ended.out_of_turn {
                self.out_of_turn.entry(key.user.clone()).or_default().insert(key.clone());
            }
            self.soonest.insert((until.monotonic, key.clone()));
            self.waiting.insert(key.clone(), Waiting { lane, until, seen: ended.seen });
        }
    }

    /// Something to `user` has left the outbox: lanes of that user that wait for
    /// another one become due, and one that is worked on looks once more.
    pub(super) fn make_way(&mut self, user: &str) {
        if let Some(of_user) = self.busy_of.get_mut(user) {
            of_user.ways += 1;
        }
        for key in self.out_of_turn.remove(user).unwrap_or_default() {
            if let Some(waiting) = self.take_waiting(&key) {
                self.put_due(waiting.lane);
            }
        }
    }

    /// How many lanes are worked on.
    pub(super) fn busy(&self) -> usize {
        self.busy.len()
    }

    /// How many lanes wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn put_due(&mut self, lane: PendingLane) {
        self.due.entry(lane.key.user.clone()).or_default().insert(rank(&lane), lane);
    }

    fn take_waiting(&mut self, key: &LaneKey) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.soonest.remove(&(waiting.until.monotonic, key.clone()));
        if let Some(of_user) = self.out_of_turn.get_mut(&key.user) {
            of_user.remove(key);
            if of_user.is_empty() {
                self.out_of_turn.remove(&key.user);
            }
        }
        Some(waiting)
    }

    /// One lane of `user` is worked on no more. Says how often something left the outbox.
    fn leave(&mut self, user: &str) -> u64 {
        let Some(of_user) = self.busy_of.get_mut(user) else { return 0 };
        of_user.count -= 1;
        let ways = of_user.ways;
        if of_user.count == 0 {
            self.busy_of.remove(user);
        }
        ways
    }
}

#[cfg(test)]
mod tests;
