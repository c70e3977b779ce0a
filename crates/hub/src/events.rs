use tokio::sync::broadcast;
use watchfire_api::hub::IncidentRow;
use watchfire_model::{Incident, Labels, ServerName};

/// How many events a slow page may lag behind before it is told to load anew.
const CAPACITY: usize = 4096;

/// Something that a page which is open wants to know.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The server at this place of the fleet has a new row.
    Server(usize),
    /// An incident began, changed or ended. Its words are made for each who listens.
    Incident(ServerName, IncidentRow),
    /// The same of alerts that are about no server: who may know of it is known by the labels.
    FleetWide(Labels, IncidentRow),
}

impl Event {
    /// That an incident changed.
    pub(crate) fn of(incident: &Incident) -> Self {
        let row = IncidentRow::from(incident);
        match &incident.labels {
            Some(labels) => Self::FleetWide(labels.clone(), row),
            None => Self::Incident(incident.server.clone(), row),
        }
    }
}

/// Tells every open page. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Events(broadcast::Sender<Event>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(CAPACITY).0)
    }

    /// Tells those who listen; nobody listening is fine.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
