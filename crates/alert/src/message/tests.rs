use std::sync::Arc;

use proptest::prelude::*;
use watchfire_model::{DiskIo, NetworkIo, Sight};

use super::*;
use crate::fixtures::{
    berlin, golden, incident, moment, processes, seen, server, status, transition,
};
use crate::{Change, IncidentStep, incident_step};

/// Facts that own what they lend.
struct Case {
    kind: NotificationKind,
    server: Server,
    address: Option<String>,
    incident: Incident,
    timeline: Vec<TimelineEntry>,
    ended: Option<Moment>,
    status: Option<Status>,
    status_at: i64,
    processes: Option<ProcessTable>,
    around: Option<Around>,
    link: String,
    acknowledge: Option<String>,
}

impl Case {
    fn facts<'a>(&'a self, time_zone: &'a TimeZone) -> Facts<'a> {
        Facts {
            kind: self.kind,
            server: &self.server,
            address: self.address.as_deref(),
            incident: &self.incident,
            timeline: &self.timeline,
            ended: self.ended,
            last_status: self.status.as_ref(),
            last_status_at: self.status.as_ref().map(|_| moment(self.status_at)),
            last_processes: self.processes.as_ref(),
            around: self.around.as_ref(),
            link: &self.link,
            acknowledge: self.acknowledge.as_deref(),
            time_zone,
        }
    }

    fn content(&self) -> Content {
        content(&self.facts(&berlin()))
    }
}

/// The case that the machine's own words make for a silence from 0 to 5 s.
fn trouble(to: Presence, saw: &[(i64, Sight)]) -> Case {
    let evidence = saw.iter().map(|(ms, saw)| seen(*ms, *saw)).collect();
    let Some(IncidentStep::Open(new)) =
        incident_step(&transition(Presence::Late, to, evidence), None)
    else {
        panic!("trouble opens an incident");
    };
    Case {
        kind: NotificationKind::Down,
        server: server("web-1", &[("role", "web"), ("site", "fra")]),
        address: Some("10.0.0.11:5000".to_owned()),
        incident: Incident { cause: new.cause, ..incident(to) },
        timeline: new.timeline,
        ended: None,
        status: Some(status()),
        status_at: -400,
        processes: Some(processes()),
        around: None,
        link: "https://hub.example.org/incidents/7".to_owned(),
        acknowledge: None,
    }
}

fn down() -> Case {
    trouble(
        Presence::Down,
        &[(200, Sight::StreamClosed), (1200, Sight::NoAnswer), (3700, Sight::NoAnswer)],
    )
}

fn back(mut case: Case, ms: i64) -> Case {
    case.kind = NotificationKind::Recovered;
    case.ended = Some(moment(ms));
    case.timeline.push(TimelineEntry {
        at: moment(ms),
        kind: TimelineKind::Recovered,
        text: format!("first sign of life after {}", human::duration(gone(&case.facts(&berlin())))),
    });
    case
}

#[test]
fn a_correction_says_what_is_known_now() {
    let mut case = trouble(Presence::Down, &[(3000, Sight::NoAnswer)]);
    case.kind = NotificationKind::Corrected;
    case.incident.cause = "It was cut off, the machine was running: it kept recording.".to_owned();
    let open = case.content();
    assert_eq!(open.subject, "[DOWN] web-1: it was cut off, the machine was running");
    case.incident.state = IncidentState::Closed(moment(60_000));
    let closed = case.content();
    assert!(closed.subject.starts_with("[UP] web-1: it was cut off"), "{}", closed.subject);
    assert!(closed.text.contains("known better now"), "{}", closed.text);
}

#[test]
fn golden_down() {
    let mut case = down();
    case.acknowledge = Some("https://hub.example.org/ack?s=7.1.2.YWRh.c2ln".to_owned());
    let content = case.content();
    assert_eq!(content.subject, "[DOWN] web-1: nothing at its address answers");
    golden("down", &content);
}

/// What the hub has of the time before, with a busy minute.
fn busy_minute() -> Around {
    let second = |n: u32| {
        let mut status = status();
        status.cpu.total.busy_percent = Some(40.0 + f64::from(n) - 20.0 * f64::from(n % 7) / 7.0);
        status.memory.available_bytes = 8_000_000_000 - 120_000_000 * u64::from(n);
        let busy_percent = Some(if n < 40 { 3.0 } else { 88.0 });
        status.disks = vec![DiskIo { busy_percent, ..DiskIo::default() }];
        let rate = Some(f64::from(n * n) * 1000.0);
        status.networks = vec![NetworkIo {
            received_bytes_per_s: rate,
            sent_bytes_per_s: rate,
            ..NetworkIo::default()
        }];
        status
    };
    let mut hour_ago = processes();
    hour_ago.at = moment(-3_600_000);
    hour_ago.processes[0].cpu_percent = Some(3.2);
    hour_ago.processes[0].rss_bytes = 400_000_000;
    let text = "Out of memory: Killed process 4409 (php-fpm8.2)".to_owned();
    Around {
        curves: crate::curves(&(0..60).map(second).collect::<Vec<_>>()),
        until_ms: moment(0).unix_ms,
        processes: None,
        hour_ago: Some(Arc::new(hour_ago)),
        changes: vec![Change { at_ms: moment(-90_000).unix_ms, text }],
    }
}

#[test]
fn golden_down_with_the_last_minute() {
    let content = Case { around: Some(busy_minute()), ..down() }.content();
    assert_eq!(content.html.matches("<img src=\"data:image/png;base64,").count(), 4);
    golden("down_with_the_last_minute", &content);
}

/// Of what is over nobody asks how it began.
#[test]
fn a_return_has_no_last_minute() {
    let case = Case { around: Some(busy_minute()), ..down() };
    assert!(!back(case, 60_000).content().html.contains("<img"));
}

#[test]
fn golden_agent_down() {
    let case = trouble(Presence::AgentDown, &[(100, Sight::StreamClosed), (300, Sight::Refused)]);
    let content = case.content();
    assert_eq!(content.subject, "[AGENT DOWN] web-1: the host answers, the agent does not run");
    golden("agent_down", &content);
}

#[test]
fn golden_agent_down_without_status() {
    let mut case = trouble(Presence::AgentDown, &[(3000, Sight::Silent)]);
    case.incident.silence_began = None;
    case.timeline.remove(0);
    (case.status, case.processes, case.address) = (None, None, None);
    let content = case.content();
    let words = "the host takes connections, but the agent says nothing";
    assert_eq!(content.subject, format!("[AGENT DOWN] web-1: {words}"));
    golden("agent_down_without_status", &content);
}

#[test]
fn golden_changed() {
    let mut case = trouble(Presence::AgentDown, &[(300, Sight::Refused)]);
    let evidence = vec![seen(300, Sight::Refused), seen(60_000, Sight::NoAnswer)];
    let mut change = transition(Presence::AgentDown, Presence::Down, evidence);
    change.at = moment(65_000);
    let Some(IncidentStep::Change { presence, cause, timeline }) =
        incident_step(&change, Some(&case.incident))
    else {
        panic!("the verdict changes");
    };
    case.kind = NotificationKind::Changed;
    (case.incident.presence, case.incident.cause) = (presence, cause);
    case.timeline.extend(timeline);
    let content = case.content();
    assert_eq!(content.subject, "[DOWN] web-1: now nothing at its address answers");
    golden("changed", &content);
}

#[test]
fn golden_recovered() {
    let content = back(down(), 130_000).content();
    assert_eq!(content.subject, "[UP] web-1: back after 2 min 10 s");
    golden("recovered", &content);
}

#[test]
fn golden_was_down() {
    let case = back(down(), 12_300);
    let content = content_if_first(&case.facts(&berlin()));
    assert_eq!(content.subject, "[WAS DOWN] web-1: down for 12 s, and up again");
    golden("was_down", &content);
}

/// A hub that started anew meanwhile knows nothing from before the silence.
#[test]
fn a_reading_from_after_the_return_says_so() {
    let mut case = back(down(), 130_000);
    case.status_at = 131_400;
    let (back, first) = (case.content(), content_if_first(&case.facts(&berlin())));
    for content in [back, first] {
        // In HTML, a number and its unit stay on one line.
        for body in [content.text, content.html.replace('\u{a0}', " ")] {
            assert!(body.contains("Reading from 1.4 s after the return"), "{body}");
            assert!(!body.contains("Last reading"), "{body}");
        }
    }
}

#[test]
fn a_stalled_hub_is_mentioned() {
    let mut case = down();
    case.incident.hub_stalled = Duration::from_millis(1200);
    let text = case.content().text;
    assert!(text.contains("(the hub itself stood still or was cut off for 1.2 s of it"), "{text}");
}

#[test]
fn the_end_is_found_wherever_it_is_told() {
    let mut case = back(down(), 60_000);
    case.ended = None;
    assert!(case.content().subject.ends_with("back after 1 min"), "from the timeline");
    case.incident.state = IncidentState::Closed(moment(90_000));
    assert!(case.content().subject.ends_with("back after 1 min 30 s"), "from the incident");
}

/// Abuse A32 and A33, for every string that comes from outside.
#[test]
fn outside_strings_stay_strings() {
    let evil = [
        "x\r\nBcc: e@x",
        "<img src=http://c/>",
        "<a href=javascript:alert(1)>",
        "{{ 7*7 }}{% raw %}",
        "\u{202e}gnp.exe\u{200b}\u{9b}2J\u{1b}]0;x\u{7}",
        "\"'><script>alert(1)</script>",
        &"W".repeat(10_000),
    ];
    for word in evil {
        let mut case = down();
        case.server = server("web-1", &[("role", word)]);
        case.address = Some(word.to_owned());
        case.incident.cause = word.to_owned();
        case.timeline[1].text = word.to_owned();
        case.link = word.to_owned();
        for row in &mut case.processes.as_mut().unwrap().processes {
            (row.name, row.user) = (word.to_owned(), word.to_owned());
        }
        for fs in &mut case.status.as_mut().unwrap().filesystems {
            fs.mount_point = word.to_owned();
        }
        check_harmless(&case.content());
        check_harmless(&content_if_first(&case.facts(&berlin())));
    }
}

fn check_harmless(content: &Content) {
    assert!(content.subject.chars().count() < 120, "{}", content.subject);
    assert!(!content.subject.contains(char::is_control), "{:?}", content.subject);
    let hidden = |c: char| {
        let direction = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        direction || (c.is_control() && c != '\n')
    };
    for body in [&content.text, &content.html] {
        assert!(!body.contains(hidden), "{body}");
        assert!(!body.lines().any(|line| line.starts_with("Bcc")), "{body}");
        assert!(body.len() < 20_000, "{} bytes", body.len());
        assert!(body.lines().all(|line| line.len() < 998), "too long a line for a mail");
    }
    for tag in ["<img", "<script", "<a href=j", "<a href=\"j"] {
        assert!(!content.html.contains(tag), "{tag}");
    }
}

#[test]
fn a_template_in_a_name_is_not_run() {
    let mut case = down();
    case.address = Some("{{ 7*7 }}".to_owned());
    let content = case.content();
    assert!(content.text.contains("Address: {{ 7*7 }}"));
    assert!(content.html.contains("{{ 7*7"));
}

#[test]
fn the_plain_fallback_says_all_that_counts() {
    let plain = alert(&down().facts(&berlin())).plain();
    for fact in [
        "[DOWN] web-1: nothing at its address answers",
        "Silent since: 22 Nov 2025, 03:12:40 CET (02:12:40 UTC)",
        "hub: no answer (2 times)",
        "Memory: 93.8 %, 7.5 GiB of 8.0 GiB",
        "postgres (pid 812, postgres): 93.1 % cpu, 1.2 GiB",
        "https://hub.example.org/incidents/7",
    ] {
        assert!(plain.contains(fact), "{fact:?} is missing in\n{plain}");
    }
}

#[test]
fn the_longest_server_name_leaves_room_for_what_happened() {
    let mut case = down();
    case.server = server(&"w".repeat(253), &[]);
    let subject = case.content().subject;
    assert!(subject.ends_with("…: nothing at its address answers"), "{subject}");
}

proptest! {
    #[test]
    fn a_subject_is_always_one_short_line(cause in any::<String>(), user_ms in any::<i64>()) {
        let mut case = down();
        case.incident.cause = cause;
        case.incident.judged.unix_ms = user_ms;
        for kind in NotificationKind::ALL {
            case.kind = kind;
            let subject = case.content().subject;
            prop_assert!(subject.chars().count() < 120);
            prop_assert!(!subject.contains(char::is_control));
            prop_assert!(subject.starts_with('['));
        }
    }
}
