//! Rows for the tests.

use std::time::Duration;

use watchfire_model::{
    Channel, Content, IncidentId, IncidentKind, Moment, NotificationKind, Presence, ServerName,
    Severity,
};
use watchfire_store::{NewIncidentRow, NewNotification};

pub(crate) fn at(seconds: u64) -> Moment {
    Moment::default().after(Duration::from_secs(seconds))
}

pub(crate) fn new_incident(name: &str) -> NewIncidentRow {
    NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: ServerName::new(name).expect("a server name"),
        presence: Presence::Down,
        cause: format!("{name} went quiet"),
        silence_began: Some(at(1)),
        judged: at(6),
        hub_stalled: Duration::from_millis(3),
    }
}

pub(crate) fn new_notification(
    incident: Option<IncidentId>,
    user: &str,
    message_id: &str,
) -> NewNotification {
    NewNotification {
        incident,
        user: user.to_owned(),
        thread: watchfire_store::Thread::OfIncident,
        held: false,
        kind: NotificationKind::Down,
        channels: vec![Channel::new("mailto:ada@example.org")],
        content: Content { subject: "down".to_owned(), ..Content::default() },
        content_if_first: None,
        message_id: message_id.to_owned(),
        references: Vec::new(),
        created: at(6),
    }
}
