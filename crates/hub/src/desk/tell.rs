//! Held letters become letters that are sent: each by itself, or many as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use watchfire_alert::{
    FlapDigest, FlapFacts, GroupFacts, GroupKind, GroupMember, Recipient, Suspect, Tell,
    flap_content, message_id,
};
use watchfire_model::{Content, Incident, Moment, NotificationKind, Server};
use watchfire_store::{Batch, NewNotification, StoreError, Teller, Thread};

use super::book::{About, Book, Entry, Pool};
use super::due::Digests;
use super::letters::{Letters, News, defer};
use super::{plain, without};

/// One held letter with all that is told of it, in its user's words.
struct Member {
    entry: Entry,
    incident: Incident,
    server: Server,
}

impl Letters {
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
                Some(user) => self.member(batch, user, entry)?,
                None => take_back(batch, &entry)?,
            };
            let Some(member) = member else { continue };
            match member.entry.kind {
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
            for members in by_route(members) {
                match members.as_slice() {
                    [] => {}
                    [one] => self.tell_one(batch, book, user, one, now)?,
                    many => self.tell_many(batch, book, user, &pool.about, (kind, many), now)?,
                }
            }
        }
        Ok(())
    }

    /// `None` for what is not told together with others: it is sent with the words that
    /// it has, or taken back.
    fn member(
        &self,
        batch: &Batch<'_>,
        user: &Recipient,
        entry: Entry,
    ) -> Result<Option<Member>, StoreError> {
        let Some(index) = self.fleet.index(&entry.server) else { return take_back(batch, &entry) };
        let server = self.fleet.config(index).server.clone();
        if !user.scope.holds(&server.labels) {
            return take_back(batch, &entry);
        }
        let incident = without(batch.incident(entry.incident), "an incident is unreadable")?;
        let Some(incident) = incident.flatten() else {
            // What was written down of it is told, with the words that it has.
            without(batch.release_as_written(entry.letter), "a letter cannot be told")?;
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
        let letter = batch.release(one.entry.letter, &content, content_if_first.as_ref())?;
        // What begins an incident begins its lane.
        if kind == NotificationKind::Down {
            self.begin(batch, letter, &one.entry.route)?;
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
        let Some(route) = many.first().map(|member| member.entry.route.clone()) else {
            return Ok(());
        };
        let place = format!("group-{number}-{}", now.unix_ms);
        let letter = NewNotification {
            incident: None,
            thread: thread.map_or(Thread::Own, Thread::Of),
            held: false,
            user: user.name.clone(),
            kind,
            channels: route.channels.clone(),
            content: self.group_words(group, kind, many, user),
            content_if_first: None,
            message_id: message_id(kind, &place, &user.name, &self.hub_id),
            references,
            created: now,
        };
        let id = batch.enqueue(&letter)?;
        defer(batch, id, &route)?;
        let first = thread.unwrap_or(id);
        for member in many {
            let teller = Teller { letter: id, thread: first };
            batch.merge_held(member.entry.letter, Some(teller))?;
            let key = (user.name.clone(), member.entry.server.clone());
            if member.entry.flaps.is_some() || book.flap_threads.contains_key(&key) {
                book.flap_threads.insert_mut(key, first);
            }
        }
        if thread.is_none() {
            self.begin(batch, id, &route)?;
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
        let awake_ms = one.entry.route.not_before_ms.unwrap_or(i64::MIN);
        if known.is_some() && awake_ms > now.unix_ms {
            // One digest of the whole night, in the morning.
            let left = u64::try_from(awake_ms - now.unix_ms).unwrap_or(0);
            book.wake_at(now.after(Duration::from_millis(left)));
            book.hold(&user.name, About::Flapping(key.1), one.entry.clone());
            return Ok(());
        }
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
            channels: one.entry.route.channels.clone(),
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
        defer(batch, id, &one.entry.route)?;
        let first = earlier.map_or(id, |first| first.id);
        book.flap_threads.insert_mut(key, first);
        batch.merge_held(one.entry.letter, Some(Teller { letter: id, thread: first }))
    }

    /// The digests that are due: one letter for a server, and for several one of
    /// those that are down and one of those that are up.
    pub(super) fn tell_flapping(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        digests: &Digests,
        now: Moment,
    ) -> Result<(), StoreError> {
        for user in &self.recipients {
            let (mut down, mut back) = (Vec::new(), Vec::new());
            for server in digests.keys() {
                let about = About::Flapping(server.clone());
                let pool = Pool { user: user.name.clone(), about };
                for entry in book.take_pool(&pool) {
                    let Some(member) = self.member(batch, user, entry)? else { continue };
                    match member.entry.kind {
                        NotificationKind::Recovered => back.push(member),
                        _ => down.push(member),
                    }
                }
            }
            let down = by_route(down).into_iter().map(|members| (GroupKind::Down, members));
            let back = by_route(back).into_iter().map(|members| (GroupKind::Recovered, members));
            for (kind, members) in down.chain(back) {
                match members.as_slice() {
                    [] => {}
                    [one] => {
                        // It may be the notice as well, when that was not told in time.
                        let digest = one.entry.flaps.unwrap_or(digests[&one.entry.server]);
                        self.tell_flaps(batch, book, user, one, &digest, now)?;
                    }
                    many => {
                        let about = thread_of_all(book, user, many);
                        self.tell_many(batch, book, user, &about, (kind, many), now)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What goes the same way is told together.
fn by_route(members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut parts: Vec<Vec<Member>> = Vec::new();
    for member in members {
        let same = |part: &&mut Vec<Member>| part[0].entry.route == member.entry.route;
        match parts.iter_mut().find(same) {
            Some(part) => part.push(member),
            None => parts.push(vec![member]),
        }
    }
    parts
}

fn take_back(batch: &Batch<'_>, entry: &Entry) -> Result<Option<Member>, StoreError> {
    without(batch.merge_held(entry.letter, None), "a letter cannot be taken back")?;
    Ok(None)
}

/// What several servers that flap were told of last, when that is one thread: what is
/// told now arrives after it then.
fn thread_of_all(book: &Book, user: &Recipient, members: &[Member]) -> About {
    let thread = |member: &Member| {
        let key = (user.name.clone(), member.entry.server.clone());
        book.flap_threads.get(&key).copied()
    };
    match members.first().and_then(thread) {
        Some(first) if members.iter().all(|one| thread(one) == Some(first)) => About::Thread(first),
        _ => About::News,
    }
}

/// The words, and plain ones when making them panics.
pub(crate) fn carefully(
    words: impl FnOnce() -> Content,
    plain: impl FnOnce() -> Content,
) -> Content {
    catch_unwind(AssertUnwindSafe(words)).unwrap_or_else(|_| {
        tracing::error!("a letter cannot be made; it says less");
        plain()
    })
}
