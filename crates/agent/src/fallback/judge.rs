//! Whether the hub is gone, who is to tell it, and when: facts and now, and a decision.
//!
//! The false alarm is the worst. So an agent believes its own eyes alone that the hub is gone,
//! needs a quorum of others that say so of theirs, and waits while a single one still hears the
//! hub: one that it can ask itself, or that one of those who agree can ask. One that is cut off
//! itself reaches nobody, and has no quorum.
//!
//! Of those who agree, the first in the list of members tells; the next one steps in when it
//! does not. Before it tells, an agent says that it is about to, and looks once more.

use std::time::Duration;

use watchfire_api::fallback::View;
use watchfire_model::Moment;

use super::sight::Seen;
use super::turns::Turns;

/// An agent that heard the hub so lately hears it.
const HEARS: Duration = Duration::from_secs(10);
/// How long what another one said holds.
pub(super) const FRESH: Duration = Duration::from_secs(40);
/// How often the others are asked at first, and once it goes on for long.
const ASK: Duration = Duration::from_secs(5);
const ASK_LATER: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(180);
/// How long each waits for the one before it in the list.
const TURN: Duration = Duration::from_secs(20);
/// How much longer than the pause between two questions an agent that is about to tell waits for
/// the word of those who ask and cannot be asked.
const SLACK: Duration = Duration::from_secs(6);
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
    /// Tell it, on behalf of those who agree.
    Tell(Evidence),
}

/// What the members said when it was decided, by their places. Those in neither list are not
/// heard, or do not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Evidence {
    /// They find the hub gone, this agent among them.
    pub(crate) agreeing: Vec<usize>,
    /// They say that they hear it.
    pub(crate) hearing: Vec<usize>,
}

/// What another member says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) view: View,
    /// It gave its part of the key.
    pub(crate) has_part: bool,
    /// Another member told it that it hears the hub.
    pub(crate) waits: bool,
    /// So long ago the hub told it that it stops.
    pub(crate) left: Option<Duration>,
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
    word: Word,
    at: Moment,
}

#[derive(Debug)]
pub(crate) struct Judge {
    terms: Terms,
    said: Vec<Option<Said>>,
    /// How long each says that it is about to tell, or telling.
    turns: Turns,
    gone_since: Option<Moment>,
    agreed_since: Option<Moment>,
    asked: Option<Moment>,
    /// It asked all others in this outage: only then its word that the hub is gone is of use, for
    /// one of them may hear it.
    looked: bool,
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
            turns: Turns::of(terms.members),
            gone_since: None,
            agreed_since: None,
            asked: None,
            looked: false,
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
            return plain_view(seen);
        }
        match () {
            () if self.told => View::Told,
            () if self.is_telling => View::Telling,
            () if self.ready.is_some() => View::Ready,
            () if self.looked => View::Gone,
            () => View::Unsure,
        }
    }

    /// True when another member said of late that it hears the hub.
    pub(crate) fn waits(&self, now: Moment) -> bool {
        !self.count(now).hearing.is_empty()
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
    pub(crate) fn heard(&mut self, member: usize, word: Word, now: Moment) {
        if member == self.terms.me || member >= self.terms.members {
            return;
        }
        self.said[member] = Some(Said { word, at: now });
        self.turns.heard(member, word.view, now);
    }

    /// All others were asked, and answered or did not.
    pub(crate) fn looked(&mut self) {
        self.looked = true;
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
        let evidence = self.count(now);
        let is_held = self.is_held(&evidence, seen, now);
        let is_quorum = evidence.agreeing.len() >= self.terms.quorum;
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
        let rank = evidence.agreeing.iter().take_while(|member| **member < self.terms.me).count();
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
        let sure = evidence.agreeing.iter().filter(|member| self.said_since(**member, ready));
        if sure.count() < self.terms.quorum {
            // Some may only ask, and cannot be asked: they have until they ask again.
            if now.since(ready) >= pause(now, gone_since) + SLACK {
                self.ready = None;
            }
            return self.ask(now, gone_since);
        }
        self.is_telling = true;
        Step::Tell(evidence)
    }

    fn begin_anew(&mut self) {
        (self.gone_since, self.agreed_since, self.ready) = (None, None, None);
        (self.is_telling, self.rests_until, self.asked) = (false, None, None);
        self.looked = false;
        self.turns = Turns::of(self.terms.members);
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
        if self.asked.is_some_and(|asked| now.since(asked) < pause(now, gone_since)) {
            return Step::Rest;
        }
        self.asked = Some(now);
        Step::Ask
    }

    /// What the members said of late.
    fn count(&self, now: Moment) -> Evidence {
        let mut evidence = Evidence::default();
        for member in 0..self.terms.members {
            if member == self.terms.me {
                evidence.agreeing.push(member);
                continue;
            }
            let Some(said) = self.fresh(member, now) else { continue };
            match said.word.view {
                View::Hears => evidence.hearing.push(member),
                View::Gone | View::Ready | View::Telling if said.word.has_part => {
                    evidence.agreeing.push(member);
                }
                _ => {}
            }
        }
        evidence
    }

    /// One that hears the hub is enough to wait, also when only another one can ask it. So is
    /// a goodbye of the hub that this agent missed. So is being no majority: they may all be
    /// behind one broken link, with the hub and the others beyond it. Only for so long, though:
    /// one that lies could else keep all others from ever telling.
    fn is_held(&self, evidence: &Evidence, seen: Seen, now: Moment) -> bool {
        let (agreeing, hearing) = (evidence.agreeing.len(), evidence.hearing.len());
        if seen.quiet >= self.terms.after_stop.max(self.terms.after * 2) {
            return hearing > 0 && hearing >= agreeing;
        }
        let is_minority = agreeing.saturating_mul(2) <= self.terms.members;
        hearing > 0 || is_minority || self.is_held_by_another(seen, now)
    }

    /// Another one was told by a third one that it hears the hub, or by the hub that it stops;
    /// a goodbye from before this agent heard the hub for the last time is not of this outage.
    fn is_held_by_another(&self, seen: Seen, now: Moment) -> bool {
        (0..self.terms.members).filter_map(|member| self.fresh(member, now)).any(|said| {
            let since = now.since(said.at);
            let is_of_this = |left: Duration| left + since <= seen.quiet + SLACK;
            said.word.waits || said.word.left.is_some_and(is_of_this)
        })
    }

    /// Another one is telling it, or is about to and comes first.
    fn must_yield(&self, now: Moment) -> bool {
        (0..self.terms.members).any(|member| {
            let is_first = member < self.terms.me;
            self.fresh(member, now)
                .is_some_and(|said| self.turns.is_awaited(member, said.word.view, is_first, now))
        })
    }

    fn fresh(&self, member: usize, now: Moment) -> Option<Said> {
        self.said.get(member).copied()?.filter(|said| now.since(said.at) < FRESH)
    }

    fn said_since(&self, member: usize, since: Moment) -> bool {
        let said = self.said[member];
        member == self.terms.me || said.is_some_and(|said| said.at >= since)
    }
}

/// What an agent sees that has no say in whether the hub is gone.
pub(crate) fn plain_view(seen: Seen) -> View {
    let hears = seen.quiet < HEARS && seen.heard_for > Duration::ZERO && !seen.left;
    if hears { View::Hears } else { View::Unsure }
}

/// How long after one question the next one follows.
fn pause(now: Moment, gone_since: Moment) -> Duration {
    if now.since(gone_since) < LATER { ASK } else { ASK_LATER }
}

fn is_before(now: Moment, then: Moment) -> bool {
    now.monotonic < then.monotonic
}

#[cfg(test)]
mod tests;
