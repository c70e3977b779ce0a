/// How far behind the newest counter one may be that is still taken: pulses
/// overtake each other on the way, but not by sixteen seconds.
pub const REPLAY_WINDOW: u64 = 64;

/// The counters that were seen in one direction of one session. Ask it only
/// about a counter whose tag was right, or a stranger could move it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayWindow {
    newest: Option<u64>,
    /// Bit `n` stands for the counter `newest - n`.
    seen: u64,
}

impl ReplayWindow {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True for a counter that is new: higher than all before, or less than
    /// [`REPLAY_WINDOW`] below the highest and not seen yet.
    pub fn accept(&mut self, counter: u64) -> bool {
        let Some(newest) = self.newest else {
            (self.newest, self.seen) = (Some(counter), 1);
            return true;
        };
        if let Some(ahead) = counter.checked_sub(newest).filter(|ahead| *ahead > 0) {
            let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = Some(counter);
            return true;
        }
        let behind = newest - counter;
        let bit = if behind < REPLAY_WINDOW { 1 << behind } else { 0 };
        let new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        new
    }

    /// The highest counter that was taken.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What the window must do, with a memory that nobody could afford.
    #[derive(Default)]
    struct Naive(BTreeSet<u64>);

    impl Naive {
        fn accept(&mut self, counter: u64) -> bool {
            let newest = self.0.last().copied().unwrap_or(counter);
            let near = counter >= newest || newest - counter < REPLAY_WINDOW;
            near && self.0.insert(counter)
        }
    }

    #[test]
    fn the_edges_of_the_window() {
        let mut window = ReplayWindow::new();
        assert!(window.accept(100) && !window.accept(100));
        assert!(window.accept(37) && !window.accept(37));
        assert!(!window.accept(36));
        assert!(window.accept(u64::MAX) && !window.accept(u64::MAX) && !window.accept(100));
        assert!(window.accept(u64::MAX - 63) && !window.accept(u64::MAX - 64));
        assert_eq!(window.newest(), Some(u64::MAX));
        let mut window = ReplayWindow::new();
        assert!(window.accept(0) && !window.accept(0) && window.accept(1));
    }

    proptest! {
        #[test]
        fn it_does_as_the_naive_one(
            base in prop_oneof![Just(0_u64), Just(u64::MAX - 400), any::<u64>()],
            steps in prop::collection::vec(
                prop_oneof![0_u64..400, 100_u64..170],
                0..200,
            ),
        ) {
            let (mut window, mut naive) = (ReplayWindow::new(), Naive::default());
            for step in steps {
                let counter = base.saturating_add(step);
                prop_assert_eq!(window.accept(counter), naive.accept(counter), "{}", counter);
            }
        }

        #[test]
        fn nothing_is_taken_twice(counters in prop::collection::vec(0_u64..200, 0..400)) {
            let (mut window, mut taken) = (ReplayWindow::new(), BTreeSet::new());
            for counter in counters {
                if window.accept(counter) {
                    prop_assert!(taken.insert(counter));
                }
            }
        }
    }
}
