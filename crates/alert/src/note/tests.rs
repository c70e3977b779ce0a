use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_model::{Content, Incident, IncidentState, Presence, Server};

use super::*;
use crate::fixtures::{berlin, golden, incident, moment, server};
use crate::{FlapDigest, Suspect};

fn group(kind: GroupKind, members: &[(Server, Incident)], zone: &TimeZone) -> Content {
    let suspect = Some(Suspect { quiet: 3, of: 4 }).filter(|_| kind == GroupKind::Down);
    let members: Vec<GroupMember<'_>> =
        members.iter().map(|(server, incident)| GroupMember { server, incident }).collect();
    let link = "https://hub.example.org/#/incidents";
    group_content(&GroupFacts { kind, members: &members, suspect, link, time_zone: zone })
}

fn down(name: &str, ms: i64) -> (Server, Incident) {
    let incident = Incident { silence_began: Some(moment(ms)), ..incident(Presence::Down) };
    (server(name, &[("role", "web")]), incident)
}

#[test]
fn golden_group_down() {
    let mut members: Vec<_> = (1..=20).map(|n| down(&format!("web-{n:02}"), n * 10)).collect();
    for n in [3, 7] {
        members[n].1.presence = Presence::AgentDown;
        members[n].1.cause = "The host answers, the agent does not run: the connection was \
                              refused."
            .to_owned();
    }
    let content = group(GroupKind::Down, &members, &berlin());
    assert_eq!(content.subject, "[DOWN] 20 servers: web-01, web-02, web-03 and 17 more");
    golden("group_down", &content);
}

#[test]
fn golden_group_recovered() {
    let members: Vec<_> = (1..=3)
        .map(|n| {
            let (server, incident) = down(&format!("web-{n}"), n * 10);
            let state = IncidentState::Closed(moment(60_000 * n));
            (server, Incident { state, ..incident })
        })
        .collect();
    let content = group(GroupKind::Recovered, &members, &berlin());
    assert_eq!(content.subject, "[UP] 3 servers: web-1, web-2, web-3");
    golden("group_recovered", &content);
}

#[test]
fn what_is_known_better_of_many_is_listed_by_cause() {
    let mut members: Vec<_> = (1..=3).map(|n| down(&format!("web-{n}"), n * 10)).collect();
    members[2].1.cause = "It was cut off, the machine was running.".to_owned();
    let content = group(GroupKind::Corrected, &members, &berlin());
    assert_eq!(content.subject, "[UP] 3 servers: web-1, web-2, web-3");
    for words in ["better understood now", "Known now: 1", "Known now: 2", "was running"] {
        assert!(content.text.contains(words), "{words}: {}", content.text);
    }
    assert!(!content.text.contains("suspect"), "{}", content.text);
}

#[test]
fn a_server_with_several_incidents_is_one_server() {
    let mut members = vec![down("web-0", 0), down("web-1", 5), down("web-0", 10)];
    let content = group(GroupKind::Corrected, &members, &berlin());
    assert_eq!(content.subject, "[UP] 2 servers: web-0, web-1");
    assert!(content.text.contains("Known now: 2"), "{}", content.text);
    assert_eq!(content.text.matches("web-0").count(), 1, "{}", content.text);
    // Two reasons are two lists, and it stands in both.
    members[2].1.cause = "It was cut off, the machine was running.".to_owned();
    members.remove(1);
    let content = group(GroupKind::Corrected, &members, &berlin());
    assert_eq!(content.subject, "[UP] 1 server: web-0");
    assert!(content.text.contains("1 server is better understood now"), "{}", content.text);
    assert_eq!(content.text.matches("web-0").count(), 2, "{}", content.text);
}

#[test]
fn one_verdict_for_all_is_named_and_else_the_worst() {
    use Presence::{AgentDown, Down, Unreachable};
    for (presences, word) in [
        (vec![Down, Down], "[DOWN]"),
        (vec![AgentDown, AgentDown], "[AGENT DOWN]"),
        (vec![Unreachable, Unreachable], "[UNREACHABLE]"),
        (vec![Unreachable, Down, AgentDown], "[DOWN]"),
        (vec![Unreachable, AgentDown], "[AGENT DOWN]"),
        (vec![], "[UNREACHABLE] 0 servers"),
    ] {
        let members: Vec<_> =
            presences.iter().map(|presence| (server("a", &[]), incident(*presence))).collect();
        let subject = group(GroupKind::Down, &members, &TimeZone::UTC).subject;
        assert!(subject.starts_with(word), "{subject}");
    }
}

/// Fault F24: all are named; beyond what a mail may hold they are counted.
#[test]
fn a_storm_names_all_and_stays_bounded() {
    let fleet = |count| (0..count).map(|n| down(&format!("web-{n:05}"), 0)).collect::<Vec<_>>();
    let content = group(GroupKind::Down, &fleet(500), &berlin());
    assert!((0..500).all(|n| content.text.contains(&format!("web-{n:05}"))));
    assert!(!content.text.contains("more on the page"));
    let content = group(GroupKind::Down, &fleet(10_000), &berlin());
    assert!(content.text.contains("and 9000 more on the page"));
    assert!(content.text.contains("DOWN: 10000"));
    assert!(
        content.html.len() < 100_000,
        "{} bytes: a mail program would cut it",
        content.html.len()
    );
    let mut different = fleet(3000);
    for (n, (_, incident)) in different.iter_mut().enumerate() {
        incident.cause = format!("Reason {n}.");
    }
    let content = group(GroupKind::Down, &different, &berlin());
    assert!(content.text.contains("For other reasons: 2992"), "{}", content.text);
    assert!(content.text.contains("and 2000 more on the page"));
}

#[test]
fn outside_strings_stay_strings_in_lists() {
    let evil = "x\r\nBcc: e@x<script>{{ 7*7 }}\u{202e}";
    let mut member = down(&"w".repeat(253), 0);
    member.1.cause = evil.to_owned();
    let content = group(GroupKind::Down, &[member], &berlin());
    for body in [&content.text, &content.html] {
        assert!(!body.contains('\r') && !body.contains('\u{202e}'));
        assert!(body.lines().all(|line| line.len() < 998 && !line.starts_with("Bcc")));
    }
    assert!(!content.html.contains("<script"));
    assert!(content.subject.chars().count() <= 110);
}

fn cut_off(ended: Option<i64>) -> Content {
    let servers = [server("web-2", &[]), server("web-1", &[])];
    let list: Vec<&Server> = servers.iter().collect();
    cut_off_content(&CutOffFacts {
        since: moment(0),
        ended: ended.map(moment),
        servers: &list,
        link: "https://hub.example.org/",
        time_zone: &berlin(),
    })
}

#[test]
fn golden_hub_cut_off() {
    let content = cut_off(None);
    assert_eq!(content.subject, "[HUB CUT OFF] the hub hears nobody: 2 servers quiet");
    golden("hub_cut_off", &content);
}

#[test]
fn golden_hub_back() {
    let content = cut_off(Some(250_000));
    let words = "[HUB BACK] the hub was cut off for 4 min 10 s: 2 servers not watched";
    assert_eq!(content.subject, words);
    golden("hub_back", &content);
}

fn flaps(is_notice: bool, digest: FlapDigest) -> Content {
    flap_content(&FlapFacts {
        server: &server("web-1", &[]),
        digest: &digest,
        is_notice,
        cause: "Nothing at its address answers.",
        at: moment(540_000),
        link: "https://hub.example.org/#/incident/9",
        time_zone: &berlin(),
    })
}

#[test]
fn golden_flapping() {
    let digest = FlapDigest {
        outages: 4,
        since: moment(0),
        total: 4,
        longest: Duration::ZERO,
        down_since: Some(moment(540_000)),
    };
    let content = flaps(true, digest);
    assert_eq!(content.subject, "[FLAPPING] web-1: down 4 times in 9 min");
    golden("flapping", &content);
    let later = FlapDigest { outages: 1, total: 5, down_since: None, ..digest };
    assert_eq!(flaps(false, later).subject, "[FLAPPING] web-1: down once more, up now");
    let still = FlapDigest { outages: 0, ..digest };
    assert_eq!(flaps(false, still).subject, "[FLAPPING] web-1: down now");
}

#[test]
fn golden_flap_digest() {
    let digest = FlapDigest {
        outages: 12,
        since: moment(0),
        total: 16,
        longest: Duration::from_secs(41),
        down_since: None,
    };
    let content = flaps(false, digest);
    assert_eq!(content.subject, "[FLAPPING] web-1: down 12 times more, up now");
    golden("flap_digest", &content);
}

#[test]
fn the_plain_fallback_names_the_servers_too() {
    let members = [down("web-1", 0), down("web-2", 0)];
    let list: Vec<GroupMember<'_>> =
        members.iter().map(|(server, incident)| GroupMember { server, incident }).collect();
    let facts = GroupFacts {
        kind: GroupKind::Down,
        members: &list,
        suspect: None,
        link: "https://hub.example.org/",
        time_zone: &TimeZone::UTC,
    };
    let plain = group::view(&facts).plain();
    for fact in ["2 servers are down", "DOWN: 2", "web-1, web-2", "Nothing at its address"] {
        assert!(plain.contains(fact), "{fact:?} is missing in\n{plain}");
    }
}

fn escalated(members: &[EscalatedMember<'_>], acknowledge: Option<&str>) -> Content {
    escalated_content(&EscalatedFacts {
        members,
        told: &["ada", "bob"],
        waited: Duration::from_secs(600),
        link: "https://hub.example.org/#/incident/7",
        acknowledge,
        time_zone: &berlin(),
    })
}

#[test]
fn golden_escalated() {
    let cause = "Nothing at its address answers.";
    let one = EscalatedMember { name: "web-1", cause, since: moment(0) };
    let content = escalated(&[one], Some("https://hub.example.org/ack?s=7.1.2.Ym9i.c2ln"));
    assert_eq!(content.subject, "[ESCALATED] web-1: nobody looks after it for 10 min");
    golden("escalated", &content);
}

#[test]
fn many_that_nobody_looks_after_are_named_and_then_counted() {
    let names: Vec<String> = (1..=25).map(|n| format!("web-{n:02}")).collect();
    let members: Vec<_> = names
        .iter()
        .map(|name| EscalatedMember { name, cause: "<b>\u{202e}gone</b>", since: moment(0) })
        .collect();
    let content = escalated(&members, None);
    assert!(content.subject.starts_with("[ESCALATED] web-01, web-02, web-03 and 22 more: nobody"));
    for words in
        ["25 incidents that nobody", "web-20", "and 5 more on the page", "ada, bob, 10 min"]
    {
        assert!(content.text.contains(words), "{words}: {}", content.text);
    }
    assert!(!content.text.contains("web-21") && !content.text.contains("Acknowledge"));
    assert!(!content.html.contains("<b>") && !content.html.contains('\u{202e}'));
    let plain = escalated::view(&EscalatedFacts {
        members: &members[..1],
        told: &[],
        waited: Duration::ZERO,
        link: "https://hub.example.org/",
        acknowledge: Some("https://hub.example.org/ack?s=1"),
        time_zone: &TimeZone::UTC,
    });
    assert!(plain.plain().contains("Acknowledge: https://hub.example.org/ack?s=1"));
}
