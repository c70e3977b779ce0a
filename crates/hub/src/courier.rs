//! Hands over what the outbox holds. Each lane (one user, one incident or thread) is in
//! order and by itself, so a stuck delivery delays no other user's. Between the lanes of
//! one user only words about one server wait for each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_model::{
    Channel, Delivery, DeliveryOutcome, Moment, Notification, NotificationId, NotificationState,
    ServerName, Severity,
};
use watchfire_notify::{Notifier, Outgoing, Step, next_step};
use watchfire_runtime::{Clock, Shutdown, backoff, task};
use watchfire_store::{About, Batch, LaneKey, NewNotification, PendingLane, Store};

pub(crate) use self::begun::Begun;
use self::begun::First;
pub use self::budget::Budget;
pub(crate) use self::budget::HOUR;
use self::budget::Spent;
use self::lanes::{Ended, Lanes};
pub(crate) use self::undelivered::Undelivered;
use crate::terminal::{self, Terminal};

mod begun;
mod budget;
mod lanes;
pub(crate) mod owed;
mod undelivered;

/// The outbox is read anew after this, whether or not anything is known to have come.
const READ_ANEW: Duration = Duration::from_secs(30);
/// The pause after the store could not be read or written.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Messages of the last hour that a start counts.
const MAX_TAKEN_OVER: usize = 20_000;
/// How long the end waits for the deliveries under way. What is cut off in the
/// middle may have been accepted and is sent again after the next start.
pub(crate) const END_PATIENCE: Duration = Duration::from_secs(10);

/// The courier: the only one that sends.
pub(crate) struct Courier {
    store: Store,
    notifier: Notifier,
    terminal: Terminal,
    clock: Clock,
    /// Something was put into the outbox.
    pub(crate) arrived: Arc<Notify>,
    begun: Arc<Begun>,
    /// A lane's work has ended: it is empty, or it waits for another try.
    done: Notify,
    lanes: Mutex<Lanes>,
    /// What went by each channel of late.
    spent: Spent,
    undelivered: Undelivered,
}

/// What a try is to send.
struct Try {
    notification: NotificationId,
    channel: Channel,
    first: bool,
    /// It ends what the channel keeps no incident of.
    unopened: bool,
    merges: Vec<NotificationId>,
    /// The letter again, to those who are to have it besides once it is taken.
    also: Vec<NewNotification>,
    /// Its record, when the desk has written that.
    begun: Option<First>,
}

impl Courier {
    pub(crate) fn new(
        store: Store,
        notifier: Notifier,
        clock: Clock,
        arrived: Arc<Notify>,
        begun: Arc<Begun>,
    ) -> Self {
        Self {
            store,
            notifier,
            terminal: Terminal::stderr(),
            clock,
            arrived,
            begun,
            done: Notify::new(),
            lanes: Mutex::default(),
            spent: Spent::default(),
            undelivered: Undelivered::default(),
        }
    }

    /// The same courier, with this much for each channel.
    pub(crate) fn with_budget(mut self, budget: Budget) -> Self {
        self.spent = Spent::new(budget);
        self
    }

    /// The same courier, that lets others know what it cannot deliver.
    pub(crate) fn telling(mut self, undelivered: Undelivered) -> Self {
        self.undelivered = undelivered;
        self
    }

    /// Works until the end is asked for, and then until what is under way has
    /// ended and is recorded, but for no longer than [`END_PATIENCE`].
    pub(crate) async fn run(self: Arc<Self>, shutdown: Shutdown) {
        self.take_over_spent().await;
        let mut read_at = self.clock.now();
        while !shutdown.is_requested() {
            if read_at.monotonic <= self.clock.now().monotonic {
                read_at = self.read_outbox().await;
            }
            self.start_due_lanes(&shutdown);
            let next = self.lanes().next().map_or(read_at, |next| next.min(read_at));
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                () = self.arrived.notified() => read_at = self.clock.now(),
                () = self.done.notified() => {}
                () = self.clock.sleep_until(next) => {}
            }
        }
        if self.clock.within(END_PATIENCE, self.until_idle()).await.is_none() {
            let busy = self.lanes().busy();
            tracing::warn!(busy, "deliveries are cut off by the end; they are tried again later");
        }
        // Left as they are they would count as sent, perhaps, after the next start.
        for first in self.begun.all() {
            if let Err(why) = self.take_back(first).await {
                tracing::warn!(why, "a try that was not made cannot be taken back");
            }
        }
    }

    /// What was sent before a restart counts: one that starts again and again must not send
    /// without end.
    async fn take_over_spent(&self) {
        let now = self.clock.now();
        let since_ms = now.before(HOUR).unix_ms;
        match self.stored(move |store| store.sent_since(since_ms, MAX_TAKEN_OVER)).await {
            Ok(sent) => self.spent.take_over(&sent, now),
            Err(why) => tracing::warn!(why, "what was sent in the last hour is not known"),
        }
    }

    async fn until_idle(&self) {
        while self.lanes().busy() > 0 {
            self.done.notified().await;
        }
    }

    /// Reads which lanes there are, and says when to read again.
    async fn read_outbox(&self) -> Moment {
        match self.stored(Store::lanes).await {
            Ok(mut pending) => {
                for lane in pending.iter_mut().filter(|lane| self.begun.holds(lane.oldest)) {
                    lane.tries = lane.tries.saturating_sub(1);
                }
                self.lanes().read(pending);
                self.clock.now().after(READ_ANEW)
            }
            Err(why) => {
                tracing::error!(why, "the outbox cannot be read; trying again");
                self.clock.now().after(STORE_PAUSE)
            }
        }
    }

    fn start_due_lanes(self: &Arc<Self>, shutdown: &Shutdown) {
        self.lanes().wake(self.clock.now());
        while !shutdown.is_requested() {
            let Some(lane) = self.lanes().start() else { return };
            let (courier, shutdown) = (self.clone(), shutdown.clone());
            task::spawn("lane", async move { courier.work_on(lane, shutdown).await }).detach();
        }
    }

    async fn work_on(self: Arc<Self>, lane: PendingLane, shutdown: Shutdown) {
        let key = lane.key;
        let work = {
            let (courier, key) = (self.clone(), key.clone());
            async move { courier.lane(&key, &shutdown).await }
        };
        // Whatever fails, it is tried again after a pause.
        let failed = || Ended {
            seen: lane.newest,
            until: Some(self.clock.now().after(STORE_PAUSE)),
            tries: 1,
            out_of_turn: false,
        };
        let ended = match task::spawn("delivery", work).join().await {
            Ok(Ok(ended)) => ended,
            Ok(Err(why)) => {
                tracing::error!(user = key.user, why, "a delivery could not be recorded");
                failed()
            }
            Err(_) => failed(),
        };
        self.lanes().end(&key, &ended);
        self.done.notify_one();
    }

    /// Sends what the lane has until it is empty, has to wait, or the end is
    /// asked for. What has to wait for another lane is looked at again when anything
    /// has left the outbox.
    async fn lane(self: &Arc<Self>, key: &LaneKey, shutdown: &Shutdown) -> Result<Ended, String> {
        let mut tries = 0;
        loop {
            let asked = key.clone();
            let read = move |store: &Store| {
                let lane = store.lane(&asked)?;
                let turn = store.turn(&lane)?;
                Ok((lane, turn))
            };
            let (mut lane, turn) = self.stored(read).await?;
            let seen = lane.iter().map(|(n, _)| n.id).max().unwrap_or(NotificationId(0));
            let is_cut = turn < lane.len();
            lane.truncate(turn);
            let begun = self.begun.separate(&mut lane);
            let ended = |until| Ok(Ended { seen, until, tries, out_of_turn: false });
            if shutdown.is_requested() {
                return ended(None);
            }
            let now = self.clock.now();
            let rests = |letter: &Notification, channel: &Channel| {
                self.notifier.rests(channel).max(self.spent.rests(channel, letter.kind, now))
            };
            let step = next_step(&lane, now, backoff::jitter(), rests);
            if let Some(first) = begun.clone().filter(|first| !first.is_asked_by(&step)) {
                self.take_back(first).await?;
                continue;
            }
            match step {
                Step::Empty if is_cut => {
                    let until = Some(self.clock.now().after(READ_ANEW));
                    return Ok(Ended { seen, until, tries, out_of_turn: true });
                }
                Step::Empty => return ended(None),
                Step::Wait { until } => {
                    self.note_budget(&lane, now);
                    return ended(Some(until));
                }
                Step::Dead(id) => {
                    let found = lane.into_iter().find(|(one, _)| one.id == id);
                    let found =
                        found.ok_or("the schedule gave up a notification of another lane")?;
                    self.give_up(&found.0, &found.1).await?;
                }
                Step::Send { notification, channel, first, merges } => {
                    let others = watchfire_notify::owed(&lane, notification, &channel);
                    let unopened = watchfire_notify::ends_unopened(&lane, notification, &channel);
                    let found = lane.into_iter().map(|(n, _)| n).find(|n| n.id == notification);
                    let found = found.ok_or("the schedule named a notification of another lane")?;
                    if let Err(until) = self.spent.take(&channel, found.kind, self.clock.now()) {
                        return ended(Some(until));
                    }
                    let also = others.iter().map(|other| owed::copy(&found, other)).collect();
                    let this = Try { notification, channel, first, unopened, merges, also, begun };
                    self.try_once(&found, this).await?;
                    tries += 1;
                }
            }
        }
    }

    async fn try_once(self: &Arc<Self>, what: &Notification, this: Try) -> Result<(), String> {
        let began = self.clock.now();
        let (id, channel) = (this.notification, this.channel.clone());
        let delivery = match &this.begun {
            // It is written down. From here on it may have been sent.
            Some(first) => {
                self.begun.remove(id);
                first.delivery
            }
            None => {
                let begin = move |batch: &Batch<'_>| batch.begin_delivery(id, &channel, began);
                let begun = self.stored(move |store| store.write(begin)).await;
                // Nothing is sent that is not written down, and what is not sent costs nothing.
                begun.inspect_err(|_| self.spent.give_back(&this.channel))?
            }
        };
        let outcome = self.send(what, &this).await;
        log_outcome(what, &this.channel, &outcome);
        let ended = self.clock.now();
        let is_taken = matches!(outcome, DeliveryOutcome::Accepted { .. });
        if !may_have_gone(&outcome) {
            self.spent.give_back(&this.channel);
        }
        let write = move |store: &Store| {
            store.write(|batch| {
                batch.end_delivery(delivery, ended, &outcome)?;
                if is_taken {
                    batch.set_state(id, NotificationState::Delivered)?;
                    for merged in &this.merges {
                        batch.set_state(*merged, NotificationState::Merged)?;
                    }
                    for copy in &this.also {
                        batch.enqueue(copy)?;
                    }
                }
                Ok(())
            })
        };
        // The end of a try that was made must be recorded, or it would be made again.
        while let Err(why) = self.stored(write.clone()).await {
            tracing::error!(why, "the end of a delivery cannot be stored yet; trying again");
            self.clock.sleep(STORE_PAUSE).await;
        }
        if is_taken {
            self.make_way(&what.user);
        }
        Ok(())
    }

    /// Says so where a letter waits because the budget of its channels is spent.
    fn note_budget(&self, lane: &[(Notification, Vec<Delivery>)], now: Moment) {
        let waits = |(letter, _): &&(Notification, Vec<Delivery>)| {
            letter.state == NotificationState::Pending
        };
        let Some((letter, _)) = lane.iter().find(waits) else { return };
        let is_spent = |channel: &&Channel| self.spent.rests(channel, letter.kind, now).is_some();
        let Some(channel) = letter.channels.iter().find(is_spent) else { return };
        let in_all = self.spent.count_held_back();
        let (notification, user, channel) = (letter.id.0, letter.user.as_str(), channel.scheme());
        tracing::warn!(notification, user, channel, in_all, "a channel's budget is spent");
    }

    /// Something has left the outbox: other lanes of its user may have waited for it.
    fn make_way(&self, user: &str) {
        self.lanes().make_way(user);
        self.done.notify_one();
    }

    async fn send(&self, what: &Notification, this: &Try) -> DeliveryOutcome {
        let content = match &what.content_if_first {
            Some(first) if this.first => first,
            _ => &what.content,
        };
        if this.channel.is_mark() {
            let why = "this channel is in the config no more".to_owned();
            return DeliveryOutcome::Refused { why };
        }
        if terminal::is_terminal(&this.channel) {
            return self.terminal.print(content, &self.clock).await;
        }
        let id = what.id;
        let about = self.stored(move |store| store.about(id)).await.unwrap_or_else(|why| {
            tracing::warn!(why, "a letter goes out without its server's name");
            About { server: None, is_over: true, severity: Severity::Critical }
        });
        let is_alone = this.first || this.unopened;
        let references: &[String] = if is_alone { &[] } else { &what.references };
        let outgoing = Outgoing {
            content,
            message_id: &what.message_id,
            references,
            unix_ms: what.created.unix_ms,
            kind: what.kind,
            severity: about.severity,
            server: about.server.as_ref().map(ServerName::as_str),
            is_over: about.is_over,
        };
        self.notifier.send(&this.channel, &outgoing).await
    }

    /// Ends a try that was written down and is not to be made.
    async fn take_back(&self, first: First) -> Result<(), String> {
        let (now, why) = (self.clock.now(), "it was not sent: something else came first");
        let outcome = DeliveryOutcome::Retry { why: why.to_owned(), maybe_accepted: false };
        let end = move |batch: &Batch<'_>| batch.end_delivery(first.delivery, now, &outcome);
        self.stored(move |store| store.write(end)).await?;
        self.begun.remove(first.notification);
        Ok(())
    }

    /// Nobody takes it. In the same transaction it is written down who else is told.
    async fn give_up(
        self: &Arc<Self>,
        dead: &Notification,
        tries: &[Delivery],
    ) -> Result<(), String> {
        let id = dead.id;
        let letters = self.undelivered.letters(dead, tries, self.clock.now());
        let told = letters.len();
        tracing::error!(
            notification = id.0,
            told,
            "every channel refused a notification for good; so many others are told of it"
        );
        let write = move |batch: &Batch<'_>| {
            batch.set_state(id, NotificationState::Dead)?;
            letters.iter().try_for_each(|letter| batch.enqueue(letter).map(|_| ()))
        };
        self.stored(move |store| store.write(write)).await?;
        self.make_way(&dead.user);
        self.arrived.notify_one();
        Ok(())
    }

    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, watchfire_store::StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let store = self.store.clone();
        match task::blocking("outbox", move || work(&store)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.to_string()),
            Err(failed) => Err(failed.to_string()),
        }
    }

    fn lanes(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn may_have_gone(outcome: &DeliveryOutcome) -> bool {
    match outcome {
        DeliveryOutcome::Accepted { .. } | DeliveryOutcome::Unknown => true,
        DeliveryOutcome::Retry { maybe_accepted, .. } => *maybe_accepted,
        DeliveryOutcome::Refused { .. } => false,
    }
}

fn log_outcome(what: &Notification, channel: &Channel, outcome: &DeliveryOutcome) {
    let (id, user, channel) = (what.id.0, what.user.as_str(), channel.scheme());
    match outcome {
        DeliveryOutcome::Accepted { .. } => {
            tracing::info!(notification = id, user, channel, "delivered");
        }
        DeliveryOutcome::Retry { why, .. } => {
            tracing::warn!(notification = id, user, channel, why, "not delivered yet");
        }
        DeliveryOutcome::Refused { why } => {
            tracing::error!(notification = id, user, channel, why, "refused");
        }
        DeliveryOutcome::Unknown => {}
    }
}

#[cfg(test)]
mod tests;
