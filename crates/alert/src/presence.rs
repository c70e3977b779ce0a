use std::time::Duration;

use watchfire_model::{Evidence, Goodbye, Moment, Presence, ServerName, Sight, Transition};

use crate::PresenceLimits;
use crate::hub_time::{Anchor, HubTime};
use crate::opinion::Opinion;
use crate::sights::{HUB, Sights, verdict_of};

/// How soon after a sign of life its moment is looked at again.
///
/// A sign that the hub reads right after its own standstill may carry a moment from
/// before that standstill was counted. Looking again this soon bounds what such a
/// sign can add to a verdict (fault F8).
const SETTLE_AFTER: Duration = Duration::from_millis(500);

/// How long after a goodbye a datagram may still be one that the goodbye overtook:
/// the worst latency and jitter of fault F6.
const OVERTAKEN: Duration = Duration::from_secs(3);

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
    /// What the agent said when it went, and when; `None` once it was heard again.
    said: Option<(Goodbye, Anchor)>,
    opinion: Opinion,
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
            said: None,
            opinion: Opinion::default(),
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

    /// A server that said goodbye `ago` before the hub's start. It has what is left of
    /// its time, and the grace of a start at the least.
    #[must_use]
    pub fn restored_leaving(
        server: ServerName,
        limits: PresenceLimits,
        goodbye: Goodbye,
        ago: Duration,
        started: HubTime,
    ) -> Self {
        let mut machine = Self::new(server, limits, started);
        let most = limits.goodbye_limit(goodbye).saturating_sub(limits.first_sign_limit());
        let ago = ago.min(most);
        // Its monotonic half stops at the machine's start, so it does not say how long ago.
        let said = started.at.before(ago);
        machine.presence = Presence::Leaving;
        machine.since = said;
        machine.last_sign = Some(said);
        machine.wait = Anchor::before(started, ago);
        machine.said = Some((goodbye, machine.wait));
        let saw = goodbye.sight();
        machine.sights.add(Evidence { observer: HUB.to_owned(), at: said, saw });
        machine
    }

    /// What the agent said when it went; `None` once it was heard again.
    #[must_use]
    pub fn goodbye_said(&self) -> Option<Goodbye> {
        self.said.map(|(goodbye, _)| goodbye)
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

    /// Takes a sign of life that came as a datagram. It is one like any other, but
    /// that within three seconds after a goodbye it may have been overtaken by it,
    /// and is then left out: else a planned reboot would be told as an outage.
    pub fn pulse(&mut self, now: HubTime) -> Option<Transition> {
        self.see(now);
        if self.said.is_some_and(|(_, at)| at.quiet(now) < OVERTAKEN) {
            return None;
        }
        self.sign_of_life(now)
    }

    /// Takes what an observer saw: the hub under the name `hub`, a neighbour under
    /// its own. A sight from before the last sign of life says nothing about the
    /// present silence and is dropped, so `at` must be the moment at which the look
    /// began: for a neighbour, when the hub asked it.
    ///
    /// The caller must leave out what says nothing about this server: the sights of a
    /// neighbour that is not `up` at that moment (its own network may be what is
    /// broken), of a neighbour that was not asked, and of the server itself.
    pub fn observe(&mut self, evidence: Evidence) {
        if self.last_sign.is_some_and(|sign| evidence.at.monotonic < sign.monotonic) {
            return;
        }
        let (saw, at) = (evidence.saw, evidence.at);
        self.sights.add(evidence);
        if self.presence.is_trouble() {
            self.weigh(saw, at);
        }
    }

    /// Takes a goodbye of an agent that did not say why: the server may be away as
    /// for a reboot.
    pub fn goodbye(&mut self, now: HubTime) -> Option<Transition> {
        self.said_goodbye(now, Goodbye::Reboot)
    }

    /// Takes a goodbye. For a reboot and an upgrade the server may be away for the
    /// limit of that reason, counted from now. A stop is no leaving: nobody watches the
    /// server from now on, so it is judged in the usual time, as a planned stop.
    ///
    /// A goodbye of a server that is leaving changes nothing: the first word counts,
    /// and no number of them keeps it away for longer.
    pub fn said_goodbye(&mut self, now: HubTime, goodbye: Goodbye) -> Option<Transition> {
        self.see(now);
        if self.presence == Presence::Leaving {
            return None;
        }
        let word = Evidence { observer: HUB.to_owned(), at: now.at, saw: goodbye.sight() };
        if goodbye == Goodbye::Stop && self.presence.is_trouble() {
            // It was not heard of since it was told as missing, and now it ends: telling
            // it as back for an instant would only wake people twice.
            self.said = Some((goodbye, Anchor::at(now)));
            self.observe(word);
            return None;
        }
        let to = if goodbye == Goodbye::Stop { Presence::Up } else { Presence::Leaving };
        let transition = self.change(to, now);
        self.take_sign(now);
        self.said = Some((goodbye, Anchor::at(now)));
        self.sights.add(word);
        transition
    }

    /// True once in each silence, when it is time to ask other agents what they see
    /// of this server: from `late_after` on, or as long before the end of a longer
    /// limit. While a verdict rests on what neighbours said, it is true again each
    /// minute. The caller that gets true asks.
    pub fn wants_second_opinion(&mut self, now: HubTime) -> bool {
        self.see(now);
        self.consider_opinion(now);
        self.opinion.take(now)
    }

    /// Judges by the time alone. It may be called at any time; it changes something
    /// only at or after [`Self::next_check`].
    pub fn check(&mut self, now: HubTime) -> Option<Transition> {
        self.see(now);
        if self.last_sign.is_some_and(|sign| now.at.since(sign) >= SETTLE_AFTER) {
            self.settled = true;
        }
        self.consider_opinion(now);
        let quiet = self.wait.quiet(now);
        let to = match self.presence {
            Presence::Unknown | Presence::Leaving => {
                self.verdict_when(quiet >= self.judged_after())?
            }
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
        let quiet_until = |limit| self.wait.due(limit, self.seen);
        match self.presence {
            Presence::Unknown | Presence::Leaving => {
                let asks = matches!(self.opinion, Opinion::NotYet);
                Some(quiet_until(if asks { self.ask_after() } else { self.judged_after() }))
            }
            Presence::Late => Some(quiet_until(self.limits.down_after)),
            Presence::Up => {
                let judged = quiet_until(self.limits.late_after.min(self.limits.down_after));
                Some(self.settling().map_or(judged, |settle| settle.min(judged)))
            }
            Presence::Down | Presence::AgentDown | Presence::Unreachable => {
                let changes = self.contrary?.due(self.limits.down_after, self.seen);
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
        self.opinion.settle(now);
        let others = [self.contrary.as_mut(), self.said.as_mut().map(|(_, at)| at)];
        others.into_iter().flatten().for_each(|anchor| anchor.settle(now));
    }

    fn take_sign(&mut self, now: HubTime) {
        // Two tasks may read the clock in one order and come here in the other.
        if self.last_sign.is_none_or(|sign| sign.monotonic <= now.at.monotonic) {
            self.last_sign = Some(now.at);
            self.wait = Anchor::at(now);
            self.settled = false;
        }
        self.contrary = None;
        self.said = None;
        self.opinion = Opinion::NotYet;
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

    /// Notes since when all sights together have spoken against the verdict.
    fn weigh(&mut self, saw: Sight, at: Moment) {
        if self.sights.verdict() == self.presence {
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

    /// How long a silence of the present kind may last.
    fn judged_after(&self) -> Duration {
        match self.presence {
            Presence::Unknown => self.limits.first_sign_limit(),
            Presence::Leaving => {
                let said = self.said.map_or(Goodbye::Reboot, |(goodbye, _)| goodbye);
                self.limits.goodbye_limit(said)
            }
            _ => self.limits.down_after,
        }
    }

    /// When to ask the neighbours: as long before the verdict as `late` is.
    fn ask_after(&self) -> Duration {
        let lead = self.limits.down_after.saturating_sub(self.limits.late_after);
        self.judged_after().saturating_sub(lead)
    }

    fn consider_opinion(&mut self, now: HubTime) {
        let (quiet, ask_after) = (self.wait.quiet(now), self.ask_after());
        let rests = || self.presence.is_trouble() && self.sights.rest_on_neighbours();
        self.opinion.consider(quiet, ask_after, rests, now);
    }
}

#[cfg(test)]
mod tests;
