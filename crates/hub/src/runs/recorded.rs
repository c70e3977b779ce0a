//! What the audit says of a run: who began it where, who ended it, and what came of it. The audit
//! of each server's runner holds the same id of the command.

use watchfire_store::StoredRun;

use super::target::{State, Target, is_well};
use crate::audit::AuditEntry;

/// So many servers are named in a row.
const MAX_NAMED: usize = 16;

/// Somebody begins it.
pub(super) fn begun(run: &StoredRun, targets: &[Target]) -> AuditEntry {
    let names = named(targets.iter().map(|target| target.server.to_string()));
    let (id, count, what) = (&run.command_id, targets.len(), &run.what);
    let detail = format!("command {id}, servers: {count} ({names}), {what}");
    entry(run, &run.user, "run", "ok", detail)
}

/// Somebody cancels it on so many servers.
pub(super) fn cancelled(run: &StoredRun, who: &str, count: usize) -> AuditEntry {
    let detail = format!("command {}, servers where it had not ended: {count}", run.command_id);
    entry(run, who, "run.cancel", "ok", detail)
}

/// It is over.
pub(super) fn ended(run: &StoredRun, targets: &[Target]) -> AuditEntry {
    let (well, other): (Vec<_>, Vec<_>) = targets.iter().partition(|target| went_well(target));
    let outcome = if other.is_empty() { "ok" } else { "failed" };
    let names = named(other.iter().map(|target| format!("{}: {}", target.server, end(target))));
    let others = if other.is_empty() { String::new() } else { format!(" ({names})") };
    let (id, well, other) = (&run.command_id, well.len(), other.len());
    let detail = format!("command {id}, well: {well}, not well: {other}{others}");
    entry(run, &run.user, "run.end", outcome, detail)
}

fn entry(run: &StoredRun, who: &str, action: &str, outcome: &str, detail: String) -> AuditEntry {
    AuditEntry {
        who: who.to_owned(),
        action: action.to_owned(),
        object: format!("run {}", run.id),
        outcome: outcome.to_owned(),
        detail,
        ..AuditEntry::default()
    }
}

fn went_well(target: &Target) -> bool {
    target.state == State::Done && target.exit.as_ref().is_some_and(is_well)
}

/// How it ended there, in few words.
fn end(target: &Target) -> String {
    let exit = target.exit.as_ref();
    match exit.map(|exit| (exit.code, exit.signal, exit.timed_out)) {
        Some((_, _, true)) => "its time was over".to_owned(),
        Some((Some(code), ..)) => format!("exit {code}"),
        Some((None, Some(signal), _)) => format!("signal {signal}"),
        _ if target.why.is_empty() => target.state.as_str().to_owned(),
        _ => format!("{}, {}", target.state.as_str(), target.why),
    }
}

/// The first names; of the others that there are some.
fn named(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = if all.len() > MAX_NAMED { ", …" } else { "" };
    let first: Vec<String> = all.take(MAX_NAMED).collect();
    format!("{}{more}", first.join(", "))
}
