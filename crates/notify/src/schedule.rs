//! What to send next in one lane, and when: a pure function.
//!
//! A lane is what waits for one user, in the order in which it was written
//! down. Its head is tried until a provider takes it; nothing overtakes it,
//! but for a recovery whose trouble was never told: that takes the trouble's
//! place as one message. The same goes for the hub's own cut and its end.

use std::time::Duration;

use watchfire_model::{
    Channel, Delivery, DeliveryOutcome, Moment, Notification, NotificationId, NotificationKind,
    NotificationState,
};

use crate::channel::list::is_text_message;

mod owed;

pub use owed::{ends_unopened, owed};

/// When a channel has not taken a notification for this long since its first
/// try, the next channel is tried as well. While one rests, the next one is tried at once.
pub const NEXT_CHANNEL_AFTER: Duration = Duration::from_secs(30);

/// How old a notification must be before it is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How many tries must have failed before a notification is given up, however
/// old it is: a hub that was off for a day, or a clock that jumped, must not
/// cost a message.
pub const LEAST_TRIES: u32 = 60;

/// The pauses between tries on one channel, in seconds; the last one repeats.
const PAUSES: [u64; 7] = [1, 2, 4, 8, 16, 32, 60];

/// How often a text message is sent that may have come each time: each costs money, and wakes.
const MOST_TEXTS: usize = 3;

/// The longest that a notification waits for its user before the clocks are looked at again:
/// one of them may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

/// The share of a pause that jitter can take away.
const JITTER: f64 = 0.25;

/// What to do next in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Hand this notification to this channel now.
    Send {
        /// Which.
        notification: NotificationId,
        /// Where.
        channel: Channel,
        /// Nothing earlier of its incident can have reached the user: use the
        /// words of `content_if_first`, where there are some.
        first: bool,
        /// Earlier notifications that this one tells as well: once it is
        /// accepted they are merged, and before that they stay pending.
        merges: Vec<NotificationId>,
    },
    /// Nothing to do before then; ask again at that moment, or when the lane changes.
    Wait {
        /// The moment; it lies in the future on both clocks.
        until: Moment,
    },
    /// Nobody takes this notification, or it is too old: mark it dead and ask again.
    Dead(NotificationId),
    /// Nothing is pending.
    Empty,
}

/// What can be done for one notification.
enum Plan<'a> {
    Now(&'a Channel),
    Later(Duration),
    Never,
}

/// The next step of a lane at `now`.
///
/// `lane` is in order and holds every pending notification of one user, each
/// with its deliveries, and should hold the earlier ones of the same incidents
/// or thread with theirs, whatever their state. An earlier one that is missing but named
/// in `references` counts as sent. No try of this lane may be under way: a
/// delivery without an end is one in which the hub died.
///
/// `rests` says for how long a channel is left alone by a notification, where it is: it is not tried until then,
/// and the next one need not wait for it.
///
/// `jitter`, from 0 to 1, shortens pauses by up to a quarter, so that many
/// hubs do not come back to a provider in step.
///
/// Whenever a step is carried out the lane comes to its end: each notification
/// is delivered, merged, or dead after [`GIVE_UP_AFTER`] and [`LEAST_TRIES`].
#[must_use]
pub fn next_step(
    lane: &[(Notification, Vec<Delivery>)],
    now: Moment,
    jitter: f64,
    rests: impl Fn(&Notification, &Channel) -> Option<Duration>,
) -> Step {
    let Some(head) = lane.iter().position(is_open) else { return Step::Empty };
    let (at, merges) = collapsed(lane, head, now).unwrap_or((head, Vec::new()));
    let (notification, tries) = &lane[at];
    match plan(notification, tries, (now, jitter), rests) {
        Plan::Now(channel) => Step::Send {
            notification: notification.id,
            channel: channel.clone(),
            first: !told_before(lane, at),
            merges,
        },
        Plan::Later(wait) => Step::Wait { until: now.after(wait) },
        // In a collapse the trouble goes first, so that it cannot be told
        // after the recovery was given up.
        Plan::Never => Step::Dead(lane[head].0.id),
    }
}

/// The recovery that can take the place of the head, and what it then tells.
fn collapsed(
    lane: &[(Notification, Vec<Delivery>)],
    head: usize,
    now: Moment,
) -> Option<(usize, Vec<NotificationId>)> {
    let trouble = &lane[head].0;
    let ends = match trouble.kind {
        NotificationKind::Down | NotificationKind::Changed => {
            trouble.incident?;
            NotificationKind::Recovered
        }
        NotificationKind::CutOff => NotificationKind::HubBack,
        NotificationKind::DiskFull => NotificationKind::DiskRoom,
        _ => return None,
    };
    let of_incident = |at: &usize| lane[*at].0.incident == trouble.incident;
    let recovery = (head + 1..lane.len()).filter(of_incident).find(|at| {
        let entry = &lane[*at];
        is_open(entry) && entry.0.kind == ends
    })?;
    if told_before(lane, recovery) || told_before(lane, head) {
        return None;
    }
    // A trouble that is due is not held back for an end that can wait.
    let sleeps = |at: usize| asleep(&lane[at].0, &lane[at].1, now).is_some();
    if sleeps(recovery) && !sleeps(head) {
        return None;
    }
    let open = (head..recovery).filter(of_incident).filter(|at| is_open(&lane[*at]));
    Some((recovery, open.map(|at| lane[at].0.id).collect()))
}

fn is_open((notification, tries): &(Notification, Vec<Delivery>)) -> bool {
    notification.state == NotificationState::Pending
        && !tries.iter().any(|try_| matches!(try_.outcome, DeliveryOutcome::Accepted { .. }))
}

/// True when something before `at` about the same incident, or that it goes on from,
/// was sent, or may have been.
fn told_before(lane: &[(Notification, Vec<Delivery>)], at: usize) -> bool {
    let notification = &lane[at].0;
    let same = |other: &Notification| {
        (other.incident.is_some() && other.incident == notification.incident)
            || notification.references.contains(&other.message_id)
    };
    let mut earlier = lane[..at].iter().filter(|(other, _)| same(other));
    let unknown = |id: &String| !lane.iter().any(|(other, _)| other.message_id == *id);
    earlier.any(told) || notification.references.iter().any(unknown)
}

fn told((notification, tries): &(Notification, Vec<Delivery>)) -> bool {
    notification.state == NotificationState::Delivered
        || tries.iter().any(|try_| took(&try_.outcome))
}

/// Whether a try with this outcome was, or may have been, taken.
fn took(outcome: &DeliveryOutcome) -> bool {
    match outcome {
        DeliveryOutcome::Accepted { .. } | DeliveryOutcome::Unknown => true,
        DeliveryOutcome::Retry { maybe_accepted, .. } => *maybe_accepted,
        DeliveryOutcome::Refused { .. } => false,
    }
}

fn plan<'a>(
    notification: &'a Notification,
    tries: &[Delivery],
    (now, jitter): (Moment, f64),
    rests: impl Fn(&Notification, &Channel) -> Option<Duration>,
) -> Plan<'a> {
    if let Some(wait) = asleep(notification, tries, now) {
        return Plan::Later(wait);
    }
    let refused = |channel: &Channel| {
        let mut refused =
            tries.iter().filter(|t| matches!(t.outcome, DeliveryOutcome::Refused { .. }));
        refused.any(|t| t.channel == *channel)
    };
    let usable = notification.channels.iter();
    let usable: Vec<&Channel> =
        usable.filter(|channel| !refused(channel) && !is_worn_out(channel, tries)).collect();
    if usable.is_empty() || given_up(notification, tries, now) {
        return Plan::Never;
    }
    let mut soonest = (Duration::MAX, usable[0]);
    let mut opens_in = Duration::ZERO;
    for channel in usable {
        let own: Vec<&Delivery> = tries.iter().filter(|t| t.channel == *channel).collect();
        let wait = if own.is_empty() { opens_in } else { pause_left(&own, now, jitter) };
        let rest = rests(notification, channel);
        let wait = wait.max(rest.unwrap_or_default());
        // Strictly sooner: of two that are due, the preferred one goes first.
        if wait < soonest.0 {
            soonest = (wait, channel);
        }
        if rest.is_some() {
            continue;
        }
        let Some(first) = own.first() else { break };
        let since = elapsed(first.began, now).unwrap_or(Duration::MAX);
        opens_in = opens_in.max(NEXT_CHANNEL_AFTER.saturating_sub(since));
    }
    match soonest {
        (Duration::ZERO, channel) => Plan::Now(channel),
        (wait, _) => Plan::Later(wait),
    }
}

/// Whether so many text messages may have come and been paid that one more is no help.
fn is_worn_out(channel: &Channel, tries: &[Delivery]) -> bool {
    let doubtful = tries.iter().filter(|one| one.channel == *channel && took(&one.outcome));
    doubtful.count() >= MOST_TEXTS && is_text_message(channel)
}

/// How long its user sleeps on. The clock that says less counts: a clock on the wall that
/// is set back must not make the night longer.
fn asleep(notification: &Notification, tries: &[Delivery], now: Moment) -> Option<Duration> {
    let until = notification.not_before_ms.filter(|_| tries.is_empty())?;
    let left = |from_ms: i64| until.checked_sub(from_ms).and_then(|left| u64::try_from(left).ok());
    let on_wall = Duration::from_millis(left(now.unix_ms)?);
    let meant = Duration::from_millis(left(notification.created.unix_ms)?);
    let since = now.monotonic.checked_sub(notification.created.monotonic);
    let left = on_wall.min(meant.saturating_sub(since.unwrap_or_default()));
    (!left.is_zero()).then(|| left.min(LONGEST_SLEEP))
}

fn given_up(notification: &Notification, tries: &[Delivery], now: Moment) -> bool {
    // The store may keep only the latest deliveries; their numbers tell.
    let made = tries.iter().map(|t| t.attempt).max().unwrap_or(0);
    let mut age = elapsed(notification.created, now).unwrap_or(Duration::ZERO);
    if let Some(awake_ms) = notification.not_before_ms {
        // The time in which it was not to be sent does not count.
        let since = u64::try_from(now.unix_ms.saturating_sub(awake_ms)).unwrap_or(0);
        age = age.min(Duration::from_millis(since));
    }
    made >= LEAST_TRIES && age >= GIVE_UP_AFTER
}

/// What is left of the pause after the last of `tries`, all on one channel.
///
/// It counts from the beginning of that try, so that a server that hangs is
/// asked as often as one that refuses; but after its end there is at least the
/// shortest pause.
fn pause_left(tries: &[&Delivery], now: Moment, jitter: f64) -> Duration {
    let Some(last) = tries.last() else { return Duration::ZERO };
    let seconds = PAUSES[(tries.len() - 1).min(PAUSES.len() - 1)];
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    let shortened = |seconds| Duration::from_secs(seconds).mul_f64(1.0 - JITTER * jitter);
    // When the clocks cannot tell, trying at once does the least harm.
    let since = |then| elapsed(then, now).unwrap_or(Duration::MAX);
    let of_begin = shortened(seconds).saturating_sub(since(last.began));
    let of_end = last.ended.map(|ended| shortened(PAUSES[0]).saturating_sub(since(ended)));
    of_begin.max(of_end.unwrap_or_default())
}

/// The time from `then` to `now`. A monotonic clock that went back means that
/// the machine was started anew, and only the wall clock spans that; `None`
/// when it went back as well.
fn elapsed(then: Moment, now: Moment) -> Option<Duration> {
    if let Some(since) = now.monotonic.checked_sub(then.monotonic) {
        return Some(since);
    }
    let since = now.unix_ms.checked_sub(then.unix_ms)?;
    u64::try_from(since).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests;
