//! From names to addresses, without letting a resolver that hangs hold
//! anything else up.
//!
//! A lookup runs on one of the threads that all blocking work needs, and
//! nobody can end it: a resolver that hangs keeps its thread for ten seconds
//! and more. So few lookups run at a time, no name is looked up twice at once,
//! and the last good addresses of a name serve while its lookup is slow,
//! fails, or finds no room (fault F21).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use watchfire_model::Moment;

use super::own::is_own_want;
use crate::{Clock, task};

/// Lookups that run at the same time. A further one waits for its turn, or does
/// without where the name's last addresses are known.
const MAX_LOOKUPS: usize = 8;
/// Names whose addresses are kept. When it is full, the one that was looked up
/// the longest ago goes.
const MAX_NAMES: usize = 20_000;
/// Addresses that are kept of one name, in the resolver's order.
const MAX_ADDRESSES: usize = 16;
/// For how long addresses serve without another lookup.
const FRESH: Duration = Duration::from_secs(5);
/// How long a lookup is waited for when older addresses could serve.
const PATIENCE: Duration = Duration::from_millis(250);

/// A lookup of one name. It may take as long as it likes.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
/// Starts a lookup: the machine's resolver, or the stand-in of a test.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// A resolver for all that dials for one purpose. Cheap to clone. Two purposes
/// that must not wait for each other's names have one each.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("counters", &self.0.counters).finish_non_exhaustive()
    }
}

struct Inner {
    lookup: Lookup,
    kept: Duration,
    clock: Clock,
    room: Arc<Semaphore>,
    flights: Mutex<HashMap<String, Flight>>,
    names: Mutex<HashMap<String, Known>>,
    counters: Counters,
}

/// How often a lookup was not what it should be, since the start.
#[derive(Debug, Default)]
struct Counters {
    /// Somebody found no room for a lookup.
    no_room: AtomicU64,
    /// Older addresses were used.
    old_used: AtomicU64,
    /// A name's addresses went for want of room.
    forgotten: AtomicU64,
}

/// A lookup under way; `None` until it ends.
type Flight = watch::Receiver<Option<Result<Vec<IpAddr>, Unresolved>>>;

struct Known {
    addresses: Vec<IpAddr>,
    at: Moment,
}

/// Why a name has no addresses just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The resolver says so: in its own words.
    #[error("{0}")]
    Unknown(String),
    /// The resolver did not answer in time, or all lookups hang. It says
    /// nothing of the name.
    #[error("the resolver does not answer")]
    Slow,
    /// This machine could not even ask, for want of something of its own.
    #[error("{0}")]
    Own(String),
}

impl Resolver {
    /// The machine's resolver. The last good addresses of a name serve for
    /// `kept` while no lookup of it succeeds.
    #[must_use]
    pub fn system(kept: Duration, clock: Clock) -> Self {
        Self::new(Arc::new(|host| Box::pin(look_up(host))), kept, clock)
    }

    /// The same over `lookup`.
    #[must_use]
    pub fn new(lookup: Lookup, kept: Duration, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            lookup,
            kept,
            clock,
            room: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            flights: Mutex::default(),
            names: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    /// The addresses of `host`, which may itself be one; 16 at most. It takes
    /// `limit` at most, and 0.25 s where the last good addresses are known.
    ///
    /// # Errors
    /// [`Unresolved`] when there are none in time, and none are remembered.
    pub async fn addresses(&self, host: &str, limit: Duration) -> Result<Vec<IpAddr>, Unresolved> {
        if let Ok(literal) = host.parse() {
            return Ok(vec![literal]);
        }
        let known = self.known(host);
        if let Some((addresses, age)) = &known
            && *age <= FRESH
        {
            return Ok(addresses.clone());
        }
        let patience = if known.is_some() { limit.min(PATIENCE) } else { limit };
        let asking = self.ask(host, known.is_none());
        let answer = self.0.clock.within(patience, asking).await;
        match (answer.unwrap_or(Err(Unresolved::Slow)), known) {
            (Err(why), Some((addresses, age))) => {
                self.0.counters.old_used.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(host, ?why, ?age, "the last good addresses are used");
                Ok(addresses)
            }
            (answer, _) => answer,
        }
    }

    /// Joins the lookup of `host` that is under way, or starts one.
    async fn ask(&self, host: &str, wait_for_room: bool) -> Result<Vec<IpAddr>, Unresolved> {
        let under_way = under_way(&lock(&self.0.flights), host);
        let flight = match under_way {
            Some(flight) => flight,
            None => self.start(host, self.seat(host, wait_for_room).await?),
        };
        landed(flight).await
    }

    async fn seat(&self, host: &str, wait: bool) -> Result<OwnedSemaphorePermit, Unresolved> {
        let room = self.0.room.clone();
        if let Ok(seat) = room.clone().try_acquire_owned() {
            return Ok(seat);
        }
        let refused = self.0.counters.no_room.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::debug!(host, refused, "all lookups are busy; the resolver is slow");
        if !wait {
            return Err(Unresolved::Slow);
        }
        // Nobody closes the semaphore; if somebody did, there would be no room.
        room.acquire_owned().await.map_err(|_| Unresolved::Slow)
    }

    /// Starts a lookup that goes on when nobody waits for it any more: its
    /// thread is taken until it ends, so its seat is too.
    fn start(&self, host: &str, seat: OwnedSemaphorePermit) -> Flight {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = under_way(&flights, host) {
            return flight;
        }
        let (landing, flight) = watch::channel(None);
        flights.insert(host.to_owned(), flight.clone());
        drop(flights);
        let (inner, host) = (self.0.clone(), host.to_owned());
        let lookup = async move {
            let answer = judged((inner.lookup)(host.clone()).await);
            if let Ok(addresses) = &answer {
                inner.keep(&host, addresses.clone());
            }
            lock(&inner.flights).remove(&host);
            landing.send_replace(Some(answer));
            drop(seat);
        };
        task::spawn("lookup", lookup).detach();
        flight
    }

    /// The last good addresses of `host`, and how old they are.
    fn known(&self, host: &str) -> Option<(Vec<IpAddr>, Duration)> {
        let now = self.0.clock.now();
        let mut names = lock(&self.0.names);
        let known = names.get(host)?;
        let age = now.since(known.at);
        if age > self.0.kept {
            names.remove(host);
            return None;
        }
        Some((known.addresses.clone(), age))
    }
}

impl Inner {
    fn keep(&self, host: &str, addresses: Vec<IpAddr>) {
        let known = Known { addresses, at: self.clock.now() };
        let mut names = lock(&self.names);
        if names.len() >= MAX_NAMES && !names.contains_key(host) {
            let oldest = names.iter().min_by_key(|(_, known)| known.at.monotonic);
            if let Some(oldest) = oldest.map(|(host, _)| host.clone()) {
                names.remove(&oldest);
                self.counters.forgotten.fetch_add(1, Ordering::Relaxed);
            }
        }
        names.insert(host.to_owned(), known);
    }
}

/// A lookup whose task panicked has no sender any more, and counts as none.
fn under_way(flights: &HashMap<String, Flight>, host: &str) -> Option<Flight> {
    flights.get(host).filter(|flight| flight.has_changed().is_ok()).cloned()
}

async fn landed(mut flight: Flight) -> Result<Vec<IpAddr>, Unresolved> {
    match flight.wait_for(Option::is_some).await {
        Ok(answer) => answer.clone().unwrap_or(Err(Unresolved::Slow)),
        Err(_) => Err(Unresolved::Slow),
    }
}

fn judged(answer: io::Result<Vec<IpAddr>>) -> Result<Vec<IpAddr>, Unresolved> {
    match answer {
        Ok(addresses) if addresses.is_empty() => {
            Err(Unresolved::Unknown("the name has no address".to_owned()))
        }
        Ok(mut addresses) => {
            addresses.truncate(MAX_ADDRESSES);
            Ok(addresses)
        }
        Err(error) if is_own_want(&error) => Err(Unresolved::Own(error.to_string())),
        Err(error) => Err(Unresolved::Unknown(error.to_string())),
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for found in tokio::net::lookup_host((host.as_str(), 0)).await? {
        if !addresses.contains(&found.ip()) {
            addresses.push(found.ip());
        }
    }
    Ok(addresses)
}

/// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
