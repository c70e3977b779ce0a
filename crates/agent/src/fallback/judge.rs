//! Whether the hub is gone, who is to tell it, and when: facts and now, and a decision.
//!
//! The false alarm is the worst. So an agent believes its own eyes alone that the hub is gone,
//! needs a quorum of others that say so of theirs, and waits while a single one still hears the
//! hub. One that is cut off itself reaches nobody, and has no quorum.
//!
//! Of those who agree, the first in the list of members tells; the next one steps in when it
//! does not. Before it tells, an agent says that it is about to, and looks once more.

use std::time::Duration;

use watchfire_api::fallback::View;
use watchfire_model::Moment;

use super::sight::Seen;

/// An agent that heard the hub so lately hears it.
const HEARS: Duration = Duration::from_secs(10);
/// How long what another one said holds.
const FRESH: Duration = Duration::from_secs(40);
/// How often the others are asked at first, and once it goes on for long.
const ASK: Duration = Duration::from_secs(5);
const ASK_LATER: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(180);
/// How long each waits for the one before it in the list.
const TURN: Duration = Duration::from_secs(20);
/// One that says that it is telling is waited for so long, once.
const TELLING: Duration = Duration::from_secs(120);
/// How long an agent that could tell nobody lets others try.
const REST: Duration = Duration::from_secs(60);
/// An outage is over when the hub was heard for so long.
const BACK: Duration = Duration::from_secs(60);
/// So often the others are told that it was told.
const SPREAD: u32 = 3;

/// What a fallback says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long the hub must be gone.
    pub(crate) after: Duration,
    /// The same for one that said that it stops.
    pub(crate) after_stop: Duration,
    /// How many must find it gone.
    pub(crate) quorum: usize,
    /// How many members there are.
    pub(crate) members: usize,
    /// This agent's place among them.
    pub(crate) me: usize,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Rest,
    /// Ask all others what they see.
    Ask,
    /// Tell it, on behalf of these members.
    Tell(Vec<usize>),
}

/// How it stands, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// The hub is there, or not away for long enough.
    Here,
    /// It is gone, as far as this agent alone knows.
    Alone,
    /// It is gone for this agent, and another one hears it.
    Held,
    /// A quorum finds it gone.
    Agreed,
}

/// What another member said, and when.
#[derive(Debug, Clone, Copy)]
struct Said {
    view: View,
    /// It gave its part of the key.
    has_part: bool,
    at: Moment,
}

#[derive(Debug)]
pub(crate) struct Judge {
    terms: Terms,
    said: Vec<Option<Said>>,
    /// Since when each says that it is telling.
    telling: Vec<Option<Moment>>,
    gone_since: Option<Moment>,
    agreed_since: Option<Moment>,
    asked: Option<Moment>,
    /// When it said that it is about to tell.
    ready: Option<Moment>,
    is_telling: bool,
    /// It was told in this outage, by whomever.
    told: bool,
    spread: u32,
    rests_until: Option<Moment>,
    stand: Stand,
}

impl Judge {
    /// `told` when this outage was told before this agent was started.
    pub(crate) fn new(terms: Terms, told: bool) -> Self {
        Self {
            terms,
            said: vec![None; terms.members],
            telling: vec![None; terms.members],
            gone_since: None,
            agreed_since: None,
            asked: None,
            ready: None,
            is_telling: false,
            told,
            spread: SPREAD,
            rests_until: None,
            stand: Stand::Here,
        }
    }

    /// What this agent says to others.
    pub(crate) fn view(&self, seen: Seen) -> View {
        if !self.is_gone(seen) {
            let hears = seen.quiet < HEARS && seen.heard_for > Duration::ZERO && !seen.left;
            return if hears { View::Hears } else { View::Unsure };
        }
        match () {
            () if self.told => View::Told,
            () if self.is_telling => View::Telling,
            () if self.ready.is_some() => View::Ready,
            () => View::Gone,
        }
    }

    /// True when this agent sees the hub gone.
    pub(crate) fn is_gone(&self, seen: Seen) -> bool {
        let limit = if seen.left { self.terms.after_stop } else { self.terms.after };
        seen.quiet >= limit
    }

    /// How it stands, for the log.
    pub(crate) fn stand(&self) -> Stand {
        self.stand
    }

    /// True when an outage that was told is over.
    pub(crate) fn is_back(&self, seen: Seen) -> bool {
        self.told && seen.quiet < HEARS && seen.heard_for >= BACK
    }

    /// The outage is over: the next one is told anew.
    pub(crate) fn forget_told(&mut self) {
        self.told = false;
        self.spread = 0;
    }

    /// What another member said.
    pub(crate) fn heard(&mut self, member: usize, view: View, has_part: bool, now: Moment) {
        if member == self.terms.me || member >= self.terms.members {
            return;
        }
        self.said[member] = Some(Said { view, has_part, at: now });
        if view == View::Telling {
            self.telling[member].get_or_insert(now);
        }
    }

    /// It was told in this outage.
    pub(crate) fn was_told(&mut self, by_me: bool) {
        self.told = true;
        (self.is_telling, self.ready) = (false, None);
        self.spread = if by_me { 0 } else { SPREAD };
    }

    /// It could tell nobody: others are to try.
    pub(crate) fn failed(&mut self, now: Moment) {
        (self.is_telling, self.ready) = (false, None);
        self.rests_until = Some(now.after(REST));
    }

    /// What is to be done now.
    pub(crate) fn step(&mut self, seen: Seen, now: Moment) -> Step {
        if !self.is_gone(seen) {
            self.begin_anew();
            self.stand = Stand::Here;
            return Step::Rest;
        }
        let gone_since = *self.gone_since.get_or_insert(now);
        if self.told {
            return self.spread(now);
        }
        let (agreeing, hearing) = self.count(now);
        let is_held = self.is_held(agreeing.len(), hearing, seen);
        let is_quorum = agreeing.len() >= self.terms.quorum;
        self.stand = match (is_quorum, is_held) {
            (_, true) => Stand::Held,
            (false, false) => Stand::Alone,
            (true, false) => Stand::Agreed,
        };
        if self.stand != Stand::Agreed {
            (self.agreed_since, self.ready) = (None, None);
            return self.ask(now, gone_since);
        }
        let agreed_since = *self.agreed_since.get_or_insert(now);
        let rank = agreeing.iter().take_while(|member| **member < self.terms.me).count();
        let turn = agreed_since.after(TURN * u32::try_from(rank).unwrap_or(u32::MAX));
        let rests = self.rests_until.is_some_and(|until| is_before(now, until));
        if is_before(now, turn) || rests || self.must_yield(now) {
            self.ready = None;
            return self.ask(now, gone_since);
        }
        let Some(ready) = self.ready else {
            self.ready = Some(now);
            self.asked = Some(now);
            return Step::Ask;
        };
        // What was said before the others knew that this agent is about to tell does not count.
        let sure = agreeing.into_iter().filter(|member| self.said_since(*member, ready));
        let sure: Vec<usize> = sure.collect();
        if sure.len() < self.terms.quorum {
            self.ready = None;
            return self.ask(now, gone_since);
        }
        self.is_telling = true;
        Step::Tell(sure)
    }

    fn begin_anew(&mut self) {
        (self.gone_since, self.agreed_since, self.ready) = (None, None, None);
        (self.is_telling, self.rests_until, self.asked) = (false, None, None);
        self.telling.fill(None);
    }

    /// Lets the others know, a few times.
    fn spread(&mut self, now: Moment) -> Step {
        let due = self.asked.is_none_or(|asked| now.since(asked) >= ASK) || self.spread == 0;
        if self.spread >= SPREAD || !due {
            return Step::Rest;
        }
        self.spread += 1;
        self.asked = Some(now);
        Step::Ask
    }

    fn ask(&mut self, now: Moment, gone_since: Moment) -> Step {
        let pause = if now.since(gone_since) < LATER { ASK } else { ASK_LATER };
        if self.asked.is_some_and(|asked| now.since(asked) < pause) {
            return Step::Rest;
        }
        self.asked = Some(now);
        Step::Ask
    }

    /// The members that find the hub gone, this agent among them, and how many hear it.
    fn count(&self, now: Moment) -> (Vec<usize>, usize) {
        let (mut agreeing, mut hearing) = (Vec::new(), 0);
        for (member, said) in self.said.iter().enumerate() {
            if member == self.terms.me {
                agreeing.push(member);
                continue;
            }
            let Some(said) = said.filter(|said| now.since(said.at) < FRESH) else { continue };
            match said.view {
                View::Hears => hearing += 1,
                View::Gone | View::Ready | View::Telling if said.has_part => agreeing.push(member),
                _ => {}
            }
        }
        (agreeing, hearing)
    }

    /// One that hears the hub is enough to wait. Only for so long, though: one that lies could
    /// else keep all others from ever telling. So is being no majority: they may all be behind
    /// one broken link, with the hub and the others beyond it.
    fn is_held(&self, agreeing: usize, hearing: usize, seen: Seen) -> bool {
        let is_long = seen.quiet >= self.terms.after_stop.max(self.terms.after * 2);
        let is_minority = agreeing.saturating_mul(2) <= self.said.len();
        (hearing > 0 && (!is_long || hearing >= agreeing)) || (is_minority && !is_long)
    }

    /// Another one is telling it, or is about to and comes first.
    fn must_yield(&self, now: Moment) -> bool {
        self.said.iter().enumerate().any(|(member, said)| {
            let Some(said) = said.filter(|said| now.since(said.at) < FRESH) else { return false };
            match said.view {
                View::Telling => {
                    self.telling[member].is_some_and(|since| now.since(since) < TELLING)
                }
                View::Ready => member < self.terms.me,
                _ => false,
            }
        })
    }

    fn said_since(&self, member: usize, since: Moment) -> bool {
        let said = self.said[member];
        member == self.terms.me || said.is_some_and(|said| said.at >= since)
    }
}

fn is_before(now: Moment, then: Moment) -> bool {
    now.monotonic < then.monotonic
}

#[cfg(test)]
mod tests;
