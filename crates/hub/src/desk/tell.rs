//! Held letters become letters that are sent: each by itself, or many as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use watchfire_alert::{
    FlapDigest, FlapFacts, Gather, GroupFacts, GroupKind, GroupMember, Recipient, Suspect, Tell,
    flap_content, gather, message_id,
};
use watchfire_model::{Content, Incident, Moment, NotificationKind, NotificationState, Server};
use watchfire_store::{Batch, NewNotification, StoreError, Teller, Thread};

use super::book::{About, Book, Entry, Pool};
use super::letters::{Letters, News};
use super::{plain, without};

/// How long the first return of a server waits for those that one letter told of
/// with it (promise P4: a recovery is told within 2 s).
const REJOIN_WAIT: Duration = Duration::from_millis(1500);
/// How long the first correction waits for others: after a cut of many servers they
/// come one by one, as each hands in what it recorded.
const CORRECTION_WAIT: Duration = Duration::from_secs(30);
/// How long letters wait that could not be told, before they are tried again.
pub(super) const LONGEST_WAIT: Duration = CORRECTION_WAIT;

/// One held letter with all that is told of it, in its user's words.
struct Member {
    entry: Entry,
    incident: Incident,
    server: Server,
}

impl Letters {
    /// Tells what waited long enough, and says in the book when to look again.
    pub(super) fn settle(&self, batch: &Batch<'_>, book: &mut Book) -> Result<(), StoreError> {
        let now = self.fleet.now();
        book.next = None;
        self.tell_pools(batch, book, now)?;
        // After the notice that a server flaps, when a desk that was held up comes to both.
        self.tell_flapping(batch, book, now)
    }

    fn tell_pools(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        now: Moment,
    ) -> Result<(), StoreError> {
        let pools: Vec<Pool> = book.held.keys().cloned().collect();
        let is_news = |pool: &Pool| pool.about == About::News;
        let late = if pools.iter().any(is_news) { self.fleet.late() } else { Vec::new() };
        for pool in pools {
            let Some(first) = book.held[&pool].iter().map(|entry| entry.since).min() else {
                continue;
            };
            let wait = match pool.about {
                About::Flapping(_) => continue,
                About::News => {
                    let scope = self.recipient(&pool.user).map(|user| &user.scope);
                    let holds = |labels| scope.is_some_and(|scope| scope.holds(labels));
                    let theirs = late.iter().filter(|(config, _)| holds(&config.server.labels));
                    gather(first, theirs.map(|(_, due)| *due), now)
                }
                About::Thread(thread) if !batch.thread_goes_on(thread)? => Gather::Now,
                About::Thread(_) => until(first.after(REJOIN_WAIT), now),
                About::Corrections => until(first.after(CORRECTION_WAIT), now),
            };
            match wait {
                Gather::Until(at) => book.wake_at(at),
                Gather::Now => {
                    let entries = book.held.remove(&pool).unwrap_or_default();
                    self.tell(batch, book, &pool, entries, now)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn recipient(&self, user: &str) -> Option<&Recipient> {
        self.recipients.iter().find(|recipient| recipient.name == user)
    }

    /// Tells what `entries` hold: troubles, returns and corrections each as one
    /// letter. Who may not know of a server any more is not told of it.
    pub(super) fn tell(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        pool: &Pool,
        entries: Vec<Entry>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (mut down, mut back, mut corrected) = (Vec::new(), Vec::new(), Vec::new());
        let user = self.recipient(&pool.user);
        for entry in entries {
            let member = match user {
                Some(user) => self.member(batch, user, entry.clone())?,
                None => None,
            };
            let Some(member) = member else {
                without(batch.merge_held(entry.letter, None), "a letter cannot be taken back")?;
                continue;
            };
            match entry.kind {
                NotificationKind::Recovered => back.push(member),
                NotificationKind::Corrected => corrected.push(member),
                _ => down.push(member),
            }
        }
        let Some(user) = user else { return Ok(()) };
        for (kind, members) in [
            (GroupKind::Down, down),
            (GroupKind::Recovered, back),
            (GroupKind::Corrected, corrected),
        ] {
            match members.as_slice() {
                [] => {}
                [one] => self.tell_one(batch, book, user, one, now)?,
                many => self.tell_many(batch, book, user, &pool.about, (kind, many), now)?,
            }
        }
        Ok(())
    }

    fn member(
        &self,
        batch: &Batch<'_>,
        user: &Recipient,
        entry: Entry,
    ) -> Result<Option<Member>, StoreError> {
        let Some(index) = self.fleet.index(&entry.server) else { return Ok(None) };
        let server = self.fleet.config(index).server.clone();
        if !user.scope.holds(&server.labels) {
            return Ok(None);
        }
        let incident = without(batch.incident(entry.incident), "an incident is unreadable")?;
        let Some(incident) = incident.flatten() else {
            // What was written down of it is told, with the words that it has.
            let state = NotificationState::Pending;
            without(batch.set_state(entry.letter, state), "a letter cannot be told")?;
            return Ok(None);
        };
        let incident = self.reader(user).incident(&incident);
        Ok(Some(Member { entry, incident, server }))
    }

    fn tell_one(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        user: &Recipient,
        one: &Member,
        now: Moment,
    ) -> Result<(), StoreError> {
        if let Some(digest) = &one.entry.flaps {
            return self.tell_flaps(batch, book, user, one, digest, now);
        }
        let (kind, at) = (one.entry.kind, one.entry.at);
        let incident = &one.incident;
        let news = News { kind, incident, at, lines: &[], tell: Tell::Now };
        let (content, content_if_first) = self.words(batch, &news, user)?;
        batch.release(one.entry.letter, &content, content_if_first.as_ref())?;
        // What begins an incident begins its lane.
        if kind == NotificationKind::Down {
            self.begin(batch, one.entry.letter, &user.channels)?;
        }
        Ok(())
    }

    fn tell_many(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        user: &Recipient,
        about: &About,
        (group, many): (GroupKind, &[Member]),
        now: Moment,
    ) -> Result<(), StoreError> {
        let kind = match group {
            GroupKind::Down => NotificationKind::Down,
            GroupKind::Recovered => NotificationKind::Recovered,
            GroupKind::Corrected => NotificationKind::Corrected,
        };
        let thread = match about {
            About::Thread(first) => Some(*first),
            _ => None,
        };
        let mut references = Vec::new();
        if let Some(first) = thread {
            let first = without(batch.notification(first), "a letter is unreadable")?.flatten();
            references.extend(first.map(|first| first.message_id));
        }
        let number = many.first().map_or(0, |member| member.entry.letter.0);
        let place = format!("group-{number}-{}", now.unix_ms);
        let letter = NewNotification {
            incident: None,
            thread: thread.map_or(Thread::Own, Thread::Of),
            held: false,
            user: user.name.clone(),
            kind,
            channels: user.channels.clone(),
            content: self.group_words(group, kind, many, user),
            content_if_first: None,
            message_id: message_id(kind, &place, &user.name, &self.hub_id),
            references,
            created: now,
        };
        let id = batch.enqueue(&letter)?;
        if thread.is_none() {
            self.begin(batch, id, &letter.channels)?;
        }
        let first = thread.unwrap_or(id);
        for member in many {
            let teller = Teller { letter: id, thread: first };
            batch.merge_held(member.entry.letter, Some(teller))?;
            if member.entry.flaps.is_some() {
                let server = member.entry.server.clone();
                book.flap_threads.insert((user.name.clone(), server), first);
            }
        }
        Ok(())
    }

    fn group_words(
        &self,
        group: GroupKind,
        kind: NotificationKind,
        many: &[Member],
        user: &Recipient,
    ) -> Content {
        let link = format!("{}/#/incidents", self.public_url);
        let members: Vec<GroupMember<'_>> = many
            .iter()
            .map(|member| GroupMember { server: &member.server, incident: &member.incident })
            .collect();
        let facts = GroupFacts {
            kind: group,
            members: &members,
            suspect: self.suspect(group),
            link: &link,
            time_zone: &user.time_zone,
        };
        let names = many.iter().map(|member| member.server.name.as_str());
        carefully(|| (self.group_words)(&facts), || plain::group(kind, names, &link))
    }

    fn suspect(&self, group: GroupKind) -> Option<Suspect> {
        (group == GroupKind::Down).then(|| self.fleet.suspect()).flatten()
    }

    /// The notice that a server flaps, or a digest of what it did since.
    fn tell_flaps(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        user: &Recipient,
        one: &Member,
        digest: &FlapDigest,
        now: Moment,
    ) -> Result<(), StoreError> {
        let key = (user.name.clone(), one.entry.server.clone());
        let is_notice = one.entry.flaps.is_some();
        let known = book.flap_threads.get(&key).copied().filter(|_| !is_notice);
        let earlier = match known {
            Some(first) => without(batch.notification(first), "a letter is unreadable")?.flatten(),
            None => None,
        };
        let link = self.link(&one.incident);
        let facts = FlapFacts {
            server: &one.server,
            digest,
            is_notice,
            cause: &one.incident.cause,
            at: now,
            link: &link,
            time_zone: &user.time_zone,
        };
        let kind = NotificationKind::Flapping;
        let place = format!("flaps-{}", one.entry.letter.0);
        let letter = NewNotification {
            incident: Some(one.incident.id),
            thread: earlier.as_ref().map_or(Thread::Own, |first| Thread::Of(first.id)),
            held: false,
            user: user.name.clone(),
            kind,
            channels: user.channels.clone(),
            content: carefully(
                || flap_content(&facts),
                || plain::about(one.entry.kind, &one.incident, &link),
            ),
            content_if_first: None,
            message_id: self.message_id(kind, &one.incident, &place, user),
            references: earlier.iter().map(|first| first.message_id.clone()).collect(),
            created: now,
        };
        let id = batch.enqueue(&letter)?;
        let first = earlier.map_or(id, |first| first.id);
        book.flap_threads.insert(key, first);
        batch.merge_held(one.entry.letter, Some(Teller { letter: id, thread: first }))
    }

    /// The digests that are due: one letter for a server, and for several one of
    /// those that are down and one of those that are up.
    fn tell_flapping(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut due = Vec::new();
        for (server, (flaps, _)) in &mut book.flaps {
            due.extend(flaps.check(now).map(|digest| (server.clone(), digest)));
        }
        for user in &self.recipients {
            let mut told = Vec::new();
            for (server, digest) in &due {
                let about = About::Flapping(server.clone());
                let pool = Pool { user: user.name.clone(), about };
                for entry in book.held.remove(&pool).unwrap_or_default() {
                    told.push((entry, digest));
                }
            }
            if let [(entry, digest)] = told.as_slice() {
                match self.member(batch, user, entry.clone())? {
                    Some(member) => self.tell_flaps(batch, book, user, &member, digest, now)?,
                    None => drop(without(
                        batch.merge_held(entry.letter, None),
                        "a letter cannot be taken back",
                    )?),
                }
            } else if !told.is_empty() {
                let entries = told.into_iter().map(|(entry, _)| entry).collect();
                let pool = Pool { user: user.name.clone(), about: About::News };
                self.tell(batch, book, &pool, entries, now)?;
            }
        }
        book.flaps.retain(|_, (flaps, last)| flaps.is_flapping() || now.since(*last) <= FLAPS_KEPT);
        let next: Vec<Moment> =
            book.flaps.values().filter_map(|(flaps, _)| flaps.next_check()).collect();
        next.into_iter().for_each(|at| book.wake_at(at));
        let flaps = &book.flaps;
        book.flap_threads.retain(|(_, server), _| flaps.contains_key(server));
        Ok(())
    }
}

/// How long it is remembered that a server came and went, at least.
const FLAPS_KEPT: Duration = Duration::from_secs(20 * 60);

fn until(at: Moment, now: Moment) -> Gather {
    if at.monotonic > now.monotonic { Gather::Until(at) } else { Gather::Now }
}

/// The words, and plain ones when making them panics.
pub(super) fn carefully(
    words: impl FnOnce() -> Content,
    plain: impl FnOnce() -> Content,
) -> Content {
    catch_unwind(AssertUnwindSafe(words)).unwrap_or_else(|_| {
        tracing::error!("a letter cannot be made; it says less");
        plain()
    })
}
