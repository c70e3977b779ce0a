//! What the traced process puts into `watchfire.db`, and what must be there afterwards: an
//! incident and the notification of it are one transaction.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use watchfire_model::{
    Channel, Content, IncidentKind, Moment, NotificationKind, Presence, ServerName, Severity,
};

use crate::{Batch, NewIncidentRow, NewNotification, Store, StoreError};

fn server(round: u64) -> ServerName {
    ServerName::new(&format!("server-{round}")).expect("a name")
}

pub(super) fn tell(batch: &Batch<'_>, round: u64) -> Result<(), StoreError> {
    let judged = Moment::default().after(Duration::from_secs(round));
    let incident = batch.open_incident(&NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: server(round),
        presence: Presence::Down,
        cause: "it went quiet".to_owned(),
        silence_began: None,
        judged,
        hub_stalled: Duration::ZERO,
    })?;
    let notification = NewNotification {
        incident: Some(incident),
        user: "ada".to_owned(),
        thread: crate::Thread::OfIncident,
        held: false,
        kind: NotificationKind::Down,
        channels: vec![Channel::new("mailto:ada@example.org")],
        content: Content { subject: "down".to_owned(), ..Content::default() },
        content_if_first: None,
        message_id: format!("{round}@hub"),
        references: Vec::new(),
        created: judged,
    };
    batch.enqueue(&notification).map(drop)
}

/// Says which of the first `acknowledged` rounds are lost, or what is wrong.
pub(super) fn look_through(folder: &Path, acknowledged: u64) -> Result<(), String> {
    let text = |error: StoreError| format!("watchfire.db: {error}");
    let store = Store::open(folder).map_err(text)?;
    store.check().map_err(text)?;
    let open = store.open_incidents().map_err(text)?;
    for incident in &open {
        let notifications = store.notifications_of(incident.id).map_err(text)?;
        if notifications.len() != 1 {
            return Err(format!("{incident:?} has {} notifications", notifications.len()));
        }
    }
    let there: BTreeSet<&ServerName> = open.iter().map(|incident| &incident.server).collect();
    let lost: Vec<u64> =
        (0..acknowledged).filter(|round| !there.contains(&server(*round))).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("alarms {lost:?} are lost")) }
}
