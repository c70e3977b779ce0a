//! How time is cut: a block lies within one span of its level, and a span ends up as one block.

/// A second, a minute and so on, in milliseconds.
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// A kind of block, by the width of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Every tick. Merged to an hour.
    Ticks,
    /// Windows of a minute. Merged to six hours.
    Minutes,
    /// Windows of an hour. Merged to ten days.
    Hours,
}

impl Level {
    pub(super) const ALL: [Self; 3] = [Self::Ticks, Self::Minutes, Self::Hours];

    /// The width of its windows in milliseconds, as the rows have it.
    pub(super) fn width_ms(self) -> i64 {
        match self {
            Self::Ticks => 0,
            Self::Minutes => MINUTE_MS,
            Self::Hours => HOUR_MS,
        }
    }

    /// The level of that width.
    pub(super) fn of_width(width_ms: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.width_ms() == width_ms)
    }

    /// How long its spans are.
    pub(super) fn span_ms(self) -> i64 {
        match self {
            Self::Ticks => HOUR_MS,
            Self::Minutes => 6 * HOUR_MS,
            Self::Hours => 240 * HOUR_MS,
        }
    }

    /// The span that holds a time.
    pub(super) fn span(self, at_ms: i64) -> Span {
        // Times near the ends of what a number holds are nobody's, and must not overflow.
        let at_ms = at_ms.clamp(i64::MIN / 4, i64::MAX / 4);
        let from_ms = at_ms.div_euclid(self.span_ms()) * self.span_ms();
        Span { from_ms, to_ms: from_ms + self.span_ms() }
    }
}

/// From `from_ms` until just before `to_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::history) struct Span {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Span {
    pub(super) fn last_ms(self) -> i64 {
        self.to_ms - 1
    }

    /// The hours in it.
    pub(super) fn hours(self) -> impl DoubleEndedIterator<Item = Span> {
        let first = self.from_ms.div_euclid(HOUR_MS);
        let end = (self.to_ms - 1).div_euclid(HOUR_MS);
        (first..=end).map(|hour| Span { from_ms: hour * HOUR_MS, to_ms: (hour + 1) * HOUR_MS })
    }
}

/// Cuts rising times at the ends of hours.
pub(super) fn by_hour(times: &[i64]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    let same = |one: &i64, next: &i64| Level::Ticks.span(*one) == Level::Ticks.span(*next);
    let cut = times.chunk_by(same).map(|hour| {
        at += hour.len();
        at - hour.len()..at
    });
    cut.collect()
}
