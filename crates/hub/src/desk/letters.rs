use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use watchfire_alert::{Facts, Recipient, content, content_if_first, message_id, recipients};
use watchfire_model::{
    Content, Incident, IncidentState, Moment, Notification, NotificationId, NotificationKind,
    NotificationState, TimelineEntry,
};
use watchfire_store::{Batch, NewNotification, StoreError};

use super::{plain, without};
use crate::courier::Begun;
use crate::fleet::Fleet;

/// Makes the words of a message.
pub(super) type Words = fn(&Facts<'_>) -> Content;

/// Writes the notifications of an incident into the outbox.
pub(super) struct Letters {
    pub(super) fleet: Arc<Fleet>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) public_url: String,
    /// Keeps the Message-IDs of two hubs, or of a hub set up anew, apart.
    pub(super) hub_id: String,
    pub(super) begun: Arc<Begun>,
    /// How words are made: the message's own, and those of a recovery that comes first.
    pub(super) words: (Words, Words),
}

impl Letters {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        recipients: Vec<Recipient>,
        public_url: String,
        hub_id: String,
        begun: Arc<Begun>,
    ) -> Self {
        Self { fleet, recipients, public_url, hub_id, begun, words: (content, content_if_first) }
    }

    /// One notification to each user who is to be told. The beginning goes to
    /// all whose servers include this one; what follows only to those who were
    /// told the beginning and still may know. When it cannot be read who was told,
    /// all are: once too often is better than never.
    pub(super) fn write(
        &self,
        batch: &Batch<'_>,
        kind: NotificationKind,
        incident: &Incident,
        at: Moment,
        news: &[TimelineEntry],
    ) -> Result<(), StoreError> {
        let Some(index) = self.fleet.index(&incident.server) else { return Ok(()) };
        let server = &self.fleet.config(index).server;
        let earlier = without(batch.notifications_of(incident.id), "who was told is unreadable")?;
        let timeline = without(batch.timeline(incident.id), "a timeline is unreadable")?
            .filter(|timeline| !timeline.is_empty())
            .unwrap_or_else(|| news.to_vec());
        for user in recipients(server, &self.recipients) {
            let told: Vec<&Notification> = earlier
                .iter()
                .flatten()
                .filter(|notification| notification.user == user.name)
                .collect();
            if told.is_empty() && kind != NotificationKind::Down && earlier.is_some() {
                continue;
            }
            // The number of the message in its incident keeps repeated changes apart.
            let number = match earlier {
                Some(_) => (told.len() + 1).to_string(),
                None => format!("at-{}", at.unix_ms),
            };
            let about = (incident, index, number.as_str());
            let letter = self.letter(kind, about, at, &timeline, user, &told);
            let id = batch.enqueue(&letter)?;
            let is_new = earlier.iter().flatten().all(|known| known.id != id);
            let waits_for_none = told.iter().all(|one| one.state != NotificationState::Pending);
            if earlier.is_some() && is_new && waits_for_none {
                self.begin(batch, id, &letter)?;
            }
        }
        Ok(())
    }

    /// Writes the first try of the first letter of a lane down with it. The
    /// courier can do that as well, so the letter is stored without it too.
    fn begin(
        &self,
        batch: &Batch<'_>,
        id: NotificationId,
        letter: &NewNotification,
    ) -> Result<(), StoreError> {
        let Some(preferred) = letter.channels.first() else { return Ok(()) };
        let begun = self.begun.begin(batch, id, preferred, self.fleet.now());
        without(begun, "a first try cannot be written down").map(|_| ())
    }

    fn letter(
        &self,
        kind: NotificationKind,
        (incident, index, number): (&Incident, usize, &str),
        at: Moment,
        timeline: &[TimelineEntry],
        user: &Recipient,
        told: &[&Notification],
    ) -> NewNotification {
        let config = self.fleet.config(index);
        let reading = self.fleet.reading_before(index, at);
        let ended = match incident.state {
            IncidentState::Open => None,
            IncidentState::Closed(at) => Some(at),
        };
        let link = format!("{}/#/incident/{}", self.public_url, incident.id.0);
        let facts = Facts {
            kind,
            server: &config.server,
            address: Some(&config.address),
            incident,
            timeline,
            ended,
            last_status: reading.status.as_ref().map(|(_, status)| status.as_ref()),
            last_status_at: reading.status.as_ref().map(|(at, _)| *at),
            last_processes: reading.processes.as_deref(),
            link: &link,
            time_zone: &user.time_zone,
        };
        let (words, words_if_first) = self.words;
        let first = kind == NotificationKind::Recovered;
        // The judgement keeps incidents apart that have one number because a copy of
        // the database was put back.
        let place = format!("{}-{}-{number}", incident.id.0, incident.judged.unix_ms);
        NewNotification {
            incident: Some(incident.id),
            user: user.name.clone(),
            kind,
            channels: user.channels.clone(),
            content: safely(words, &facts),
            content_if_first: first.then(|| safely(words_if_first, &facts)),
            message_id: message_id(kind, &place, &user.name, &self.hub_id),
            references: told.iter().map(|earlier| earlier.message_id.clone()).collect(),
            created: at,
        }
    }
}

/// The words, and plain ones when making them panics: one letter must neither stop
/// the others nor be lost.
fn safely(words: Words, facts: &Facts<'_>) -> Content {
    catch_unwind(AssertUnwindSafe(|| words(facts))).unwrap_or_else(|_| {
        tracing::error!(server = %facts.server.name, "a letter cannot be made; it says less");
        plain::words(facts)
    })
}
