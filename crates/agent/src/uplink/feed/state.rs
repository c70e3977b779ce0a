use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use watchfire_identity::{Randomness, SystemRandomness};
use watchfire_model::Moment;
use watchfire_wire::RingState;

use super::follower::Next;
use super::{Author, Entry, FEED_BYTES, Fed, Place};
use crate::recorder::Kind;

/// What a record takes in memory beside its bytes, about.
const OVERHEAD_BYTES: usize = 128;
/// A start of the chains that is younger serves the next follower too. A hub
/// that comes and goes must not fill the recorder with whole tables.
pub(super) const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// While somebody follows, chains are begun anew this often: a hole is handed in
/// from the start of its chain on, and the way back to it must not be long.
pub(super) const RESTART_EVERY: Duration = Duration::from_secs(10 * 60);

/// A ring and its last sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbered {
    id: [u8; 16],
    last: u64,
}

#[derive(Debug)]
pub(super) struct State {
    place: Place,
    author: Author,
    disk: Option<Numbered>,
    run: Numbered,
    /// The newest records of the present ring, without a hole.
    kept: VecDeque<Arc<Fed>>,
    bytes: usize,
    /// The kinds whose next record must start a chain.
    wanted: [bool; 2],
    /// A tick from which on everything can be decoded, and when it was made.
    start: Option<(u64, Moment)>,
    /// When whole records were asked for the last time.
    asked: Moment,
    /// When the newest record was made.
    now: Moment,
    followers: usize,
}

impl State {
    pub(super) fn new(disk: Option<([u8; 16], u64)>) -> Self {
        let mut id = [0; 16];
        SystemRandomness.fill(&mut id);
        Self {
            place: disk.map_or(Place::Run, |(id, _)| Place::Disk(id)),
            author: Author(0),
            disk: disk.map(|(id, last)| Numbered { id, last }),
            run: Numbered { id, last: 0 },
            kept: VecDeque::new(),
            bytes: 0,
            wanted: [true; 2],
            start: None,
            asked: Moment::default(),
            now: Moment::default(),
            followers: 0,
        }
    }

    pub(super) fn wants_start(
        &mut self,
        place: Place,
        author: Author,
        kind: Kind,
        now: Moment,
    ) -> bool {
        self.come_to(place, author);
        if self.followers > 0 && self.is_older(RESTART_EVERY, now) {
            self.restart(now);
        }
        chain(kind).is_some_and(|chain| self.wanted[chain])
    }

    pub(super) fn put(
        &mut self,
        place: Place,
        author: Author,
        sequence: Option<u64>,
        entry: Entry<'_>,
    ) {
        self.come_to(place, author);
        let numbered = self.numbered();
        let sequence = sequence.unwrap_or(numbered.last + 1);
        let previous = std::mem::replace(&mut numbered.last, sequence);
        self.now = entry.at;
        if let Some(chain) = chain(entry.kind).filter(|_| entry.starts_chain) {
            let asked = std::mem::replace(&mut self.wanted[chain], false);
            if asked && entry.kind == Kind::Tick {
                self.start = Some((sequence, entry.at));
                // A table that began its chain before this tick is of no use to who
                // follows from the tick on.
                self.wanted[PROCESSES] = true;
            }
        }
        if !self.somebody_may_want(entry.at) {
            self.forget();
            return;
        }
        let Entry { kind, at, starts_chain, bytes } = entry;
        let bytes = bytes.to_vec();
        self.bytes += bytes.len() + OVERHEAD_BYTES;
        self.kept.push_back(Arc::new(Fed { sequence, previous, kind, at, starts_chain, bytes }));
        while self.bytes > FEED_BYTES && self.kept.len() > 1 {
            self.drop_oldest();
        }
    }

    pub(super) fn pass_over(&mut self, ring: [u8; 16], sequence: u64) {
        match &mut self.disk {
            Some(disk) if disk.id == ring => disk.last = disk.last.max(sequence),
            _ => {}
        }
    }

    pub(super) fn follow(&mut self, now: Moment) -> ([u8; 16], Next) {
        self.followers += 1;
        let fresh = self.start.filter(|(_, made)| now.since(*made) < RESTART_PAUSE);
        let there = fresh.filter(|(start, _)| self.holds(*start));
        let next = match there {
            Some((start, _)) => Next::Start { from: start },
            None => self.ask_for_start(),
        };
        (self.here().id, next)
    }

    /// One follower less. What comes now is a hole for its hub, and begins with
    /// the start of a chain.
    pub(super) fn leave(&mut self) {
        self.followers -= 1;
        if self.is_older(RESTART_PAUSE, self.now) {
            self.restart(self.now);
        }
    }

    /// Asks for whole records of each kind; nothing is followed before they come.
    pub(super) fn ask_for_start(&mut self) -> Next {
        self.restart(self.now);
        Next::Start { from: self.here().last.saturating_add(1) }
    }

    /// The start of the chains at `from` or behind it.
    pub(super) fn start_from(&self, from: u64) -> Option<u64> {
        let (start, _) = self.start.filter(|(start, _)| *start >= from)?;
        self.holds(start).then_some(start)
    }

    /// The records from `sequence` on.
    pub(super) fn from(&self, sequence: u64) -> impl Iterator<Item = &Arc<Fed>> {
        let begin = self.kept.partition_point(|fed| fed.sequence < sequence);
        self.kept.range(begin..)
    }

    pub(super) fn id(&self) -> [u8; 16] {
        self.here().id
    }

    pub(super) fn is_on_disk(&self) -> bool {
        self.place != Place::Run
    }

    pub(super) fn ring(&self) -> RingState {
        let Numbered { id, last } = self.here();
        let starts = |fed: &&Arc<Fed>| fed.starts_chain && fed.kind == Kind::Tick;
        let oldest = self.kept.iter().find(starts).map_or(0, |fed| fed.sequence);
        RingState { ring: id, oldest, newest: last }
    }

    pub(super) fn between(&self, from: u64, to: u64) -> Vec<Arc<Fed>> {
        let starts =
            |fed: &&Arc<Fed>| fed.starts_chain && fed.kind == Kind::Tick && fed.sequence <= from;
        let begin = self.kept.iter().rev().find(starts).map_or(from, |fed| fed.sequence);
        self.from(begin).take_while(|fed| fed.sequence <= to).cloned().collect()
    }

    /// Goes over to another ring or author, if it is another.
    fn come_to(&mut self, place: Place, author: Author) {
        if let Place::Disk(id) = place
            && self.disk.is_none_or(|disk| disk.id != id)
        {
            // What is in a ring that was not known before is not known either.
            self.disk = Some(Numbered { id, last: 0 });
        }
        if (self.place, self.author) == (place, author) {
            return;
        }
        if self.place != place {
            self.forget();
        }
        (self.place, self.author) = (place, author);
        (self.wanted, self.start) = ([true; 2], None);
    }

    fn restart(&mut self, now: Moment) {
        self.wanted = [true; 2];
        // It was asked for now; the next asking has to wait from here on.
        self.asked = now;
    }

    fn is_older(&self, than: Duration, now: Moment) -> bool {
        now.since(self.asked) >= than
    }

    fn here(&self) -> Numbered {
        match self.place {
            Place::Disk(_) => self.disk.unwrap_or(self.run),
            Place::Run => self.run,
        }
    }

    fn numbered(&mut self) -> &mut Numbered {
        match (self.place, &mut self.disk) {
            (Place::Disk(_), Some(disk)) => disk,
            _ => &mut self.run,
        }
    }

    /// Without a recorder the memory is all there is to fill holes with. With
    /// one it is kept for followers, and for one that comes back at once.
    fn somebody_may_want(&self, now: Moment) -> bool {
        let fresh = |(_, made)| now.since(made) < RESTART_PAUSE;
        self.followers > 0 || !self.is_on_disk() || self.start.is_some_and(fresh)
    }

    fn holds(&self, sequence: u64) -> bool {
        self.kept.front().is_some_and(|first| first.sequence <= sequence)
    }

    fn drop_oldest(&mut self) {
        if let Some(fed) = self.kept.pop_front() {
            self.bytes -= fed.bytes.len() + OVERHEAD_BYTES;
        }
    }

    fn forget(&mut self) {
        self.kept = VecDeque::new();
        self.bytes = 0;
        self.start = None;
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes
    }
}

/// The places of the kinds that come in chains.
const TICKS: usize = 0;
const PROCESSES: usize = 1;

fn chain(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Tick => Some(TICKS),
        Kind::Processes => Some(PROCESSES),
        Kind::Event => None,
    }
}
