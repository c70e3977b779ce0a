//! How much goes by each channel in an hour.
//!
//! Text messages cost money, and a pager that rings all night is switched off. What is over the
//! budget waits, or goes by the next channel of its letter. A part is kept back for what begins:
//! however much is told of old troubles, a new one still comes through.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_model::{Channel, Moment, NotificationKind};
use watchfire_notify::is_text_message;
use watchfire_store::Sent;

use crate::terminal;

/// The stretch of time that a budget is for.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
/// One part of so many is kept back for what begins.
const RESERVED_PART: u32 = 5;
/// Channels that are remembered. Beyond, those with the fewest messages are forgotten.
const MAX_CHANNELS: usize = 10_000;

/// How many messages may go by one channel in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Where each message is a text message to a telephone.
    pub texts: u32,
    /// By mail, chats and everything else.
    pub others: u32,
}

impl Budget {
    /// That of a channel; none where nobody counts.
    pub(crate) fn of(&self, channel: &Channel) -> Option<u32> {
        let whole = if is_text_message(channel) { self.texts } else { self.others };
        (!terminal::is_terminal(channel)).then_some(whole)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { texts: 30, others: 600 }
    }
}

/// What went by each channel in the last hour.
#[derive(Debug, Default)]
pub(super) struct Spent {
    budget: Budget,
    sent: Mutex<HashMap<Channel, VecDeque<Duration>>>,
    /// How often a message had to wait.
    held_back: AtomicU64,
}

impl Spent {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Takes over what an earlier run of the hub sent.
    pub(super) fn take_over(&self, sent: &[Sent], now: Moment) {
        let mut known = self.lock();
        for one in sent {
            let ago = u64::try_from(now.unix_ms.saturating_sub(one.unix_ms)).unwrap_or(0);
            let at = now.monotonic.saturating_sub(Duration::from_millis(ago));
            if !terminal::is_terminal(&one.channel) && Duration::from_millis(ago) < HOUR {
                known.entry(one.channel.clone()).or_default().push_back(at);
            }
        }
        for times in known.values_mut() {
            times.make_contiguous().sort_unstable();
        }
    }

    /// For how long the channel's budget has no room for such a letter; `None` when it has.
    pub(super) fn rests(
        &self,
        channel: &Channel,
        kind: NotificationKind,
        now: Moment,
    ) -> Option<Duration> {
        let until = self.full_until(&self.lock(), channel, kind, now)?;
        Some(until.since(now))
    }

    /// Takes one message of the channel's budget, or says when there is one.
    pub(super) fn take(
        &self,
        channel: &Channel,
        kind: NotificationKind,
        now: Moment,
    ) -> Result<(), Moment> {
        if terminal::is_terminal(channel) {
            return Ok(());
        }
        let mut known = self.lock();
        if let Some(until) = self.full_until(&known, channel, kind, now) {
            return Err(until);
        }
        forget(&mut known, now);
        known.entry(channel.clone()).or_default().push_back(now.monotonic);
        Ok(())
    }

    /// Gives one message back that did not go out.
    pub(super) fn give_back(&self, channel: &Channel) {
        if let Some(times) = self.lock().get_mut(channel) {
            times.pop_back();
        }
    }

    /// Counts a message that has to wait, and says how many that were.
    pub(super) fn count_held_back(&self) -> u64 {
        self.held_back.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// When the budget of a channel has room for such a letter; `None` when it has some now.
    fn full_until(
        &self,
        known: &HashMap<Channel, VecDeque<Duration>>,
        channel: &Channel,
        kind: NotificationKind,
        now: Moment,
    ) -> Option<Moment> {
        let times = known.get(channel)?;
        let whole = if is_text_message(channel) { self.budget.texts } else { self.budget.others };
        let kept_back = if begins(kind) { 0 } else { whole / RESERVED_PART };
        let most = usize::try_from(whole - kept_back).unwrap_or(usize::MAX);
        let recent = times.iter().filter(|at| now.monotonic.saturating_sub(**at) < HOUR);
        let over = recent.clone().count().checked_sub(most)?;
        // Room comes when so many of the oldest are an hour old.
        let leaves = recent
            .clone()
            .nth(over)
            .map_or(HOUR, |at| HOUR.saturating_sub(now.monotonic.saturating_sub(*at)));
        Some(now.after(leaves))
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, HashMap<Channel, VecDeque<Duration>>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for the first word about a trouble, which may use what is kept back. That others made a
/// silence may not: whoever makes many must not eat up what is left for troubles.
fn begins(kind: NotificationKind) -> bool {
    matches!(
        kind,
        NotificationKind::Down
            | NotificationKind::Escalated
            | NotificationKind::ChannelDead
            | NotificationKind::CutOff
            | NotificationKind::DiskFull
    )
}

/// Forgets what is over an hour old, and channels when there are too many.
fn forget(known: &mut HashMap<Channel, VecDeque<Duration>>, now: Moment) {
    for times in known.values_mut() {
        while times.front().is_some_and(|at| now.monotonic.saturating_sub(*at) >= HOUR) {
            times.pop_front();
        }
    }
    known.retain(|_, times| !times.is_empty());
    while known.len() >= MAX_CHANNELS {
        let fewest = known.iter().min_by_key(|(_, times)| times.len());
        let Some(channel) = fewest.map(|(channel, _)| channel.clone()) else { return };
        known.remove(&channel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "twilio://AC1:token@+15550001/+15550002";

    fn at(seconds: u64) -> Moment {
        Moment { monotonic: Duration::from_secs(100_000 + seconds), unix_ms: 0 }
    }

    /// How many messages of a kind go out, tried once a second.
    fn count(spent: &Spent, kind: NotificationKind, seconds: std::ops::Range<u64>) -> usize {
        let channel = Channel::new(TEXT);
        seconds.filter(|second| spent.take(&channel, kind, at(*second)).is_ok()).count()
    }

    #[test]
    fn a_flood_is_held_and_a_new_trouble_comes_through() {
        let spent = Spent::new(Budget { texts: 30, others: 600 });
        assert_eq!(count(&spent, NotificationKind::Flapping, 0..600), 24);
        assert_eq!(count(&spent, NotificationKind::Silenced, 600..610), 0);
        assert_eq!(count(&spent, NotificationKind::Down, 610..700), 6);
        // A mailbox has a budget of its own, and the terminal none.
        let mail = Channel::new("mailto:ada@example.org");
        assert!(spent.take(&mail, NotificationKind::Flapping, at(700)).is_ok());
        let terminal = Channel::new(terminal::URL);
        assert!((0..2000).all(|_| spent.take(&terminal, NotificationKind::Report, at(0)).is_ok()));
    }

    #[test]
    fn it_is_said_when_there_is_room_and_there_is() {
        let spent = Spent::new(Budget { texts: 5, others: 600 });
        let channel = Channel::new(TEXT);
        assert_eq!(count(&spent, NotificationKind::Changed, 0..10), 4);
        let until = spent.take(&channel, NotificationKind::Changed, at(10)).unwrap_err();
        let rests = |kind| spent.rests(&channel, kind, at(10));
        assert_eq!(rests(NotificationKind::Changed), Some(HOUR - Duration::from_secs(10)));
        assert_eq!(rests(NotificationKind::Down), None);
        assert_eq!(until.monotonic, at(0).monotonic + HOUR);
        let before = Moment { monotonic: until.monotonic - Duration::from_millis(1), unix_ms: 0 };
        assert!(spent.take(&channel, NotificationKind::Changed, before).is_err());
        assert!(spent.take(&channel, NotificationKind::Changed, until).is_ok());
        assert!(spent.take(&channel, NotificationKind::Changed, until).is_err());
        // What did not go out is not spent.
        spent.give_back(&channel);
        assert!(spent.take(&channel, NotificationKind::Changed, until).is_ok());
    }

    #[test]
    fn what_an_earlier_run_sent_counts() {
        let spent = Spent::new(Budget { texts: 2, others: 2 });
        let channel = Channel::new(TEXT);
        let now = Moment { monotonic: Duration::from_secs(10), unix_ms: 10_000_000 };
        let sent = |ago_ms: i64| Sent { channel: channel.clone(), unix_ms: now.unix_ms - ago_ms };
        // One is too old to count.
        spent.take_over(&[sent(1_000), sent(3_700_000)], now);
        assert!(spent.take(&channel, NotificationKind::Down, now).is_ok());
        assert!(spent.take(&channel, NotificationKind::Down, now).is_err());
    }
}
