use std::time::Duration;

use watchfire_model::{Evidence, Moment, Presence, ServerName, Sight, Transition};

use crate::PresenceLimits;
use crate::sights::{Sights, verdict_of};

/// How soon after a sign of life its moment is looked at again.
///
/// A sign that the hub reads right after its own standstill may carry a moment from
/// before that standstill was counted. Looking again this soon bounds what such a
/// sign can add to a verdict (fault F8).
const SETTLE_AFTER: Duration = Duration::from_millis(500);

/// `at`, plus how long the hub itself has stood still in all since it started.
/// Judging subtracts what fell into the silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubTime {
    /// The moment.
    pub at: Moment,
    /// The sum of the hub's own standstills up to `at`; it never falls.
    pub stalled: Duration,
}

impl HubTime {
    /// Time in which the hub was awake: it stops while the hub stands still.
    fn awake(self) -> Duration {
        self.at.monotonic.saturating_sub(self.stalled)
    }
}

/// Where a wait began, in the hub's awake time.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    awake: Duration,
    stalled: Duration,
}

impl Anchor {
    fn at(time: HubTime) -> Self {
        Self { awake: time.awake(), stalled: time.stalled }
    }

    fn quiet(self, now: HubTime) -> Duration {
        now.awake().saturating_sub(self.awake)
    }

    /// Moves an anchor out of the future. A standstill that was counted only after
    /// the anchor was set lay partly before it; no more than all of the time since
    /// then can have been standstill.
    fn settle(&mut self, now: HubTime) {
        if now.stalled > self.stalled && now.awake() < self.awake {
            *self = Self::at(now);
        }
    }
}

/// The presence of one server, decided from signs of life, sights and time.
///
/// It reads no clock: the hub calls [`PresenceMachine::check`] at
/// [`PresenceMachine::next_check`]. Only the monotonic clock counts, so a jump of the
/// wall clock changes nothing.
#[derive(Debug, Clone)]
pub struct PresenceMachine {
    server: ServerName,
    limits: PresenceLimits,
    presence: Presence,
    since: Moment,
    started: Moment,
    last_sign: Option<Moment>,
    /// The start of the present wait: the last sign of life, the goodbye, or the hub's start.
    wait: Anchor,
    /// False until a check saw the last sign from far enough to trust its moment.
    settled: bool,
    /// Since when sights have spoken only against the verdict.
    contrary: Option<Anchor>,
    sights: Sights,
    /// The latest time the machine was told.
    seen: HubTime,
}

impl PresenceMachine {
    /// A server that the hub has not heard of since it started.
    #[must_use]
    pub fn new(server: ServerName, limits: PresenceLimits, started: HubTime) -> Self {
        Self {
            server,
            limits,
            presence: Presence::Unknown,
            since: started.at,
            started: started.at,
            last_sign: None,
            wait: Anchor::at(started),
            settled: false,
            contrary: None,
            sights: Sights::default(),
            seen: started,
        }
    }

    /// A server with an open incident from before the hub's start, judged at `since`.
    /// It stays in `presence` and is not told again; a sign of life ends it, and sights that
    /// speak only against the verdict change it, after the grace. A `presence` that
    /// is no trouble starts as unknown.
    #[must_use]
    pub fn restored(
        server: ServerName,
        limits: PresenceLimits,
        presence: Presence,
        since: Moment,
        started: HubTime,
    ) -> Self {
        let mut machine = Self::new(server, limits, started);
        if presence.is_trouble() {
            machine.presence = presence;
            machine.since = since;
        }
        machine
    }

    /// The present presence.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// When the present presence began; the judgement for a restored one.
    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }

    /// The last sign of life since the hub started.
    #[must_use]
    pub fn last_sign(&self) -> Option<Moment> {
        self.last_sign
    }

    /// Takes a sign of life: whatever the presence was, it is `up` now.
    pub fn sign_of_life(&mut self, now: HubTime) -> Option<Transition> {
        self.see(now);
        let transition = self.change(Presence::Up, now);
        self.take_sign(now);
        transition
    }

    /// Takes what an observer saw. A sight from before the last sign of life says
    /// nothing about the present silence and is dropped.
    pub fn observe(&mut self, evidence: Evidence) {
        if self.last_sign.is_some_and(|sign| evidence.at.monotonic < sign.monotonic) {
            return;
        }
        let (saw, at) = (evidence.saw, evidence.at);
        self.sights.add(evidence);
        if matches!(self.presence, Presence::Down | Presence::AgentDown) {
            self.weigh(saw, at);
        }
    }

    /// Takes a goodbye: the server may be away for `leaving_limit` from now. A second
    /// goodbye without a sign of life between does not lengthen that.
    pub fn goodbye(&mut self, now: HubTime) -> Option<Transition> {
        self.see(now);
        let transition = self.change(Presence::Leaving, now)?;
        self.take_sign(now);
        Some(transition)
    }

    /// Judges by the time alone. It may be called at any time; it changes something
    /// only at or after [`Self::next_check`].
    pub fn check(&mut self, now: HubTime) -> Option<Transition> {
        self.see(now);
        if self.last_sign.is_some_and(|sign| now.at.since(sign) >= SETTLE_AFTER) {
            self.settled = true;
        }
        let quiet = self.wait.quiet(now);
        let to = match self.presence {
            Presence::Unknown => self.verdict_when(quiet >= self.limits.first_sign_limit())?,
            Presence::Leaving => self.verdict_when(quiet >= self.limits.goodbye_limit())?,
            Presence::Up | Presence::Late if quiet >= self.limits.down_after => {
                self.sights.verdict()
            }
            Presence::Up if quiet >= self.limits.late_after => Presence::Late,
            Presence::Up | Presence::Late => return None,
            Presence::Down | Presence::AgentDown | Presence::Unreachable => {
                self.other_verdict(now)?
            }
        };
        self.change(to, now)
    }

    /// The moment at which [`Self::check`] could change something, if the hub does
    /// not stand still further; `None` when only an event can.
    #[must_use]
    pub fn next_check(&self) -> Option<Moment> {
        let quiet_until = |limit| self.moment_of(self.wait, limit);
        match self.presence {
            Presence::Unknown => Some(quiet_until(self.limits.first_sign_limit())),
            Presence::Leaving => Some(quiet_until(self.limits.goodbye_limit())),
            Presence::Late => Some(quiet_until(self.limits.down_after)),
            Presence::Up => {
                let judged = quiet_until(self.limits.late_after.min(self.limits.down_after));
                Some(self.settling().map_or(judged, |settle| settle.min(judged)))
            }
            Presence::Down | Presence::AgentDown | Presence::Unreachable => {
                let changes = self.moment_of(self.contrary?, self.limits.down_after);
                let graced = self.graced();
                Some(if graced.monotonic > changes.monotonic { graced } else { changes })
            }
        }
    }

    fn see(&mut self, now: HubTime) {
        if now.at.monotonic >= self.seen.at.monotonic {
            self.seen = HubTime { at: now.at, stalled: now.stalled.max(self.seen.stalled) };
        }
        self.wait.settle(now);
        if let Some(contrary) = &mut self.contrary {
            contrary.settle(now);
        }
    }

    fn take_sign(&mut self, now: HubTime) {
        // Two tasks may read the clock in one order and come here in the other.
        if self.last_sign.is_none_or(|sign| sign.monotonic <= now.at.monotonic) {
            self.last_sign = Some(now.at);
            self.wait = Anchor::at(now);
            self.settled = false;
        }
        self.contrary = None;
        self.sights.clear();
    }

    fn change(&mut self, to: Presence, now: HubTime) -> Option<Transition> {
        let from = std::mem::replace(&mut self.presence, to);
        if from == to {
            return None;
        }
        self.since = now.at;
        self.contrary = None;
        Some(Transition {
            server: self.server.clone(),
            from,
            to,
            at: now.at,
            last_sign: self.last_sign,
            hub_stalled: self.stalled_in_silence(now),
            evidence: self.sights.to_vec(),
        })
    }

    /// What is missing between the time on the clock and the silence held against
    /// the server. The wait of a leaving server began with its goodbye, which is
    /// also its last sign of life.
    fn stalled_in_silence(&self, now: HubTime) -> Duration {
        let silence = now.at.since(self.last_sign.unwrap_or(self.started));
        silence.saturating_sub(self.wait.quiet(now))
    }

    fn verdict_when(&self, due: bool) -> Option<Presence> {
        due.then(|| self.sights.verdict())
    }

    /// Notes since when sights have spoken only against the verdict.
    fn weigh(&mut self, saw: Sight, at: Moment) {
        if verdict_of(saw) == Some(self.presence) || self.sights.verdict() == self.presence {
            self.contrary = None;
        } else if verdict_of(saw).is_some() && self.contrary.is_none() {
            // The standstill known so far is at least that at the sight, so the wait
            // can only come out longer, never shorter.
            self.contrary = Some(Anchor::at(HubTime { at, stalled: self.seen.stalled }));
        }
    }

    fn other_verdict(&self, now: HubTime) -> Option<Presence> {
        let waited = self.contrary?.quiet(now) >= self.limits.down_after;
        let graced = now.at.monotonic >= self.graced().monotonic;
        (waited && graced).then(|| self.sights.verdict())
    }

    /// When the grace after the hub's start is over: a hub whose own network comes up
    /// late must not change verdicts by what it saw until then.
    fn graced(&self) -> Moment {
        self.started.after(self.limits.first_sign_limit())
    }

    fn settling(&self) -> Option<Moment> {
        let sign = self.last_sign.filter(|_| !self.settled)?;
        Some(sign.after(SETTLE_AFTER))
    }

    fn moment_of(&self, anchor: Anchor, limit: Duration) -> Moment {
        let due = anchor.awake.saturating_add(limit).saturating_add(self.seen.stalled);
        let now = self.seen.at;
        if due >= now.monotonic {
            now.after(due - now.monotonic)
        } else {
            now.before(now.monotonic - due)
        }
    }
}

#[cfg(test)]
mod tests;
