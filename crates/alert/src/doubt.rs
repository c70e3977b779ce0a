//! The hub's doubt in itself: when all servers go quiet together, the hub is the
//! likeliest to be cut off.

use std::collections::HashMap;
use std::time::Duration;

use watchfire_model::{Moment, Presence, ServerName, Transition};

use crate::PresenceLimits;
use crate::hub_time::{Anchor, HubTime};

/// Servers whose silences began within this time of one another went quiet together.
const TOGETHER: Duration = Duration::from_secs(2);
/// How long after the first answer the servers that are still quiet are let be.
const GRACE: Duration = Duration::from_secs(2);
/// How many servers make a shorter silence of all of them no accident: at 30 % loss
/// the other three of four miss each other's pulses for 1.5 s once in 50,000 times.
const MANY: usize = 4;
/// How long a verdict is remembered as part of a common silence.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What the hub thinks of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It hears somebody, or there are too few servers to tell.
    None,
    /// It hears nobody, or has only just heard again: verdicts are held back, and
    /// nobody is told of that.
    Holding,
    /// It has heard nobody for `down_after`: verdicts are held back, and each user is
    /// told once that the hub is cut off.
    CutOff {
        /// The last time it heard anybody; its own start when it never did.
        since: Moment,
        /// How many servers it should hear, and does not.
        quiet: usize,
        /// How many it watches in all, those that were in trouble before included.
        of: usize,
    },
}

/// A share of the fleet that went quiet together while the rest is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspect {
    /// How many went quiet within two seconds of one another.
    pub quiet: usize,
    /// Of how many that were heard until then.
    pub of: usize,
}

/// How one server stands towards the hub's doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It should be heard: it was, or it is waited for since the hub's start.
    Expected,
    /// It is late, and was heard last then.
    Late(Option<Moment>),
    /// It was judged then, quiet since the first of the two.
    Judged(Option<Moment>, Moment),
    /// It is away with the hub's knowledge, or was in trouble before.
    Away,
}

impl Standing {
    fn is_expected(self) -> bool {
        matches!(self, Self::Expected | Self::Late(_))
    }
}

/// A time in which verdicts are held back.
#[derive(Debug, Clone, Copy)]
struct Hold {
    from: Anchor,
    /// The last answer when it began; a newer one ends it.
    heard: Option<Moment>,
    /// True when the silence was long enough for a verdict to have waited for it.
    deep: bool,
    /// When somebody was heard again, for the grace.
    ended: Option<Anchor>,
}

/// The hub's doubt in itself.
///
/// Only servers on other machines count: those on the hub's own are heard through
/// any cut. The hub must leave them out of everything here, and must not add
/// [`FleetDoubt::held`] to their time. With fewer than two servers elsewhere there is
/// no doubt: one silent server says nothing of the hub.
///
/// A silence of all is held against nobody. It is added to the hub's standstill of
/// every server, so that each is judged anew when the hub hears again, and each one
/// that stays quiet is judged at the latest `down_after` and a grace of two seconds
/// after that. Nothing is hidden meanwhile: [`Doubt::CutOff`] is told with all names.
#[derive(Debug, Clone)]
pub struct FleetDoubt {
    limits: PresenceLimits,
    servers: HashMap<ServerName, Standing>,
    expected: usize,
    heard: Option<Moment>,
    quiet_since: Anchor,
    started: Moment,
    hold: Option<Hold>,
    /// The holds that are over, in awake time.
    held: Duration,
}

impl FleetDoubt {
    /// A hub that has started and heard nobody yet.
    #[must_use]
    pub fn new(limits: PresenceLimits, started: HubTime) -> Self {
        Self {
            limits,
            servers: HashMap::new(),
            expected: 0,
            heard: None,
            quiet_since: Anchor::at(started),
            started: started.at,
            hold: None,
            held: Duration::ZERO,
        }
    }

    /// Watches a server on another machine. One that is in trouble from before the
    /// hub's start is not expected to be heard.
    pub fn watch(&mut self, server: ServerName, presence: Presence) {
        let standing = match presence {
            Presence::Unknown | Presence::Up | Presence::Late => Standing::Expected,
            _ => Standing::Away,
        };
        self.set(server, standing);
    }

    /// Watches a server no more.
    pub fn forget(&mut self, server: &ServerName) {
        if self.servers.remove(server).is_some_and(Standing::is_expected) {
            self.expected -= 1;
        }
    }

    /// Takes each change of a watched server; that of any other is left out.
    pub fn transition(&mut self, transition: &Transition) {
        if !self.servers.contains_key(&transition.server) {
            return;
        }
        let standing = match transition.to {
            Presence::Unknown | Presence::Up => Standing::Expected,
            Presence::Late => Standing::Late(transition.last_sign),
            Presence::Leaving => Standing::Away,
            _ if transition.from.is_trouble() => return,
            _ if transition.from == Presence::Leaving => Standing::Away,
            _ => Standing::Judged(transition.last_sign, transition.at),
        };
        self.set(transition.server.clone(), standing);
    }

    /// Somebody elsewhere was heard: a sign of life of a watched server, or its host
    /// answered the hub's own probe, be it by a refusal. Both prove the hub's link.
    pub fn heard(&mut self, now: HubTime) {
        if self.heard.is_none_or(|heard| heard.monotonic <= now.at.monotonic) {
            self.heard = Some(now.at);
            self.quiet_since = Anchor::at(now);
        }
    }

    /// Looks at the time. Call it before the servers are checked, in every round of
    /// them. `now.stalled` is the hub's own standstill without [`FleetDoubt::held`].
    pub fn judge(&mut self, now: HubTime) -> Doubt {
        self.settle(now);
        let quiet = self.quiet_since.quiet(now);
        match self.hold {
            None if self.must_hold(quiet) => {
                let deep = quiet >= self.limits.late_after;
                let from = Anchor::at(now);
                self.hold = Some(Hold { from, heard: self.heard, deep, ended: None });
            }
            None => {}
            Some(hold) => self.go_on(hold, quiet, now),
        }
        self.word(quiet)
    }

    /// How long verdicts were held back in all up to `now`: to be added to the
    /// `stalled` of every watched server's time. It never falls.
    #[must_use]
    pub fn held(&self, now: HubTime) -> Duration {
        self.held + self.hold.map_or(Duration::ZERO, |hold| hold.from.quiet(now))
    }

    /// Whether half of the fleet and more, but not all of it, went quiet together a
    /// moment ago: then a letter about them names the hub's own link as suspect.
    #[must_use]
    pub fn suspect(&self, now: HubTime) -> Option<Suspect> {
        let silences: Vec<Moment> = self.silences(now.at).collect();
        let newest = silences.iter().max_by_key(|since| since.monotonic)?;
        let together = |since: &&Moment| newest.since(**since) <= TOGETHER;
        let quiet = silences.iter().filter(together).count();
        let heard =
            self.servers.values().filter(|standing| **standing == Standing::Expected).count();
        let of = quiet + heard;
        (quiet >= 2 && quiet < of && quiet * 2 >= of).then_some(Suspect { quiet, of })
    }

    /// Since when those are quiet that are late or were judged a moment ago.
    fn silences(&self, now: Moment) -> impl Iterator<Item = Moment> {
        self.servers.values().filter_map(move |standing| match *standing {
            Standing::Late(since) => since,
            Standing::Judged(since, at) if now.since(at) <= REMEMBERED => since,
            _ => None,
        })
    }

    fn set(&mut self, server: ServerName, standing: Standing) {
        let before = self.servers.insert(server, standing);
        self.expected += usize::from(standing.is_expected());
        self.expected -= usize::from(before.is_some_and(Standing::is_expected));
    }

    fn settle(&mut self, now: HubTime) {
        self.quiet_since.settle(now);
        if let Some(hold) = &mut self.hold {
            hold.from.settle(now);
            if let Some(ended) = &mut hold.ended {
                ended.settle(now);
            }
        }
    }

    /// All are quiet for as long as makes a server late; in a larger fleet for half
    /// of that, because one of many may have lost its last signs before the others.
    fn must_hold(&self, quiet: Duration) -> bool {
        let late = self.limits.late_after;
        (self.expected >= 2 && quiet >= late) || (self.expected >= MANY && quiet >= late / 2)
    }

    fn go_on(&mut self, mut hold: Hold, quiet: Duration, now: HubTime) {
        if hold.ended.is_none() && self.heard != hold.heard {
            hold.ended = Some(self.quiet_since);
        }
        hold.deep |= hold.ended.is_none() && quiet >= self.limits.late_after;
        let grace = if hold.deep { GRACE } else { Duration::ZERO };
        let graced = hold.ended.is_some_and(|ended| ended.quiet(now) >= grace);
        let alone = hold.ended.is_none() && self.expected < 2;
        if graced || alone {
            self.held += hold.from.quiet(now);
            self.hold = None;
        } else {
            self.hold = Some(hold);
        }
    }

    fn word(&self, quiet: Duration) -> Doubt {
        match self.hold {
            None => Doubt::None,
            Some(hold) if hold.ended.is_none() && quiet >= self.limits.down_after => {
                let since = self.heard.unwrap_or(self.started);
                Doubt::CutOff { since, quiet: self.expected, of: self.servers.len() }
            }
            Some(_) => Doubt::Holding,
        }
    }
}

#[cfg(test)]
mod tests;
