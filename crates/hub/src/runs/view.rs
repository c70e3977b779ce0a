//! What is told of runs, to each as far as they see their servers.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::runs::{
    OutputRow, ParamRow, RunCounts, RunOutput, RunRow, RunbookList, RunbookRow, Said, TargetRow,
};
use watchfire_model::{Scope, ServerName};
use watchfire_store::{Store, StoreError, StoredPiece, StoredRun};

use super::target::is_well;
use super::{NoRun, Runs};

/// How much one answer holds of what servers said, in bytes, unless a single one said more.
const OUTPUT_OF_ANSWER: u64 = 4 << 20;

impl Runs {
    /// The newest runs of which a user with this scope sees a server, without their targets.
    pub(crate) async fn list(&self, scope: &Scope, limit: usize) -> Result<Vec<RunRow>, NoRun> {
        let read = move |store: &Store| {
            let runs = store.runs(limit)?.into_iter();
            runs.map(|run| Ok((store.run_states(&run.id)?, run))).collect::<Result<Vec<_>, _>>()
        };
        // Runs have mostly the same servers.
        let mut seen: HashMap<String, bool> = HashMap::new();
        let mut rows = Vec::new();
        for (states, stored) in self.blocking(read).await? {
            let mut sees = |server: String| {
                *seen.entry(server).or_insert_with_key(|server| {
                    ServerName::new(server).is_ok_and(|server| self.sees(scope, &server))
                })
            };
            let states: Vec<(String, bool)> = states
                .into_iter()
                .filter_map(|(server, state, well)| sees(server).then_some((state, well)))
                .collect();
            if !states.is_empty() {
                let states = states.iter().map(|(state, well)| (state.as_str(), *well));
                rows.push(row(&stored, 0, counts(states), Vec::new())?);
            }
        }
        Ok(rows)
    }

    /// A run as far as a user with this scope sees its servers.
    pub(crate) async fn one(&self, scope: &Scope, id: &str) -> Result<RunRow, NoRun> {
        if let Some(row) = self.live_row(scope, id) {
            return row;
        }
        let (asked, again) = (id.to_owned(), id.to_owned());
        let stored = self.blocking(move |store| store.run(&asked)).await?;
        let stored = stored.ok_or(NoRun::Unknown)?;
        let targets = self.blocking(move |store| store.run_targets(&again)).await?;
        let targets = targets.into_iter().filter_map(super::Target::of);
        let seen: Vec<TargetRow> = targets
            .filter(|target| self.sees(scope, &target.server))
            .map(|target| target.row())
            .collect();
        whole(&stored, 0, seen)
    }

    /// The targets that changed after the change `since`, and the change that was the last.
    pub(crate) fn changed(
        &self,
        scope: &Scope,
        id: &str,
        since: u64,
    ) -> Option<(u64, Vec<TargetRow>)> {
        let state = self.state();
        let run = state.live.get(id)?;
        let changed = run.targets.iter().filter(|target| target.revision > since);
        let seen = changed.filter(|target| self.sees(scope, &target.server));
        Some((*run.changes.borrow(), seen.map(super::Target::row).collect()))
    }

    /// What the servers said that a user with this scope sees, from the place `after` on.
    pub(crate) async fn output(
        &self,
        scope: &Scope,
        id: &str,
        after: u32,
    ) -> Result<RunOutput, NoRun> {
        let asked = id.to_owned();
        let targets = self.blocking(move |store| store.run_targets(&asked)).await?;
        let sees =
            |server: &str| ServerName::new(server).is_ok_and(|server| self.sees(scope, &server));
        let seen: Vec<_> = targets.into_iter().filter(|target| sees(&target.server)).collect();
        if seen.is_empty() {
            return Err(NoRun::Unknown);
        }
        let (mut outputs, mut bytes, mut next) = (Vec::new(), 0, None);
        for target in seen {
            if target.place < after || target.output_bytes == 0 {
                continue;
            }
            if bytes > 0 && bytes + target.output_bytes > OUTPUT_OF_ANSWER {
                next = Some(target.place);
                break;
            }
            bytes += target.output_bytes;
            let number = target.number;
            let pieces = self.blocking(move |store| store.run_output(number)).await?;
            outputs.push(OutputRow {
                server: target.server,
                stdout: said(&pieces, 1),
                stderr: said(&pieces, 2),
            });
        }
        Ok(RunOutput { outputs, next })
    }

    /// What the servers offer that a user with this scope sees, as far as their agents are there.
    pub(crate) fn runbooks(&self, scope: &Scope) -> RunbookList {
        let state = self.state();
        let mut list = RunbookList { runbooks: Vec::new(), policies: BTreeMap::new() };
        let mut places: Vec<_> = state.offers.iter().collect();
        places.sort_unstable_by_key(|(index, _)| **index);
        for (index, (_, offered)) in places {
            let server = &self.fleet.config(*index).server;
            if !self.fleet.is_in(*index) || !scope.holds(&server.labels) {
                continue;
            }
            let name = server.name.to_string();
            list.policies.insert(name.clone(), offered.policy.as_str().to_owned());
            for one in &offered.list {
                let row = runbook_row(one);
                let same = |known: &&mut RunbookRow| {
                    RunbookRow { servers: Vec::new(), ..(**known).clone() } == row
                };
                match list.runbooks.iter_mut().find(same) {
                    Some(known) => known.servers.push(name.clone()),
                    None => {
                        list.runbooks.push(RunbookRow { servers: vec![name.clone()], ..row });
                    }
                }
            }
        }
        list.runbooks.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    fn live_row(&self, scope: &Scope, id: &str) -> Option<Result<RunRow, NoRun>> {
        let state = self.state();
        let run = state.live.get(id)?;
        let seen = run.targets.iter().filter(|target| self.sees(scope, &target.server));
        // It is over for others once all of it is stored.
        let stored = StoredRun { ended_unix_ms: None, ..run.row.clone() };
        Some(whole(&stored, *run.changes.borrow(), seen.map(super::Target::row).collect()))
    }
}

/// What is told of a run; of one without a server that the asker sees, nothing.
fn whole(stored: &StoredRun, changes: u64, targets: Vec<TargetRow>) -> Result<RunRow, NoRun> {
    if targets.is_empty() {
        return Err(NoRun::Unknown);
    }
    let is_well = |target: &TargetRow| target.exit.is_some_and(|exit| is_well(&exit));
    let counts = counts(targets.iter().map(|target| (target.state.as_str(), is_well(target))));
    row(stored, changes, counts, targets)
}

fn row(
    stored: &StoredRun,
    changes: u64,
    counts: RunCounts,
    targets: Vec<TargetRow>,
) -> Result<RunRow, NoRun> {
    let unreadable = |error: serde_json::Error| {
        NoRun::Store(StoreError::Unreadable { what: "run", why: error.to_string() })
    };
    Ok(RunRow {
        id: stored.id.clone(),
        command_id: stored.command_id.clone(),
        user: stored.user.clone(),
        what: serde_json::from_str(&stored.what).map_err(unreadable)?,
        began_unix_ms: stored.began_unix_ms,
        ended_unix_ms: stored.ended_unix_ms,
        changes,
        counts,
        targets,
    })
}

fn counts<'a>(states: impl Iterator<Item = (&'a str, bool)>) -> RunCounts {
    let mut counts = RunCounts::default();
    for (state, is_well) in states {
        let place = match state {
            "waiting" => &mut counts.waiting,
            "sent" | "running" => &mut counts.running,
            "done" if is_well => &mut counts.ok,
            "done" => &mut counts.failed,
            "refused" => &mut counts.refused,
            "not_reached" => &mut counts.not_reached,
            _ => &mut counts.other,
        };
        *place += 1;
    }
    counts
}

fn said(pieces: &[StoredPiece], stream: u8) -> Said {
    let of_it = pieces.iter().filter(|piece| piece.stream == stream);
    said_of(of_it.flat_map(|piece| piece.bytes.iter().copied()).collect())
}

/// Bytes, as text where they are.
pub(crate) fn said_of(bytes: Vec<u8>) -> Said {
    if bytes.is_empty() {
        return Said::default();
    }
    match String::from_utf8(bytes) {
        Ok(text) => Said { text: Some(text), base64: None },
        Err(error) => Said { text: None, base64: Some(STANDARD.encode(error.as_bytes())) },
    }
}

fn runbook_row(one: &watchfire_wire::Runbook) -> RunbookRow {
    let param = |param: &watchfire_wire::RunbookParam| ParamRow {
        name: param.name.clone(),
        kind: param.kind.clone(),
        hint: param.hint.clone(),
    };
    RunbookRow {
        name: one.name.clone(),
        description: one.description.clone(),
        params: one.params.iter().map(param).collect(),
        confirm: one.confirm,
        servers: Vec::new(),
    }
}
