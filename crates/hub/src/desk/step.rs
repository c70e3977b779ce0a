//! What a transition makes of its server's incident.

use watchfire_alert::{IncidentStep, NewIncident};
use watchfire_model::{
    Incident, IncidentId, IncidentKind, IncidentState, NotificationKind, Severity, TimelineEntry,
    Transition,
};
use watchfire_store::{Batch, NewIncidentRow, StoreError};

use super::book::Book;
use super::letters::News;
use super::{Desk, without};

impl Desk {
    pub(super) fn take_step(
        &self,
        batch: &Batch<'_>,
        book: &mut Book,
        transition: &Transition,
        step: IncidentStep,
        before: Option<Incident>,
    ) -> Result<Incident, StoreError> {
        let (server, at) = (&transition.server, transition.at);
        let (kind, incident, lines) = match (step, before) {
            (IncidentStep::Open(new), _) => {
                let (incident, lines) =
                    open_incident(batch, new, self.letters.severity_of(server))?;
                (NotificationKind::Down, incident, lines)
            }
            (IncidentStep::Change { presence, cause, timeline }, Some(mut incident)) => {
                batch.change_incident(incident.id, presence, &cause)?;
                incident.presence = presence;
                incident.cause = cause;
                (NotificationKind::Changed, incident, timeline)
            }
            (IncidentStep::Close { timeline }, Some(mut incident)) => {
                batch.close_incident(incident.id, at)?;
                incident.state = IncidentState::Closed(at);
                (NotificationKind::Recovered, incident, timeline)
            }
            (IncidentStep::Change { .. } | IncidentStep::Close { .. }, None) => {
                unreachable!("a step other than Open is made from an open incident")
            }
        };
        add_all(batch, incident.id, &lines)?;
        let tell = book.flap(server, kind, at);
        let news = News { kind, incident: &incident, at, lines: &lines, tell };
        self.letters.write(batch, book, &news)?;
        Ok(incident)
    }
}

/// Opens it. What alerts told of the server before belongs to it.
fn open_incident(
    batch: &Batch<'_>,
    new: NewIncident,
    severity: Severity,
) -> Result<(Incident, Vec<TimelineEntry>), StoreError> {
    let root = batch.root_for(&new.server, IncidentKind::Alerts, i64::MAX);
    let part_of = without(root, "what a trouble belongs to is unreadable")?.flatten();
    let id = batch.open_incident(&NewIncidentRow {
        kind: IncidentKind::Presence,
        severity,
        part_of,
        labels: None,
        server: new.server.clone(),
        presence: new.presence,
        cause: new.cause.clone(),
        silence_began: new.silence_began,
        judged: new.judged,
        hub_stalled: new.hub_stalled,
    })?;
    let incident = Incident {
        id,
        kind: IncidentKind::Presence,
        severity,
        part_of,
        labels: None,
        acknowledged: None,
        server: new.server,
        presence: new.presence,
        cause: new.cause,
        silence_began: new.silence_began,
        judged: new.judged,
        hub_stalled: new.hub_stalled,
        state: IncidentState::Open,
    };
    Ok((incident, new.timeline))
}

pub(super) fn add_all(
    batch: &Batch<'_>,
    incident: IncidentId,
    timeline: &[TimelineEntry],
) -> Result<(), StoreError> {
    let added = timeline.iter().try_for_each(|entry| batch.add_timeline(incident, entry));
    without(added, "a line of a timeline cannot be stored").map(|_| ())
}
