use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchfire_identity::limit::LoginLimiter;
use watchfire_identity::proof::Proofs;
use watchfire_identity::token::TokenKey;
use watchfire_runtime::Clock;

use super::details::Details;
use super::metrics::Expositions;
use super::{HostNames, routes};
use crate::config::{MetricsConfig, User};
use crate::counters::Counters;
use crate::identity::Identity;
use crate::runner::Runner;
use crate::sampler::Samples;
use crate::uplink::{About, Uplink};

/// Streams at the same time.
pub(crate) const MAX_STREAMS: u32 = 16;
/// Passwords that are checked at the same time. Each takes a core and 19 MiB.
pub(super) const MAX_HASHING: usize = 2;
/// Logins that may wait for that; more are told to come again.
pub(super) const MAX_WAITING: usize = 16;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) samples: Samples,
    pub(crate) hosts: HostNames,
    pub(crate) about: About,
    pub(crate) identity: Arc<Identity>,
    pub(crate) uplink: Arc<Uplink>,
    pub(super) key: TokenKey,
    pub(super) users: HashMap<String, User>,
    pub(super) token_lives: Duration,
    pub(super) hashing: Arc<Semaphore>,
    pub(super) waiting: Arc<Semaphore>,
    pub(super) metrics: MetricsConfig,
    /// What runs commands; `None` where nothing is run.
    pub(super) runner: Option<Runner>,
    pub(super) expositions: Expositions,
    pub(super) details: Details,
    streams: Arc<Semaphore>,
    limiter: Mutex<LoginLimiter>,
    proofs: Mutex<Proofs>,
    router: Router,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) samples: Samples,
    pub(crate) hosts: HostNames,
    pub(crate) about: About,
    pub(crate) identity: Arc<Identity>,
    pub(crate) uplink: Arc<Uplink>,
    pub(crate) key: TokenKey,
    pub(crate) users: Vec<User>,
    pub(crate) token_lives: Duration,
    pub(crate) metrics: MetricsConfig,
    pub(crate) runner: Option<Runner>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let users = parts.users.into_iter().map(|user| (user.name.clone(), user)).collect();
        Arc::new(Self {
            clock: parts.clock,
            counters: parts.counters,
            samples: parts.samples,
            hosts: parts.hosts,
            about: parts.about,
            identity: parts.identity,
            uplink: parts.uplink,
            key: parts.key,
            users,
            token_lives: parts.token_lives,
            hashing: Arc::new(Semaphore::new(MAX_HASHING)),
            waiting: Arc::new(Semaphore::new(MAX_HASHING + MAX_WAITING)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS as usize)),
            metrics: parts.metrics,
            runner: parts.runner,
            expositions: Expositions::default(),
            details: Details::default(),
            limiter: Mutex::default(),
            proofs: Mutex::default(),
            router: routes::all(),
        })
    }

    /// The routes. They hold no App, which comes with each request, or neither
    /// would ever be dropped.
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The limiter; never held over an await.
    pub(super) fn limiter(&self) -> MutexGuard<'_, LoginLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The passwords that were right a moment ago; never held over an await.
    pub(super) fn proofs(&self) -> MutexGuard<'_, Proofs> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a stream; `None` when all are taken.
    pub(crate) fn take_stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Returns once no stream is left.
    pub(crate) async fn streams_ended(&self) {
        // The semaphore is never closed.
        let _ = self.streams.acquire_many(MAX_STREAMS).await;
    }
}
