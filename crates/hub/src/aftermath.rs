//! What an incident is to say once its server is back and handed in what it
//! recorded: that it was cut off and ran all the time, or that it was started
//! anew, with its last readings and the kernel's last words.

mod evidence;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use watchfire_alert::{Correction, correct};
use watchfire_model::{Incident, IncidentId, IncidentKind, IncidentState, Moment, ServerName};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{IncidentFilter, Store, StoreError};

use crate::desk::Desk;
use crate::historian::Historian;
use evidence::Evidence;

/// Returns that wait to be looked into. More are left as they are told.
const MAX_WAITING: usize = 16_384;
/// The pause before an incident is looked for again, and how often: the desk may
/// wait for the disk.
const RETRY: Duration = Duration::from_secs(1);
const MAX_TRIES: u32 = 60;
/// Among how many of a server's last incidents the one is looked for.
const LOOKED_THROUGH: usize = 20;

/// A server that is back, and what its agent said. Times are on the hub's clock.
#[derive(Debug, Clone)]
pub(crate) struct Aftermath {
    pub(crate) server: ServerName,
    /// Its key in the history.
    pub(crate) key: String,
    /// When it was heard again.
    pub(crate) back: Moment,
    /// Whether its machine was started anew meanwhile, if that is known.
    pub(crate) rebooted: Option<bool>,
    /// How long the machine had been up then.
    pub(crate) uptime: Option<Duration>,
    pub(crate) reboot_reason: String,
    pub(crate) last_words: String,
    /// The agent's wall clock less the hub's.
    pub(crate) skew_ms: i64,
}

/// Where returns are told. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Corrections(mpsc::Sender<Aftermath>);

/// Looks into the returns.
pub(crate) struct Corrector {
    pub(crate) store: Store,
    pub(crate) historian: Historian,
    pub(crate) desk: Arc<Desk>,
    pub(crate) returns: mpsc::Receiver<Aftermath>,
}

impl Corrections {
    /// A way to tell of returns, and where they come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Aftermath>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        (Self(sender), receiver)
    }

    /// Lets a return be looked into, if not too many wait.
    pub(crate) fn tell(&self, aftermath: Aftermath) {
        if let Err(error) = self.0.try_send(aftermath) {
            tracing::warn!(%error, "what happened in an outage is not looked into");
        }
    }
}

impl Corrector {
    /// Works until the end is asked for.
    pub(crate) async fn run(mut self, clock: Clock, shutdown: Shutdown) {
        let mut later = Later::default();
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                next = later.next(&mut self.returns, &clock) => next,
            };
            let Some((tries, aftermath)) = next else { return };
            if !self.correct(aftermath.clone()).await {
                later.put(tries, aftermath, clock.now());
            }
        }
    }

    /// False when it is to be tried again: the incident is not there yet, or the
    /// disk is full.
    async fn correct(&self, aftermath: Aftermath) -> bool {
        let (store, historian) = (self.store.clone(), self.historian.clone());
        let server = aftermath.server.clone();
        let look = move || look_into(&store, &historian, &aftermath);
        let (incident, correction) = match task::blocking("aftermath", look).await {
            Ok(Ok(Found::News(incident, correction))) => (incident, correction),
            Ok(Ok(Found::NotYet)) => return false,
            // A panic was told already.
            Ok(Ok(Found::NothingNew)) | Err(_) => return true,
            Ok(Err(error)) => {
                tracing::warn!(%server, %error, "an incident cannot be looked into");
                return !error.is_temporary();
            }
        };
        match self.desk.correct(incident, correction).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%server, %error, "an incident cannot be corrected");
                !error.is_temporary()
            }
        }
    }
}

/// Returns that are to be looked into once more, the next one first. One whose
/// incident never comes must not hold up the others.
#[derive(Debug, Default)]
struct Later(VecDeque<(Moment, u32, Aftermath)>);

impl Later {
    /// The next return, and how often it was looked into; `None` when there will be
    /// none. It may be given up; nothing is lost then.
    async fn next(
        &mut self,
        returns: &mut mpsc::Receiver<Aftermath>,
        clock: &Clock,
    ) -> Option<(u32, Aftermath)> {
        let due = self.0.front().map(|(due, ..)| *due);
        let again = async {
            match due {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = again => self.0.pop_front().map(|(_, tries, aftermath)| (tries, aftermath)),
            // While many wait, new ones wait in the channel.
            next = returns.recv(), if self.0.len() < MAX_WAITING => next.map(|next| (0, next)),
        }
    }

    fn put(&mut self, tries: u32, aftermath: Aftermath, now: Moment) {
        if tries + 1 < MAX_TRIES {
            self.0.push_back((now.after(RETRY), tries + 1, aftermath));
        }
    }
}

/// What there is to say of an outage.
#[derive(Debug)]
enum Found {
    News(IncidentId, Correction),
    NothingNew,
    NotYet,
}

fn look_into(
    store: &Store,
    historian: &Historian,
    aftermath: &Aftermath,
) -> Result<Found, StoreError> {
    let filter = IncidentFilter {
        server: Some(aftermath.server.clone()),
        kind: Some(IncidentKind::Presence),
        limit: LOOKED_THROUGH,
        ..IncidentFilter::default()
    };
    let ended = |incident: &Incident| matches!(incident.state, IncidentState::Closed(at) if at == aftermath.back);
    let Some(incident) = store.incidents(&filter)?.into_iter().find(ended) else {
        return Ok(Found::NotYet);
    };
    let evidence = Evidence::read(historian.history(), &incident, aftermath);
    let correction = correct(&incident, &evidence.facts(aftermath));
    Ok(correction.map_or(Found::NothingNew, |found| Found::News(incident.id, found)))
}

#[cfg(test)]
mod tests;
