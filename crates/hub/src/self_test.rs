//! A message through each channel of a user, so that one that does not work is known before it is
//! needed: weekly, `self_test = "mon 08:00"`, and when somebody asks for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tokio::sync::Notify;
use watchfire_alert::message_id;
use watchfire_model::{Channel, Moment, NotificationId, NotificationKind};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{LastTry, NewNotification, Store, StoreError, Thread};

use crate::config::User;
use crate::courier::{Budget, HOUR};
use crate::desk::plain_lines;

/// How often the time of the week is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// A test that was missed by more, because the hub was off, waits for the next week.
const LATEST_MS: i64 = 6 * 3600 * 1000;
/// In how many milliseconds one channel is tested once by hand.
const MINUTE_MS: i64 = 60 * 1000;
/// Tries of all users that are looked through for how a channel stands.
const LOOKED_THROUGH: usize = 20_000;

/// A time of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekTime {
    /// The day.
    pub day: Weekday,
    /// Minutes since midnight.
    pub minutes: u16,
}

/// How a channel of a user stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) channel: Channel,
    /// The last try to tell the user by it.
    pub(crate) last: Option<LastTry>,
    /// How many messages went by it in the last hour, and how many may.
    pub(crate) budget: Option<(u32, u32)>,
}

/// The words for the days, Monday first.
pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Writes tests into the outbox.
#[derive(Debug)]
pub(crate) struct SelfTests {
    store: Store,
    users: Vec<User>,
    budget: Budget,
    public_url: String,
    hub_id: String,
    courier: Arc<Notify>,
    /// Of each user the last time that was written down.
    written: Mutex<HashMap<String, i64>>,
}

impl SelfTests {
    pub(crate) fn new(
        store: Store,
        users: Vec<User>,
        (public_url, hub_id): (String, String),
        courier: Arc<Notify>,
    ) -> Self {
        let (budget, written) = (Budget::default(), Mutex::default());
        Self { store, users, budget, public_url, hub_id, courier, written }
    }

    /// The same, where so much may go by a channel.
    pub(crate) fn with_budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let started = clock.now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
            let (tests, now) = (self.clone(), clock.now());
            match task::blocking("self test", move || tests.write_due(started, now)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a self test cannot be stored"),
                Err(failed) => tracing::error!(%failed, "a self test failed"),
            }
        }
    }

    /// Tests one channel of a user now, once a minute at the most. `None` when the user has no
    /// such channel. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be stored.
    pub(crate) fn test(
        &self,
        user: &str,
        place: usize,
        now: Moment,
    ) -> Result<Option<NotificationId>, StoreError> {
        let user = self.users.iter().find(|known| known.name == user);
        let channel = user.and_then(|user| Some((user, channels(user).into_iter().nth(place)?)));
        let Some((user, channel)) = channel else { return Ok(None) };
        let when = format!("by-hand-{}-{place}", now.unix_ms.div_euclid(MINUTE_MS));
        let letter = self.letter(user, channel, &when, now);
        let id = self.store.write(|batch| batch.enqueue(&letter))?;
        self.courier.notify_one();
        Ok(Some(id))
    }

    /// The channels of a user, each once, as [`test`](Self::test) counts them.
    pub(crate) fn channels(&self, user: &str) -> Vec<Channel> {
        self.users.iter().find(|known| known.name == user).map(channels).unwrap_or_default()
    }

    /// How each channel of a user stands, as [`test`](Self::test) counts them. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be read.
    pub(crate) fn standing(&self, user: &str, now: Moment) -> Result<Vec<Standing>, StoreError> {
        let tries = self.store.last_tries(user, LOOKED_THROUGH)?;
        let hour_ms = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
        let from_ms = now.unix_ms.saturating_sub(hour_ms);
        let sent = self.store.sent_since(from_ms, LOOKED_THROUGH)?;
        let standing = self.channels(user).into_iter().map(|channel| {
            let last = tries.iter().find(|one| one.channel == channel).cloned();
            let budget = self.budget.of(&channel).map(|most| {
                let used = sent.iter().filter(|one| one.channel == channel).count();
                (u32::try_from(used).unwrap_or(u32::MAX), most)
            });
            Standing { channel, last, budget }
        });
        Ok(standing.collect())
    }

    /// Writes the tests that are due into the outbox.
    fn write_due(&self, started: Moment, now: Moment) -> Result<(), StoreError> {
        // A time in the future is from a wall clock that was wrong.
        let started_ms = match started.unix_ms {
            past if past <= now.unix_ms => past,
            _ => now.before(now.since(started)).unix_ms,
        };
        for user in &self.users {
            let Some(at) = user.self_test else { continue };
            let Some(due_ms) = last_due(at, &user.time_zone, now.unix_ms) else { continue };
            let is_new = due_ms >= started_ms && now.unix_ms - due_ms <= LATEST_MS;
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_new || written.get(&user.name) == Some(&due_ms) {
                continue;
            }
            // One letter for each channel: what one takes must not hide that another does not.
            let letters: Vec<NewNotification> = channels(user)
                .into_iter()
                .enumerate()
                .map(|(place, channel)| {
                    self.letter(user, channel, &format!("{due_ms}-{place}"), now)
                })
                .collect();
            self.store.write(|batch| {
                letters.iter().try_for_each(|letter| batch.enqueue(letter).map(|_| ()))
            })?;
            written.insert(user.name.clone(), due_ms);
            self.courier.notify_one();
        }
        Ok(())
    }

    fn letter(&self, user: &User, channel: Channel, when: &str, now: Moment) -> NewNotification {
        let kind = NotificationKind::SelfTest;
        let lines = [
            format!("This is how Watchfire reaches {} by {}.", user.name, channel.scheme()),
            "Nothing is wrong, and nothing need be done.".to_owned(),
        ];
        NewNotification {
            incident: None,
            thread: Thread::Own,
            held: false,
            user: user.name.clone(),
            kind,
            channels: vec![channel],
            content: plain_lines("[TEST] this channel works", &lines, &self.public_url),
            content_if_first: None,
            message_id: message_id(kind, when, &user.name, &self.hub_id),
            references: Vec::new(),
            created: now,
        }
    }
}

/// Every channel of a user, each once.
fn channels(user: &User) -> Vec<Channel> {
    let mut all: Vec<Channel> = Vec::new();
    for channel in user.channels.iter().chain(user.ways.iter().flat_map(|way| &way.channels)) {
        if !all.contains(channel) {
            all.push(channel.clone());
        }
    }
    all
}

/// The last moment at or before `now_ms` at which it was that time of the week in `zone`, in
/// milliseconds since 1970.
fn last_due(at: WeekTime, zone: &TimeZone, now_ms: i64) -> Option<i64> {
    let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
    let hour = i8::try_from(at.minutes / 60).ok()?;
    let minute = i8::try_from(at.minutes % 60).ok()?;
    let time = Time::new(hour, minute, 0, 0).ok()?;
    // The same day of last week comes into question on the day itself, before the time.
    (0..=7).find_map(|back| {
        let date = now.date().checked_sub(Span::new().days(back)).ok()?;
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
        let due = zoned.timestamp().as_millisecond();
        (date.weekday() == at.day && due <= now_ms).then_some(due)
    })
}

#[cfg(test)]
mod tests {
    use watchfire_store::Store;

    use super::*;

    fn at(text: &str) -> Moment {
        let unix: Timestamp = text.parse().expect("a time");
        let unix_ms = unix.as_millisecond();
        let monotonic = u64::try_from(unix_ms).expect("after 1970");
        Moment { monotonic: Duration::from_millis(monotonic), unix_ms }
    }

    fn tests(folder: &std::path::Path) -> SelfTests {
        let mut ada = User::administrator("ada");
        ada.channels = ["mailto:ada@example.org", "slack://a/b/c"].map(Channel::new).to_vec();
        ada.ways = vec![watchfire_alert::told::Way {
            scope: None,
            severity: watchfire_model::Severity::Critical,
            during: None,
            channels: ["slack://a/b/c", "ntfy://topic"].map(Channel::new).to_vec(),
        }];
        ada.self_test = Some(WeekTime { day: Weekday::Monday, minutes: 8 * 60 });
        ada.time_zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let store = Store::open(folder).expect("a good store");
        let names = ("http://hub.test".to_owned(), "hub.test".to_owned());
        SelfTests::new(store, vec![ada], names, Arc::default())
    }

    fn letters(tests: &SelfTests) -> Vec<(String, String)> {
        let all = tests.store.pending_after(NotificationId(0), 100).expect("readable");
        let one = |letter: watchfire_model::Notification| {
            assert_eq!((letter.kind, letter.channels.len()), (NotificationKind::SelfTest, 1));
            (letter.user, letter.channels[0].scheme().to_owned())
        };
        all.into_iter().map(one).collect()
    }

    #[test]
    fn each_channel_is_tested_once_a_week() {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = tests(folder.path());
        // The 23rd of November 2026 is a Monday; eight in Berlin is seven in Greenwich.
        let started = at("2026-11-20T12:00:00Z");
        tests.write_due(started, at("2026-11-23T06:59:59Z")).expect("it is stored");
        assert_eq!(letters(&tests), []);
        for now in ["2026-11-23T07:00:00Z", "2026-11-23T07:00:10Z", "2026-11-23T12:00:00Z"] {
            tests.write_due(started, at(now)).expect("it is stored");
            assert_eq!(letters(&tests).len(), 3, "{now}");
        }
        let ways = letters(&tests);
        assert_eq!(
            ways.iter().map(|(_, way)| &**way).collect::<Vec<_>>(),
            ["mailto", "slack", "ntfy"]
        );
        tests.write_due(started, at("2026-11-30T07:00:00Z")).expect("it is stored");
        assert_eq!(letters(&tests).len(), 6);
    }

    #[test]
    fn a_start_after_the_time_waits_for_the_next_week() {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = tests(folder.path());
        let started = at("2026-11-23T07:00:01Z");
        tests.write_due(started, at("2026-11-23T07:00:10Z")).expect("it is stored");
        tests.write_due(at("2026-11-20T12:00:00Z"), at("2026-11-23T14:00:00Z")).expect("stored");
        assert_eq!(letters(&tests), []);
    }

    #[test]
    fn how_a_channel_stands_is_said_by_its_last_try_and_its_hour() {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = tests(folder.path()).with_budget(Budget { texts: 3, others: 9 });
        let now = at("2026-11-23T07:00:10Z");
        let quiet = tests.standing("ada", now).expect("readable");
        assert_eq!(quiet.iter().map(|one| one.budget).collect::<Vec<_>>(), [Some((0, 9)); 3]);
        assert!(quiet.iter().all(|one| one.last.is_none()));
        let id = tests.test("ada", 1, now).expect("it is stored").expect("there is one");
        let slack = Channel::new("slack://a/b/c");
        let begun = tests.store.write(|batch| batch.begin_delivery(id, &slack, now));
        begun.expect("it is stored");
        let stood = |now| tests.standing("ada", at(now)).expect("readable")[1].clone();
        let last = stood("2026-11-23T07:30:00Z");
        assert_eq!(
            last.last.map(|last| (last.unix_ms, last.outcome)),
            Some((now.unix_ms, "unknown".into()))
        );
        assert_eq!(last.budget, Some((1, 9)));
        assert_eq!(stood("2026-11-23T08:30:00Z").budget, Some((0, 9)));
        assert_eq!(tests.standing("eve", now).expect("readable"), []);
    }

    #[test]
    fn one_channel_is_tested_by_hand_once_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let tests = tests(folder.path());
        let test = |place, now| tests.test("ada", place, at(now)).expect("it is stored");
        let first = test(2, "2026-11-23T07:00:10Z");
        assert!(first.is_some());
        assert_eq!(test(2, "2026-11-23T07:00:50Z"), first);
        assert_ne!(test(2, "2026-11-23T07:01:00Z"), first);
        assert_eq!(test(3, "2026-11-23T07:01:00Z"), None);
        assert_eq!(tests.test("eve", 0, at("2026-11-23T07:01:00Z")).expect("stored"), None);
        assert_eq!(letters(&tests), [("ada".into(), "ntfy".into()), ("ada".into(), "ntfy".into())]);
    }
}
