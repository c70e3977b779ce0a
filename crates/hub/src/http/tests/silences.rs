//! Who may silence what, and who may know of it.

use watchfire_api::silences::{SilenceList, SilenceRow};

use super::*;

const HOUR_S: u64 = 3600;

/// A change as our own page asks for it.
pub(super) fn changing(method: Method, path: &str, seat: &Seat, body: &str) -> Request<Body> {
    let mut request = asking(method, path, Some(seat));
    let csrf = HeaderValue::from_str(&seat.csrf).expect("a value");
    request.headers_mut().insert("x-watchfire-csrf", csrf);
    let kind = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    *request.body_mut() = Body::from(body.to_owned());
    request
}

fn wish(matchers: &str, seconds: u64) -> String {
    serde_json::json!({ "matchers": matchers, "seconds": seconds, "comment": "new disks" })
        .to_string()
}

impl House {
    async fn silence(&self, seat: &Seat, matchers: &str, seconds: u64) -> Answer {
        let body = wish(matchers, seconds);
        self.send(changing(Method::POST, "/api/silences", seat, &body)).await
    }

    async fn silences(&self, seat: &Seat) -> Vec<SilenceRow> {
        let answer = self.get("/api/silences", Some(seat)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let list: SilenceList = serde_json::from_str(&answer.body).expect("a list");
        list.silences
    }
}

fn made(answer: &Answer) -> SilenceRow {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("a silence")
}

#[tokio::test]
async fn an_operator_silences_their_own_servers_and_ends_that() {
    let house = House::new();
    let (olga, ann) = (house.log_in("olga").await, house.log_in("ann").await);
    let row = made(&house.silence(&olga, r#"instance="a-1""#, HOUR_S).await);
    assert_eq!((row.author.as_str(), row.state.as_str()), ("olga", "active"));
    assert_eq!((row.servers.as_slice(), row.server_count), (&["a-1".to_owned()][..], Some(1)));
    assert_eq!(row.to_unix_ms - row.from_unix_ms, 3_600_000);
    // A viewer of the same servers sees it, and changes nothing.
    assert_eq!(house.silences(&ann).await, std::slice::from_ref(&row));
    let path = format!("/api/silences/{}", row.id);
    let answer = house.send(changing(Method::DELETE, &path, &ann, "")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert_eq!(house.silence(&ann, r#"instance="a-1""#, 60).await.status, StatusCode::FORBIDDEN);
    let ended = house.send(changing(Method::DELETE, &path, &olga, "")).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
    let rows = house.silences(&olga).await;
    assert_eq!((rows.len(), rows[0].state.as_str()), (1, "expired"));
    let again = house.send(changing(Method::DELETE, &path, &olga, "")).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let active = house.get("/api/silences?state=active,pending", Some(&olga)).await;
    assert_eq!(active.body, r#"{"silences":[]}"#);
}

#[tokio::test]
async fn nobody_silences_what_they_may_not_see_nor_learns_of_it() {
    let house = House::new();
    let (olga, root) = (house.log_in("olga").await, house.log_in("root").await);
    let missing = house.silence(&olga, r#"instance="z-9""#, HOUR_S).await;
    assert_eq!(missing.status, StatusCode::FORBIDDEN);
    for matchers in [
        r#"instance="b-1""#,
        r#"team="b""#,
        r#"team=~".+""#,
        r#"instance=~"a-1|b-1""#,
        r#"alertname="ServerDown""#,
    ] {
        let answer = house.silence(&olga, matchers, HOUR_S).await;
        assert_eq!(answer, missing, "{matchers}");
    }
    assert_eq!(house.silences(&root).await, []);
    let theirs = made(&house.silence(&root, r#"instance="b-1""#, HOUR_S).await);
    assert_eq!(house.silences(&olga).await, []);
    for method in [Method::GET, Method::DELETE] {
        let at = |id: &str| format!("/api/silences/{id}");
        let foreign = house.send(changing(method.clone(), &at(&theirs.id), &olga, "")).await;
        let missing = house.send(changing(method.clone(), &at("no-such"), &olga, "")).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{method}");
        assert_eq!(foreign, missing, "{method}");
    }
    let change = serde_json::json!({
        "id": theirs.id, "matchers": r#"team="a""#, "seconds": 60, "comment": ""
    });
    let change = change.to_string();
    let answer = house.send(changing(Method::POST, "/api/silences", &olga, &change)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
}

#[tokio::test]
async fn the_whole_fleet_is_silent_for_a_day_at_most() {
    let house = House::new();
    let root = house.log_in("root").await;
    for (matchers, hours, status) in [
        (r#"instance=~".+""#, 24, 201),
        (r#"instance=~".+""#, 25, 422),
        (r#"alertname="ServerDown""#, 25, 422),
        (r#"team=~"a|b""#, 25, 422),
        // It is half of the fleet.
        (r#"instance="a-1""#, 25, 422),
        (r#"alertname="DiskFull""#, 24 * 30, 201),
        (r#"alertname="DiskFull""#, 24 * 400, 422),
        (r#"instance=~".*""#, 1, 422),
        ("*", 1, 422),
        (r#"instance="a-1""#, 0, 422),
        ("instance", 1, 422),
        (r#"instance=~"(""#, 1, 422),
    ] {
        let answer = house.silence(&root, matchers, hours * HOUR_S).await;
        assert_eq!(answer.status.as_u16(), status, "{matchers} {hours} h: {}", answer.body);
    }
}

#[tokio::test]
async fn a_change_of_a_silence_wants_our_own_page() {
    let house = House::new();
    let root = house.log_in("root").await;
    let body = wish(r#"instance="a-1""#, 60);
    for (name, value) in [
        ("x-watchfire-csrf", ""),
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let mut request = changing(Method::POST, "/api/silences", &root, &body);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let answer = house.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {}", answer.body);
    }
    assert_eq!(house.silences(&root).await, []);
}

#[tokio::test]
async fn who_is_told_says_that_it_is_silenced() {
    let house = House::new();
    let root = house.log_in("root").await;
    for (server, id) in [("a-1", house.incident_a), ("b-1", house.incident_b)] {
        house.fleet.set_incident(&crate::testing::name(server), Some((id, "gone".to_owned())));
    }
    made(&house.silence(&root, r#"instance="a-1""#, 60).await);
    let route = house.get("/api/servers/a-1/route", Some(&root)).await.body;
    assert!(route.contains(r#"silence of root: \"new disks\""#), "{route}");
    let line = house.get(&house.of_team_a("/api/incidents/{id}"), Some(&root)).await.body;
    assert!(line.contains("silenced") && line.contains("new disks"), "{line}");
    let other = house.get(&house.of_team_b("/api/incidents/{id}"), Some(&root)).await.body;
    assert!(!other.contains("silenced"), "{other}");
}
