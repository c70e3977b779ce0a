//! Silences begin and end in time, and that is said.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use watchfire_alert::told::SilenceState;
use watchfire_model::{IncidentId, Moment, TimelineEntry, TimelineKind};
use watchfire_runtime::Shutdown;
use watchfire_store::{Store, StoreError};

use super::Silences;
use crate::alerts::{Active, labels_of};
use crate::fleet::Fleet;
use crate::muting::{Standing, labels_of_trouble};

/// How often it is looked even when nothing begins or ends: clocks are set.
const LOOK: Duration = Duration::from_secs(60);
/// How often those are forgotten that ended long ago.
const FORGET: Duration = Duration::from_secs(3600);

impl Silences {
    /// Keeps them until the end is asked for.
    pub(crate) async fn keep(self: Arc<Self>, shutdown: Shutdown) {
        let mut forget = self.clock.now();
        let mut changes = self.muting.changes();
        loop {
            let now = self.clock.now();
            if now.monotonic >= forget.monotonic {
                forget = now.after(FORGET);
                if let Err(error) = self.blocking(move |s| s.forget_silences(now.unix_ms)).await {
                    tracing::warn!(%error, "old silences cannot be forgotten yet");
                }
            }
            let next = self.next(now);
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.clock.sleep_until(next) => {
                    let _turn = self.turn.lock().await;
                    self.heed(None).await;
                }
                // Its sender lives as long as this.
                Ok(()) = changes.changed() => {}
            }
        }
    }

    /// When something begins or ends, or is to be looked at.
    fn next(&self, now: Moment) -> Moment {
        let silences = self.muting.silences();
        if silences.iter().any(|one| one.state(now) == SilenceState::Expired) {
            // It ended while others were written down.
            return now;
        }
        let next = silences.iter().filter_map(|one| one.next(now)).min();
        let left = next.map_or(LOOK, |next| next.saturating_sub(now.monotonic));
        // What cannot be ended in time is not tried again at once.
        now.after(left.clamp(Duration::from_millis(1), LOOK))
    }

    /// Says what began and what is over since the last look, and has those look who tell what is
    /// muted no more. With `ended`, that silence is over because that user said so.
    pub(super) async fn heed(&self, ended: Option<(&str, &str)>) {
        let now = self.clock.now();
        let Changed { begun, over } = self.changed(now);
        let left = self.muting.silences();
        if left.iter().any(|one| one.state(now) == SilenceState::Expired) {
            let stands = |one: &&Arc<Standing>| one.state(now) != SilenceState::Expired;
            self.muting.hold(left.iter().filter(stands).cloned().collect());
        } else if !begun.is_empty() || !over.is_empty() {
            self.muting.look_again();
        }
        let mut lines = Vec::new();
        for one in over {
            let text = match ended {
                Some((id, user)) if id == one.id => format!("{user} ended the {}", one.words()),
                _ => {
                    tracing::info!(id = one.id, "a silence is over");
                    format!("the {} is over", one.words())
                }
            };
            lines.push((one, text));
        }
        for one in begun {
            let text = format!("{}, until {}", one.words(), moment_text(one.silence.to_ms));
            lines.push((one, text));
        }
        self.write_lines(lines, now).await;
    }

    /// What mutes now and did not at the last look, and the other way round.
    pub(super) fn changed(&self, now: Moment) -> Changed {
        let silences = self.muting.silences();
        let mute = |one: &&Arc<Standing>| one.state(now) == SilenceState::Active;
        let mute: Vec<Arc<Standing>> = silences.iter().filter(mute).cloned().collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before: HashMap<&str, &Arc<Standing>> =
            known.iter().map(|one| (one.id.as_str(), one)).collect();
        // One that was changed in its place is told as one that began.
        let is_new = |one: &&Arc<Standing>| {
            before.get(one.id.as_str()).is_none_or(|before| !Arc::ptr_eq(before, one))
        };
        let begun = mute.iter().filter(is_new).cloned().collect();
        let still: HashSet<&str> = mute.iter().map(|one| one.id.as_str()).collect();
        let is_over = |one: &&Arc<Standing>| !still.contains(one.id.as_str());
        let over = known.iter().filter(is_over).cloned().collect();
        *known = mute;
        Changed { begun, over }
    }

    /// Writes a line into the timeline of each open incident that such a silence is about. There
    /// may be tens of thousands to look at, so a thread of its own does.
    async fn write_lines(&self, lines: Vec<(Arc<Standing>, String)>, now: Moment) {
        if lines.is_empty() {
            return;
        }
        let active = self.alerts.as_ref().map(|desk| desk.active()).unwrap_or_default();
        let fleet = self.fleet.clone();
        let work = move |store: &Store| {
            let entries = entries(&fleet, &active, &lines);
            if entries.is_empty() {
                return Ok(());
            }
            store.write(|batch| {
                for (incident, text) in entries {
                    let entry = TimelineEntry { at: now, kind: TimelineKind::Silenced, text };
                    match batch.add_timeline(incident, &entry) {
                        // It went meanwhile.
                        Ok(()) | Err(StoreError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            })
        };
        if let Err(error) = self.blocking(work).await {
            tracing::error!(%error, "timelines do not say that something is silenced");
        }
    }
}

/// Which incidents such silences are about, and what is said there.
fn entries(
    fleet: &Fleet,
    active: &Active,
    lines: &[(Arc<Standing>, String)],
) -> Vec<(IncidentId, String)> {
    let mut entries = Vec::new();
    for index in fleet.indices() {
        let Some((incident, _)) = fleet.snapshot(index).incident else { continue };
        let labels = &fleet.config(index).server.labels;
        let trouble = labels_of_trouble(labels);
        let about = lines.iter().filter(|(one, _)| one.fits(&trouble, labels));
        entries.extend(about.map(|(_, text)| (incident, text.clone())));
    }
    let mut said: HashSet<(IncidentId, usize)> = HashSet::new();
    for alert in active.all() {
        let labels = labels_of(fleet, alert.server.as_ref(), &alert.labels);
        let index = alert.server.as_ref().and_then(|server| fleet.index(server));
        let server = index.map(|index| fleet.config(index));
        let theirs = server.as_ref().map_or(&labels, |config| &config.server.labels);
        for (number, (one, text)) in lines.iter().enumerate() {
            // Once, however many of an incident's alerts it is about.
            if one.fits(&labels, theirs) && said.insert((alert.incident, number)) {
                entries.push((alert.incident, text.clone()));
            }
        }
    }
    entries
}

/// What is another than at the last look.
pub(super) struct Changed {
    begun: Vec<Arc<Standing>>,
    over: Vec<Arc<Standing>>,
}

/// A moment in words for everybody, whatever their time zone.
pub(super) fn moment_text(unix_ms: i64) -> String {
    let stamp = Timestamp::from_millisecond(unix_ms);
    stamp
        .map_or_else(|_| unix_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
