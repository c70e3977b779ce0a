use std::time::Duration;

use watchfire_model::Moment;

/// A beat that keeps its rhythm, and that skips beats instead of making them
/// up when it was held up.
#[derive(Debug)]
pub(crate) struct Beat(Moment);

impl Beat {
    pub(crate) fn new(now: Moment) -> Self {
        Self(now)
    }

    /// The moment of the next beat, `period` after the last one.
    pub(crate) fn next(&mut self, now: Moment, period: Duration) -> Moment {
        let on_time = self.0.after(period);
        self.0 = if now.monotonic > on_time.monotonic { now.after(period) } else { on_time };
        self.0
    }

    /// How much later than its beat `now` is.
    pub(crate) fn late(&self, now: Moment) -> Duration {
        now.since(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_keeps_its_rhythm_and_makes_nothing_up() {
        let start = Moment::default();
        let after = |millis| start.after(Duration::from_millis(millis));
        let mut beat = Beat::new(start);
        let second = Duration::from_secs(1);
        assert_eq!(beat.next(after(40), second), after(1000));
        assert_eq!(beat.late(after(1030)), Duration::from_millis(30));
        assert_eq!(beat.late(after(990)), Duration::ZERO);
        assert_eq!(beat.next(after(1030), second), after(2000));
        assert_eq!(beat.next(after(5500), second), after(6500));
        assert_eq!(beat.next(after(6510), second), after(7500));
    }
}
