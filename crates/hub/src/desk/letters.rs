use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use watchfire_alert::{
    Facts, FlapDigest, GroupFacts, Recipient, Tell, content, content_if_first, group_content,
    message_id,
};
use watchfire_model::{
    Content, Incident, IncidentState, Moment, Notification, NotificationId, NotificationKind,
    NotificationState, TimelineEntry,
};
use watchfire_store::{Batch, NewNotification, StoreError, Thread};

use super::book::{About, Book, Entry, Route};
use super::routes::{begins, goes_on};
use super::{plain, without};
use crate::ack_links::AckLinks;
use crate::courier::Begun;
use crate::courier::owed::is_copy;
use crate::fleet::Fleet;
use crate::muting::Muting;
use crate::reader::Reader;
use crate::wording::Wording;

/// Makes the words of a message.
pub(super) type Words = fn(&Facts<'_>) -> Content;
/// Makes the words of a message about several servers.
pub(super) type GroupWords = fn(&GroupFacts<'_>) -> Content;

/// What happened to an incident.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    pub(super) kind: NotificationKind,
    /// The incident as it is now.
    pub(super) incident: &'a Incident,
    pub(super) at: Moment,
    /// The lines that it adds to the timeline.
    pub(super) lines: &'a [TimelineEntry],
    /// Whether it is told by itself, or the server flaps.
    pub(super) tell: Tell,
}

/// What one user was told of an incident before.
struct Told<'a> {
    letters: Vec<&'a Notification>,
    /// The number of the next one, which keeps repeated changes apart.
    number: String,
    /// Where it goes.
    route: Route,
}

/// What becomes of a letter that is written down.
enum Place {
    /// It is sent.
    Outbox,
    /// It waits for others.
    Held(About),
}

/// Writes the notifications of an incident into the outbox.
pub(super) struct Letters {
    pub(super) fleet: Arc<Fleet>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) public_url: String,
    /// Keeps the Message-IDs of two hubs, or of a hub set up anew, apart.
    pub(super) hub_id: String,
    pub(super) begun: Arc<Begun>,
    /// What they have besides their facts.
    pub(super) wording: Wording,
    /// The links by which users acknowledge.
    pub(super) ack_links: Option<Arc<AckLinks>>,
    /// What nobody is told of for a while.
    pub(super) muting: Arc<Muting>,
    /// How words are made: the message's own, and those of a recovery that comes first.
    pub(super) words: (Words, Words),
    /// How the words of a letter about several servers are made.
    pub(super) group_words: GroupWords,
}

impl Letters {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        recipients: Vec<Recipient>,
        public_url: String,
        hub_id: String,
        begun: Arc<Begun>,
    ) -> Self {
        let words = (content as Words, content_if_first as Words);
        let (muting, group_words) = (Arc::default(), group_content as GroupWords);
        let (ack_links, wording) = (None, Wording::default());
        Self {
            fleet,
            recipients,
            public_url,
            hub_id,
            begun,
            ack_links,
            wording,
            muting,
            words,
            group_words,
        }
    }

    /// One notification to each user who is to be told. The beginning goes to
    /// all whose servers include this one; what follows only to those who were
    /// told the beginning and still may know. When it cannot be read who was told,
    /// all are: once too often is better than never.
    ///
    /// What may be told with others is written down as held: the same transaction
    /// that stores the incident stores that somebody is to be told, and a later one
    /// turns several into one. A crash between the two loses nothing, because a start
    /// of the hub takes up what is held. A held letter has plain words only; five
    /// hundred of them are not worth making when one tells them all.
    pub(super) fn write(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        news: &News<'_>,
    ) -> Result<(), StoreError> {
        let incident = news.incident;
        let Some(index) = self.fleet.index(&incident.server) else { return Ok(()) };
        if news.kind == NotificationKind::Down && self.is_muted(batch, book, incident, news.at)? {
            return Ok(());
        }
        let config = self.fleet.config(index);
        let earlier = without(batch.notifications_of(incident.id), "who was told is unreadable")?;
        for user in &self.recipients {
            if !user.scope.holds(&config.server.labels) {
                continue;
            }
            let letters: Vec<&Notification> = earlier
                .iter()
                .flatten()
                .filter(|notification| notification.user == user.name && !is_copy(notification))
                .collect();
            // What was taken back before it was sent told nothing.
            let tells = |letter: &&Notification| {
                letter.state != NotificationState::Merged || letter.thread.is_some()
            };
            let knows = letters.iter().any(tells);
            let labels = &config.server.labels;
            let route = match knows {
                true => goes_on(user, labels, &letters, news.at),
                false => begins(user, labels, news.at),
            };
            let Some(route) = route else { continue };
            if !knows && news.kind != NotificationKind::Down && earlier.is_some() {
                continue;
            }
            let number = match earlier {
                Some(_) => (letters.len() + 1).to_string(),
                None => format!("at-{}", news.at.unix_ms),
            };
            let told = Told { letters, number, route };
            self.write_to(batch, book, news, user, &told, earlier.is_some())?;
        }
        Ok(())
    }

    fn write_to(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        news: &News<'_>,
        user: &Recipient,
        told: &Told<'_>,
        is_known: bool,
    ) -> Result<(), StoreError> {
        let incident = self.reader(user).incident(news.incident);
        let news = &News { incident: &incident, ..*news };
        let references = self.references(batch, &told.letters)?;
        if news.kind == NotificationKind::Corrected && references.is_empty() {
            // What they are about to be told has the better words already.
            return Ok(());
        }
        let replaced = self.replace(batch, book, news, user, told)?;
        let thread = told.letters.iter().rev().find_map(|letter| letter.thread);
        let since = replaced.as_ref().map_or(news.at, |(_, since)| *since);
        // Of a change of what nobody was told, the trouble is the news.
        let untold = replaced.is_some_and(|(about, _)| about == About::News);
        let (place, flaps) = place(news, untold, thread);
        let kind = match news.kind {
            NotificationKind::Changed if untold => NotificationKind::Down,
            kind => kind,
        };
        let letter = NewNotification {
            incident: Some(news.incident.id),
            thread: thread.map_or(Thread::OfIncident, Thread::Of),
            held: matches!(place, Place::Held(_)),
            user: user.name.clone(),
            kind,
            channels: told.route.channels.clone(),
            content: plain::about(kind, news.incident, &self.link(news.incident)),
            content_if_first: None,
            message_id: self.message_id(kind, news.incident, &told.number, user),
            references,
            created: news.at,
        };
        let is_new = |id| told.letters.iter().all(|known| known.id != id);
        match place {
            Place::Held(about) => {
                let id = batch.enqueue(&letter)?;
                if is_new(id) {
                    defer(batch, id, &told.route)?;
                    let route = told.route.clone();
                    let (incident, server) = (news.incident.id, news.incident.server.clone());
                    let (letter, at) = (id, news.at);
                    let entry = Entry { letter, incident, server, kind, at, since, route, flaps };
                    book.hold(&user.name, about, entry);
                }
            }
            Place::Outbox => {
                let (content, content_if_first) = self.words(batch, news, user)?;
                let letter = NewNotification { content, content_if_first, ..letter };
                let id = batch.enqueue(&letter)?;
                let waits_for_none =
                    told.letters.iter().all(|one| one.state != NotificationState::Pending);
                if is_new(id) {
                    defer(batch, id, &told.route)?;
                }
                if is_known && is_new(id) && waits_for_none && thread.is_none() {
                    self.begin(batch, id, &told.route)?;
                }
            }
        }
        Ok(())
    }

    /// Takes back the last letter about this incident when it still waits for others:
    /// this one tells more. Says what it waited for, and since when.
    fn replace(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        news: &News<'_>,
        user: &Recipient,
        told: &Told<'_>,
    ) -> Result<Option<(About, Moment)>, StoreError> {
        if news.kind == NotificationKind::Corrected {
            return Ok(None);
        }
        let flapping = About::Flapping(news.incident.server.clone());
        if news.tell == Tell::Held {
            // One letter at most waits for the digest, whatever incident it is about.
            let pool = super::book::Pool { user: user.name.clone(), about: flapping };
            for entry in book.take_pool(&pool) {
                batch.merge_held(entry.letter, None)?;
            }
            return Ok(None);
        }
        let waits = |one: &&&Notification| {
            one.state == NotificationState::Held && one.kind != NotificationKind::Corrected
        };
        let Some(last) = told.letters.iter().rev().find(waits) else { return Ok(None) };
        let waited = book.take(&user.name, last.id);
        if waited.is_some() {
            batch.merge_held(last.id, None)?;
        }
        Ok(waited)
    }

    /// The `Message-ID`s of what the user has got or will get about the incident.
    pub(super) fn references(
        &self,
        batch: &Batch<'_>,
        told: &[&Notification],
    ) -> Result<Vec<String>, StoreError> {
        let mut references: Vec<String> = Vec::new();
        for letter in told {
            let id = match (letter.state, letter.thread) {
                (NotificationState::Held, _) | (NotificationState::Merged, None) => continue,
                (NotificationState::Merged, Some(_)) => {
                    let teller = without(batch.teller_of(letter.id), "a letter is unreadable")?;
                    let Some(teller) = teller.flatten() else { continue };
                    teller
                }
                _ => letter.message_id.clone(),
            };
            if !references.contains(&id) {
                references.push(id);
            }
        }
        Ok(references)
    }

    /// Writes the first try of the first letter of a lane down with it, unless another
    /// lane comes first or the user sleeps. The courier can do that as well, so the letter is stored
    /// without it too.
    pub(super) fn begin(
        &self,
        batch: &Batch<'_>,
        id: NotificationId,
        route: &Route,
    ) -> Result<(), StoreError> {
        let preferred = route.channels.first().filter(|_| route.not_before_ms.is_none());
        let Some(preferred) = preferred else { return Ok(()) };
        let begun = batch.waits(id).and_then(|waits| match waits {
            true => Ok(()),
            false => self.begun.begin(batch, id, preferred, self.fleet.now()),
        });
        without(begun, "a first try cannot be written down").map(|_| ())
    }

    /// Who reads what this user is told.
    pub(super) fn reader<'a>(&'a self, user: &'a Recipient) -> Reader<'a> {
        Reader::new(&self.fleet, &user.scope)
    }

    /// The words of a letter about one incident, which is in the user's words already:
    /// its own, and those of a recovery that comes first.
    pub(super) fn words(
        &self,
        batch: &Batch<'_>,
        news: &News<'_>,
        user: &Recipient,
    ) -> Result<(Content, Option<Content>), StoreError> {
        let incident = news.incident;
        let timeline = without(batch.timeline(incident.id), "a timeline is unreadable")?
            .filter(|timeline| !timeline.is_empty())
            .unwrap_or_else(|| news.lines.to_vec());
        let timeline = self.reader(user).timeline(timeline);
        let Some(index) = self.fleet.index(&incident.server) else {
            let link = self.link(incident);
            return Ok((plain::about(news.kind, incident, &link), None));
        };
        let config = self.fleet.config(index);
        let reading = self.fleet.reading_before(index, news.at);
        let around = self.wording.around.of(&incident.server, self.fleet.now());
        let link = self.link(incident);
        let links = self.ack_links.as_ref().filter(|_| news.kind == NotificationKind::Down);
        let acknowledge =
            links.and_then(|links| links.acknowledge_url(incident, &user.name, news.at));
        let facts = Facts {
            kind: news.kind,
            server: &config.server,
            address: config.address.as_deref(),
            incident,
            timeline: &timeline,
            ended: match incident.state {
                IncidentState::Open => None,
                IncidentState::Closed(at) => Some(at),
            },
            last_status: reading.status.as_ref().map(|(_, status)| status.as_ref()),
            last_status_at: reading.status.as_ref().map(|(at, _)| *at),
            last_processes: reading.processes.as_deref(),
            around: around.as_deref(),
            link: &link,
            acknowledge: acknowledge.as_deref(),
            time_zone: &user.time_zone,
        };
        let (words, words_if_first) = self.words;
        let first = news.kind == NotificationKind::Recovered;
        let made = |words| {
            let ours = safely(words, &facts);
            self.wording.over(ours, |own, ours| own.of_server(&facts, ours))
        };
        Ok((made(words), first.then(|| made(words_if_first))))
    }

    pub(super) fn link(&self, incident: &Incident) -> String {
        format!("{}/#/incident/{}", self.public_url, incident.id.0)
    }

    /// The judgement keeps incidents apart that have one number because a copy of
    /// the database was put back.
    pub(super) fn message_id(
        &self,
        kind: NotificationKind,
        incident: &Incident,
        number: &str,
        user: &Recipient,
    ) -> String {
        let place = format!("{}-{}-{number}", incident.id.0, incident.judged.unix_ms);
        message_id(kind, &place, &user.name, &self.hub_id)
    }
}

/// Where a letter goes, and what it says of flapping.
fn place(
    news: &News<'_>,
    untold: bool,
    thread: Option<NotificationId>,
) -> (Place, Option<FlapDigest>) {
    let about = match (news.tell, news.kind, thread) {
        (Tell::Held, _, _) => About::Flapping(news.incident.server.clone()),
        (Tell::Flapping(digest), _, _) => return (Place::Held(About::News), Some(digest)),
        (Tell::Now, NotificationKind::Down, _) => About::News,
        (Tell::Now, NotificationKind::Corrected, _) => About::Corrections,
        (Tell::Now, _, _) if untold => About::News,
        (Tell::Now, _, Some(first)) => About::Thread(first),
        (Tell::Now, _, None) => return (Place::Outbox, None),
    };
    (Place::Held(about), None)
}

/// Lets a letter wait for its user to be awake, where it is to.
pub(super) fn defer(
    batch: &Batch<'_>,
    letter: NotificationId,
    route: &Route,
) -> Result<(), StoreError> {
    route.not_before_ms.map_or(Ok(()), |until| batch.defer(letter, until))
}

/// The words, and plain ones when making them panics: one letter must neither stop
/// the others nor be lost.
fn safely(words: Words, facts: &Facts<'_>) -> Content {
    catch_unwind(AssertUnwindSafe(|| words(facts))).unwrap_or_else(|_| {
        tracing::error!(server = %facts.server.name, "a letter cannot be made; it says less");
        plain::words(facts)
    })
}
