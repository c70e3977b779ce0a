//! What a run of the hub left to the next one.

use std::collections::HashMap;

use watchfire_alert::Tell;
use watchfire_model::{
    IncidentId, Moment, Notification, NotificationId, NotificationKind, ServerName,
};
use watchfire_store::StoreError;

use super::book::{About, Book, Cut, Entry, Route};
use super::due::LONGEST_WAIT;
use super::{Desk, disk, flaps, without};

impl Desk {
    /// Takes up what the last run of the hub left: letters that it held, and a cut
    /// whose end it did not live to tell.
    pub(super) fn take_up(&self) -> Result<(), StoreError> {
        let (held, cuts) = (self.store.held()?, self.store.cuts_not_ended()?);
        // On a copy: what is tried again must not find half of it there.
        let mut book = self.book().clone();
        let now = self.fleet.now();
        let before = flaps::read(&self.store, now)?;
        book.flaps = before.flaps.into_iter().collect();
        book.flap_threads = before.threads.into_iter().collect();
        for server in self.store.muted()? {
            book.muted.insert_mut(server);
            book.muted_look = Some(now);
        }
        let mut newest: HashMap<(String, IncidentId), NotificationId> = HashMap::new();
        for letter in held {
            let incident = match letter.incident {
                Some(id) => without(self.store.incident(id), "an incident is unreadable")?,
                None => None,
            };
            match incident.flatten() {
                Some(incident) => {
                    // The notice that a server flaps and what waits for the next digest:
                    // the later one says how its incident stands.
                    let known = (letter.user.clone(), incident.id);
                    if letter.kind != NotificationKind::Corrected
                        && let Some(earlier) = newest.insert(known, letter.id)
                    {
                        self.store.write(|batch| batch.merge_held(earlier, None))?;
                        book.take(&letter.user, earlier);
                    }
                    let at = now.before(LONGEST_WAIT);
                    let severity = self.letters.severity_of(&incident.server);
                    let route = Route::of(&letter, severity);
                    let entry = Entry {
                        letter: letter.id,
                        incident: incident.id,
                        server: incident.server,
                        kind: letter.kind,
                        at,
                        since: at,
                        route,
                        flaps: None,
                    };
                    let about = about(&letter, &entry.server, &mut book, now);
                    book.hold(&letter.user, about, entry);
                }
                None => {
                    self.store.write(|batch| batch.release_as_written(letter.id))?;
                }
            }
        }
        for letter in cuts {
            let cut = Cut {
                letter: letter.id,
                channels: letter.channels,
                message_id: letter.message_id,
                before_start: Some(letter.created),
            };
            book.cuts.insert(letter.user, cut);
        }
        book.full_disks = Some(disk::read(&self.store)?);
        book.wake_at(now);
        *self.due() = book.next;
        *self.book() = book;
        Ok(())
    }
}

/// What a letter that was held waits for after a start of the hub.
fn about(letter: &Notification, server: &ServerName, book: &mut Book, now: Moment) -> About {
    match (letter.kind, letter.thread) {
        (NotificationKind::Corrected, _) => About::Corrections,
        _ if waits_for_digest(letter, server, book, now) => About::Flapping(server.clone()),
        (_, Some(thread)) => About::Thread(thread),
        (_, None) => About::News,
    }
}

/// True for a letter about a server of which its user was told that it flaps, for as
/// long as that goes on. The next digest tells it then.
fn waits_for_digest(
    letter: &Notification,
    server: &ServerName,
    book: &mut Book,
    now: Moment,
) -> bool {
    let key = (letter.user.clone(), server.clone());
    let is_told = book.flap_threads.contains_key(&key);
    let flaps = book.flaps.get_mut(server).filter(|_| is_told);
    flaps.is_some_and(|(flaps, _)| flaps.changed(now) == Tell::Held)
}
