use watchfire_model::EventKind;

use super::*;
use crate::fixtures::{incident, moment, processes, status};

/// The agent's first word came 5 min after the silence began at 02:12:40.
fn aftermath() -> Aftermath<'static> {
    Aftermath {
        back: moment(300_000),
        rebooted: Some(false),
        uptime: Some(Duration::from_secs(12 * 86_400 + 3 * 3600)),
        reboot_reason: "same_boot",
        last_words: "",
        kept: None,
        events: &[],
        last_status: None,
        last_processes: None,
    }
}

fn kept(from: i64, to: i64, whole: bool) -> Option<Kept> {
    Some(Kept { from_ms: moment(from).unix_ms, to_ms: moment(to).unix_ms, whole })
}

fn closed() -> Incident {
    Incident { state: IncidentState::Closed(moment(300_000)), ..incident(Presence::Down) }
}

fn said(facts: &Aftermath<'_>) -> Option<String> {
    correct(&closed(), facts).map(|correction| correction.cause)
}

#[test]
fn only_what_contradicts_the_verdict_is_for_letters() {
    use Presence::{AgentDown, Down, Unreachable};
    let record = Aftermath { kept: kept(0, 300_000, true), ..aftermath() };
    let reboot = Aftermath { rebooted: Some(true), ..aftermath() };
    for (told, facts, contradicts) in [
        (Down, record, true),
        (AgentDown, record, true),
        (Unreachable, record, false),
        (Down, reboot, false),
        (Unreachable, reboot, true),
        (Down, aftermath(), true),
    ] {
        let incident = Incident { presence: told, ..closed() };
        let correction = correct(&incident, &facts).expect("something is known");
        assert_eq!(correction.contradicts, contradicts, "{told}: {}", correction.cause);
    }
}

#[test]
fn each_aftermath_has_its_sentence() {
    let up = Some(Duration::from_secs(210));
    let dead = Aftermath { rebooted: Some(true), uptime: up, ..aftermath() };
    let cases = [
        (
            Aftermath { kept: kept(-60_000, 300_000, true), ..aftermath() },
            "It was cut off, the machine was running: it kept recording from 02:12:40 to \
             02:17:40 UTC, and it has been up for 12 days 3 h.",
        ),
        (
            Aftermath { kept: kept(4000, 296_000, true), uptime: None, ..aftermath() },
            "It was cut off, the machine was running: it kept recording from 02:12:44 to \
             02:17:36 UTC.",
        ),
        (
            Aftermath { kept: kept(0, 300_000, false), uptime: None, ..aftermath() },
            "It was cut off, the machine was running for a part of it: it recorded from \
             02:12:40 to 02:17:40 UTC, with gaps.",
        ),
        (
            Aftermath { kept: kept(0, 100_000, true), uptime: None, ..aftermath() },
            "It was cut off, the machine was running for a part of it: it recorded from \
             02:12:40 to 02:14:20 UTC, with gaps.",
        ),
        (
            aftermath(),
            "The agent did not run, the machine did: nothing was recorded meanwhile, and it has \
             been up for 12 days 3 h.",
        ),
        (
            Aftermath { reboot_reason: "power_loss_or_reset", ..dead },
            "It was rebooted (power loss or reset): it ran until 02:12:40, and is up again \
             since 02:14:10 UTC.",
        ),
        (
            Aftermath { kept: kept(0, 20_000, true), reboot_reason: "watchdog", ..dead },
            "It was rebooted (a watchdog found it hanging): it ran until 02:13:00, and is up \
             again since 02:14:10 UTC.",
        ),
        (
            Aftermath {
                reboot_reason: "kernel_panic",
                last_words: "Kernel panic - not syncing:\nFatal exception",
                ..dead
            },
            "It was rebooted (its kernel failed): it ran until 02:12:40, and is up again since \
             02:14:10 UTC; the kernel's last words: Kernel panic - not syncing: Fatal exception.",
        ),
        (
            Aftermath { reboot_reason: "{{ 7*7 }}", uptime: None, ..dead },
            "It was rebooted (the reason is not known): it ran until 02:12:40 UTC.",
        ),
        (
            Aftermath { rebooted: None, reboot_reason: "clean_shutdown", ..dead },
            "It was rebooted (an orderly shutdown): it ran until 02:12:40, and is up \
             again since 02:14:10 UTC.",
        ),
    ];
    for (facts, words) in cases {
        assert_eq!(said(&facts).as_deref(), Some(words));
    }
}

#[test]
fn what_is_not_known_corrects_nothing() {
    assert_eq!(said(&Aftermath { rebooted: None, uptime: None, ..aftermath() }), None);
    assert_eq!(said(&Aftermath { rebooted: None, ..aftermath() }), None, "up since long before");
    let agent_down = Incident { presence: Presence::AgentDown, ..closed() };
    assert_eq!(correct(&agent_down, &aftermath()), None, "it says that already");
    let elsewhere = kept(-900_000, -1000, true);
    assert_eq!(said(&Aftermath { kept: elsewhere, rebooted: None, ..aftermath() }), None);
}

#[test]
fn the_black_box_goes_into_the_timeline() {
    let (status, processes) = (status(), processes());
    let event = |ms, text: &str| Event {
        at: moment(ms),
        kind: EventKind::OomKill,
        text: text.to_owned(),
        victim: None,
    };
    let events: Vec<Event> =
        (0..9).map(|n| event(-9000 + n * 1000, &format!("Killed process {n}\u{1b}[2J"))).collect();
    let facts = Aftermath {
        rebooted: Some(true),
        reboot_reason: "kernel_panic",
        last_words: "Fatal exception",
        events: &events,
        last_status: Some((moment(-400).unix_ms, &status)),
        last_processes: Some(&processes),
        ..aftermath()
    };
    let timeline = correct(&closed(), &facts).expect("it was rebooted").timeline;
    let lines: Vec<(TimelineKind, &str)> =
        timeline.iter().map(|entry| (entry.kind, entry.text.as_str())).collect();
    assert_eq!(lines.len(), 9);
    let reading = "last recorded: cpu 97.3 %, memory 93.8 %, disk 95.3 % of /var, load 24.17";
    assert_eq!(lines[0], (TimelineKind::BlackBox, reading));
    assert_eq!(
        lines[1].1,
        "busiest then: postgres (pid 812) 93.1 % cpu, 1.2 GiB; php-fpm8.2 (pid 4411) 81.0 % cpu, \
         700.0 MiB; php-fpm8.2 (pid 4410) 79.9 % cpu, 695.0 MiB"
    );
    assert_eq!(lines[2], (TimelineKind::BlackBox, "kernel: Killed process 4[2J"));
    assert_eq!(lines[7], (TimelineKind::BlackBox, "the kernel's last words: Fatal exception"));
    assert_eq!(lines[8].0, TimelineKind::Corrected);
    assert_eq!((timeline[0].at, timeline[8].at), (moment(-400), moment(300_000)));
}

#[test]
fn a_clock_that_lies_gives_words_all_the_same() {
    for ms in [i64::MIN, -1, i64::MAX] {
        let facts = Aftermath {
            back: Moment { unix_ms: ms, ..moment(300_000) },
            kept: Some(Kept { from_ms: i64::MIN, to_ms: i64::MAX, whole: true }),
            last_words: &"x".repeat(10_000),
            rebooted: Some(ms > 0),
            uptime: Some(Duration::MAX),
            ..aftermath()
        };
        if let Some(correction) = correct(&closed(), &facts) {
            assert!(correction.cause.len() < 500);
        }
    }
}
