use watchfire_model::Filesystem;

use super::*;
use crate::fixtures::{berlin, golden, moment, server, status};

fn row(server: &Server, presence: Presence) -> ReportRow<'_> {
    ReportRow {
        server,
        presence,
        since: Some(moment(-7_200_000)),
        status: None,
        cause: None,
        last_sign: Some(moment(-7_205_000)),
    }
}

fn subject(presences: &[Presence]) -> String {
    let web = server("web-1", &[]);
    let rows: Vec<_> = presences.iter().map(|presence| row(&web, *presence)).collect();
    report(&rows, "ada", moment(0), "", &berlin()).subject
}

#[test]
fn golden_report() {
    let servers: Vec<Server> =
        ["web-2", "web-1", "db-1", "cache-1", "mail-1", "new-1"].map(|n| server(n, &[])).into();
    let status = status();
    let rows = [
        ReportRow { status: Some(&status), ..row(&servers[0], Presence::Up) },
        ReportRow { status: Some(&status), ..row(&servers[1], Presence::Late) },
        ReportRow {
            status: Some(&status),
            cause: Some(
                "The host answers, the agent does not run: the connection was refused.".to_owned(),
            ),
            ..row(&servers[2], Presence::AgentDown)
        },
        ReportRow {
            cause: Some("Nothing at its address answers.".to_owned()),
            last_sign: None,
            ..row(&servers[3], Presence::Down)
        },
        row(&servers[4], Presence::Up),
        row(&servers[5], Presence::Leaving),
    ];
    let content = report(&rows, "ada", moment(0), "https://hub.example.org/", &berlin());
    assert_eq!(content.subject, "[FAILED] 3 failed, 3 passed, 22 Nov 2025");
    golden("report", &content);
}

#[test]
fn golden_report_all_passed() {
    let web = server("web-1", &[]);
    let status = status();
    let rows =
        [ReportRow { status: Some(&status), ..row(&web, Presence::Up) }, row(&web, Presence::Up)];
    let content = report(&rows, "ada", moment(0), "https://hub.example.org/", &berlin());
    golden("report_all_passed", &content);
}

#[test]
fn the_subject_counts() {
    use Presence::{Down, Late, Unknown, Up};
    for (presences, words) in [
        (vec![], "[REPORT] no servers to report on, 22 Nov 2025"),
        (vec![Up], "[REPORT] the one server passed, 22 Nov 2025"),
        (vec![Up, Late], "[REPORT] all 2 servers passed, 22 Nov 2025"),
        (vec![Up, Down], "[FAILED] 1 failed, 1 passed, 22 Nov 2025"),
        (vec![Unknown], "[FAILED] 1 failed, 0 passed, 22 Nov 2025"),
    ] {
        assert_eq!(subject(&presences), words);
    }
}

#[test]
fn a_large_fleet_makes_a_bounded_mail_with_true_counts() {
    let servers: Vec<_> = (0..5000).map(|n| server(&format!("web-{n:04}"), &[])).collect();
    let presence = |n: usize| if n < 1000 { Presence::Down } else { Presence::Up };
    let rows: Vec<_> = servers.iter().enumerate().map(|(n, s)| row(s, presence(n))).collect();
    let content = report(&rows, "ada", moment(0), "", &berlin());
    assert!(content.subject.contains("1000 failed, 4000 passed"));
    assert!(content.text.contains("and 800 more on the page"));
    assert!(content.text.contains("and 3800 more on the page"));
    assert!(content.html.len() < 400_000, "{} bytes", content.html.len());
}

#[test]
fn outside_strings_stay_strings_here_too() {
    let web = server("web-1", &[]);
    let evil = "<script>\r\nBcc: e@x\u{202e}{{ 7*7 }}";
    let full = Filesystem { mount_point: evil.to_owned(), size_bytes: 10, ..Filesystem::default() };
    let status = Status { filesystems: vec![full], ..Status::default() };
    let rows = [
        ReportRow { status: Some(&status), ..row(&web, Presence::Up) },
        ReportRow { cause: Some(evil.to_owned()), ..row(&web, Presence::Down) },
    ];
    let content = report(&rows, evil, moment(0), evil, &berlin());
    for body in [&content.text, &content.html] {
        assert!(!body.contains('\u{202e}') && !body.contains('\r'));
        assert!(body.contains("{{ 7*7"));
    }
    assert!(!content.html.contains("<script"));
    assert!(!content.html.contains("href"), "a bad link is left out");
}

#[test]
fn the_plain_fallback_keeps_the_groups_apart() {
    let (web, db) = (server("web-1", &[]), server("db-1", &[]));
    let rows = [row(&web, Presence::Up), row(&db, Presence::Down)];
    let plain = report_view(&rows, "ada", moment(0), "", &berlin()).plain();
    let place = |words: &str| plain.find(words).unwrap_or_else(|| panic!("{words:?} in {plain}"));
    assert!(place("Failed: 1") < place("db-1: DOWN."));
    assert!(place("db-1: DOWN.") < place("Passed: 1"));
    assert!(place("Passed: 1") < place("web-1: no reading yet"));
}
