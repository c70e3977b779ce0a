//! First tries that the desk writes down in the transaction of their
//! notification, so that on a busy disk a mail waits for one commit and not two.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use watchfire_model::{Channel, Delivery, Moment, Notification, NotificationId};
use watchfire_notify::Step;
use watchfire_store::{Batch, DeliveryId, StoreError};

/// Tries that are written down and have not begun to be sent. Beyond, the courier
/// writes a try down itself: what has to wait for its turn anyway gains nothing,
/// and its record would say that it began before its time.
pub(crate) const MAX_BEGUN: usize = super::lanes::MAX_BUSY_OF_USER;

/// The tries that were written down and not sent yet. What is written down and
/// not in here, as after a crash, may have been sent.
#[derive(Debug, Default)]
pub(crate) struct Begun(Mutex<Tries>);

#[derive(Debug, Default)]
struct Tries {
    of: HashMap<NotificationId, First>,
    /// Those of the transaction under way.
    unsettled: Vec<NotificationId>,
    /// How often there was no room.
    full: u64,
}

/// A first try that is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct First {
    pub(super) notification: NotificationId,
    pub(super) delivery: DeliveryId,
    channel: Channel,
    began: Moment,
}

impl Begun {
    /// Writes the first try of a new notification down. It is known here before
    /// anybody can read it, and [`settle`](Self::settle) is to follow.
    pub(crate) fn begin(
        &self,
        batch: &Batch<'_>,
        notification: NotificationId,
        channel: &Channel,
        began: Moment,
    ) -> Result<(), StoreError> {
        if !self.has_room() {
            return Ok(());
        }
        // Nobody else begins any, so there is still room after the store's work.
        let delivery = batch.begin_delivery(notification, channel, began)?;
        let channel = channel.clone();
        let mut tries = self.lock();
        tries.of.insert(notification, First { notification, delivery, channel, began });
        tries.unsettled.push(notification);
        Ok(())
    }

    fn has_room(&self) -> bool {
        let mut tries = self.lock();
        let room = tries.of.len() < MAX_BEGUN;
        tries.full = tries.full.saturating_add(u64::from(!room));
        room
    }

    /// The transaction has ended: its tries are `stored`, or there are none.
    pub(crate) fn settle(&self, stored: bool) {
        let mut tries = self.lock();
        for notification in std::mem::take(&mut tries.unsettled) {
            if !stored {
                tries.of.remove(&notification);
            }
        }
    }

    /// Takes the try that was not sent yet out of a lane. It is trusted only when
    /// the lane has it as it was written.
    pub(super) fn separate(&self, lane: &mut [(Notification, Vec<Delivery>)]) -> Option<First> {
        let tries = self.lock();
        lane.iter_mut().find_map(|(notification, deliveries)| {
            let first = tries.of.get(&notification.id)?;
            let [only] = deliveries.as_slice() else { return None };
            let same = only.ended.is_none() && only.began == first.began && only.attempt == 1;
            same.then(|| {
                deliveries.clear();
                first.clone()
            })
        })
    }

    /// True while the first try of `notification` is written down and not sent.
    pub(super) fn holds(&self, notification: NotificationId) -> bool {
        self.lock().of.contains_key(&notification)
    }

    /// The try begins, or was taken back.
    pub(super) fn remove(&self, notification: NotificationId) {
        self.lock().of.remove(&notification);
    }

    /// Every try that was not sent.
    pub(super) fn all(&self) -> Vec<First> {
        self.lock().of.values().cloned().collect()
    }

    #[cfg(test)]
    pub(crate) fn full(&self) -> u64 {
        self.lock().full
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Tries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl First {
    /// True when the schedule asks for this very try.
    pub(super) fn is_asked_by(&self, step: &Step) -> bool {
        matches!(step, Step::Send { notification, channel, .. }
            if *notification == self.notification && *channel == self.channel)
    }
}
