//! How a server was at a moment, and where a process ran.

use std::collections::HashMap;
use std::ops::ControlFlow;

use watchfire_model::{
    Moment, ProcessTable, Schema, Scope, ServerName, SourceError, Status, StatusView, Tick,
};
use watchfire_store::block::KeyId;
use watchfire_store::{History, HistoryError, Keys, MAX_RUN_PIDS, Run, StoredChunk};

use super::Archive;
use super::columns::Segment;
use super::places::Place;
use super::reading::unreadable;
use super::schemas::Schemas;
use super::segment::merged;
use super::walk::{Met, Walk, Wanted};
use crate::http::{EventsAsked, HeardEvents, Ran, Recorded, RunsAsked};

/// A status is given of a tick at most so long before the moment.
const STATUS_AGE_MS: i64 = 60_000;
/// Where there are only windows, of one at most so long before it.
const WINDOW_AGE_MS: i64 = 2 * 3_600_000;
/// A chain of process tables is at most a minute long, and a lead-in is for ticks.
const TABLE_CHAIN_MS: i64 = 150_000;
/// How many servers' last tables are looked through for a process.
const MAX_LIVE_TABLES: usize = 1000;
/// How many runs on all servers are looked through for those that may be seen.
const MAX_SEALED_RUNS: usize = 100_000;
/// Between the last sealed table and the present one lies no more than this, usually.
const UNSEALED_MS: i64 = 30 * 60_000;

/// What a server that is not in the fleet any more is asked: nothing is known of it.
impl Recorded for Archive {
    fn status_at(&self, server: &ServerName, at_ms: i64) -> Result<Option<Status>, SourceError> {
        let Some(index) = self.0.fleet.index(server) else { return Ok(None) };
        Archive::status_at(self, index, at_ms).map_err(unreadable)
    }

    fn processes_at(
        &self,
        server: &ServerName,
        at_ms: i64,
    ) -> Result<Option<ProcessTable>, SourceError> {
        let Some(index) = self.0.fleet.index(server) else { return Ok(None) };
        Archive::processes_at(self, index, at_ms).map_err(unreadable)
    }

    fn runs_of(&self, scope: &Scope, asked: &RunsAsked) -> Result<Vec<Ran>, SourceError> {
        Archive::runs_of(self, scope, asked).map_err(unreadable)
    }

    fn events_of(
        &self,
        server: &ServerName,
        asked: &EventsAsked,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<HeardEvents, SourceError> {
        match self.0.fleet.index(server) {
            Some(index) => self.events(index, asked, out_of_time),
            None => Ok(HeardEvents::default()),
        }
    }
}

impl Archive {
    /// The status of the server at `index` at a moment: of the last tick at or before it.
    /// `None` when there is none within a minute, or within hours where only windows are kept.
    ///
    /// # Errors
    /// [`HistoryError`] when the history cannot be read.
    fn status_at(&self, index: usize, at_ms: i64) -> Result<Option<Status>, HistoryError> {
        let live = self.0.fleet.snapshot(index).status;
        let is_then = |status: &&(Moment, std::sync::Arc<Status>)| {
            let taken = status.1.at.unix_ms;
            taken <= at_ms && at_ms.saturating_sub(taken) <= STATUS_AGE_MS
        };
        if let Some((_, status)) = live.as_ref().filter(is_then) {
            return Ok(Some((**status).clone()));
        }
        let Some(history) = self.history() else { return Ok(None) };
        let place = self.0.places.one(&self.0.fleet, index);
        if let Some(status) = self.status_in_chunks(history, &place, at_ms)? {
            return Ok(Some(status));
        }
        status_in_blocks(history, &place, at_ms)
    }

    fn status_in_chunks(
        &self,
        history: &History,
        place: &Place,
        at_ms: i64,
    ) -> Result<Option<Status>, HistoryError> {
        let mut view = StatusView::new();
        let mut last: Option<Status> = None;
        let from_ms = at_ms.saturating_sub(STATUS_AGE_MS);
        self.walk(history, place, (from_ms, at_ms), Wanted::Ticks, &mut |met| {
            if let Met::Tick(schema, tick) = met
                && (from_ms..=at_ms).contains(&tick.at.unix_ms)
                && last.as_ref().is_none_or(|last| last.at.unix_ms < tick.at.unix_ms)
            {
                last = Some(view.read(schema, tick));
            }
            ControlFlow::Continue(())
        })?;
        Ok(last)
    }

    /// The processes of the server at `index` at a moment: the last table at or before it,
    /// however old that is.
    ///
    /// # Errors
    /// [`HistoryError`] when the history cannot be read.
    pub(super) fn processes_at(
        &self,
        index: usize,
        at_ms: i64,
    ) -> Result<Option<ProcessTable>, HistoryError> {
        let mut best: Option<ProcessTable> = None;
        let mut take = |table: &ProcessTable| {
            let is_newer = |best: &ProcessTable| table.at.unix_ms > best.at.unix_ms;
            if table.at.unix_ms <= at_ms && best.as_ref().is_none_or(is_newer) {
                best = Some(table.clone());
            }
        };
        if let Some(live) = self.0.fleet.processes_of(index) {
            take(&live);
        }
        let Some(history) = self.history() else { return Ok(best) };
        let place = self.0.places.one(&self.0.fleet, index);
        let span = (at_ms.saturating_sub(TABLE_CHAIN_MS), at_ms);
        self.walk(history, &place, span, Wanted::Tables, &mut |met| {
            if let Met::Table(table, _) = met {
                take(table);
            }
            ControlFlow::Continue(())
        })?;
        if let Some(sealed) = history.table_at(&place.key, at_ms)? {
            take(&sealed);
        }
        Ok(best)
    }

    /// Where and when a process of that name ran, newest first, on the servers in `scope`
    /// (invariant I7). What is not sealed yet counts as far as the last table has it.
    ///
    /// # Errors
    /// [`HistoryError`] when the history cannot be read.
    fn runs_of(&self, scope: &Scope, asked: &RunsAsked) -> Result<Vec<Ran>, HistoryError> {
        let RunsAsked { name, from_ms, to_ms, limit } = asked;
        let places = self.0.places.of(&self.0.fleet, scope);
        let mut runs: Vec<Run> = Vec::new();
        for place in places.iter().take(MAX_LIVE_TABLES) {
            let Some(table) = self.0.fleet.processes_of(place.index) else { continue };
            if (*from_ms..=*to_ms).contains(&table.at.unix_ms) {
                runs.extend(run_in(&table, place, name));
            }
        }
        if let Some(history) = self.history() {
            let seen = |server: &str| places.iter().any(|place| place.key == server);
            for run in sealed_runs(history, asked, &seen)? {
                join(&mut runs, run);
            }
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.to_ms));
        let by_key: HashMap<&str, &Place> =
            places.iter().map(|place| (place.key.as_str(), &**place)).collect();
        let named = runs.into_iter().filter_map(|run| {
            let server = by_key.get(run.server.as_str())?.name().clone();
            let Run { from_ms, to_ms, pids, processes, .. } = run;
            Some(Ran { server, from_ms, to_ms, pids, processes })
        });
        Ok(named.take(*limit).collect())
    }

    pub(super) fn walk(
        &self,
        history: &History,
        place: &Place,
        (from_ms, to_ms): (i64, i64),
        wanted: Wanted,
        met: &mut dyn FnMut(Met<'_>) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let known = &self.0.known;
        let live = self.newest(place.index).map(|(schema, _)| schema);
        let mut walk = Walk::new(known, Schemas::new(known, history, &place.key, live), wanted);
        let stretch = history.chunks(&place.key, from_ms, to_ms)?;
        let mut lost = 0;
        for stored in &stretch.chunks {
            // What only leads in for ticks may hold tables of the time.
            let tables = wanted == Wanted::Tables;
            let stored = StoredChunk { lead_in: stored.lead_in && !tables, ..stored.clone() };
            lost += walk.chunk(&stored, met)?.lost_ticks;
        }
        self.count_lost(lost);
        Ok(())
    }
}

/// The sealed runs on servers that may be seen. Those on others are among what the history
/// finds, so it is asked for more until there are enough.
fn sealed_runs(
    history: &History,
    asked: &RunsAsked,
    seen: &dyn Fn(&str) -> bool,
) -> Result<Vec<Run>, HistoryError> {
    let mut most = asked.limit.max(1);
    loop {
        let mut runs = history.runs_of(&asked.name, asked.from_ms, asked.to_ms, most)?;
        let all = runs.len() < most;
        runs.retain(|run| seen(&run.server));
        if all || runs.len() >= asked.limit || most >= MAX_SEALED_RUNS {
            return Ok(runs);
        }
        most = most.saturating_mul(4).min(MAX_SEALED_RUNS);
    }
}

/// Adds a sealed run; to the one of the last table when its processes are the same.
fn join(runs: &mut Vec<Run>, sealed: Run) {
    let same = |run: &&mut Run| {
        run.server == sealed.server
            && run.from_ms >= sealed.to_ms
            && run.from_ms.saturating_sub(sealed.to_ms) <= UNSEALED_MS
            && run.pids.iter().any(|pid| sealed.pids.contains(pid))
    };
    match runs.iter_mut().find(same) {
        Some(live) => {
            let new = live.pids.iter().filter(|pid| !sealed.pids.contains(pid)).count();
            let to_ms = live.to_ms;
            let processes = sealed.processes + new;
            *live = Run { to_ms, processes, ..sealed };
        }
        None => runs.push(sealed),
    }
}

/// The run that a table shows.
fn run_in(table: &ProcessTable, place: &Place, name: &str) -> Option<Run> {
    let named = || table.processes.iter().filter(|row| row.name == name);
    let mut pids: Vec<u32> = named().map(|row| row.pid).collect();
    pids.sort_unstable();
    let processes = pids.len();
    pids.truncate(MAX_RUN_PIDS);
    let at_ms = table.at.unix_ms;
    let run = Run { server: place.key.clone(), from_ms: at_ms, to_ms: at_ms, pids, processes };
    (processes > 0).then_some(run)
}

/// The status of the last two ticks in blocks, or of windows where blocks are gone.
fn status_in_blocks(
    history: &History,
    place: &Place,
    at_ms: i64,
) -> Result<Option<Status>, HistoryError> {
    let keys = history.keys()?;
    let from_ms = at_ms.saturating_sub(STATUS_AGE_MS);
    let ids: Vec<KeyId> = history.keys_of(&place.key, from_ms, at_ms)?;
    let mut segments: Vec<Segment> = Vec::new();
    history.samples(&place.key, &ids, from_ms, at_ms, &mut |at, times, values| {
        let columns = vec![(at, values.to_vec())];
        segments.push(Segment { times: times.to_vec(), columns });
        ControlFlow::Continue(())
    })?;
    if let Some(status) = status_of(&keys, &ids, segments) {
        return Ok(Some(status));
    }
    let from_ms = at_ms.saturating_sub(WINDOW_AGE_MS);
    let ids: Vec<KeyId> = history.keys_of(&place.key, from_ms, at_ms)?;
    for width_ms in [60_000, 3_600_000_u32] {
        let mut segments: Vec<Segment> = Vec::new();
        let last_start = at_ms.saturating_sub(i64::from(width_ms));
        history.windows(
            &place.key,
            &ids,
            width_ms,
            from_ms,
            last_start,
            &mut |at, starts, windows| {
                let times = starts.iter().map(|start| start + i64::from(width_ms) - 1).collect();
                segments.push(Segment { times, columns: vec![(at, windows.last.clone())] });
                ControlFlow::Continue(())
            },
        )?;
        if let Some(status) = status_of(&keys, &ids, segments) {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

/// The status at the last time of all, with rates since the time before it.
fn status_of(keys: &Keys, ids: &[KeyId], segments: Vec<Segment>) -> Option<Status> {
    let merged = merged(segments);
    let mut schema = Schema::new(1);
    let mut columns = Vec::new();
    for (number, values) in &merged.columns {
        if let Some(key) = keys.key(ids[*number]) {
            schema.push(key.clone());
            columns.push(values);
        }
    }
    let (mut view, mut status) = (StatusView::new(), None);
    for at in merged.times.len().saturating_sub(2)..merged.times.len() {
        let unix_ms = merged.times[at];
        let monotonic = std::time::Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
        let values = columns.iter().map(|values| values[at]).collect();
        let tick = Tick { at: Moment { monotonic, unix_ms }, generation: 1, values };
        status = Some(view.read(&schema, &tick));
    }
    status
}
