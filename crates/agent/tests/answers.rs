//! What `/stats` and `/processlist` answer, on a recorded machine.

mod common;

use std::time::Duration;

use common::{START_MS, start, start_with, user};
use serde_json::Value;
use watchfire_api::agent::{ProcessRow, StatsReply};
use watchfire_collect::Root;
use watchfire_identity::Scope;

#[tokio::test]
async fn stats_have_the_first_systems_fields_and_the_whole_picture() {
    let agent = start().await;
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    let answer = agent.get_with("/stats", &token).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let ram = json["ram_percent"].as_f64().expect("a number");
    assert!(ram > 0.0 && ram < 100.0, "{ram}");
    assert!(json.as_object().expect("an object").contains_key("cpu_percent"));
    for group in [
        "cpu",
        "memory",
        "swap",
        "load",
        "uptime_seconds",
        "filesystems",
        "disks",
        "networks",
        "host",
    ] {
        assert_ne!(json[group], Value::Null, "{group}");
    }
    let stats: StatsReply = serde_json::from_value(json).expect("the shape of the contract");
    assert_eq!(stats.cpu.cores.len(), 2);
    assert_eq!(stats.cpu_percent, stats.cpu.total.busy_percent);
    assert!(!stats.filesystems.is_empty() && !stats.host.kernel.is_empty());
    assert_eq!(agent.ask("HEAD", &format!("/stats?token={token}"), "", "").await.status, 200);
}

#[tokio::test]
async fn the_latest_reading_is_answered() {
    let agent = start().await;
    let token = agent.token("ada").await;
    for second in 1..=3_i64 {
        agent.hand.advance(Duration::from_secs(1));
        // The sampler reads at its own pace: ask until it has.
        let at = jiff_of(START_MS + second * 1000);
        loop {
            let json = agent.get_with("/stats", &token).await.json();
            if json["at"] == at.as_str() {
                break;
            }
        }
    }
}

/// RFC 3339 of a whole second of the test's day.
fn jiff_of(unix_ms: i64) -> String {
    assert_eq!(START_MS, 1_800_000_000_000, "the day below");
    let second = (unix_ms - START_MS) / 1000;
    format!("2027-01-15T08:00:{second:02}Z")
}

async fn processes(agent: &common::Running, query: &str) -> Vec<ProcessRow> {
    let token = agent.token("reader").await;
    let answer = agent.get(&format!("//processlist/?token={token}&{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("an array of processes")
}

#[tokio::test]
async fn processes_are_chosen_and_sorted() {
    let agent = start().await;
    agent.hand.advance(Duration::from_secs(1));
    let all = processes(&agent, "").await;
    assert!(all.len() > 5, "{}", all.len());
    let key = |row: &ProcessRow| row.cpu_percent.unwrap_or(-1.0);
    assert!(all.is_sorted_by(|a, b| key(a) >= key(b)));
    let by_rss = processes(&agent, "sort=rss").await;
    assert!(by_rss.is_sorted_by(|a, b| a.rss_bytes >= b.rss_bytes));
    assert!(by_rss[0].rss_bytes > 0);
    let by_pid = processes(&agent, "sort=pid").await;
    assert!(by_pid.is_sorted_by(|a, b| a.pid < b.pid));
    let by_name = processes(&agent, "sort=name").await;
    assert!(by_name.is_sorted_by(|a, b| a.name <= b.name));
    assert_eq!(by_name.len(), all.len());

    assert_eq!(processes(&agent, "top=3&sort=rss").await, by_rss[..3]);
    let named = processes(&agent, &format!("name={}", by_pid[0].name)).await;
    assert!(!named.is_empty() && named.iter().all(|row| row.name.contains(&by_pid[0].name)));
    assert!(processes(&agent, "name=no-such-process").await.is_empty());
    assert!(all.iter().all(|row| row.start_time.ends_with('Z')));
}

#[tokio::test]
async fn bad_questions_are_told_what_would_do() {
    let agent = start().await;
    let token = agent.token("ada").await;
    for (query, hint) in [("top=0", "top=10"), ("top=x", "top=10"), ("sort=memory", "rss")] {
        let answer = agent.get(&format!("/processlist?token={token}&{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.message().contains(hint), "{answer:?}");
    }
}

#[tokio::test]
async fn the_first_caller_waits_for_rates() {
    let agent = start().await;
    let token = agent.token("ada").await;
    let asked = agent.get_with("/stats", &token);
    let (answer, ()) = tokio::join!(asked, async {
        // However the two are interleaved, the second reading comes after this.
        agent.hand.advance(Duration::from_secs(1));
    });
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["at"], jiff_of(START_MS + 1000));
}

#[tokio::test]
async fn details_are_for_those_who_ask() {
    let agent = start_with(|config| {
        config.users = vec![user("ada", &[Scope::Read])];
        // Only a live machine can be asked how a process shares its memory.
        config.root = Root::live();
    })
    .await;
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    let own = std::process::id();
    let row = |answer: &common::Answer| {
        let rows = answer.json();
        let rows = rows.as_array().expect("an array").clone();
        rows.into_iter().find(|row| row["pid"] == own).expect("this test is a process")
    };
    let plain = row(&agent.get_with("/processlist?sort=rss", &token).await);
    assert!(plain.get("pss_bytes").is_none() && plain.get("open_files").is_none(), "{plain}");
    let name = plain["name"].as_str().expect("a name").replace(' ', "+");
    let path = format!("/processlist?name={name}&details=true");
    let detailed = row(&agent.get_with(&path, &token).await);
    assert!(detailed["pss_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{detailed}");
    assert!(detailed["open_files"].as_u64().is_some_and(|files| files >= 3), "{detailed}");
    assert_eq!(agent.get_with("/processlist?details=perhaps", &token).await.status, 400);
}
