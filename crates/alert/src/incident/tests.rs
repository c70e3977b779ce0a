use watchfire_model::{IncidentId, Sight};

use super::*;
use crate::fixtures::{incident, moment, seen, transition};

fn texts(timeline: &[TimelineEntry]) -> Vec<(TimelineKind, &str)> {
    timeline.iter().map(|entry| (entry.kind, entry.text.as_str())).collect()
}

#[test]
fn trouble_opens_an_incident_with_its_timeline() {
    let mut down = transition(
        Presence::Late,
        Presence::AgentDown,
        vec![
            seen(100, Sight::StreamClosed),
            seen(300, Sight::Refused),
            seen(1300, Sight::Refused),
            seen(3000, Sight::Refused),
        ],
    );
    down.at = moment(6200);
    down.hub_stalled = Duration::from_millis(1200);
    let Some(IncidentStep::Open(new)) = incident_step(&down, None) else {
        panic!("it opens an incident");
    };
    assert_eq!(new.presence, Presence::AgentDown);
    assert_eq!(new.silence_began, Some(moment(0)));
    assert_eq!((new.judged, new.hub_stalled), (moment(6200), Duration::from_millis(1200)));
    assert!(new.cause.starts_with("The host answers"));
    assert_eq!(
        texts(&new.timeline),
        [
            (TimelineKind::LastSign, "last sign of life"),
            (TimelineKind::Observed, "hub: the stream was closed"),
            (TimelineKind::Observed, "hub: the connection was refused (3 times)"),
            (
                TimelineKind::Judged,
                "judged agent down after 5 s of silence \
                 (the hub itself stood still or was cut off for 1.2 s of it, which was not counted)"
            ),
        ]
    );
    assert_eq!(new.timeline[2].at, moment(300));
}

#[test]
fn a_server_never_heard_of_has_no_last_sign() {
    let mut down = transition(Presence::Unknown, Presence::Down, Vec::new());
    down.last_sign = None;
    let Some(IncidentStep::Open(new)) = incident_step(&down, None) else {
        panic!("it opens an incident");
    };
    assert_eq!(new.silence_began, None);
    let words = "judged down: no sign of life since the hub started";
    assert_eq!(texts(&new.timeline), [(TimelineKind::Judged, words)]);
}

#[test]
fn a_new_verdict_adds_only_what_is_new() {
    let change = transition(
        Presence::AgentDown,
        Presence::Down,
        vec![seen(100, Sight::Refused), seen(9000, Sight::NoAnswer), seen(12_000, Sight::NoAnswer)],
    );
    let open = incident(Presence::AgentDown);
    let Some(IncidentStep::Change { presence, cause, timeline }) =
        incident_step(&change, Some(&open))
    else {
        panic!("it changes the incident");
    };
    assert_eq!((presence, cause.as_str()), (Presence::Down, "Nothing at its address answers."));
    assert_eq!(texts(&timeline)[0], (TimelineKind::Observed, "hub: no answer (2 times)"));
    assert_eq!(timeline.len(), 2);
}

#[test]
fn every_other_case_is_decided_too() {
    use Presence::{AgentDown, Down, Late, Leaving, Unknown, Up};
    let open = incident(Down);
    let closed = Incident { state: IncidentState::Closed(moment(9000)), ..incident(Down) };
    let foreign =
        Incident { id: IncidentId(8), server: ServerName::new("db-1").unwrap(), ..incident(Down) };
    for (name, from, to, incident, step) in [
        ("recovery", Down, Up, Some(&open), "close"),
        ("recovery from a goodbye in trouble", Leaving, Up, Some(&open), "close"),
        ("recovery, nothing open", Down, Up, None, "none"),
        ("recovery, closed already", Down, Up, Some(&closed), "none"),
        ("recovery, another's incident", Down, Up, Some(&foreign), "none"),
        ("late", Up, Late, None, "none"),
        ("late with a stuck incident", Up, Late, Some(&open), "none"),
        ("goodbye in trouble", Down, Leaving, Some(&open), "none"),
        ("trouble after an end", Late, Down, Some(&closed), "open"),
        ("trouble, another's incident", Late, Down, Some(&foreign), "open"),
        ("other verdict", Down, AgentDown, Some(&open), "change"),
        ("told already, hub started anew", Unknown, Down, Some(&open), "none"),
        ("told already, said goodbye since", Leaving, Down, Some(&open), "none"),
        ("told, but heard since and never closed", Late, Down, Some(&open), "change"),
    ] {
        let got = match incident_step(&transition(from, to, Vec::new()), incident) {
            None => "none",
            Some(IncidentStep::Open(_)) => "open",
            Some(IncidentStep::Change { .. }) => "change",
            Some(IncidentStep::Close { .. }) => "close",
        };
        assert_eq!(got, step, "{name}");
    }
}

#[test]
fn a_line_names_its_observer_only_to_those_who_may_know_it() {
    let by = |observer: &str| watchfire_model::Evidence {
        observer: observer.to_owned(),
        ..seen(3000, Sight::NoAnswer)
    };
    let down = transition(Presence::Late, Presence::Down, vec![by("hub"), by("db-1")]);
    let Some(IncidentStep::Open(new)) = incident_step(&down, None) else {
        panic!("it opens an incident");
    };
    let line = |at: usize, knows: bool| crate::for_reader(&new.timeline[at].text, |_| knows);
    assert_eq!((line(1, true), line(1, false)), ("hub: no answer".into(), "hub: no answer".into()));
    assert_eq!(line(2, true), "db-1: no answer");
    assert_eq!(line(2, false), "another server: no answer");
}

#[test]
fn a_recovery_says_how_long_it_took() {
    let mut up = transition(Presence::Down, Presence::Up, Vec::new());
    up.at = moment(130_000);
    let Some(IncidentStep::Close { timeline }) =
        incident_step(&up, Some(&incident(Presence::Down)))
    else {
        panic!("it closes the incident");
    };
    assert_eq!(
        texts(&timeline),
        [(TimelineKind::Recovered, "first sign of life after 2 min 10 s")]
    );
    assert_eq!(timeline[0].at, moment(130_000));
}
