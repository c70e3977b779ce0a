//! What is due becomes letters.

use std::time::Duration;

use watchfire_alert::told::News;
use watchfire_alert::{EscalatedFacts, EscalatedMember, Recipient, escalated_content, message_id};
use watchfire_model::{
    Channel, Content, Incident, IncidentId, IncidentState, Moment, NotificationKind,
    NotificationState, Severity, TimelineEntry, TimelineKind,
};
use watchfire_store::{Batch, NewNotification, StoreError, Teller, Thread};

use super::Escalator;
use super::look::Due;
use super::muted::Hush;
use crate::reader::Reader;

const KIND: NotificationKind = NotificationKind::Escalated;

/// All that leads to one user by the same channels at the same time.
struct Letter<'a> {
    user: &'a Recipient,
    channels: Vec<Channel>,
    not_before_ms: Option<i64>,
    /// Who was told before.
    told: Vec<&'a str>,
    waited: Duration,
    /// What keeps its Message-ID apart: the first stage that leads to it.
    place: String,
    /// One incident of each family.
    incidents: Vec<(IncidentId, Incident)>,
}

impl Escalator {
    pub(super) fn go_through(&self, due: &[Due<'_>], hush: &Hush<'_>) -> Result<usize, StoreError> {
        let now = hush.now;
        let (count, changed) = self.store.write(|batch| {
            let mut letters: Vec<Letter<'_>> = Vec::new();
            let mut changed = Vec::new();
            for one in due {
                changed.extend(self.take(batch, one, hush, &mut letters)?);
            }
            letters.iter().try_for_each(|letter| self.write(batch, letter, now))?;
            Ok((letters.len(), changed))
        })?;
        changed.iter().for_each(|incident| (self.on_change)(incident));
        Ok(count)
    }

    /// Goes through one stage; what it leads to is added to `letters`. Gives the incident whose
    /// timeline it stands in.
    fn take<'a>(
        &'a self,
        batch: &Batch<'_>,
        due: &Due<'a>,
        hush: &Hush<'_>,
        letters: &mut Vec<Letter<'a>>,
    ) -> Result<Option<Incident>, StoreError> {
        let now = hush.now;
        let is_untended =
            |one: &Incident| one.state == IncidentState::Open && one.acknowledged.is_none();
        let family = batch.family(due.done.root)?.into_iter().filter(is_untended);
        let loud: Vec<Incident> = family.filter(|one| !self.is_muted(one, hush)).collect();
        // What is muted is looked at again once it is not.
        if loud.is_empty() {
            return Ok(None);
        }
        if !batch.go_through(&due.done, now.unix_ms)? {
            return Ok(None);
        }
        let (from, stage) = (due.from, due.done.stage + 1);
        let to = due.stage.user.as_deref().unwrap_or(from);
        let Some(user) = self.recipients.iter().find(|user| user.name == to) else {
            tracing::warn!(%from, stage, %to, "a stage is skipped: there is no such user");
            return Ok(None);
        };
        let Some((incident, letter)) = self.letter(due, user, loud, now) else {
            tracing::warn!(%from, stage, %to, "a stage is skipped: the user may not know of the \
                server, or cannot be told");
            return Ok(None);
        };
        let waited = watchfire_alert::duration_words(due.waited);
        let text = format!("nobody looks after it, {waited} after {from} was told: {to} is told");
        let line = TimelineEntry { at: now, kind: TimelineKind::Escalated, text };
        batch.add_timeline(incident.id, &line)?;
        add(letters, letter, (due.done.root, incident.clone()), from, due.waited);
        Ok(Some(incident))
    }

    /// The worst of a family that the user may know of, and where its letter goes.
    fn letter<'a>(
        &'a self,
        due: &Due<'a>,
        user: &'a Recipient,
        family: Vec<Incident>,
        now: Moment,
    ) -> Option<(Incident, Letter<'a>)> {
        let seen = family.into_iter().filter_map(|one| Some((self.labels_of(&one)?, one)));
        let seen = seen.filter(|(labels, _)| user.scope.holds(labels));
        let (labels, incident) = seen.max_by_key(|(_, one)| (one.severity, -one.id.0))?;
        let news = News { labels: &labels, severity: incident.severity };
        let channels = match due.stage.channels.as_slice() {
            [] => user.channels_for(&news, now.unix_ms).0,
            own => own,
        };
        let urgent = incident.severity == Severity::Critical;
        let not_before_ms = if urgent { None } else { user.waits_until(&news, now.unix_ms) };
        let place = format!(
            "{}-{}-{}-{}",
            due.done.root.0, incident.judged.unix_ms, due.done.stage, due.done.user
        );
        let letter = Letter {
            user,
            channels: channels.to_vec(),
            not_before_ms,
            told: Vec::new(),
            waited: Duration::ZERO,
            place,
            incidents: Vec::new(),
        };
        (!letter.channels.is_empty()).then_some((incident, letter))
    }

    /// A letter has a thread of its own: it must not wait for those that reached nobody.
    fn write(&self, batch: &Batch<'_>, letter: &Letter<'_>, now: Moment) -> Result<(), StoreError> {
        let user = letter.user;
        let only = match letter.incidents.as_slice() {
            [(_, one)] => Some(one),
            _ => None,
        };
        let new = NewNotification {
            incident: only.map(|one| one.id),
            thread: Thread::Own,
            held: false,
            user: user.name.clone(),
            kind: KIND,
            channels: letter.channels.clone(),
            content: self.words(letter, only, now),
            content_if_first: None,
            message_id: message_id(KIND, &letter.place, &user.name, &self.hub_id),
            references: only.map_or(Ok(Vec::new()), |one| references(batch, one.id, user))?,
            created: now,
        };
        let id = batch.enqueue(&new)?;
        if let Some(until) = letter.not_before_ms {
            batch.defer(id, until)?;
        }
        if only.is_some() {
            return Ok(());
        }
        // Whoever is told of many is told the end of each as well.
        for (root, one) in &letter.incidents {
            let place = format!("{}-of-{}", letter.place, root.0);
            let part = NewNotification {
                incident: Some(one.id),
                thread: Thread::OfIncident,
                held: true,
                message_id: message_id(KIND, &place, &user.name, &self.hub_id),
                ..new.clone()
            };
            let part = batch.enqueue(&part)?;
            batch.merge_held(part, Some(Teller { letter: id, thread: id }))?;
        }
        Ok(())
    }

    fn words(&self, letter: &Letter<'_>, only: Option<&Incident>, now: Moment) -> Content {
        let reader = Reader::new(&self.fleet, &letter.user.scope);
        let readable: Vec<Incident> =
            letter.incidents.iter().map(|(_, one)| reader.incident(one)).collect();
        let members = readable.iter().map(|one| EscalatedMember {
            name: one.server.as_str(),
            cause: &one.cause,
            since: one.silence_began.unwrap_or(one.judged),
        });
        let link = match only {
            Some(one) => format!("{}/#/incident/{}", self.public_url, one.id.0),
            None => format!("{}/#/incidents", self.public_url),
        };
        let acknowledge =
            only.and_then(|one| self.links.acknowledge_url(one, &letter.user.name, now));
        escalated_content(&EscalatedFacts {
            members: &members.collect::<Vec<_>>(),
            told: &letter.told,
            waited: letter.waited,
            link: &link,
            acknowledge: acknowledge.as_deref(),
            time_zone: &letter.user.time_zone,
        })
    }
}

/// Adds an incident to the letter that goes the same way, or begins one.
fn add<'a>(
    letters: &mut Vec<Letter<'a>>,
    letter: Letter<'a>,
    incident: (IncidentId, Incident),
    from: &'a str,
    waited: Duration,
) {
    let same = |one: &Letter<'_>| {
        one.user.name == letter.user.name
            && one.channels == letter.channels
            && one.not_before_ms == letter.not_before_ms
    };
    let place = letters.iter().position(same).unwrap_or_else(|| {
        letters.push(letter);
        letters.len() - 1
    });
    let letter = &mut letters[place];
    letter.waited = letter.waited.max(waited);
    if !letter.told.contains(&from) {
        letter.told.push(from);
    }
    if letter.incidents.iter().all(|(root, _)| *root != incident.0) {
        letter.incidents.push(incident);
    }
}

/// The letters about it that the user has got or will get.
fn references(
    batch: &Batch<'_>,
    incident: IncidentId,
    user: &Recipient,
) -> Result<Vec<String>, StoreError> {
    let letters = batch.notifications_of(incident)?.into_iter();
    let sent = letters.filter(|one| {
        one.user == user.name
            && !matches!(one.state, NotificationState::Held | NotificationState::Merged)
    });
    Ok(sent.map(|one| one.message_id).collect())
}
