//! Letters about the hub's own disk: one when it is full, one when there is room again.

use std::collections::HashMap;

use jiff::Timestamp;
use watchfire_alert::{Recipient, message_id};
use watchfire_model::{Content, Moment, NotificationKind};
use watchfire_store::{NewNotification, Store, StoreError, Thread};

use super::book::{FullDisk, Route};
use super::letters::Letters;
use super::routes::{of_hub, of_hub_again};
use super::{Changes, Desk, plain};

/// Who was told by an earlier run of the hub that the disk is full, and not that it has room.
pub(super) fn read(store: &Store) -> Result<HashMap<String, FullDisk>, StoreError> {
    let told = store.full_disks_not_ended()?.into_iter().map(|letter| {
        let (since, message_id) = (letter.created, letter.message_id);
        let channels = letter.channels;
        (letter.user, FullDisk { letter: letter.id, channels, message_id, since })
    });
    Ok(told.collect())
}

impl Desk {
    /// Tells each of `admins` once that the hub's disk is full since `full_since`, and once
    /// that it has room again. To be called again and again: what is told already is not told
    /// twice, and what could not be stored is. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be stored.
    pub(crate) fn heed_disk(
        &self,
        admins: &[Recipient],
        full_since: Option<Moment>,
    ) -> Result<(), StoreError> {
        let is_told = |known: &HashMap<String, FullDisk>, admin: &Recipient| {
            known.contains_key(&admin.name) == full_since.is_some()
        };
        let all_know = match &self.book().full_disks {
            Some(known) => admins.iter().all(|admin| is_told(known, admin)),
            None => true,
        };
        if all_know {
            return Ok(());
        }
        let changes = self.transact(|batch, book| {
            let now = self.fleet.now();
            let known = book.full_disks.get_or_insert_default();
            for admin in admins {
                match (full_since, known.get(&admin.name)) {
                    (Some(since), None) => {
                        let Some(route) = of_hub(admin, now) else { continue };
                        let letter = self.letters.disk_full(admin, &route, since, now);
                        let id = batch.enqueue(&letter)?;
                        let (channels, message_id) = (letter.channels, letter.message_id);
                        let told = FullDisk { letter: id, channels, message_id, since };
                        known.insert(admin.name.clone(), told);
                        self.letters.begin(batch, id, &route)?;
                    }
                    (None, Some(told)) => {
                        let route = of_hub_again(&told.channels);
                        batch.enqueue(&self.letters.disk_room(admin, &route, told, now))?;
                        known.remove(&admin.name);
                    }
                    _ => {}
                }
            }
            Ok(Changes::new())
        })?;
        self.tell(changes);
        self.woken.notify_one();
        Ok(())
    }
}

impl Letters {
    fn disk_full(
        &self,
        user: &Recipient,
        route: &Route,
        since: Moment,
        now: Moment,
    ) -> NewNotification {
        let lines = [
            format!("Since {}.", words_of(since, user)),
            "Servers are watched, and alarms are sent from room that was kept back for a few \
             hundred of them."
                .to_owned(),
            "What agents record is not stored. They keep it, and hand it in when there is room."
                .to_owned(),
            "Make room on the disk that the hub's data folder is on; nothing need be restarted."
                .to_owned(),
        ];
        let content = self.disk_words("[DISK FULL] the hub's disk is full", &lines);
        NewNotification {
            incident: None,
            thread: Thread::Own,
            held: false,
            user: user.name.clone(),
            kind: NotificationKind::DiskFull,
            channels: route.channels.clone(),
            content,
            content_if_first: None,
            message_id: self.disk_message_id(NotificationKind::DiskFull, since, user),
            references: Vec::new(),
            created: now,
        }
    }

    fn disk_room(
        &self,
        user: &Recipient,
        route: &Route,
        told: &FullDisk,
        now: Moment,
    ) -> NewNotification {
        let lines = [
            format!("It was full since {}.", words_of(told.since, user)),
            "What agents recorded meanwhile, they hand in now.".to_owned(),
        ];
        let content = self.disk_words("[DISK OK] the hub's disk has room again", &lines);
        NewNotification {
            incident: None,
            thread: Thread::Of(told.letter),
            held: false,
            user: user.name.clone(),
            kind: NotificationKind::DiskRoom,
            channels: route.channels.clone(),
            // It tells both, where the first one was never sent.
            content_if_first: Some(content.clone()),
            content,
            message_id: self.disk_message_id(NotificationKind::DiskRoom, told.since, user),
            references: vec![told.message_id.clone()],
            created: now,
        }
    }

    fn disk_words(&self, subject: &str, lines: &[String]) -> Content {
        plain::lines(subject, lines, &format!("{}/", self.public_url))
    }

    fn disk_message_id(&self, kind: NotificationKind, since: Moment, user: &Recipient) -> String {
        message_id(kind, &format!("disk-{}", since.unix_ms), &user.name, &self.hub_id)
    }
}

/// A moment as the user reads it on a clock on the wall.
fn words_of(at: Moment, user: &Recipient) -> String {
    let Ok(at) = Timestamp::from_millisecond(at.unix_ms) else { return "long ago".to_owned() };
    at.to_zoned(user.time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}
