//! What a source says is compared with what is known, and what differs is written down.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use watchfire_model::{Incident, IncidentId, IncidentState, LabelSet};
use watchfire_store::{Batch, StoreError};

use super::book::{Alert, Book, OfSource};
use super::change::Work;
use super::share::{Poster, Room, Taken};
use super::{AlertDesk, Firing, Round};
use crate::events::Event;

/// Of so many sources it is known which round was the last.
const MAX_SOURCES: usize = 20_000;
/// How many changes share one transaction. A round of thousands goes in parts: what is to be said
/// of a server that is down must not wait for all of them at the database. A part is whole in
/// itself, and the round that comes again makes up for those that failed.
pub(super) const PART: usize = 500;

/// What a round changes.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    New(&'a Firing),
    Again(i64, &'a Firing),
    /// Its source says so.
    Over(i64),
    /// Its source does not name it any more.
    Missing(i64),
    /// Its source has no such rule any more.
    Removed(i64),
}

/// Where a round comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'r> {
    pub(super) source: &'r Arc<str>,
    pub(super) poster: Option<&'r Poster>,
}

impl AlertDesk {
    /// Takes over what a source says. It blocks.
    pub(crate) fn take_now(&self, round: &Round) -> Result<Taken, StoreError> {
        let mut slot = self.lock();
        if self.is_late(round) {
            return Ok(Taken::default());
        }
        let mut book = self.loaded(&mut slot)?.clone();
        let now = self.tools.fleet.now();
        let source: Arc<str> = round.source.as_str().into();
        let (changes, mut taken) = self.compare(&mut book, &source, round, now.unix_ms);
        // What only its values changed of needs no transaction.
        self.keep(&mut slot, book);
        let of = From { source: &source, poster: round.poster.as_ref() };
        for part in changes.chunks(PART) {
            match self.store_part(&mut slot, of, part) {
                Err(error) if !error.is_temporary() => {
                    tracing::error!(%source, %error, "alerts cannot be stored together");
                    taken.not_stored += self.store_singly(&mut slot, of, part)?;
                }
                done => done?,
            }
        }
        Ok(taken)
    }

    /// Whether a later round of the source was taken already: a group that is read anew does not
    /// wait for ever for what it still had to say before.
    fn is_late(&self, round: &Round) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match orders.get_mut(&round.source) {
            Some(last) if *last > round.order => return true,
            Some(last) => *last = round.order,
            None => {
                if orders.len() >= MAX_SOURCES {
                    orders.clear();
                }
                orders.insert(round.source.clone(), round.order);
            }
        }
        false
    }

    fn store_part(
        &self,
        slot: &mut Option<Book>,
        of: From<'_>,
        part: &[Change<'_>],
    ) -> Result<(), StoreError> {
        self.transact(slot, |batch, work| {
            part.iter().try_for_each(|change| match *change {
                Change::New(firing) => work.fire(batch, of, firing),
                Change::Again(id, firing) => work.fire_again(batch, id, firing),
                Change::Over(id) => work.end(batch, id, true),
                Change::Missing(id) => work.end(batch, id, false),
                Change::Removed(id) => work.removed(batch, id),
            })
        })
    }

    /// What stands in the way of a part must hold up nothing else of it. It is tried again with
    /// the next round. Says how much that is.
    fn store_singly(
        &self,
        slot: &mut Option<Book>,
        of: From<'_>,
        part: &[Change<'_>],
    ) -> Result<u64, StoreError> {
        let (source, mut missing) = (of.source, 0);
        for one in part.chunks(1) {
            match self.store_part(slot, of, one) {
                Err(error) if !error.is_temporary() => {
                    missing += 1;
                    let not_stored = self.not_stored.fetch_add(1, Ordering::Relaxed) + 1;
                    tracing::error!(%source, %error, not_stored, "an alert cannot be stored");
                }
                done => done?,
            }
        }
        Ok(missing)
    }

    /// What the round changes. What still fires is refreshed in the book.
    fn compare<'a>(
        &self,
        book: &mut Book,
        source: &Arc<str>,
        round: &'a Round,
        now_ms: i64,
    ) -> (Vec<Change<'a>>, Taken) {
        let known: OfSource = book.by_source.get(source).cloned().unwrap_or_default();
        let mut changes = Vec::new();
        let mut named: HashSet<&LabelSet> = HashSet::new();
        let mut taken = Taken::default();
        let mut room = Room::of(book, &known, round.poster.as_ref());
        for firing in &round.alerts {
            if firing.ends_ms.is_some_and(|end| end <= now_ms) {
                let over = known.get(&firing.labels).and_then(|id| book.alerts.get(id));
                let over = over.filter(|alert| alert.fires() && !named.contains(&firing.labels));
                changes.extend(over.map(|alert| Change::Over(alert.id)));
                named.insert(&firing.labels);
                continue;
            }
            if !named.insert(&firing.labels) {
                continue;
            }
            match known.get(&firing.labels).and_then(|id| book.alerts.get(id)).cloned() {
                Some(alert) => {
                    let words = room.exchange(&alert, firing);
                    words.err().into_iter().for_each(|why| taken.leave_out(why));
                    if alert.fires() {
                        let mut alert = (*alert).clone();
                        alert.refresh(firing, round, words.is_ok());
                        book.alerts.insert_mut(alert.id, Arc::new(alert));
                    } else if words.is_ok() {
                        changes.push(Change::Again(alert.id, firing));
                    }
                }
                None => match room.admit(firing) {
                    Ok(()) => changes.push(Change::New(firing)),
                    Err(why) => taken.leave_out(why),
                },
            }
        }
        let left_out = taken.left_out();
        if left_out > 0 {
            let in_all = self.left_out.fetch_add(left_out, Ordering::Relaxed) + left_out;
            tracing::warn!(%source, left_out, in_all, "alerts are left out: too many or too large");
        }
        let unnamed = known.iter().filter(|(labels, _)| !named.contains(labels));
        let unnamed = unnamed.filter_map(|(_, id)| book.alerts.get(id));
        let is_removed =
            |alert: &Alert| round.rules.as_ref().is_some_and(|rules| !rules.contains(alert.name()));
        changes.extend(unnamed.filter(|alert| alert.fires()).filter_map(
            |alert| match round.is_whole {
                true if is_removed(alert) => Some(Change::Removed(alert.id)),
                // What is missing already is looked at when its server is back.
                true if !alert.is_missing => Some(Change::Missing(alert.id)),
                _ => None,
            },
        ));
        (changes, taken)
    }

    /// The book, read from the store before its first use.
    pub(super) fn loaded<'a>(
        &self,
        slot: &'a mut Option<Book>,
    ) -> Result<&'a mut Book, StoreError> {
        let book = match slot.take() {
            Some(book) => book,
            None => self.take_up()?,
        };
        Ok(slot.insert(book))
    }

    pub(super) fn keep(&self, slot: &mut Option<Book>, book: Book) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = book.clone();
        *slot = Some(book);
    }

    /// Does `work` in one transaction. The book changes when the store has.
    pub(super) fn transact(
        &self,
        slot: &mut Option<Book>,
        work: impl FnOnce(&Batch<'_>, &mut Work<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let book = self.loaded(slot)?.clone();
        #[cfg(test)]
        if let Some(fault) = self.faults.lock().expect("whole").pop_front() {
            return Err(fault);
        }
        let done = self.tools.store.write(|batch| {
            let mut this = Work::new(self, book);
            work(batch, &mut this)?;
            this.finish(batch)
        });
        if done.as_ref().is_err_and(|error| !error.is_temporary()) {
            // Something is not as the book has it: it is read anew.
            *slot = None;
        }
        let (book, changed, is_told) = done?;
        self.keep(slot, book);
        if is_told {
            self.tools.courier.notify_one();
        }
        changed.into_iter().for_each(|incident| self.tell_pages(incident));
        Ok(())
    }

    fn tell_pages(&self, incident: Incident) {
        let row = watchfire_api::hub::IncidentRow::from(&incident);
        self.tools.events.tell(match incident.labels {
            Some(labels) => Event::FleetWide(labels, row),
            None => Event::Incident(incident.server, row),
        });
    }
}

/// An incident as it is once it is over.
pub(super) fn closed(incident: &Incident, at: watchfire_model::Moment) -> Incident {
    Incident { state: IncidentState::Closed(at), ..incident.clone() }
}

/// The incidents that a transaction has to look at once more before its end.
pub(super) type Touched = HashSet<IncidentId>;
