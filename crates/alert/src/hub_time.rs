use std::time::Duration;

use watchfire_model::Moment;

/// `at`, plus how long the hub itself could not judge in all since it started: it
/// stood still, was blind or was cut off. Judging subtracts what fell into the silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubTime {
    /// The moment.
    pub at: Moment,
    /// The sum of the hub's own standstills up to `at`; it never falls.
    pub stalled: Duration,
}

impl HubTime {
    /// Time in which the hub was awake: it stops while the hub stands still.
    pub(crate) fn awake(self) -> Duration {
        self.at.monotonic.saturating_sub(self.stalled)
    }
}

/// Where a wait began, in the hub's awake time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    awake: Duration,
    stalled: Duration,
}

impl Anchor {
    pub(crate) fn at(time: HubTime) -> Self {
        Self { awake: time.awake(), stalled: time.stalled }
    }

    /// The awake time since.
    pub(crate) fn quiet(self, now: HubTime) -> Duration {
        now.awake().saturating_sub(self.awake)
    }

    /// Moves an anchor out of the future. A standstill that was counted only after
    /// the anchor was set lay partly before it; no more than all of the time since
    /// then can have been standstill.
    pub(crate) fn settle(&mut self, now: HubTime) {
        if now.stalled > self.stalled && now.awake() < self.awake {
            *self = Self::at(now);
        }
    }

    /// The moment at which the wait has lasted `limit`, if the hub stands still no
    /// longer than it has at `seen`.
    pub(crate) fn due(self, limit: Duration, seen: HubTime) -> Moment {
        let due = self.awake.saturating_add(limit).saturating_add(seen.stalled);
        let now = seen.at;
        if due >= now.monotonic {
            now.after(due - now.monotonic)
        } else {
            now.before(now.monotonic - due)
        }
    }
}
