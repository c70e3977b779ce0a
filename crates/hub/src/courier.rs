//! Hands over what the outbox holds. Each lane (one user, one incident) is in
//! order and by itself, so a stuck delivery delays no other user's.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_model::{
    Channel, DeliveryOutcome, Moment, Notification, NotificationId, NotificationState,
};
use watchfire_notify::{Notifier, Outgoing, Step, next_step};
use watchfire_runtime::{Clock, Shutdown, backoff, task};
use watchfire_store::{LaneKey, Store};

use crate::terminal;

/// Lanes that are worked on at a time.
const MAX_BUSY: usize = 64;
/// Lanes of one user that are worked on at a time. Five hundred incidents of a
/// user whose mail server hangs must not take every place from the others.
const MAX_BUSY_OF_USER: usize = 16;
/// How long the courier sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(30);
/// The pause after the store could not be read or written.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The courier: the only one that sends.
pub(crate) struct Courier {
    store: Store,
    notifier: Notifier,
    clock: Clock,
    /// Something was put into the outbox.
    pub(crate) arrived: Arc<Notify>,
    /// A lane is done for now.
    done: Notify,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    busy: HashSet<LaneKey>,
    waiting: HashMap<LaneKey, Moment>,
    /// Grows with each arrival: what a lane was read before may be out of date.
    news: u64,
}

impl Lanes {
    fn hear_news(&mut self) {
        self.news += 1;
        self.waiting.clear();
    }

    fn has_room(&self, user: &str) -> bool {
        let of_user = || self.busy.iter().filter(|key| key.user == user).count();
        self.busy.len() < MAX_BUSY && of_user() < MAX_BUSY_OF_USER
    }
}

/// What a try is to send.
struct Try {
    notification: NotificationId,
    channel: Channel,
    first: bool,
    merges: Vec<NotificationId>,
}

impl Courier {
    pub(crate) fn new(
        store: Store,
        notifier: Notifier,
        clock: Clock,
        arrived: Arc<Notify>,
    ) -> Self {
        Self { store, notifier, clock, arrived, done: Notify::new(), lanes: Mutex::default() }
    }

    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            let next = match self.start_due_lanes().await {
                Ok(next) => next,
                Err(why) => {
                    tracing::error!(why, "the outbox cannot be read; trying again");
                    self.clock.now().after(STORE_PAUSE)
                }
            };
            tokio::select! {
                () = shutdown.requested() => return,
                // News in a lane may change what it waits for.
                () = self.arrived.notified() => self.lanes().hear_news(),
                () = self.done.notified() => {}
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Starts every lane that is due, and says when the next one will be.
    async fn start_due_lanes(self: &Arc<Self>) -> Result<Moment, String> {
        let pending = self.stored(Store::lanes).await?;
        let now = self.clock.now();
        let mut next = now.after(IDLE);
        let mut due = Vec::new();
        {
            let mut lanes = self.lanes();
            let alive: HashSet<&LaneKey> = pending.iter().collect();
            lanes.waiting.retain(|key, _| alive.contains(key));
            for key in &pending {
                match lanes.waiting.get(key) {
                    Some(until) if until.monotonic > now.monotonic => next = next.min(*until),
                    _ if lanes.busy.contains(key) || !lanes.has_room(&key.user) => {}
                    _ => {
                        lanes.busy.insert(key.clone());
                        due.push(key.clone());
                    }
                }
            }
        }
        for key in due {
            let courier = self.clone();
            task::spawn("lane", async move { courier.work_on(key).await }).detach();
        }
        Ok(next)
    }

    async fn work_on(self: Arc<Self>, key: LaneKey) {
        let work = {
            let (courier, key) = (self.clone(), key.clone());
            async move { courier.lane(&key).await }
        };
        let wait = match task::spawn("delivery", work).join().await {
            Ok(Ok(until)) => until.filter(|(_, news)| *news == self.lanes().news).map(|(at, _)| at),
            Ok(Err(why)) => {
                tracing::error!(user = key.user, why, "a delivery could not be recorded");
                Some(self.clock.now().after(STORE_PAUSE))
            }
            Err(_) => Some(self.clock.now().after(STORE_PAUSE)),
        };
        {
            let mut lanes = self.lanes();
            lanes.busy.remove(&key);
            if let Some(until) = wait {
                lanes.waiting.insert(key, until);
            }
        }
        self.done.notify_one();
    }

    /// Sends what the lane has until it is empty or has to wait: until then,
    /// or until there is news that was not known when it was read.
    async fn lane(self: &Arc<Self>, key: &LaneKey) -> Result<Option<(Moment, u64)>, String> {
        loop {
            let news = self.lanes().news;
            let key = key.clone();
            let lane = self.stored(move |store| store.lane(&key)).await?;
            match next_step(&lane, self.clock.now(), backoff::jitter()) {
                Step::Empty => return Ok(None),
                Step::Wait { until } => return Ok(Some((until, news))),
                Step::Dead(id) => self.give_up(id).await?,
                Step::Send { notification, channel, first, merges } => {
                    let found = lane.into_iter().map(|(n, _)| n).find(|n| n.id == notification);
                    let found = found.ok_or("the schedule named a notification of another lane")?;
                    let this = Try { notification, channel, first, merges };
                    self.try_once(&found, this).await?;
                }
            }
        }
    }

    async fn try_once(self: &Arc<Self>, what: &Notification, this: Try) -> Result<(), String> {
        let began = self.clock.now();
        let (id, channel) = (this.notification, this.channel.clone());
        let write =
            move |store: &Store| store.write(|batch| batch.begin_delivery(id, &channel, began));
        let delivery = self.stored(write).await?;
        let outcome = self.send(what, &this).await;
        log_outcome(what, &this.channel, &outcome);
        let ended = self.clock.now();
        let write = move |store: &Store| {
            store.write(|batch| {
                batch.end_delivery(delivery, ended, &outcome)?;
                if matches!(outcome, DeliveryOutcome::Accepted { .. }) {
                    batch.set_state(id, NotificationState::Delivered)?;
                    for merged in &this.merges {
                        batch.set_state(*merged, NotificationState::Merged)?;
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
        Ok(())
    }

    async fn send(&self, what: &Notification, this: &Try) -> DeliveryOutcome {
        let content = match &what.content_if_first {
            Some(first) if this.first => first,
            _ => &what.content,
        };
        if terminal::is_terminal(&this.channel) {
            return terminal::print(content);
        }
        let references: &[String] = if this.first { &[] } else { &what.references };
        let outgoing = Outgoing {
            content,
            message_id: &what.message_id,
            references,
            unix_ms: what.created.unix_ms,
            kind: what.kind,
            server: None,
        };
        self.notifier.send(&this.channel, &outgoing).await
    }

    async fn give_up(self: &Arc<Self>, id: NotificationId) -> Result<(), String> {
        tracing::error!(notification = id.0, "every channel refused a notification for good");
        self.stored(move |store| store.write(|batch| batch.set_state(id, NotificationState::Dead)))
            .await
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
