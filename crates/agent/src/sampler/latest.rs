use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use watchfire_runtime::Clock;

/// Rates need two readings.
const READINGS_FOR_RATES: u64 = 2;

/// One reading, with its number since the start.
#[derive(Debug)]
pub(crate) struct Sample<T> {
    pub(crate) number: u64,
    pub(crate) value: T,
}

/// The latest reading; `None` before the first.
pub(crate) type Latest<T> = watch::Receiver<Option<Arc<Sample<T>>>>;

/// Where the latest reading is put. There is no queue: a newer one takes the
/// place of an older one.
#[derive(Debug)]
pub(super) struct Publisher<T>(watch::Sender<Option<Arc<Sample<T>>>>);

impl<T> Publisher<T> {
    pub(super) fn new() -> (Self, Latest<T>) {
        let (publish, latest) = watch::channel(None);
        (Self(publish), latest)
    }

    /// Puts it there, and returns it to be shared further.
    pub(super) fn post(&self, value: T) -> Arc<Sample<T>> {
        let number = self.0.borrow().as_ref().map_or(0, |sample| sample.number) + 1;
        let sample = Arc::new(Sample { number, value });
        self.0.send_replace(Some(Arc::clone(&sample)));
        sample
    }
}

/// The latest reading, once there is one from which rates are known, or
/// whatever there is after `patience`.
pub(crate) async fn with_rates<T>(
    latest: &Latest<T>,
    clock: &Clock,
    patience: Duration,
) -> Option<Arc<Sample<T>>> {
    let mut latest = latest.clone();
    let known = |sample: &Option<Arc<Sample<T>>>| {
        sample.as_ref().is_some_and(|sample| sample.number >= READINGS_FOR_RATES)
    };
    // When the samplers are gone there is only the last sample, which is taken below.
    let _ = clock.within(patience, latest.wait_for(known)).await;
    latest.borrow().clone()
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::*;

    #[test]
    fn samples_are_numbered() {
        let (publish, latest) = Publisher::new();
        publish.post('a');
        assert_eq!(publish.post('b').value, 'b');
        let sample = latest.borrow().clone().expect("was posted");
        assert_eq!((sample.number, sample.value), (2, 'b'));
    }

    #[tokio::test]
    async fn the_first_reading_is_given_when_patience_ends() {
        let (clock, hand) = Clock::manual(Moment::default());
        let (publish, latest) = Publisher::new();
        publish.post('a');
        let second = Duration::from_secs(1);
        let (sample, ()) =
            tokio::join!(with_rates(&latest, &clock, second), async { hand.advance(second) });
        assert_eq!(sample.map(|sample| sample.value), Some('a'));
        let (sample, ()) = tokio::join!(with_rates(&latest, &clock, second), async {
            publish.post('b');
        });
        assert_eq!(sample.map(|sample| sample.value), Some('b'));
    }
}
