use std::time::Duration;

/// Whether an agent runs on another machine than the hub's, and how long verdicts on
/// its server were held back for the hub's doubt in itself: an agent on the hub's own
/// machine is heard through any cut, so that no doubt is for its good.
///
/// An agent may move away and back. What was held back until then stays: a sum that
/// fell would look like silence, and one that jumped like a long standstill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere {
    is: bool,
    /// What was held back before the last move away.
    over: Duration,
    /// The fleet's sum at that move.
    from: Duration,
}

impl Elsewhere {
    pub(super) fn new(is: bool) -> Self {
        Self { is, over: Duration::ZERO, from: Duration::ZERO }
    }

    /// True for an agent on another machine.
    pub(super) fn is(self) -> bool {
        self.is
    }

    /// How long verdicts on this server were held back in all, by the fleet's sum. It
    /// never falls.
    pub(super) fn held(self, of_fleet: Duration) -> Duration {
        if self.is { self.over + of_fleet.saturating_sub(self.from) } else { self.over }
    }

    /// The agent was seen there. True when it had been on the other side.
    pub(super) fn seen(&mut self, elsewhere: bool, of_fleet: Duration) -> bool {
        if self.is == elsewhere {
            return false;
        }
        *self = Self { is: elsewhere, over: self.held(of_fleet), from: of_fleet };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_changes_nothing_of_what_was_held_back() {
        let seconds = Duration::from_secs;
        let mut agent = Elsewhere::new(true);
        assert_eq!(agent.held(seconds(60)), seconds(60));
        assert!(agent.seen(false, seconds(60)) && !agent.seen(false, seconds(61)));
        assert_eq!(agent.held(seconds(90)), seconds(60), "it is not held back any more");
        assert!(agent.seen(true, seconds(90)));
        assert_eq!(agent.held(seconds(90)), seconds(60));
        assert_eq!(agent.held(seconds(95)), seconds(65));
    }
}
