//! Which servers wait before they are sealed again.

use std::collections::HashMap;
use std::time::Duration;

use watchfire_model::Moment;

/// The first pause of a server of which nothing could be sealed.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// After so long, what was passed over is tried again.
const FORGET: Duration = Duration::from_secs(600);

/// Servers with chunks that stay for now: what goes on from the last chain may still come, and
/// what cannot be read may be once a hole is filled. Such a server must neither keep the others
/// waiting nor be tried for ever.
#[derive(Debug, Default)]
pub(super) struct Progress(HashMap<String, Waiting>);

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// What is before this is passed over.
    from_ms: i64,
    since: Moment,
    until: Moment,
    pause: Duration,
}

impl Progress {
    /// From when on chunks of a server are looked at whose first are from `from_ms`; `None`
    /// while it waits.
    pub(super) fn goes_on(&self, server: &str, from_ms: i64, now: Moment) -> Option<i64> {
        match self.0.get(server) {
            None => Some(from_ms),
            Some(waiting) if now.monotonic < waiting.until.monotonic => None,
            Some(waiting) if now.since(waiting.since) >= FORGET => Some(from_ms),
            Some(waiting) => Some(waiting.from_ms.max(from_ms)),
        }
    }

    /// All of a server up to its last chain was sealed.
    pub(super) fn whole(&mut self, server: &str) {
        self.0.remove(server);
    }

    /// Some was sealed, and some before `from_ms` was passed over.
    pub(super) fn passed_over(&mut self, server: &str, from_ms: i64, now: Moment) {
        let since = self.0.get(server).map_or(now, |waiting| waiting.since);
        let since = if now.since(since) >= FORGET { now } else { since };
        let waiting = Waiting { from_ms, since, until: now, pause: FIRST_PAUSE };
        self.0.insert(server.to_owned(), waiting);
    }

    /// Nothing could be sealed: it waits, longer each time.
    pub(super) fn nothing(&mut self, server: &str, now: Moment) {
        let known = self.0.get(server).copied();
        let pause = known.map_or(FIRST_PAUSE, |known| (known.pause * 2).min(LONGEST_PAUSE));
        let (from_ms, since) = known.map_or((i64::MIN, now), |known| (known.from_ms, known.since));
        let since = if now.since(since) >= FORGET { now } else { since };
        let waiting = Waiting { from_ms, since, until: now.after(pause), pause };
        self.0.insert(server.to_owned(), waiting);
    }

    /// How many servers are in it.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets servers that waited for long and are not asked for any more.
    pub(super) fn settle(&mut self, now: Moment) {
        self.0.retain(|_, waiting| now.since(waiting.until) < 2 * LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::default().after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_server_that_cannot_be_sealed_waits_longer_each_time() {
        let mut progress = Progress::default();
        let (mut now, mut tries) = (0, 0);
        while now < 86_400 {
            if progress.goes_on("bad", 5, at(now)).is_some() {
                progress.nothing("bad", at(now));
                tries += 1;
            }
            assert_eq!(progress.goes_on("good", 5, at(now)), Some(5));
            now += 3;
        }
        assert!((10..15).contains(&tries), "{tries}");
        progress.whole("bad");
        assert_eq!((progress.goes_on("bad", 5, at(now)), progress.len()), (Some(5), 0));
    }

    #[test]
    fn what_was_passed_over_is_tried_again_after_a_while() {
        let mut progress = Progress::default();
        progress.passed_over("a", 100, at(0));
        assert_eq!(progress.goes_on("a", 5, at(1)), Some(100));
        progress.passed_over("a", 200, at(300));
        assert_eq!(progress.goes_on("a", 5, at(599)), Some(200));
        assert_eq!(progress.goes_on("a", 5, at(600)), Some(5));
        progress.settle(at(30 * 3600));
        assert_eq!(progress.len(), 0);
    }
}
