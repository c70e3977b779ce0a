//! What really happened on the network: which signs of life reached the hub's machine.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use watchfire_testkit::link::network::{Network, Seen};

/// In a pulse: where its flags and its session are (`crates/wire/PROTOCOL.md`).
const FLAGS: usize = 4;
const SESSION: std::ops::Range<usize> = 8..16;
const LEAVING: u8 = 2;

/// Watches the network. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Truth(Arc<Mutex<Watched>>);

struct Watched {
    hub: IpAddr,
    /// Sessions of pulses that this run of the hub has answered.
    sessions: BTreeSet<[u8; 8]>,
    /// When a pulse of such a session reached the hub's socket, and whose.
    signs: Vec<(Duration, IpAddr)>,
}

impl Truth {
    pub(crate) fn watch(network: &Network, hub: IpAddr, began: Instant) -> Self {
        let watched = Watched { hub, sessions: BTreeSet::new(), signs: Vec::new() };
        let truth = Self(Arc::new(Mutex::new(watched)));
        let watcher = truth.clone();
        network.watch(move |seen| watcher.lock().see(seen, began.elapsed()));
        truth
    }

    /// Another run of the hub begins: it knows no sessions.
    pub(crate) fn forget_sessions(&self) {
        self.lock().sessions.clear();
    }

    /// The signs of life since this was asked last.
    pub(crate) fn take(&self) -> Vec<(Duration, IpAddr)> {
        std::mem::take(&mut self.lock().signs)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn see(&mut self, seen: Seen<'_>, now: Duration) {
        let Some((session, flags)) = pulse(seen.bytes) else { return };
        if !seen.arrived && seen.from.ip() == self.hub {
            // Only a pulse that the hub knows gets an echo from it.
            self.sessions.insert(session);
        }
        let is_sign = seen.arrived && seen.to.ip() == self.hub && flags & LEAVING == 0;
        if is_sign && self.sessions.contains(&session) {
            self.signs.push((now, seen.from.ip()));
        }
    }
}

fn pulse(bytes: &[u8]) -> Option<([u8; 8], u8)> {
    Some((bytes.get(SESSION)?.try_into().ok()?, *bytes.get(FLAGS)?))
}
