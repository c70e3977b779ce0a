//! What is known of the time before some news, read ahead of the letter that tells it.
//!
//! The history is on the disk, and a letter waits for no disk. So a server that is late is asked
//! about here, two seconds before its verdict, and one task reads one server at a time. A
//! letter takes what is there when it is written, and says less where that is nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::Around;
use watchfire_model::{Moment, ServerName};
use watchfire_runtime::{Clock, Shutdown, task};

/// How many servers wait for their turn. Of more that fall together one letter tells, which has
/// no room for the minute of each; the rest is dropped and counted.
const MAX_WANTED: usize = 32;
/// How many answers are kept.
const MAX_KNOWN: usize = 64;
/// How old an answer may be that goes into a letter.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// How long one server is read at most.
const READING_TIME: Duration = Duration::from_millis(100);

/// Reads what is known of the time before now of one server.
pub(crate) trait Before: Send + Sync {
    /// What is known; what cannot be read, or not before `out_of_time`, is left out.
    fn around(&self, server: &ServerName, out_of_time: &dyn Fn() -> bool) -> Option<Around>;
}

/// What was read ahead, and what is to be read.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    inner: Mutex<Inner>,
    arrived: Notify,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    wanted: VecDeque<ServerName>,
    known: HashMap<ServerName, (Moment, Arc<Around>)>,
}

impl Surroundings {
    /// News of this server may be told soon. What is known of it is of another time, and goes.
    pub(crate) fn want(&self, server: &ServerName) {
        let mut inner = self.lock();
        inner.known.remove(server);
        if inner.wanted.contains(server) {
            return;
        }
        if inner.wanted.len() >= MAX_WANTED {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        inner.wanted.push_back(server.clone());
        self.arrived.notify_one();
    }

    /// What is known by now of the time before the news.
    pub(crate) fn of(&self, server: &ServerName, now: Moment) -> Option<Arc<Around>> {
        let inner = self.lock();
        let known = inner.known.get(server).filter(|(read, _)| now.since(*read) <= MAX_AGE);
        known.map(|(_, around)| around.clone())
    }

    /// Servers that were not read, because too many were wanted.
    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Reads what is wanted until the end is asked for.
    pub(crate) async fn read(
        self: Arc<Self>,
        before: Arc<dyn Before>,
        clock: Clock,
        shutdown: Shutdown,
    ) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.arrived.notified() => {}
            }
            while let Some(server) = self.next() {
                self.read_one(server, before.clone(), &clock).await;
                if shutdown.is_requested() {
                    return;
                }
            }
        }
    }

    async fn read_one(&self, server: ServerName, before: Arc<dyn Before>, clock: &Clock) {
        let (timer, asked) = (clock.clone(), server.clone());
        let read = task::blocking("read around", move || {
            let until = timer.now().after(READING_TIME).monotonic;
            before.around(&asked, &|| timer.now().monotonic >= until)
        });
        match read.await {
            Ok(Some(around)) => self.keep(server, clock.now(), around),
            Ok(None) => {}
            Err(error) => tracing::error!(%server, %error, "letters say less of its last minute"),
        }
    }

    pub(crate) fn next(&self) -> Option<ServerName> {
        self.lock().wanted.pop_front()
    }

    pub(crate) fn keep(&self, server: ServerName, now: Moment, around: Around) {
        let mut inner = self.lock();
        inner.known.retain(|_, (read, _)| now.since(*read) <= MAX_AGE);
        if inner.known.len() >= MAX_KNOWN {
            let oldest = inner.known.iter().min_by_key(|(_, (read, _))| read.monotonic);
            let oldest = oldest.map(|(server, _)| server.clone());
            oldest.and_then(|server| inner.known.remove(&server));
        }
        inner.known.insert(server, (now, Arc::new(around)));
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use watchfire_alert::Change;

    use super::*;
    use crate::testing::{manual_clock, name, until};

    /// Knows of each server its name.
    struct Names;

    impl Before for Names {
        fn around(&self, server: &ServerName, _: &dyn Fn() -> bool) -> Option<Around> {
            assert!(server.as_str() != "bad", "for the test");
            let changes = vec![Change { at_ms: 0, text: server.to_string() }];
            Some(Around { changes, ..Around::default() })
        }
    }

    #[tokio::test]
    async fn what_is_wanted_is_there_soon_and_goes_again() {
        let (clock, hand) = manual_clock();
        let (shutdown, end) = Shutdown::new();
        let surroundings = Arc::new(Surroundings::default());
        let reading = surroundings.clone().read(Arc::new(Names), clock.clone(), shutdown);
        let reading = task::spawn("reading", reading);
        assert!(surroundings.of(&name("a-1"), clock.now()).is_none());
        // One that cannot be read does not stand in the way of the next.
        surroundings.want(&name("bad"));
        surroundings.want(&name("a-1"));
        let of = |server: &str| surroundings.of(&name(server), clock.now());
        until("an answer", || of("a-1")).await;
        assert_eq!(of("a-1").expect("known").changes[0].text, "a-1");
        assert!(of("bad").is_none());
        hand.advance(MAX_AGE + Duration::from_millis(1));
        assert!(of("a-1").is_none(), "it is of another time");
        end.request();
        reading.join().await.expect("it ends");
    }

    #[test]
    fn it_stays_within_its_limits() {
        let (clock, hand) = manual_clock();
        let surroundings = Surroundings::default();
        for n in 0..MAX_WANTED + 8 {
            surroundings.want(&name(&format!("a-{n}")));
            surroundings.want(&name("a-0"));
        }
        assert_eq!((surroundings.lock().wanted.len(), surroundings.dropped()), (MAX_WANTED, 8));
        for n in 0..MAX_KNOWN + 8 {
            hand.advance(Duration::from_millis(1));
            surroundings.keep(name(&format!("a-{n}")), clock.now(), Around::default());
        }
        let is_known = |n: usize| surroundings.of(&name(&format!("a-{n}")), clock.now()).is_some();
        assert_eq!(surroundings.lock().known.len(), MAX_KNOWN);
        assert!(!is_known(7) && is_known(8) && is_known(MAX_KNOWN + 7));
        surroundings.want(&name("a-9"));
        assert!(!is_known(9), "what is asked anew is of another time");
    }
}
