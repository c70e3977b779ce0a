//! Questions about the past, and who gets which answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::hub::ProcessList;
use watchfire_api::past::{EventList, RangeReply, RunList, ServerStats};
use watchfire_model::{Moment, ProcessRow, ServerName, SourceError};
use watchfire_runtime::Clock;

use super::*;
use crate::http::{EventsAsked, Heard, HeardEvents, Past, Ran, Recorded, RunsAsked};
use crate::session::RecordedEvent;
use crate::testing::name;

/// 2023-11-14T22:13:20Z, when the clock of every test here stands still.
const NOW: i64 = 1_700_000_000_000;
/// What a test wants the shelf to fail with, as a process's name.
const TOO_LONG: &str = "too-long";

/// A past of both servers: a reading and a word of the kernel a minute for an hour, `nginx` on both.
struct Shelf;

fn recorded_before(at_ms: i64) -> Option<Moment> {
    let minute = at_ms.min(NOW).div_euclid(60_000) * 60_000;
    let unix_ms = (minute >= NOW - 3_600_000).then_some(minute)?;
    Some(Moment { unix_ms, ..Moment::default() })
}

impl Recorded for Shelf {
    fn status_at(&self, _: &ServerName, at_ms: i64) -> Result<Option<Status>, SourceError> {
        Ok(recorded_before(at_ms).map(|at| Status { at, ..Status::default() }))
    }

    fn processes_at(
        &self,
        server: &ServerName,
        at_ms: i64,
    ) -> Result<Option<ProcessTable>, SourceError> {
        let row = |pid: u32| ProcessRow {
            pid,
            name: format!("{server}-{pid}"),
            rss_bytes: u64::from(pid),
            ..ProcessRow::default()
        };
        let table = |at| ProcessTable { at, processes: (1..=60).map(row).collect(), total: 60 };
        Ok(recorded_before(at_ms).map(table))
    }

    /// It forgets the scope, which the archive never does: a second look has to notice.
    fn runs_of(&self, _: &Scope, asked: &RunsAsked) -> Result<Vec<Ran>, SourceError> {
        if asked.name == TOO_LONG {
            return Err(SourceError::OutOfTime);
        }
        let run = |server: &str, ago: i64| Ran {
            server: name(server),
            from_ms: NOW - ago,
            to_ms: NOW - ago + 1000,
            pids: vec![7],
            processes: 1,
        };
        let all = ["a-1", "b-1", "z-9"].into_iter().map(|server| run(server, 5000));
        let fits = |ran: &Ran| ran.to_ms >= asked.from_ms && ran.from_ms <= asked.to_ms;
        Ok(all.chain([run("a-1", 9000)]).filter(fits).take(asked.limit + 9).collect())
    }

    fn events_of(
        &self,
        server: &ServerName,
        asked: &EventsAsked,
        _: &dyn Fn() -> bool,
    ) -> Result<HeardEvents, SourceError> {
        let heard = |minutes: i64| Heard {
            at_ms: NOW - minutes * 60_000,
            event: RecordedEvent {
                kind: "oom_kill".to_owned(),
                text: format!("{server}: Killed process 7"),
                pid: Some(7),
                name: None,
            },
        };
        let asked_for = |heard: &Heard| (asked.from_ms..=asked.to_ms).contains(&heard.at_ms);
        let events = (0..60).map(heard).filter(asked_for).take(asked.limit).collect();
        Ok(HeardEvents { events, gaps: vec![(NOW - 9000, NOW - 8000)] })
    }
}

/// The past that the house of the tests has.
pub(super) fn past(clock: &Clock) -> Past {
    Past::new(Arc::new(Shelf), clock.clone())
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> T {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("the agreed shape")
}

#[tokio::test]
async fn a_status_is_the_newest_or_that_of_a_moment() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let get = async |query: &str| {
        let path = format!("/api/servers/a-1/stats{query}");
        house.get(&path, Some(&ann)).await
    };
    let newest: ServerStats = read(&get("").await);
    assert_eq!((newest.server.as_str(), newest.asked_unix_ms), ("a-1", None));
    for (at, asked, found) in [
        ("1700000000", NOW, NOW - 20_000),
        ("2023-11-14T22:00:30Z", NOW - 770_000, NOW - 800_000),
        ("-15m", NOW - 900_000, NOW - 920_000),
        ("now", NOW, NOW - 20_000),
    ] {
        let stats: ServerStats = read(&get(&format!("?at={at}")).await);
        assert_eq!((stats.asked_unix_ms, stats.at_unix_ms), (Some(asked), found), "{at}");
    }
    let before = get("?at=-2h").await;
    assert_eq!(before.status, StatusCode::NOT_FOUND);
    assert!(before.body.contains("nothing is recorded of a-1"), "{}", before.body);
    for bad in ["?at=noon", "?at=", "?when=now", "?at=now&at=now"] {
        let answer = get(bad).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", answer.body);
    }
}

#[tokio::test]
async fn processes_of_a_moment_are_sorted_and_limited() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let get = async |query: &str| {
        let path = format!("/api/servers/a-1/processes?{query}");
        house.get(&path, Some(&ann)).await
    };
    let list: ProcessList = read(&get("at=-5m&sort=rss&limit=2").await);
    let pids: Vec<u32> = list.processes.iter().map(|row| row.pid).collect();
    assert_eq!((list.total, pids), (60, vec![60, 59]));
    assert_eq!(list.at_unix_ms, NOW - 320_000);
    assert_eq!(read::<ProcessList>(&get("at=-5m").await).processes.len(), 50);
    assert_eq!(read::<ProcessList>(&get("at=-5m&top=3&name=a-1-4").await).processes.len(), 3);
    assert_eq!(get("at=-2h").await.status, StatusCode::NOT_FOUND);
    for bad in ["at=x", "at=now&sort=size", "at=now&top=1&limit=1", "at=now&top=-1"] {
        assert_eq!(get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let now: ProcessList = read(&get("").await);
    assert_eq!((now.at_unix_ms, now.total), (0, 0), "without a moment it is the fleet's newest");
}

#[tokio::test]
async fn a_past_that_is_foreign_is_answered_like_one_that_is_not_there() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    for what in [
        "stats?at=-5m",
        "processes?at=-5m",
        "range?series=up",
        "events",
        "events?limit=0",
        "stats?at=x",
        "range",
    ] {
        let foreign = house.get(&format!("/api/servers/b-1/{what}"), Some(&ann)).await;
        let missing = house.get(&format!("/api/servers/z-9/{what}"), Some(&ann)).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{what}");
        assert_eq!(foreign, missing, "{what}");
        let own = house.get(&format!("/api/servers/b-1/{what}"), Some(&root)).await;
        assert_ne!(own.status, StatusCode::NOT_FOUND, "{what}: {}", own.body);
    }
}

#[tokio::test]
async fn runs_are_of_the_users_own_servers_alone() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let servers = |list: RunList| list.runs.into_iter().map(|run| run.server).collect::<Vec<_>>();
    let seen: RunList = read(&house.get("/api/processes?name=nginx", Some(&ann)).await);
    assert!(!seen.more);
    assert_eq!(servers(seen), ["a-1", "a-1"]);
    let all: RunList = read(&house.get("/api/processes?name=nginx", Some(&root)).await);
    assert_eq!(servers(all), ["a-1", "b-1", "a-1"], "one that is not in the fleet is nobody's");
    let path = "/api/processes?name=nginx&from=-6s&to=now&limit=1";
    let first: RunList = read(&house.get(path, Some(&root)).await);
    assert!(first.more);
    assert_eq!(servers(first), ["a-1"]);
    for bad in
        ["", "?name=", "?nam=x", "?name=x&from=y", "?name=x&from=now&to=-1h", "?name=x&limit=-1"]
    {
        let answer = house.get(&format!("/api/processes{bad}"), Some(&ann)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", answer.body);
    }
    let long = house.get(&format!("/api/processes?name={TOO_LONG}"), Some(&ann)).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", long.body);
}

#[tokio::test]
async fn events_of_a_time_come_newest_first_up_to_a_limit() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let get = async |query: &str| {
        let path = format!("/api/servers/a-1/events{query}");
        house.get(&path, Some(&ann)).await
    };
    let all: EventList = read(&get("").await);
    assert_eq!((all.events.len(), all.more), (60, false));
    assert_eq!((all.gaps[0].from_unix_ms, all.gaps[0].to_unix_ms), (NOW - 9000, NOW - 8000));
    let newest: EventList = read(&get("?from=-10m&to=-2m&limit=2").await);
    let times: Vec<i64> = newest.events.iter().map(|event| event.at_unix_ms).collect();
    assert_eq!((times, newest.more), (vec![NOW - 120_000, NOW - 180_000], true));
    let event = &newest.events[0];
    assert_eq!((event.kind.as_str(), event.pid, &event.name), ("oom_kill", Some(7), &None));
    assert_eq!(event.text, "a-1: Killed process 7");
    let last: EventList = read(&get("?from=1699999970&to=now&limit=1").await);
    assert_eq!((last.events.len(), last.more), (1, false));
    for bad in [
        "?limit=0",
        "?limit=1001",
        "?limit=-1",
        "?limit=x",
        "?from=noon",
        "?from=now&to=-1h",
        "?at=now",
    ] {
        let answer = get(bad).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", answer.body);
    }
    assert!(get("?limit=1001").await.body.contains("from 1 to 1000"));
}

#[tokio::test]
async fn a_range_says_what_may_be_asked() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let get = async |query: &str| {
        let path = format!("/api/servers/a-1/range?{query}");
        house.get(&path, Some(&ann)).await
    };
    let reply: RangeReply = read(&get("series=no_such_metric&from=-6h&points=360").await);
    assert_eq!((reply.series, reply.bucket_ms), (vec![], 60_001));
    assert_eq!((reply.from_unix_ms, reply.to_unix_ms), (NOW - 21_600_000, NOW));
    let many = vec!["series=up"; 17].join("&");
    for bad in [
        "",
        "from=-1h",
        "series=up%7B",
        "series=",
        "series=%7B%7D",
        "series=up&points=0",
        "series=up&points=2001",
        "series=up&points=x",
        "series=up&from=now&to=-1h",
        "series=up&from=-1h&from=-2h",
        "series=up&step=5",
        &many,
    ] {
        let answer = get(bad).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}: {}", answer.body);
        assert!(answer.body.contains("series=node_load1") || answer.body.contains("to"), "{bad}");
    }
}

#[tokio::test]
async fn a_program_asks_with_a_password_or_a_token() {
    let house = House::new();
    let basic = format!("Basic {}", STANDARD.encode(format!("ann:{PASSWORD}")));
    let get = async |path: &str, shown: &str| {
        let mut request = asking(Method::GET, path, None);
        let shown = HeaderValue::from_str(shown).expect("a value");
        request.headers_mut().insert(header::AUTHORIZATION, shown);
        house.send(request).await
    };
    let reply = get("/login", &basic).await;
    let reply: watchfire_api::agent::LoginReply =
        serde_json::from_str(&reply.body).expect("a token");
    let bearer = format!("Bearer {}", reply.token);
    for shown in [&basic, &bearer] {
        for (path, own, foreign) in [
            ("/api/servers/{name}/stats?at=-5m", 200, 404),
            ("/api/servers/{name}/processes?at=-5m", 200, 404),
            ("/api/servers/{name}/range?series=up", 200, 404),
            ("/api/servers/{name}/events?limit=5", 200, 404),
            ("/api/processes?name=nginx", 200, 200),
        ] {
            assert_eq!(get(&house.of_team_a(path), shown).await.status, own, "{path}");
            assert_eq!(get(&house.of_team_b(path), shown).await.status, foreign, "{path}");
        }
    }
    let forged = get("/api/servers/a-1/stats", "Bearer x.y.z").await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
}
