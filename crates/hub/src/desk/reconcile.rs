//! Each minute what the desk believes is compared with what the fleet says, so that nothing that
//! ever goes wrong on the way between them leaves a trouble untold or an incident open for ever.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use watchfire_model::{Moment, Presence, ServerName, Transition};
use watchfire_runtime::{Clock, Shutdown, task};

use super::Desk;
use super::run::Failure;

/// How often it is looked.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// The servers whose incident did not fit, what they were, and since when.
pub(super) type Seen = HashMap<ServerName, (Presence, Moment)>;

/// A server whose incident does not fit its presence.
#[derive(Debug)]
struct Mismatch {
    server: ServerName,
    /// What the open incident says, if there is one.
    believed: Option<Presence>,
    presence: Presence,
    since: Moment,
    last_sign: Option<Moment>,
}

impl Desk {
    /// Looks, and mends what did not fit at the last look either.
    pub(super) async fn reconcile(
        self: &Arc<Self>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let desk = self.clone();
        let repairs = task::blocking("reconcile", move || desk.repairs()).await;
        let repairs = repairs.map_err(|failed| Failure::Lasting(failed.to_string()))?;
        if repairs.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(repairs.len()).unwrap_or(u64::MAX);
        let in_all = self.reconciled.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        let first = &repairs[0];
        tracing::error!(
            server = %first.server, presence = %first.to, count, in_all,
            "incidents did not fit the presence of their servers; they are mended"
        );
        self.store_all(repairs, clock, shutdown).await
    }

    /// What makes incidents fit again. A mismatch counts from the second look on: what
    /// changed just now may be on its way to the desk.
    pub(super) fn repairs(&self) -> Vec<Transition> {
        let found = self.mismatches();
        let seen =
            found.iter().map(|one| (one.server.clone(), (one.presence, one.since))).collect();
        let mut known = self.mismatches.lock().unwrap_or_else(PoisonError::into_inner);
        let before: Seen = std::mem::replace(&mut *known, seen);
        let again = |one: &Mismatch| before.get(&one.server) == Some(&(one.presence, one.since));
        found.into_iter().filter(again).map(Mismatch::repair).collect()
    }

    fn mismatches(&self) -> Vec<Mismatch> {
        let book = self.book();
        let mismatch = |index: usize| {
            let server = self.fleet.config(index).server.name.clone();
            let (presence, since) = self.fleet.presence_since(index);
            let believed = book.open.get(&server).map(|incident| incident.presence);
            let fits = match presence {
                Presence::Up => believed.is_none(),
                trouble if trouble.is_trouble() => believed == Some(trouble),
                _ => true,
            };
            let last_sign = || self.fleet.snapshot(index).last_sign;
            (!fits).then(|| Mismatch { server, believed, presence, since, last_sign: last_sign() })
        };
        self.fleet.indices().into_iter().filter_map(mismatch).collect()
    }
}

impl Mismatch {
    fn repair(self) -> Transition {
        Transition {
            server: self.server,
            from: self.believed.unwrap_or(Presence::Up),
            to: self.presence,
            at: self.since,
            last_sign: self.last_sign,
            hub_stalled: Duration::ZERO,
            evidence: Vec::new(),
        }
    }
}
