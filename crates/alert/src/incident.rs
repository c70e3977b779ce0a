use std::time::Duration;

use watchfire_model::{
    Evidence, Incident, IncidentState, Moment, Presence, ServerName, TimelineEntry, TimelineKind,
    Transition,
};

use crate::cause::{cause, sight_words};
use crate::human;
use crate::others::other_server;
use crate::sights::{HUB, reached_by_other, verdict_of};

/// What a change of presence does to the incidents of its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentStep {
    /// Trouble begins.
    Open(NewIncident),
    /// The trouble goes on with another verdict.
    Change {
        /// The new verdict.
        presence: Presence,
        /// What happened, in one sentence.
        cause: String,
        /// The lines to add.
        timeline: Vec<TimelineEntry>,
    },
    /// The server is back.
    Close {
        /// The lines to add.
        timeline: Vec<TimelineEntry>,
    },
}

/// An incident that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// The server.
    pub server: ServerName,
    /// The verdict.
    pub presence: Presence,
    /// What happened, in one sentence; for [`crate::for_reader`], as all words here.
    pub cause: String,
    /// The last sign of life; `None` when the hub never had one.
    pub silence_began: Option<Moment>,
    /// When the hub judged.
    pub judged: Moment,
    /// The part of the silence in which the hub itself stood still.
    pub hub_stalled: Duration,
    /// The last sign, what was observed, and the judgement.
    pub timeline: Vec<TimelineEntry>,
}

/// What `transition` does, given the incident of the server that is open.
///
/// It is total: what fits nothing, such as a recovery without an open incident,
/// gives `None`. A closed incident or one of another server counts as none. So does
/// a verdict that repeats the open incident's without the server having been up in
/// between, because its users have been told (promise P5).
#[must_use]
pub fn incident_step(transition: &Transition, open: Option<&Incident>) -> Option<IncidentStep> {
    let open = open.filter(|incident| {
        incident.state == IncidentState::Open && incident.server == transition.server
    });
    match open {
        None if transition.to.is_trouble() => Some(IncidentStep::Open(opening(transition))),
        Some(incident) if transition.to.is_trouble() => {
            (!repeats(transition, incident)).then(|| changing(transition))
        }
        Some(_) if transition.to == Presence::Up => {
            Some(IncidentStep::Close { timeline: vec![recovered(transition)] })
        }
        _ => None,
    }
}

fn repeats(transition: &Transition, open: &Incident) -> bool {
    let heard_between = matches!(transition.from, Presence::Up | Presence::Late);
    open.presence == transition.to && !heard_between
}

fn opening(transition: &Transition) -> NewIncident {
    let last_sign = transition.last_sign.map(|at| TimelineEntry {
        at,
        kind: TimelineKind::LastSign,
        text: "last sign of life".to_owned(),
    });
    let mut timeline: Vec<TimelineEntry> = last_sign.into_iter().collect();
    timeline.extend(observations(&transition.evidence));
    timeline.push(judgement(transition));
    NewIncident {
        server: transition.server.clone(),
        presence: transition.to,
        cause: cause(transition),
        silence_began: transition.last_sign,
        judged: transition.at,
        hub_stalled: transition.hub_stalled,
        timeline,
    }
}

fn changing(transition: &Transition) -> IncidentStep {
    let mut timeline = observations(&news(transition));
    timeline.push(judgement(transition));
    IncidentStep::Change { presence: transition.to, cause: cause(transition), timeline }
}

/// The sights a change of verdict rests on: of each observer those since its last one
/// that spoke against it. The others are in the timeline already.
fn news(transition: &Transition) -> Vec<Evidence> {
    let evidence = &transition.evidence;
    if !transition.from.is_trouble() {
        return evidence.clone();
    }
    let refuted = |at: usize| {
        let same = |later: &&Evidence| later.observer == evidence[at].observer;
        evidence[at..].iter().filter(same).any(|later| speaks_against(later, transition.to))
    };
    (0..evidence.len()).filter(|at| !refuted(*at)).map(|at| evidence[at].clone()).collect()
}

fn speaks_against(seen: &Evidence, to: Presence) -> bool {
    let verdict =
        if reached_by_other(seen) { Some(Presence::Unreachable) } else { verdict_of(seen.saw) };
    verdict.is_some_and(|verdict| verdict != to)
}

/// One line for each run of equal sights of one observer.
fn observations(evidence: &[Evidence]) -> Vec<TimelineEntry> {
    let same = |a: &Evidence, b: &Evidence| a.observer == b.observer && a.saw == b.saw;
    evidence.chunk_by(same).filter_map(|run| Some(observation(run.first()?, run.len()))).collect()
}

fn observation(first: &Evidence, times: usize) -> TimelineEntry {
    let observer = match first.observer.as_str() {
        HUB => HUB.to_owned(),
        server => other_server(server),
    };
    let mut text = format!("{observer}: {}", sight_words(first.saw));
    if times > 1 {
        text.push_str(&format!(" ({times} times)"));
    }
    TimelineEntry { at: first.at, kind: TimelineKind::Observed, text }
}

fn judgement(transition: &Transition) -> TimelineEntry {
    let verdict = human::presence(transition.to);
    let mut text = match transition.last_sign {
        Some(sign) => {
            let counted = transition.at.since(sign).saturating_sub(transition.hub_stalled);
            format!("judged {verdict} after {} of silence", human::duration(counted))
        }
        None => format!("judged {verdict}: no sign of life since the hub started"),
    };
    if let Some(note) = human::hub_stalled(transition.hub_stalled) {
        text.push_str(&format!(" ({note})"));
    }
    TimelineEntry { at: transition.at, kind: TimelineKind::Judged, text }
}

fn recovered(transition: &Transition) -> TimelineEntry {
    let text = match transition.last_sign {
        Some(sign) => {
            let gone = human::duration(transition.at.since(sign));
            format!("first sign of life after {gone}")
        }
        None => "first sign of life".to_owned(),
    };
    TimelineEntry { at: transition.at, kind: TimelineKind::Recovered, text }
}

#[cfg(test)]
mod tests;
