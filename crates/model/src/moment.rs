use std::time::Duration;

/// One instant on both clocks of the machine that read it.
///
/// Judgements use `monotonic`, because it never jumps; people are shown
/// `unix_ms`. On Linux `monotonic` is `CLOCK_MONOTONIC` since boot, so two
/// processes of one machine can compare their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment {
    /// Time since the machine's boot.
    pub monotonic: Duration,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
}

impl Moment {
    /// The time from `earlier` to `self` on the monotonic clock, zero when
    /// `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }

    /// The moment `by` later, on both clocks.
    #[must_use]
    pub fn after(self, by: Duration) -> Moment {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Moment {
            monotonic: self.monotonic.saturating_add(by),
            unix_ms: self.unix_ms.saturating_add(millis),
        }
    }

    /// The moment `by` earlier, on both clocks; the monotonic one stops at zero.
    #[must_use]
    pub fn before(self, by: Duration) -> Moment {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Moment {
            monotonic: self.monotonic.saturating_sub(by),
            unix_ms: self.unix_ms.saturating_sub(millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_never_underflows() {
        let early = Moment { monotonic: Duration::from_secs(1), unix_ms: 1000 };
        let late = early.after(Duration::from_millis(1500));
        assert_eq!(late.since(early), Duration::from_millis(1500));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.unix_ms, 2500);
        assert_eq!(late.before(Duration::from_millis(1500)), early);
    }
}
