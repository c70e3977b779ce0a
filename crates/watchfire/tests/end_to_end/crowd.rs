//! One failing server never delays another.

use std::collections::HashSet;

use watchfire_api::hub::IncidentRow;
use watchfire_testkit::clock::monotonic;
use watchfire_testkit::hole;
use watchfire_testkit::smtp::{Mail, Sink};

use crate::fixture::{
    LONG, Lab, Plan, assert_judged_on_time, assert_told_on_time, eventually, notifications,
};

/// Servers that accept and never answer, that refuse, and that swallow SYNs.
const CROWD: [(&str, usize, &str); 3] =
    [("silent", 200, "agent_down"), ("refusing", 200, "agent_down"), ("dark", 100, "down")];

/// When a hub judges a server that it has never heard of.
const GRACE_MS: f64 = 5000.0;
/// How much later than that the last one of the crowd may be judged.
const JUDGED_WITHIN_MS: f64 = 500.0;
/// Reading a config of five hundred servers, and starting.
const START_MS: f64 = 500.0;

#[test]
fn five_hundred_failing_servers_are_judged_on_time_and_delay_nobody() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let (silent, dark, refusing) =
        (hole::accept_silently(), hole::black_hole_addr(), Lab::nobody());
    let good = lab.agent("good-1");
    let mut plan = Plan::mailing(&sink)
        .log("info")
        .watches(&good)
        .tells("ada", "name!=\"good-1\"", &["mailto:ada@example.org"])
        .tells("bob", "name=\"good-1\"", &["mailto:bob@example.org"]);
    for (kind, count, _) in CROWD {
        let address = match kind {
            "silent" => silent.addr(),
            "dark" => dark.addr(),
            _ => refusing,
        };
        for number in 0..count {
            plan = plan.watches_at(&format!("{kind}-{number}"), address);
        }
    }
    let started_ms = monotonic().as_secs_f64() * 1000.0;
    let hub = lab.hub(&plan);
    let rows = eventually("the whole crowd is judged", LONG, || {
        Some(hub.api.incident_rows()).filter(|rows| rows.len() == 500)
    });
    good.kill();
    let listened_ms = hub.listened.at.as_secs_f64() * 1000.0;
    assert_crowd_is_judged_on_time(&lab, &rows, started_ms, listened_ms);

    // All five hundred go on failing while this one is judged and told.
    let incident = hub.wait_for_incident("good-1", "it was told", |incident| {
        notifications(incident, "bob", "down").iter().any(|one| one.state == "delivered")
    });
    assert_eq!(incident.row.presence, "agent_down");
    assert_judged_on_time(&incident);
    assert_told_on_time(&incident, "bob", "down", &lab.lateness);

    let mails = sink.wait_for(2, LONG);
    hub.wait_until_all_is_sent();
    let to = |user: &str| -> Vec<&Mail> {
        mails.iter().filter(|mail| mail.to == [format!("{user}@example.org")]).collect()
    };
    assert_eq!((sink.mails().len(), to("ada").len(), to("bob").len()), (2, 1, 1));
    let all = to("ada")[0];
    assert!(all.subject().contains("500 servers"), "{}", all.subject());
    // Long lines are broken where a reader puts them together again (RFC 2045, 6.7).
    let text = all.raw_text().replace("=\r\n", "");
    let words: HashSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    for (kind, count, _) in CROWD {
        let named = |number: &usize| words.contains(format!("{kind}-{number}").as_str());
        assert_eq!((0..count).filter(named).count(), count, "every {kind} server is named");
    }
}

fn assert_crowd_is_judged_on_time(
    lab: &Lab,
    rows: &[IncidentRow],
    started_ms: f64,
    listened_ms: f64,
) {
    for (kind, count, presence) in CROWD {
        let own = rows.iter().filter(|row| row.server.starts_with(kind));
        let judged_so = own.filter(|row| row.presence == presence).count();
        assert_eq!(judged_so, count, "{kind}: {rows:#?}");
    }
    for row in rows {
        assert_eq!(row.silence_began_monotonic_ms, None, "the hub never heard of {}", row.server);
        let waited = row.judged_monotonic_ms - listened_ms;
        let stalled = row.hub_stalled_seconds * 1000.0;
        let late = lab.lateness.between_ms(listened_ms, row.judged_monotonic_ms);
        // The hub may have waited up to what its own standstill adds.
        let latest = GRACE_MS + JUDGED_WITHIN_MS + START_MS + stalled + late;
        assert!(waited <= latest, "{waited} ms: {row:?}");
        // That the hub listens is read some time after it does, so this counts from before.
        assert!(row.judged_monotonic_ms - started_ms >= GRACE_MS, "too soon: {row:?}");
    }
    let judged = rows.iter().map(|row| row.judged_monotonic_ms);
    let (first, last) = (judged.clone().fold(f64::MAX, f64::min), judged.fold(0.0, f64::max));
    let late = lab.lateness.between_ms(first, last);
    assert!(last - first <= JUDGED_WITHIN_MS + late, "they were judged over {} ms", last - first);
}
