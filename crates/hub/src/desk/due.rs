//! Which of the held letters are told now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use watchfire_alert::{FlapDigest, Flaps, Gather, gather};
use watchfire_model::{Moment, NotificationId, NotificationKind, ServerName};
use watchfire_store::{Batch, StoreError};

use super::book::{About, Book, Entry, Pool};
use super::letters::Letters;

/// How long the first return of a server waits for those that one letter told of
/// with it (promise P4: a recovery is told within 2 s).
const REJOIN_WAIT: Duration = Duration::from_millis(1500);
/// How long the first correction waits for others: after a cut of many servers they
/// come one by one, as each hands in what it recorded.
const CORRECTION_WAIT: Duration = Duration::from_secs(30);
/// How long letters wait that could not be told, before they are tried again.
pub(super) const LONGEST_WAIT: Duration = CORRECTION_WAIT;
/// How long it is remembered that a server came and went, at least.
const FLAPS_KEPT: Duration = Duration::from_secs(20 * 60);

/// What is told now of servers that flap.
pub(super) type Digests = BTreeMap<ServerName, FlapDigest>;

impl Letters {
    /// Tells what waited long enough, and says in the book when to look again.
    pub(super) fn settle(&self, batch: &Batch<'_>, book: &mut Book) -> Result<(), StoreError> {
        let now = self.fleet.now();
        book.next = None;
        let digests = digests(book, now);
        let due = self.due(batch, book, &digests, now)?;
        overtake(batch, book, &due, &digests)?;
        for pool in &due {
            if is_of(&digests, pool) {
                continue;
            }
            if let Some(entries) = book.held.remove(pool) {
                self.tell(batch, book, pool, entries, now)?;
            }
        }
        self.tell_flapping(batch, book, &digests, now)?;
        forget_flaps(book, now);
        Ok(())
    }

    /// The pools whose letters are told now. The book is to be looked at again when
    /// one of the others may be.
    fn due(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        digests: &Digests,
        now: Moment,
    ) -> Result<Vec<Pool>, StoreError> {
        let pools: Vec<Pool> = book.held.keys().cloned().collect();
        let is_news = |pool: &Pool| pool.about == About::News;
        let late = if pools.iter().any(is_news) { self.fleet.late() } else { Vec::new() };
        let mut due = Vec::new();
        for pool in pools {
            let Some(first) = book.held[&pool].iter().map(|entry| entry.since).min() else {
                continue;
            };
            let wait = match &pool.about {
                About::Flapping(server) => {
                    let waits = book.flaps.contains_key(server) && !digests.contains_key(server);
                    if waits {
                        continue;
                    }
                    // Also when its server is watched no more: then the letter falls.
                    Gather::Now
                }
                About::News => {
                    let scope = self.recipient(&pool.user).map(|user| &user.scope);
                    let holds = |labels| scope.is_some_and(|scope| scope.holds(labels));
                    let theirs = late.iter().filter(|(config, _)| holds(&config.server.labels));
                    gather(first, theirs.map(|(_, due)| *due), now)
                }
                About::Thread(thread) if !batch.thread_goes_on(*thread)? => Gather::Now,
                About::Thread(_) => until(first.after(REJOIN_WAIT), now),
                About::Corrections => until(first.after(CORRECTION_WAIT), now),
            };
            match wait {
                Gather::Until(at) => book.wake_at(at),
                Gather::Now => due.push(pool),
            }
        }
        Ok(due)
    }
}

/// The digests that are due. They count as told.
fn digests(book: &mut Book, now: Moment) -> Digests {
    let check = |(server, (flaps, _)): (&ServerName, &mut (Flaps, Moment))| {
        flaps.check(now).map(|digest| (server.clone(), digest))
    };
    book.flaps.iter_mut().filter_map(check).collect()
}

/// Takes back each letter that is overtaken by a newer one about its server. A desk that
/// was held up comes to both at once, and lanes do not wait for each other: the older
/// one could arrive last, and be believed. A digest that overtakes the notice that the
/// server flaps takes its place.
fn overtake(
    batch: &Batch<'_>,
    book: &mut Book,
    due: &[Pool],
    digests: &Digests,
) -> Result<(), StoreError> {
    let mut newest: HashMap<(&str, ServerName), NotificationId> = HashMap::new();
    for pool in due {
        let entries = book.held[pool].iter();
        for entry in entries.filter(|entry| entry.kind != NotificationKind::Corrected) {
            let known = newest.entry((&pool.user, entry.server.clone())).or_insert(entry.letter);
            *known = entry.letter.max(*known);
        }
    }
    let is_overtaken = |pool: &Pool, entry: &Entry| {
        let newest = newest.get(&(&*pool.user, entry.server.clone()));
        entry.kind != NotificationKind::Corrected && newest.is_some_and(|id| entry.letter < *id)
    };
    let mut notices = HashSet::new();
    for (pool, entries) in &mut book.held {
        for entry in entries.extract_if(.., |entry| is_overtaken(pool, entry)) {
            batch.merge_held(entry.letter, None)?;
            if entry.flaps.is_some() {
                notices.insert((pool.user.clone(), entry.server));
            }
        }
    }
    book.held.retain(|_, entries| !entries.is_empty());
    for (user, server) in notices {
        let Some(digest) = digests.get(&server) else { continue };
        let in_all = FlapDigest { outages: digest.total, ..*digest };
        let pool = Pool { user, about: About::Flapping(server) };
        for entry in book.held.get_mut(&pool).into_iter().flatten() {
            entry.flaps = Some(in_all);
        }
    }
    Ok(())
}

fn is_of(digests: &Digests, pool: &Pool) -> bool {
    matches!(&pool.about, About::Flapping(server) if digests.contains_key(server))
}

fn forget_flaps(book: &mut Book, now: Moment) {
    book.flaps.retain(|_, (flaps, last)| flaps.is_flapping() || now.since(*last) <= FLAPS_KEPT);
    let next: Vec<Moment> =
        book.flaps.values().filter_map(|(flaps, _)| flaps.next_check()).collect();
    next.into_iter().for_each(|at| book.wake_at(at));
    let flaps = &book.flaps;
    book.flap_threads.retain(|(_, server), _| flaps.contains_key(server));
}

fn until(at: Moment, now: Moment) -> Gather {
    if at.monotonic > now.monotonic { Gather::Until(at) } else { Gather::Now }
}
