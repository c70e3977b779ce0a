use std::sync::Arc;

use watchfire_alert::{Facts, Recipient, content, content_if_first, message_id, recipients};
use watchfire_model::{
    Incident, IncidentState, Moment, Notification, NotificationKind, TimelineEntry,
};
use watchfire_store::{Batch, NewNotification, StoreError};

use crate::fleet::Fleet;

/// Writes the notifications of an incident into the outbox.
pub(super) struct Letters {
    pub(super) fleet: Arc<Fleet>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) public_url: String,
    /// Keeps the Message-IDs of two hubs, or of a hub set up anew, apart.
    pub(super) hub_id: String,
}

impl Letters {
    /// One notification to each user who is to be told. The beginning goes to
    /// all whose servers include this one; what follows only to those who were
    /// told the beginning and still may know.
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
        let earlier = batch.notifications_of(incident.id)?;
        let mut timeline = batch.timeline(incident.id)?;
        if timeline.is_empty() {
            timeline = news.to_vec();
        }
        for user in recipients(server, &self.recipients) {
            let told: Vec<&Notification> =
                earlier.iter().filter(|notification| notification.user == user.name).collect();
            if told.is_empty() && kind != NotificationKind::Down {
                continue;
            }
            let letter = self.letter(kind, (incident, index), at, &timeline, user, &told);
            batch.enqueue(&letter)?;
        }
        Ok(())
    }

    fn letter(
        &self,
        kind: NotificationKind,
        (incident, index): (&Incident, usize),
        at: Moment,
        timeline: &[TimelineEntry],
        user: &Recipient,
        told: &[&Notification],
    ) -> NewNotification {
        let config = self.fleet.config(index);
        let now = self.fleet.snapshot(index);
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
            last_status: now.status.as_ref().map(|(_, status)| status.as_ref()),
            last_status_at: now.status.as_ref().map(|(at, _)| *at),
            last_processes: now.processes.as_deref(),
            link: &link,
            time_zone: &user.time_zone,
        };
        let first = (kind == NotificationKind::Recovered).then(|| content_if_first(&facts));
        // The number of the message in its incident keeps repeated changes apart.
        let place = format!("{}-{}", incident.id.0, told.len() + 1);
        NewNotification {
            incident: Some(incident.id),
            user: user.name.clone(),
            kind,
            channels: user.channels.clone(),
            content: content(&facts),
            content_if_first: first,
            message_id: message_id(kind, &place, &user.name, &self.hub_id),
            references: told.iter().map(|earlier| earlier.message_id.clone()).collect(),
            created: at,
        }
    }
}
