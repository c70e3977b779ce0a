use jiff::tz::TimeZone;
use proptest::prelude::*;
use watchfire_model::{Content, LabelSet, NotificationKind, Server, Severity};

use super::*;
use crate::fixtures::{berlin, golden, moment, server};

const LINK: &str = "https://hub.example.org/#/incident/7";
const ACKNOWLEDGE: &str = "https://hub.example.org/ack?incident=7&user=ann&signed=c0ffee";

/// An alert that owns what it lends.
#[derive(Clone)]
struct Case {
    name: String,
    severity: Severity,
    server: Option<Server>,
    labels: LabelSet,
    summary: String,
    description: String,
    runbook_url: String,
    generator_url: String,
    value: Option<f64>,
    since: i64,
    ended: Option<i64>,
}

impl Case {
    fn told(&self) -> ToldAlert<'_> {
        ToldAlert {
            name: &self.name,
            severity: self.severity,
            server: self.server.as_ref(),
            labels: &self.labels,
            summary: &self.summary,
            description: &self.description,
            runbook_url: &self.runbook_url,
            value: self.value,
            since_ms: moment(self.since).unix_ms,
            ended_ms: self.ended.map(|ended| moment(ended).unix_ms),
            generator_url: &self.generator_url,
        }
    }
}

fn disk(name: &str, mount_point: &str) -> Case {
    let pairs = [
        ("alertname", "DiskFullSoon"),
        ("device", "/dev/vda1"),
        ("instance", name),
        ("mountpoint", mount_point),
        ("severity", "warning"),
    ];
    Case {
        name: "DiskFullSoon".to_owned(),
        severity: Severity::Warning,
        server: Some(server(name, &[("role", "db"), ("site", "fra")])),
        labels: LabelSet::of(&pairs),
        summary: format!("{name}: {mount_point} has 3 h left"),
        description: "At the speed of the last hour no byte is free then.\nOld logs, packages and \
                      core dumps are the usual things to remove."
            .to_owned(),
        runbook_url: "https://wiki.example.org/runbooks/disk-full?from=mail&v=2".to_owned(),
        generator_url: String::new(),
        value: Some(10_800.0),
        since: 0,
        ended: None,
    }
}

fn oom(name: &str) -> Case {
    Case {
        name: "OOMKill".to_owned(),
        severity: Severity::Critical,
        labels: LabelSet::of(&[("alertname", "OOMKill"), ("instance", name)]),
        summary: format!("{name}: the kernel killed a process"),
        description: String::new(),
        runbook_url: String::new(),
        value: Some(1.0),
        since: 60_000,
        ..disk(name, "/")
    }
}

struct Letter<'a> {
    kind: NotificationKind,
    at: i64,
    repeats: bool,
    zone: &'a TimeZone,
}

fn letter(cases: &[Case], how: &Letter<'_>) -> Content {
    let alerts: Vec<ToldAlert<'_>> = cases.iter().map(Case::told).collect();
    alert_content(&AlertFacts {
        kind: how.kind,
        alerts: &alerts,
        link: LINK,
        acknowledge: Some(ACKNOWLEDGE),
        time_zone: how.zone,
        at_ms: moment(how.at).unix_ms,
        repeats: how.repeats,
    })
}

fn firing(cases: &[Case]) -> Content {
    let zone = berlin();
    letter(cases, &Letter { kind: FIRING, at: 600_000, repeats: false, zone: &zone })
}

fn resolved(cases: &[Case]) -> Content {
    let zone = berlin();
    letter(cases, &Letter { kind: RESOLVED, at: 11_520_000, repeats: false, zone: &zone })
}

const FIRING: NotificationKind = NotificationKind::Firing;
const RESOLVED: NotificationKind = NotificationKind::Resolved;

#[test]
fn golden_firing_one() {
    let content = firing(&[disk("db-1", "/")]);
    assert_eq!(content.subject, "[warning] disk full soon on db-1: / has 3 h left");
    golden("firing_one", &content);
}

#[test]
fn golden_firing_many() {
    let mut cases: Vec<Case> = (1..=24).map(|n| disk(&format!("db-{n:02}"), "/")).collect();
    cases.push(disk("db-02", "/var"));
    cases.push(oom("web-1"));
    cases.push(oom("web-2"));
    let content = firing(&cases);
    assert_eq!(content.subject, "[critical] 27 alerts on 26 servers: OOM kill, disk full soon");
    golden("firing_many", &content);
}

#[test]
fn golden_firing_again() {
    let case = Case { severity: Severity::Critical, ..disk("db-1", "/") };
    let zone = berlin();
    let how = Letter { kind: FIRING, at: 14_400_000, repeats: true, zone: &zone };
    let content = letter(&[case], &how);
    assert_eq!(content.subject, "[critical] disk full soon on db-1 for 4 h: / has 3 h left");
    golden("firing_again", &content);
}

#[test]
fn golden_resolved_one() {
    let case = Case { ended: Some(11_520_000), ..disk("db-1", "/") };
    let content = resolved(&[case]);
    assert_eq!(content.subject, "[resolved] disk full soon on db-1 after 3 h 12 min");
    golden("resolved_one", &content);
}

#[test]
fn golden_resolved_many() {
    let over = |name: &str, ended| Case { ended: Some(ended), ..disk(name, "/") };
    let content = resolved(&[over("db-1", 300_000), over("db-2", 11_520_000)]);
    assert_eq!(content.subject, "[resolved] disk full soon on 2 servers: db-1, db-2");
    golden("resolved_many", &content);
}

#[test]
fn an_alert_of_no_server_says_where_its_labels_say() {
    let mut case = disk("db-1", "/");
    case.server = None;
    case.labels = LabelSet::of(&[("alertname", "ProbeFailed"), ("instance", "shop:443")]);
    case.name = "ProbeFailed".to_owned();
    case.summary = "Probe failed (instance shop:443)".to_owned();
    assert_eq!(firing(&[case.clone()]).subject, "[warning] probe failed on shop:443");
    case.labels = LabelSet::of(&[("alertname", "Watchdog")]);
    case.name = "Watchdog".to_owned();
    case.summary = "Watchdog".to_owned();
    let content = firing(&[case]);
    assert_eq!(content.subject, "[warning] watchdog");
    assert!(content.text.starts_with("Watchdog\nThe rule says no more"), "{}", content.text);
}

#[test]
fn one_rule_in_one_place_is_counted_and_kept_apart() {
    let mut cases = vec![disk("db-1", "/"), disk("db-1", "/var")];
    assert_eq!(firing(&cases).subject, "[warning] disk full soon on db-1, 2 alerts");
    for case in &mut cases {
        case.summary = "Disk full soon".to_owned();
    }
    let text = firing(&cases).text;
    assert!(text.contains("db-1: mountpoint=/ (value"), "{text}");
    assert!(text.contains("db-1: mountpoint=/var (value"), "{text}");
}

#[test]
fn what_is_over_already_is_said_so() {
    let over = Case { ended: Some(90_000), ..disk("db-2", "/") };
    let content = firing(&[disk("db-1", "/"), over]);
    assert!(content.text.contains("db-2: / has 3 h left (lasted 1 min 30 s)"), "{}", content.text);
}

/// Nobody needs a button for what is over.
#[test]
fn a_resolved_letter_asks_for_nothing() {
    let case = Case { ended: Some(1000), ..disk("db-1", "/") };
    let content = resolved(&[case]);
    assert!(!content.html.contains("Acknowledge"), "{}", content.html);
    assert!(!content.text.contains(ACKNOWLEDGE), "{}", content.text);
    assert!(content.text.contains(LINK));
}

/// Chats take the last line for the page that the letter is about.
#[test]
fn the_link_to_the_page_ends_the_text() {
    let text = firing(&[disk("db-1", "/")]).text;
    let body = text.rsplit_once("\n-- \n").expect("a signature").0.trim_end();
    assert!(body.ends_with(LINK), "{body}");
}

/// Abuse A32 and A33, for every string that comes from outside.
#[test]
fn outside_strings_stay_strings() {
    let evil = [
        "x\r\nBcc: e@x",
        "<img src=http://c/>",
        "<a href=javascript:alert(1)>",
        "javascript:alert(1)",
        "{{ 7*7 }}{% raw %}",
        "\u{202e}gnp.exe\u{200b}\u{9b}2J\u{1b}]0;x\u{7}",
        "\"'><script>alert(1)</script>",
        &"W".repeat(10_000),
        &format!("https://c/{}", "w".repeat(900)),
    ];
    for word in evil {
        let case = Case {
            name: word.to_owned(),
            labels: LabelSet::of(&[("instance", word), ("a", word), (word, "b")]),
            server: None,
            summary: word.to_owned(),
            description: word.to_owned(),
            runbook_url: word.to_owned(),
            generator_url: word.to_owned(),
            value: Some(f64::NAN),
            ..disk("db-1", "/")
        };
        let named = Case { server: Some(server("db-1", &[("role", word)])), ..case.clone() };
        for cases in [vec![case.clone()], vec![named.clone()], vec![case, named]] {
            check_harmless(&firing(&cases));
            check_harmless(&resolved(&cases));
        }
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
        assert!(!body.contains("49"), "a template was run: {body}");
        assert!(body.len() < 20_000, "{} bytes", body.len());
    }
    for tag in ["<img", "<script", "<a href=j", "<a href=\"j"] {
        assert!(!content.html.contains(tag), "{tag}");
    }
    assert!(content.text.lines().all(|line| line.len() < 998), "too long a line for a mail");
}

#[test]
fn the_plain_fallback_says_all_that_counts() {
    let zone = berlin();
    let plain_of = |cases: &[Case]| {
        let alerts: Vec<ToldAlert<'_>> = cases.iter().map(Case::told).collect();
        let facts = AlertFacts {
            kind: FIRING,
            alerts: &alerts,
            link: LINK,
            acknowledge: Some(ACKNOWLEDGE),
            time_zone: &zone,
            at_ms: moment(600_000).unix_ms,
            repeats: false,
        };
        view(&facts).plain()
    };
    let one = plain_of(&[disk("db-1", "/")]);
    for fact in ["db-1: / has 3 h left", "22 Nov 2025, 03:12:40 CET", "10800", ACKNOWLEDGE, LINK] {
        assert!(one.contains(fact), "{fact:?} is missing in\n{one}");
    }
    let many = plain_of(&[disk("db-1", "/"), oom("web-1")]);
    for fact in ["OOM kill, critical: 1", "db-1 / has 3 h left (value 10800, since 03:12)"] {
        assert!(many.contains(fact), "{fact:?} is missing in\n{many}");
    }
}

/// A mail program would cut what is longer.
#[test]
fn ten_thousand_alerts_are_a_letter_of_a_size() {
    let mut cases: Vec<Case> = (0..5000).map(|n| disk(&format!("db-{n:05}"), "/")).collect();
    cases.extend((0..5000).map(|n| Case { name: format!("Rule{n}"), ..disk("db-1", "/") }));
    let content = firing(&cases);
    assert!(content.text.contains("Disk full soon, warning: 5000"), "{}", content.text);
    assert!(content.text.contains("and 4980 more on the page"), "{}", content.text);
    assert!(content.text.contains("Others: 4989"), "{}", content.text);
    assert!(content.html.len() < 60_000, "{} bytes", content.html.len());
}

proptest! {
    #[test]
    fn a_subject_is_always_one_short_line(
        words in any::<String>(),
        value in any::<f64>(),
        at in any::<i64>(),
        repeats in any::<bool>(),
    ) {
        let case = Case {
            name: words.clone(),
            summary: words.clone(),
            description: words,
            value: Some(value),
            ..disk("db-1", "/")
        };
        let mut alert = case.told();
        alert.since_ms = at;
        let zone = berlin();
        for kind in NotificationKind::ALL {
            let content = alert_content(&AlertFacts {
                kind,
                alerts: &[alert],
                link: LINK,
                acknowledge: None,
                time_zone: &zone,
                at_ms: at.wrapping_add(1),
                repeats,
            });
            prop_assert!(content.subject.chars().count() < 120);
            prop_assert!(!content.subject.contains(char::is_control));
            prop_assert!(content.subject.starts_with('['));
        }
    }
}
