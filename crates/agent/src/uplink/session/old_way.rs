//! The latest samples, for hubs that want no ticks.

use std::sync::Arc;

use watchfire_model::{ProcessTable, Status};

use crate::sampler::{Latest, Sample, Samples};

/// Follows the samples of both kinds.
pub(super) struct OldWay {
    pub(super) statuses: Following<Status>,
    pub(super) tables: Following<ProcessTable>,
}

impl OldWay {
    pub(super) fn new(samples: &Samples) -> Self {
        Self {
            statuses: Following::new(&samples.status),
            tables: Following::new(&samples.processes),
        }
    }
}

/// Follows the samples of one kind.
pub(super) struct Following<T> {
    latest: Latest<T>,
    sent: u64,
}

impl<T> Following<T> {
    fn new(latest: &Latest<T>) -> Self {
        let mut latest = latest.clone();
        // What is there already is sent first.
        latest.mark_changed();
        Self { latest, sent: 0 }
    }

    /// The next sample that was not sent yet; `None` when there will be none.
    pub(super) async fn next(&mut self) -> Option<Arc<Sample<T>>> {
        loop {
            self.latest.changed().await.ok()?;
            if let Some(sample) = self.latest.borrow_and_update().clone() {
                return Some(sample);
            }
        }
    }

    /// How many samples there were between the last one that was sent and `number`.
    pub(super) fn skipped(&mut self, number: u64) -> u64 {
        let between = number.saturating_sub(self.sent.saturating_add(1));
        // The first one begins the stream: those before were never its own.
        let skipped = if self.sent == 0 { 0 } else { between };
        self.sent = number;
        skipped
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn the_newest_wins_and_the_rest_is_counted() {
        let sample = |number| Some(Arc::new(Sample { number, value: () }));
        let (post, latest) = watch::channel(sample(7));
        let mut following = Following::new(&latest);
        let first = following.next().await.expect("there is one");
        assert_eq!((first.number, following.skipped(first.number)), (7, 0));
        for number in 8..=10 {
            post.send_replace(sample(number));
        }
        let next = following.next().await.expect("there is one");
        assert_eq!((next.number, following.skipped(next.number)), (10, 2));
        post.send_replace(sample(11));
        let next = following.next().await.expect("there is one");
        assert_eq!((next.number, following.skipped(next.number)), (11, 0));
        drop(post);
        assert!(following.next().await.is_none());
    }
}
