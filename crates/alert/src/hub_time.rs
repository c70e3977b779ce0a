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
    /// What of the wait lies before the monotonic clock's zero: after a reboot of the
    /// hub's machine, most of it.
    earlier: Duration,
}

impl Anchor {
    pub(crate) fn at(time: HubTime) -> Self {
        Self { awake: time.awake(), stalled: time.stalled, earlier: Duration::ZERO }
    }

    /// A wait that began `ago` before `time`, whether or not the machine ran then.
    pub(crate) fn before(time: HubTime, ago: Duration) -> Self {
        let awake = time.awake().saturating_sub(ago);
        let earlier = ago.saturating_sub(time.awake());
        Self { awake, stalled: time.stalled, earlier }
    }

    /// The awake time since.
    pub(crate) fn quiet(self, now: HubTime) -> Duration {
        now.awake().saturating_sub(self.awake).saturating_add(self.earlier)
    }

    /// Moves an anchor out of the future. A standstill that was counted only after
    /// the anchor was set lay partly before it; no more than all of the time since
    /// then can have been standstill.
    pub(crate) fn settle(&mut self, now: HubTime) {
        if now.stalled > self.stalled && now.awake() < self.awake {
            *self = Self { earlier: self.earlier, ..Self::at(now) };
        }
    }

    /// The moment at which the wait has lasted `limit`, if the hub stands still no
    /// longer than it has at `seen`.
    pub(crate) fn due(self, limit: Duration, seen: HubTime) -> Moment {
        let left = limit.saturating_sub(self.earlier);
        let due = self.awake.saturating_add(left).saturating_add(seen.stalled);
        let now = seen.at;
        if due >= now.monotonic {
            now.after(due - now.monotonic)
        } else {
            now.before(now.monotonic - due)
        }
    }
}
