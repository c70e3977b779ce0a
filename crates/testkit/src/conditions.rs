//! What a network path does to what it carries: one way of one path.
//!
//! Pure: the caller tells the time, and a seed decides the rest. The real
//! network of [`crate::netns`] and the one in memory of [`crate::link`] behave
//! alike because both ask this.

use std::time::Duration;

use crate::seeded::Seeded;

/// How long a TCP sender waits before it sends a lost segment again (RFC 6298
/// lets Linux wait 200 ms at least); each loss more doubles it.
pub(crate) const FIRST_RETRANSMISSION: Duration = Duration::from_millis(200);

/// The longest wait between two tries, as Linux has it (`TCP_RTO_MAX`).
pub(crate) const LONGEST_RETRANSMISSION: Duration = Duration::from_secs(120);

/// Tries after which a segment passes whatever the dice say: a path that loses
/// everything would never let the loop end, and is what `blocked` is for.
const MOST_RETRANSMISSIONS: u32 = 64;

/// The shortest good or bad time, so that means of zero come to an end.
const SHORTEST_BURST: Duration = Duration::from_millis(1);

/// After so many mean lengths without a datagram the bursts begin anew.
const FORGOTTEN_AFTER: u32 = 1_000;

/// What one way of a path does. The default carries everything at once.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// Which datagrams are lost.
    pub loss: Loss,
    /// How long everything takes.
    pub delay: Duration,
    /// How much longer or shorter than `delay` a datagram may take. The order
    /// is kept: jitter alone makes nothing overtake.
    pub jitter: Duration,
    /// The share of datagrams that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// The share of datagrams that are held back, so that later ones overtake
    /// them, 0 to 1.
    pub reorder: f64,
    /// For how long these are held back.
    pub reorder_by: Duration,
    /// Nothing passes, not even what is on its way.
    pub blocked: bool,
}

/// Which datagrams are lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability, whatever happened to the others.
    Random(f64),
    /// In bursts (Gilbert and Elliott, over time): good and bad times follow
    /// each other, each of a random length with this mean.
    Bursts {
        /// The mean length of a good time.
        good: Duration,
        /// The mean length of a bad time.
        bad: Duration,
        /// The share that is lost in good times.
        lost_when_good: f64,
        /// The share that is lost in bad times.
        lost_when_bad: f64,
    },
}

impl Conditions {
    /// A perfect path.
    #[must_use]
    pub fn clear() -> Self {
        Self::default()
    }

    /// A path that nothing passes.
    #[must_use]
    pub fn blocked() -> Self {
        Self { blocked: true, ..Self::default() }
    }

    /// Loses each datagram with this probability.
    #[must_use]
    pub fn loss(self, share: f64) -> Self {
        Self { loss: Loss::Random(share), ..self }
    }

    /// Loses everything in bad times and nothing in good ones; both lengths
    /// are means.
    #[must_use]
    pub fn bursts(self, good: Duration, bad: Duration) -> Self {
        let loss = Loss::Bursts { good, bad, lost_when_good: 0.0, lost_when_bad: 1.0 };
        Self { loss, ..self }
    }

    /// Takes this long, give or take `jitter`.
    #[must_use]
    pub fn delay(self, delay: Duration, jitter: Duration) -> Self {
        Self { delay, jitter, ..self }
    }

    /// Delivers this share twice.
    #[must_use]
    pub fn duplicate(self, share: f64) -> Self {
        Self { duplicate: share, ..self }
    }

    /// Holds this share back for so long that what is sent in between overtakes it.
    #[must_use]
    pub fn reorder(self, share: f64, by: Duration) -> Self {
        Self { reorder: share, reorder_by: by, ..self }
    }
}

/// What became of the datagrams on one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams that were sent into it.
    pub sent: u64,
    /// Datagrams that came out of it, second copies included.
    pub delivered: u64,
    /// Datagrams that the conditions lost.
    pub lost: u64,
    /// Datagrams that met a blocked way, at its start or while on their way.
    pub blocked: u64,
    /// Datagrams that were delivered twice.
    pub duplicated: u64,
    /// Datagrams that were held back for others to overtake.
    pub reordered: u64,
    /// Datagrams that found a full queue.
    pub crowded: u64,
}

/// One way of a path: its conditions and what its dice remember.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) conditions: Conditions,
    pub(crate) traffic: Traffic,
    dice: Seeded,
    /// True in a good time, and when that ends.
    burst: Option<(bool, Duration)>,
    /// When the last one in order arrives.
    latest: Duration,
}

/// When the copies of one datagram arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Once(Duration),
    Twice(Duration),
}

impl Way {
    pub(crate) fn new(dice: Seeded) -> Self {
        Self {
            conditions: Conditions::clear(),
            traffic: Traffic::default(),
            dice,
            burst: None,
            latest: Duration::ZERO,
        }
    }

    /// Changes what it does from now on.
    pub(crate) fn set(&mut self, conditions: Conditions) {
        if self.conditions.loss != conditions.loss {
            self.burst = None;
        }
        self.conditions = conditions;
        // A path that became faster lets new traffic overtake the old.
        self.latest = Duration::ZERO;
    }

    /// What becomes of a datagram that is sent at `now`.
    pub(crate) fn datagram(&mut self, now: Duration) -> Fate {
        self.traffic.sent += 1;
        if self.conditions.blocked {
            self.traffic.blocked += 1;
            return Fate::Lost;
        }
        if self.loses(now) {
            self.traffic.lost += 1;
            return Fate::Lost;
        }
        let Conditions { duplicate, reorder, reorder_by, .. } = self.conditions;
        let twice = duplicate > 0.0 && self.dice.chance(duplicate);
        let arrival = if reorder > 0.0 && self.dice.chance(reorder) {
            self.traffic.reordered += 1;
            now + self.takes() + reorder_by
        } else {
            self.in_order(now)
        };
        if twice {
            self.traffic.duplicated += 1;
            return Fate::Twice(arrival);
        }
        Fate::Once(arrival)
    }

    /// When a piece of a stream that is sent at `now` arrives, in order; each
    /// loss costs a retransmission. A blocked way is the caller's business: it
    /// keeps the piece until the way is free.
    pub(crate) fn segment(&mut self, now: Duration) -> Duration {
        self.traffic.sent += 1;
        let (mut at, mut wait) = (now, FIRST_RETRANSMISSION);
        for _ in 0..MOST_RETRANSMISSIONS {
            if !self.loses(at) {
                break;
            }
            self.traffic.lost += 1;
            at += wait;
            wait = (2 * wait).min(LONGEST_RETRANSMISSION);
        }
        self.in_order(at)
    }

    /// True when something that arrives now gets through, and counts it.
    pub(crate) fn lets_in(&mut self) -> bool {
        if self.conditions.blocked {
            self.traffic.blocked += 1;
            return false;
        }
        self.traffic.delivered += 1;
        true
    }

    fn in_order(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now + self.takes());
        self.latest
    }

    fn takes(&mut self) -> Duration {
        let Conditions { delay, jitter, .. } = self.conditions;
        if jitter.is_zero() {
            return delay;
        }
        self.dice.between(delay.saturating_sub(jitter), delay + jitter)
    }

    fn loses(&mut self, now: Duration) -> bool {
        match self.conditions.loss {
            Loss::None => false,
            Loss::Random(share) => self.dice.chance(share),
            Loss::Bursts { good, bad, lost_when_good, lost_when_bad } => {
                let share =
                    if self.is_good(now, good, bad) { lost_when_good } else { lost_when_bad };
                self.dice.chance(share)
            }
        }
    }

    fn is_good(&mut self, now: Duration, good: Duration, bad: Duration) -> bool {
        let dice = &mut self.dice;
        let mut length = |is_good| {
            let mean = if is_good { good } else { bad };
            dice.exponential(mean).max(SHORTEST_BURST)
        };
        let (mut is_good, mut end) = self.burst.unwrap_or_else(|| (true, now + length(true)));
        if now > end + (good + bad + SHORTEST_BURST) * FORGOTTEN_AFTER {
            // So long ago that how it was then says nothing about now.
            is_good = false;
            end = now;
        }
        while end <= now {
            is_good = !is_good;
            end += length(is_good);
        }
        self.burst = Some((is_good, end));
        is_good
    }
}

#[cfg(test)]
mod tests;
