//! An alert fires, or is over: what that makes of its incident, and who is to be told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use watchfire_alert::clean;
use watchfire_model::{
    Incident, IncidentId, IncidentKind, IncidentState, Moment, Notification, Presence, Severity,
    TimelineEntry, TimelineKind,
};
use watchfire_store::{AlertRow, Batch, NewIncidentRow, StoreError, StoredAlert};

use super::book::{Alert, Book, Flap, Subject};
use super::take::{From, Touched, closed};
use super::{AlertDesk, Firing, Poster, Tools, subject};

/// What fires within this time after its server came back belongs to that trouble.
const AFTERMATH: Duration = Duration::from_secs(10 * 60);
/// In this time an alert may fire three times; with the next one it comes and goes.
pub(super) const FLAP_WINDOW: Duration = Duration::from_secs(30 * 60);
/// From so many times on it comes and goes.
pub(super) const FLAPS: usize = 4;
/// The longest name of an alert and the longest sentence, in characters.
const LONGEST_NAME: usize = 60;
const LONGEST_WORDS: usize = 300;
/// How many times of an alert are remembered.
const MAX_FIRED: usize = 16;
/// Of how many alerts that is remembered, and the most text of their labels, in bytes.
const MAX_FLAPS: usize = 20_000;
const MAX_FLAP_TEXT: usize = 32 << 20;

/// One transaction of the alert desk.
pub(super) struct Work<'t> {
    pub(super) desk: &'t AlertDesk,
    pub(super) tools: &'t Tools,
    pub(super) book: Book,
    pub(super) now: Moment,
    /// Something was put into the outbox.
    pub(super) is_told: bool,
    /// Whom escalations called, by incident, as far as that was asked.
    pub(super) called: HashMap<IncidentId, Vec<Notification>>,
    /// Something fired.
    has_fires: bool,
    touched: Touched,
}

impl<'t> Work<'t> {
    pub(super) fn new(desk: &'t AlertDesk, book: Book) -> Self {
        let (tools, now) = (&desk.tools, desk.tools.fleet.now());
        let touched = Touched::new();
        let (is_told, has_fires, called) = (false, false, HashMap::new());
        Self { desk, tools, book, now, is_told, called, has_fires, touched }
    }

    /// An alert fires that was not in any open incident.
    pub(super) fn fire(
        &mut self,
        batch: &Batch<'_>,
        from: From<'_>,
        firing: &Firing,
    ) -> Result<(), StoreError> {
        let source = from.source;
        let server = subject::server_of(&self.tools.fleet, &firing.labels);
        let severity = Severity::of_label(firing.labels.get("severity"));
        let subject = subject::subject(server.as_ref(), &firing.labels);
        let incident = match self.book.by_subject.get(&subject) {
            Some(id) => *id,
            None => self.open(batch, &subject, severity, firing)?,
        };
        let starts_ms = firing.starts_ms.min(self.now.unix_ms);
        let key = (source.clone(), firing.labels.clone());
        let fired = self.note_fire(&key);
        let id = batch.put_alert(&AlertRow {
            incident,
            source: source.to_string(),
            labels: firing.labels.clone(),
            annotations: firing.annotations.clone(),
            generator_url: firing.generator_url.clone(),
            value: firing.value,
            starts_unix_ms: starts_ms,
            ends_unix_ms: firing.ends_ms,
            fired_unix_ms: fired,
        })?;
        let alert = Alert {
            id,
            incident,
            source: source.clone(),
            labels: firing.labels.clone(),
            annotations: firing.annotations.clone(),
            generator_url: firing.generator_url.clone(),
            value: firing.value,
            severity,
            server,
            poster: from.poster.map(Poster::name),
            starts_ms,
            updated_ms: self.now.unix_ms,
            ends_ms: firing.ends_ms,
            over_ms: None,
            is_missing: false,
            told: Vec::new(),
            muted: None,
        };
        self.has_fired(batch, alert)
    }

    /// An alert fires again whose incident is open still.
    pub(super) fn fire_again(
        &mut self,
        batch: &Batch<'_>,
        id: i64,
        firing: &Firing,
    ) -> Result<(), StoreError> {
        let Some(known) = self.book.alerts.get(&id).filter(|alert| !alert.fires()).cloned() else {
            return Ok(());
        };
        let mut alert = (*known).clone();
        alert.say(firing);
        (alert.value, alert.ends_ms) = (firing.value, firing.ends_ms);
        (alert.updated_ms, alert.is_missing, alert.over_ms) = (self.now.unix_ms, false, None);
        alert.starts_ms = firing.starts_ms.min(self.now.unix_ms);
        let fired = self.note_fire(&alert.key());
        batch.change_alert(&row(&alert, fired))?;
        self.has_fired(batch, alert)
    }

    /// Its source does not name an alert any more, or calls it over. Of a server that is not up, and
    /// while the hub does not see well, nothing that is missing means anything: it is looked at again
    /// later.
    pub(super) fn end(
        &mut self,
        batch: &Batch<'_>,
        id: i64,
        is_said: bool,
    ) -> Result<(), StoreError> {
        let Some(known) = self.book.alerts.get(&id).filter(|alert| alert.fires()).cloned() else {
            return Ok(());
        };
        let mut alert = (*known).clone();
        let is_final = is_said && alert.server.is_none();
        if !is_final && !self.is_settled(&alert) {
            alert.is_missing = true;
            self.book.alerts.insert_mut(id, Arc::new(alert));
            return Ok(());
        }
        self.is_over(batch, alert)
    }

    /// The rule of an alert was removed: nobody looks for it any more, whoever is away.
    pub(super) fn removed(&mut self, batch: &Batch<'_>, id: i64) -> Result<(), StoreError> {
        let Some(known) = self.book.alerts.get(&id).filter(|alert| alert.fires()).cloned() else {
            return Ok(());
        };
        let text = format!("{}: its rule was removed", name_of(&known));
        self.line(batch, known.incident, TimelineKind::Resolved, text)?;
        self.is_over(batch, (*known).clone())
    }

    /// An alert is over.
    pub(super) fn is_over(
        &mut self,
        batch: &Batch<'_>,
        mut alert: Alert,
    ) -> Result<(), StoreError> {
        (alert.over_ms, alert.is_missing, alert.muted) = (Some(self.now.unix_ms), false, None);
        batch.change_alert(&row(&alert, self.fired_ms(&alert)))?;
        self.note_called(batch, &mut alert)?;
        if !self.flaps(&alert) {
            let text = format!("{} is over", name_of(&alert));
            self.line(batch, alert.incident, TimelineKind::Resolved, text)?;
        }
        self.news_of_end(batch, &alert)?;
        self.touched.insert(alert.incident);
        self.book.put(alert);
        Ok(())
    }

    fn has_fired(&mut self, batch: &Batch<'_>, alert: Alert) -> Result<(), StoreError> {
        let times = self.times(&alert);
        if times == FLAPS {
            let text = format!("{} comes and goes: it is told less often now", name_of(&alert));
            self.line(batch, alert.incident, TimelineKind::Fired, text)?;
        } else if times < FLAPS {
            self.line(batch, alert.incident, TimelineKind::Fired, fires(&alert))?;
        }
        self.touched.insert(alert.incident);
        self.news_of_fire(batch, &alert)?;
        if let Some(server) = &alert.server {
            // Its letter waits for others, and this is read meanwhile.
            self.tools.wording.around.want(server);
        }
        self.book.put(alert);
        Ok(())
    }

    fn open(
        &mut self,
        batch: &Batch<'_>,
        subject: &Subject,
        severity: Severity,
        firing: &Firing,
    ) -> Result<IncidentId, StoreError> {
        let part_of = match subject.labels {
            None => {
                let since_ms = self.now.before(AFTERMATH).unix_ms;
                batch.root_for(&subject.server, IncidentKind::Presence, since_ms)?
            }
            Some(_) => None,
        };
        let cause = clean(firing.labels.get("alertname"), LONGEST_NAME);
        let new = NewIncidentRow {
            kind: IncidentKind::Alerts,
            severity,
            part_of,
            server: subject.server.clone(),
            labels: subject.labels.clone(),
            presence: Presence::Up,
            cause,
            silence_began: None,
            judged: self.now,
            hub_stalled: Duration::ZERO,
        };
        let id = match batch.open_incident(&new) {
            Err(StoreError::AlreadyOpen { .. }) => {
                // One that could not be read must not keep a new one away.
                let labels = new.labels.as_ref();
                if let Some(id) = batch.open_incident_about(&new.server, new.kind, labels)? {
                    tracing::error!(incident = id.0, "an unreadable incident is closed");
                    batch.close_incident(id, self.now)?;
                }
                batch.open_incident(&new)?
            }
            opened => opened?,
        };
        self.book.note(Incident {
            id,
            kind: new.kind,
            severity,
            part_of,
            server: new.server,
            labels: new.labels,
            acknowledged: None,
            presence: new.presence,
            cause: new.cause,
            silence_began: None,
            judged: new.judged,
            hub_stalled: new.hub_stalled,
            state: IncidentState::Open,
        });
        Ok(id)
    }

    /// Ends the transaction: incidents say what they are about now, and those that are over close.
    pub(super) fn finish(
        mut self,
        batch: &Batch<'_>,
    ) -> Result<(Book, Vec<Incident>, bool), StoreError> {
        if self.has_fires {
            self.book.forget_flaps(MAX_FLAPS, MAX_FLAP_TEXT);
        }
        let mut changed = Vec::new();
        let mut touched: Vec<IncidentId> = self.touched.drain().collect();
        touched.sort_unstable();
        for id in touched {
            let Some(open) = self.book.open.get(&id).cloned() else { continue };
            let comes_and_goes = self.book.alerts_of(id).any(|alert| self.flaps(alert));
            if !self.book.goes_on(id) && !comes_and_goes {
                batch.close_incident(id, self.now)?;
                changed.push(closed(&open.incident, self.now));
                self.book.close(id);
                continue;
            }
            let mut incident = open.incident;
            // Somebody else writes that.
            incident.acknowledged = batch.incident(id)?.and_then(|stored| stored.acknowledged);
            let worst = self.book.alerts_of(id).map(|alert| alert.severity).max();
            let severity = worst.unwrap_or(incident.severity).max(incident.severity);
            let cause = self.cause(id).unwrap_or_else(|| incident.cause.clone());
            if (severity, &cause) != (incident.severity, &incident.cause) {
                batch.describe_incident(id, severity, &cause)?;
                (incident.severity, incident.cause) = (severity, cause);
                self.book.note(incident.clone());
            }
            changed.push(incident);
        }
        Ok((self.book, changed, self.is_told))
    }

    /// To be looked at once more before the end of the transaction.
    pub(super) fn touch(&mut self, id: IncidentId) {
        self.touched.insert(id);
    }

    /// What an incident is about: the gravest alerts that fire, first.
    fn cause(&self, id: IncidentId) -> Option<String> {
        const NAMED: usize = 3;
        let mut firing: Vec<&Arc<Alert>> =
            self.book.alerts_of(id).filter(|alert| alert.fires()).collect();
        firing.sort_unstable_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.id));
        match firing.as_slice() {
            [] => None,
            [one] => Some(fires(one)),
            many => {
                let mut names: Vec<String> = many.iter().map(|alert| name_of(alert)).collect();
                names.dedup();
                let more = names.len().saturating_sub(NAMED);
                let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                names.truncate(NAMED);
                Some(format!("{}{rest} fire", names.join(", ")))
            }
        }
    }

    pub(super) fn line(
        &self,
        batch: &Batch<'_>,
        incident: IncidentId,
        kind: TimelineKind,
        text: String,
    ) -> Result<(), StoreError> {
        batch.add_timeline(incident, &TimelineEntry { at: self.now, kind, text })
    }

    /// Remembers that an alert fires, and says when it did of late, on the wall's clock.
    fn note_fire(&mut self, key: &super::book::Key) -> Vec<i64> {
        let mut flap = self.book.flaps.get(key).cloned().unwrap_or_default();
        flap.fired.retain(|at| self.now.since(*at) < FLAP_WINDOW);
        flap.fired.push(self.now);
        let old = flap.fired.len().saturating_sub(MAX_FIRED);
        flap.fired.drain(..old);
        let unix_ms = flap.unix_ms();
        self.book.flaps.insert_mut(key.clone(), flap);
        self.has_fires = true;
        unix_ms
    }

    fn fired_ms(&self, alert: &Alert) -> Vec<i64> {
        self.book.flaps.get(&alert.key()).map(Flap::unix_ms).unwrap_or_default()
    }

    /// How often an alert fired of late.
    pub(super) fn times(&self, alert: &Alert) -> usize {
        let fired = self.book.flaps.get(&alert.key()).map(|flap| flap.fired.as_slice());
        let fired = fired.unwrap_or_default().iter();
        fired.filter(|at| self.now.since(**at) < FLAP_WINDOW).count()
    }

    /// Whether an alert comes and goes.
    pub(super) fn flaps(&self, alert: &Alert) -> bool {
        self.times(alert) >= FLAPS
    }

    /// Whether it means something that an alert is not named any more.
    pub(super) fn is_settled(&self, alert: &Alert) -> bool {
        self.desk.is_settled(alert, self.now)
    }
}

/// How a row of the store says it.
pub(super) fn row(alert: &Alert, fired_unix_ms: Vec<i64>) -> StoredAlert {
    StoredAlert {
        id: alert.id,
        facts: AlertRow {
            incident: alert.incident,
            source: alert.source.to_string(),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            generator_url: alert.generator_url.clone(),
            value: alert.value,
            starts_unix_ms: alert.starts_ms,
            ends_unix_ms: alert.ends_ms,
            fired_unix_ms,
        },
        over_unix_ms: alert.over_ms,
    }
}

/// The name of an alert, for words.
pub(super) fn name_of(alert: &Alert) -> String {
    match clean(alert.name(), LONGEST_NAME) {
        name if name.is_empty() => "An alert without a name".to_owned(),
        name => name,
    }
}

fn fires(alert: &Alert) -> String {
    let said = clean(alert.annotation(&["summary", "description"]), LONGEST_WORDS);
    let name = name_of(alert);
    if said.is_empty() { format!("{name} fires") } else { format!("{name}: {said}") }
}
