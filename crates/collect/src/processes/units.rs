use crate::recorded::Facts;

const NANOSECONDS: u128 = 1_000_000_000;

/// The units of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) ticks_per_second: u64,
    pub(super) page_bytes: u64,
}

impl Units {
    /// Clock ticks in whole milliseconds.
    pub(super) fn milliseconds(self, ticks: u64) -> i64 {
        let ms = u128::from(ticks) * 1000 / u128::from(self.ticks_per_second.max(1));
        i64::try_from(ms).unwrap_or(i64::MAX)
    }

    /// Clock ticks in nanoseconds.
    pub(super) fn nanoseconds(self, ticks: u64) -> u64 {
        let ns = u128::from(ticks) * NANOSECONDS / u128::from(self.ticks_per_second.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Pages in bytes.
    pub(super) fn bytes(self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes)
    }
}

impl From<&Facts> for Units {
    fn from(facts: &Facts) -> Self {
        Self { ticks_per_second: facts.ticks_per_second, page_bytes: facts.page_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_pages_have_their_size() {
        let units = Units { ticks_per_second: 250, page_bytes: 65536 };
        assert_eq!(units.milliseconds(125), 500);
        assert_eq!(units.milliseconds(u64::MAX), i64::MAX);
        assert_eq!(units.nanoseconds(125), 500_000_000);
        assert_eq!(units.nanoseconds(u64::MAX), u64::MAX);
        assert_eq!(units.bytes(2), 131_072);
        assert_eq!(units.bytes(u64::MAX), u64::MAX);
    }
}
