//! Which of the held letters are told now.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use watchfire_alert::{FlapDigest, Gather, gather};
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
        self.unmute(batch, book, now)?;
        let digests = digests(book, now);
        let due = self.due(batch, book, &digests, now)?;
        overtake(batch, book, &due, &digests)?;
        for pool in &due {
            if is_of(&digests, pool) {
                continue;
            }
            let entries = book.take_pool(pool);
            self.tell(batch, book, pool, entries, now)?;
        }
        self.tell_flapping(batch, book, &digests, now)
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
            let Some(first) = book.held[&pool].values().map(|entry| entry.since).min() else {
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
                // What is new of the server must be the last word about it.
                About::Corrections if book.is_in_trouble_anew(&pool) => Gather::Now,
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

/// The digests that are due, which count as told. Servers that were calm for long are
/// forgotten, in the same walk over all of them: a storm leaves ten thousand.
fn digests(book: &mut Book, now: Moment) -> Digests {
    let is_old = |last: Moment| now.since(last) > FLAPS_KEPT;
    let of_note = book.flaps.iter().filter(|(_, (flaps, at))| flaps.is_flapping() || is_old(*at));
    let of_note: Vec<_> = of_note.map(|(server, one)| (server.clone(), one.clone())).collect();
    let mut digests = Digests::new();
    for (server, (mut flaps, last)) in of_note {
        digests.extend(flaps.check(now).map(|digest| (server.clone(), digest)));
        flaps.next_check().into_iter().for_each(|at| book.wake_at(at));
        if flaps.is_flapping() || !is_old(last) {
            book.flaps.insert_mut(server, (flaps, last));
        } else {
            book.flaps.remove_mut(&server);
        }
    }
    let threads = book.flap_threads.keys().filter(|(_, server)| !book.flaps.contains_key(server));
    for thread in threads.cloned().collect::<Vec<_>>() {
        book.flap_threads.remove_mut(&thread);
    }
    digests
}

/// Takes back each letter that is overtaken by a newer one about its server. A desk that
/// was held up comes to both at once and tells them pool by pool: the older one could
/// be told last, and be believed. A digest that overtakes the notice that the server
/// flaps takes its place.
fn overtake(
    batch: &Batch<'_>,
    book: &mut Book,
    due: &[Pool],
    digests: &Digests,
) -> Result<(), StoreError> {
    let mut newest: HashMap<(&str, ServerName), NotificationId> = HashMap::new();
    for pool in due {
        let entries = book.held[pool].values();
        for entry in entries.filter(|entry| entry.kind != NotificationKind::Corrected) {
            let known = newest.entry((&pool.user, entry.server.clone())).or_insert(entry.letter);
            *known = entry.letter.max(*known);
        }
    }
    let is_overtaken = |pool: &Pool, entry: &Entry| {
        let newest = newest.get(&(&*pool.user, entry.server.clone()));
        entry.kind != NotificationKind::Corrected && newest.is_some_and(|id| entry.letter < *id)
    };
    let held =
        book.held.iter().flat_map(|(pool, entries)| entries.values().map(move |e| (pool, e)));
    let overtaken: Vec<(Pool, Entry)> = held
        .filter(|(pool, entry)| is_overtaken(pool, entry))
        .map(|(pool, entry)| (pool.clone(), entry.clone()))
        .collect();
    for (pool, entry) in overtaken {
        batch.merge_held(entry.letter, None)?;
        book.drop_entry(&pool, entry.letter);
        let Some(digest) = digests.get(&entry.server).filter(|_| entry.flaps.is_some()) else {
            continue;
        };
        let in_all = FlapDigest { outages: digest.total, ..*digest };
        let about = About::Flapping(entry.server);
        for last in book.take_pool(&Pool { user: pool.user.clone(), about: about.clone() }) {
            book.hold(&pool.user, about.clone(), Entry { flaps: Some(in_all), ..last });
        }
    }
    Ok(())
}

fn is_of(digests: &Digests, pool: &Pool) -> bool {
    matches!(&pool.about, About::Flapping(server) if digests.contains_key(server))
}

fn until(at: Moment, now: Moment) -> Gather {
    if at.monotonic > now.monotonic { Gather::Until(at) } else { Gather::Now }
}
