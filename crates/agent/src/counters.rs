use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchfire_runtime::http::HttpCounters;

/// How often the agent had to say no or to leave something out, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) http: Arc<HttpCounters>,
    pub(crate) passwords_checked: Counter,
    pub(crate) logins_failed: Counter,
    pub(crate) logins_limited: Counter,
    pub(crate) logins_busy: Counter,
    pub(crate) streams_refused: Counter,
    pub(crate) adoptions_refused: Counter,
    pub(crate) samples_skipped: Counter,
    pub(crate) metrics_served: Counter,
    pub(crate) metrics_left_out: Counter,
}

/// A number that mostly only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Takes back what was added: for numbers of what is there now.
    pub(crate) fn take(&self, by: u64) {
        self.0.fetch_sub(by, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Connections that were closed at once, because all places were busy.
    #[must_use]
    pub fn connections_refused(&self) -> u64 {
        self.http.refused()
    }

    /// Idle connections that made room for new ones.
    #[must_use]
    pub fn connections_evicted(&self) -> u64 {
        self.http.evicted()
    }

    /// Passwords whose hash was worked out, right or wrong, each at the cost of
    /// some ten milliseconds.
    #[must_use]
    pub fn passwords_checked(&self) -> u64 {
        self.passwords_checked.get()
    }

    /// Logins with a wrong name or password.
    #[must_use]
    pub fn logins_failed(&self) -> u64 {
        self.logins_failed.get()
    }

    /// Logins refused because of too many wrong ones before.
    #[must_use]
    pub fn logins_limited(&self) -> u64 {
        self.logins_limited.get()
    }

    /// Logins refused because too many were being checked already.
    #[must_use]
    pub fn logins_busy(&self) -> u64 {
        self.logins_busy.get()
    }

    /// Streams refused because there were too many.
    #[must_use]
    pub fn streams_refused(&self) -> u64 {
        self.streams_refused.get()
    }

    /// Connections that came to nothing before their first request: a TLS
    /// handshake that was wrong or late.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.http.handshakes_failed()
    }

    /// Steps of an adoption that were refused: no such invitation, too many
    /// wrong ones, or not to be taken.
    #[must_use]
    pub fn adoptions_refused(&self) -> u64 {
        self.adoptions_refused.get()
    }

    /// Samples that a stream left out, because its peer read too slowly and a
    /// newer one was there.
    #[must_use]
    pub fn samples_skipped(&self) -> u64 {
        self.samples_skipped.get()
    }

    /// Answers to scrapers.
    #[must_use]
    pub fn metrics_served(&self) -> u64 {
        self.metrics_served.get()
    }

    /// Series left out of answers to scrapers, because an answer has a most of bytes.
    #[must_use]
    pub fn metrics_left_out(&self) -> u64 {
        self.metrics_left_out.get()
    }

    /// One line for the log at the end.
    pub(crate) fn log(&self) {
        tracing::info!(
            connections_refused = self.connections_refused(),
            connections_evicted = self.connections_evicted(),
            passwords_checked = self.passwords_checked(),
            logins_failed = self.logins_failed(),
            logins_limited = self.logins_limited(),
            logins_busy = self.logins_busy(),
            streams_refused = self.streams_refused(),
            handshakes_failed = self.handshakes_failed(),
            adoptions_refused = self.adoptions_refused(),
            samples_skipped = self.samples_skipped(),
            metrics_served = self.metrics_served(),
            metrics_left_out = self.metrics_left_out(),
            "the agent ends"
        );
    }
}
