//! Where and when a process of a name ran.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use super::head::Head;
use super::reading::head_of;
use super::texts;
use crate::StoreError;
use crate::history::archive::servers;
use crate::history::archive::spans::Level;
use crate::history::archive::told::Run;
use crate::history::counters::Counters;
use crate::history::{History, HistoryError};

/// The most processes of a [`Run`] that are named.
pub const MAX_RUN_PIDS: usize = 32;
/// The most segments that one question looks into.
const MOST_SEGMENTS: usize = 20_000;
/// The longest time between two tables that a process is taken to have run through.
pub(super) const JOINED_MS: i64 = 120_000;

impl History {
    /// Where and when processes with the short name `name` ran between `from_ms` and `to_ms`, in
    /// milliseconds since 1970: at most `limit` times, newest first. A time is one of a server
    /// without an interruption of more than two minutes; it may begin before `from_ms`, and it
    /// may have begun before what is told, as may the last ones when there were more.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn runs_of(
        &self,
        name: &str,
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Vec<Run>, HistoryError> {
        let (runs, damaged) = self.read(|connection| {
            let mut search = Search { connection, name, from_ms, to_ms, texts: HashMap::new() };
            search.runs(limit)
        })?;
        Counters::add(&self.0.counters.damaged_rows, damaged);
        Ok(runs)
    }
}

struct Search<'a> {
    connection: &'a Connection,
    name: &'a str,
    from_ms: i64,
    to_ms: i64,
    /// Which texts have the name, as far as it was looked.
    texts: HashMap<i64, bool>,
}

/// A run with all its processes.
struct Growing {
    run: Run,
    pids: BTreeSet<u32>,
    /// Process and when it began.
    processes: BTreeSet<(u32, i64)>,
}

impl Search<'_> {
    fn runs(&mut self, limit: usize) -> Result<(Vec<Run>, u64), StoreError> {
        let sql = "SELECT segment, process_segment.server FROM process_run \
             JOIN process_segment ON id = segment WHERE name = ?1 AND to_ms BETWEEN ?2 AND ?3 \
             ORDER BY to_ms DESC, segment DESC LIMIT ?4";
        // A segment that begins in time may end up to an hour later.
        let latest = self.to_ms.saturating_add(Level::Ticks.span_ms());
        let most = i64::try_from(MOST_SEGMENTS).unwrap_or(i64::MAX);
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query([hash(self.name), self.from_ms, latest, most])?;
        let mut servers: HashMap<i64, Option<String>> = HashMap::new();
        let mut newest: HashMap<i64, usize> = HashMap::new();
        let (mut runs, mut damaged): (Vec<Growing>, u64) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let (segment, server): (i64, i64) = (row.get(0)?, row.get(1)?);
            let key = match servers.get(&server) {
                Some(key) => key.clone(),
                None => {
                    let key = servers::key_of(self.connection, server)?;
                    servers.insert(server, key.clone());
                    key
                }
            };
            let Some(key) = key else { continue };
            let Some(head) = head_of(self.connection, segment, servers::tag(&key))? else {
                damaged += 1;
                continue;
            };
            for one in self.stretches(&head, &key)?.into_iter().rev() {
                match newest.get(&server).map(|place| &mut runs[*place]) {
                    Some(later) if touches(&later.run, &one.run) => later.take(one),
                    _ => {
                        newest.insert(server, runs.len());
                        runs.push(one);
                    }
                }
            }
            if runs.len() > limit.saturating_add(servers.len()) {
                break;
            }
        }
        runs.sort_by_key(|one| std::cmp::Reverse(one.run.to_ms));
        runs.truncate(limit);
        Ok((runs.into_iter().map(Growing::end).collect(), damaged))
    }

    /// The times in a segment in which the name ran, in order.
    fn stretches(&mut self, head: &Head, server: &str) -> Result<Vec<Growing>, StoreError> {
        let mut found = Vec::new();
        for stint in &head.stints {
            let in_time = stint.first_ms <= self.to_ms && stint.last_ms >= self.from_ms;
            if in_time && self.is_named(head.texts[stint.text])? {
                found.push(stint);
            }
        }
        found.sort_by_key(|stint| stint.first_ms);
        let mut stretches: Vec<Growing> = Vec::new();
        for stint in found {
            let one = Growing {
                run: Run {
                    server: server.to_owned(),
                    from_ms: stint.first_ms,
                    to_ms: stint.last_ms,
                    pids: Vec::new(),
                    processes: 0,
                },
                pids: BTreeSet::from([stint.pid]),
                processes: BTreeSet::from([(stint.pid, stint.start_ms)]),
            };
            match stretches.last_mut() {
                Some(last) if touches(&last.run, &one.run) => last.take(one),
                _ => stretches.push(one),
            }
        }
        Ok(stretches)
    }

    fn is_named(&mut self, text: i64) -> Result<bool, StoreError> {
        if let Some(known) = self.texts.get(&text) {
            return Ok(*known);
        }
        let named = texts::of_id(self.connection, text)?.is_some_and(|of| of.name == self.name);
        self.texts.insert(text, named);
        Ok(named)
    }
}

impl Growing {
    fn take(&mut self, other: Self) {
        self.run.from_ms = self.run.from_ms.min(other.run.from_ms);
        self.run.to_ms = self.run.to_ms.max(other.run.to_ms);
        self.pids.extend(other.pids);
        self.processes.extend(other.processes);
    }

    fn end(self) -> Run {
        let pids = self.pids.into_iter().take(MAX_RUN_PIDS).collect();
        Run { pids, processes: self.processes.len(), ..self.run }
    }
}

fn touches(one: &Run, other: &Run) -> bool {
    one.from_ms <= other.to_ms.saturating_add(JOINED_MS)
        && other.from_ms <= one.to_ms.saturating_add(JOINED_MS)
}

/// FNV-1a with 64 bits.
pub(super) struct Fnv(u64);

impl Fnv {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// 47 bits of it, which take six bytes in a row.
    pub(super) fn short(&self) -> i64 {
        ((self.0 ^ self.0 >> 47) & ((1 << 47) - 1)).cast_signed()
    }
}

/// What a name is found by. Two names may have the same.
pub(super) fn hash(name: &str) -> i64 {
    let mut hash = Fnv::new();
    hash.update(name.as_bytes());
    hash.short()
}
