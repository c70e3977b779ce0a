//! What an Alertmanager's clients are told, and who may send alerts.

use serde_json::{Value, json};
use watchfire_model::{Labels, Server};
use watchfire_runtime::Secret;

use super::silences::changing;
use super::*;
use crate::config::Sender;

const ALERTS: &str = "/api/v2/alerts";
const SILENCES: &str = "/api/v2/silences";

impl House {
    async fn post_v2(&self, path: &str, seat: &Seat, body: &Value) -> Answer {
        self.send(changing(Method::POST, path, seat, &body.to_string())).await
    }

    async fn get_v2(&self, path: &str, seat: &Seat) -> Value {
        let answer = self.get(path, Some(seat)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// The names of the alerts that somebody is shown.
    async fn alerts(&self, query: &str, seat: &Seat) -> Vec<String> {
        let all = self.get_v2(&format!("{ALERTS}{query}"), seat).await;
        let name = |one: &Value| one["labels"]["alertname"].as_str().expect("a name").to_owned();
        all.as_array().expect("a list").iter().map(name).collect()
    }
}

fn alert(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut all = serde_json::Map::from_iter([("alertname".to_owned(), json!(name))]);
    all.extend(labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    json!({ "labels": all, "annotations": { "summary": "look" }, "generatorURL": "http://p/g" })
}

fn silence(name: &str, value: &str, ends: &str) -> Value {
    json!({
        "matchers": [{ "name": name, "value": value, "isRegex": false, "isEqual": true }],
        "startsAt": "0001-01-01T00:00:00.000Z",
        "endsAt": ends,
        "createdBy": "somebody else",
        "comment": "new disks",
    })
}

#[tokio::test]
async fn alerts_that_come_in_are_shown_to_those_who_may_see_them() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let down = Some((house.incident_a, "It does not answer.".to_owned()));
    house.fleet.set_incident(&crate::testing::name("a-1"), down);
    let fire = json!([
        alert("DiskFull", &[("instance", "a-1:9100")]),
        alert("DiskSlow", &[("instance", "b-1"), ("team", "a")]),
        alert("Quota", &[("team", "a")]),
        alert("Budget", &[]),
    ]);
    let answer = house.post_v2(ALERTS, &root, &fire).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(house.alerts("", &ann).await, ["ServerDown", "DiskFull", "Quota"]);
    let all = ["ServerDown", "DiskFull", "DiskSlow", "Quota", "Budget"];
    assert_eq!(house.alerts("", &root).await, all);
    assert_eq!(house.alerts("?filter=team%3D%22a%22", &root).await.len(), 3);
    assert_eq!(house.alerts("?filter=alertname%3D~%22Disk.*%22", &ann).await, ["DiskFull"]);

    let shown = house.get_v2(&format!("{ALERTS}?filter=alertname=DiskFull"), &root).await;
    let expected = json!([{
        "annotations": { "summary": "look" },
        "endsAt": "2023-11-14T22:18:20.000Z",
        "fingerprint": shown[0]["fingerprint"],
        "receivers": shown[0]["receivers"],
        "startsAt": "2023-11-14T22:13:20.000Z",
        "status": { "inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active" },
        "updatedAt": "2023-11-14T22:13:20.000Z",
        "generatorURL": "http://p/g",
        "labels": { "alertname": "DiskFull", "instance": "a-1:9100" },
    }]);
    assert_eq!(shown, expected);
    assert_eq!(shown[0]["fingerprint"].as_str().expect("a text").len(), 16);
    let down = house.get_v2(&format!("{ALERTS}?filter=alertname=ServerDown"), &ann).await;
    assert_eq!(down[0]["annotations"]["summary"], "It does not answer.");
    let labels = json!({
        "alertname": "ServerDown", "instance": "a-1", "name": "a-1", "server": "a-1",
        "severity": "critical", "team": "a",
    });
    assert_eq!(down[0]["labels"], labels);

    let groups = house.get_v2("/api/v2/alerts/groups", &root).await;
    let names = |group: &Value| (group["labels"].clone(), group["receiver"]["name"].clone());
    let of_a = json!({ "alertname": "DiskFull" });
    let found: Vec<_> = groups.as_array().expect("a list").iter().map(names).collect();
    assert!(found.contains(&(of_a.clone(), json!("ann"))), "{found:?}");
    assert!(found.contains(&(json!({ "alertname": "Budget" }), json!("watchfire"))), "{found:?}");
    assert_eq!(house.alerts("?receiver=olga", &ann).await, [""; 0], "that is no viewer's to know");

    let mut over = alert("Quota", &[("team", "a")]);
    over["endsAt"] = json!("2023-11-14T22:13:20Z");
    assert_eq!(house.post_v2(ALERTS, &root, &json!([over])).await.status, StatusCode::OK);
    assert_eq!(house.alerts("", &ann).await, ["ServerDown", "DiskFull"]);
}

#[tokio::test]
async fn a_silence_by_alertmanagers_way_is_one_of_ours() {
    let house = House::new();
    let (ann, olga) = (house.log_in("ann").await, house.log_in("olga").await);
    let root = house.log_in("root").await;
    let fire = json!([alert("DiskFull", &[("instance", "a-1")])]);
    assert_eq!(house.post_v2(ALERTS, &olga, &fire).await.status, StatusCode::OK);
    let hour = "2023-11-14T23:13:20.000Z";
    let wish = silence("instance", "a-1", hour);
    assert_eq!(house.post_v2(SILENCES, &ann, &wish).await.status, StatusCode::FORBIDDEN);
    let answer = house.post_v2(SILENCES, &olga, &wish).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let made: Value = serde_json::from_str(&answer.body).expect("JSON");
    let id = made["silenceID"].as_str().expect("an id").to_owned();

    let shown = house.get_v2(ALERTS, &ann).await;
    let status = json!({
        "inhibitedBy": [], "mutedBy": [], "silencedBy": [id], "state": "suppressed",
    });
    assert_eq!(shown[0]["status"], status);
    assert_eq!(house.alerts("?silenced=false", &ann).await, [""; 0]);
    assert_eq!(house.alerts("?active=false", &ann).await, ["DiskFull"]);
    let of_silence = json!({
        "id": id,
        "status": { "state": "active" },
        "updatedAt": "2023-11-14T22:13:20.000Z",
        "comment": "new disks",
        "createdBy": "olga",
        "endsAt": hour,
        "matchers": [{ "isEqual": true, "isRegex": false, "name": "instance", "value": "a-1" }],
        "startsAt": "2023-11-14T22:13:20.000Z",
    });
    let path = format!("/api/v2/silence/{id}");
    assert_eq!(house.get_v2(&path, &ann).await, of_silence);
    let filtered = |text: &str| format!("{SILENCES}?filter={text}");
    assert_eq!(house.get_v2(&filtered("instance=a-1"), &ann).await, json!([of_silence]));
    assert_eq!(house.get_v2(&filtered("instance=a-2"), &ann).await, json!([]));
    let ended = house.send(changing(Method::DELETE, &path, &olga, "")).await;
    assert_eq!((ended.status, ended.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(house.get_v2(&path, &ann).await["status"]["state"], "expired");
    assert_eq!(house.get_v2(ALERTS, &ann).await[0]["status"]["state"], "active");

    for (seat, wish, status, words) in [
        (&olga, silence("instance", "b-1", hour), 403, "beyond yours"),
        (&root, silence("instance", "", hour), 400, "silence invalid: a silence needs a matcher"),
        (&root, silence("instance", "a-1", "2023-11-16T22:13:21Z"), 400, "a day at the most"),
        (&root, silence("instance", "a-1", "2023-11-14T22:13:20Z"), 400, "later than now"),
        (&root, silence("instance", "a-1", ""), 400, "no end"),
        (&root, silence("a b", "a-1", hour), 400, "label name"),
        (&root, json!({ "matchers": [] }), 422, "missing field"),
    ] {
        let answer = house.post_v2(SILENCES, seat, &wish).await;
        assert_eq!(answer.status.as_u16(), status, "{wish}: {}", answer.body);
        assert!(answer.body.contains(words), "{wish}: {}", answer.body);
    }
    let mut unknown = silence("instance", "a-1", hour);
    unknown["id"] = json!("00000000-0000-4000-8000-000000000000");
    let answer = house.post_v2(SILENCES, &root, &unknown).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "\"silence not found\""));
}

#[tokio::test]
async fn nobody_sends_alerts_about_what_they_may_not_see() {
    let house = House::new();
    let (ann, olga) = (house.log_in("ann").await, house.log_in("olga").await);
    let answer = |seat: &Seat, alert: Value| {
        let (house, seat, body) = (&house, seat.clone(), json!([alert]));
        async move { house.post_v2(ALERTS, &seat, &body).await }
    };
    let mine = alert("X", &[("instance", "a-1")]);
    assert_eq!(answer(&ann, mine.clone()).await.status, StatusCode::FORBIDDEN, "a viewer");
    assert_eq!(answer(&olga, mine.clone()).await.status, StatusCode::OK);
    assert_eq!(answer(&olga, alert("Y", &[("team", "a")])).await.status, StatusCode::OK);
    let missing = answer(&olga, alert("Z", &[("instance", "z-9"), ("team", "a")])).await;
    assert_eq!(missing.status, StatusCode::FORBIDDEN);
    for labels in [
        &[("instance", "b-1")][..],
        &[("instance", "b-1"), ("team", "a")],
        &[("host", "b-1"), ("team", "a")],
        &[("team", "b")],
        &[],
    ] {
        assert_eq!(answer(&olga, alert("Z", labels)).await, missing, "{labels:?}");
    }
    assert_eq!(house.alerts("", &house.log_in("root").await).await, ["X", "Y"]);
}

#[tokio::test]
async fn a_sender_sends_alerts_by_its_token_and_nothing_else() {
    let mut labels = Labels::new();
    labels.insert("team", "a").expect("a label");
    let server = Server::new(crate::testing::name("prom-1"), labels);
    let sender = Sender { server, token: Secret::new("the-senders-token") };
    let house = House::with(|parts| parts.senders = Senders::new(&[sender], false));
    let post = |path: &str, token: &str, body: &Value| {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        house.send(request.expect("a good request"))
    };
    let fire = json!([alert("Watchdog", &[("team", "a")])]);
    let hour = "2023-11-14T23:13:20.000Z";
    assert_eq!(post(ALERTS, "the-senders-token", &fire).await.status, StatusCode::OK);
    assert_eq!(post(ALERTS, "another", &fire).await.status, StatusCode::UNAUTHORIZED);
    let silence = silence("instance", "a-1", hour);
    let answer = post(SILENCES, "the-senders-token", &silence).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.alerts("", &house.log_in("ann").await).await, ["Watchdog"]);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_the_rest_is_taken() {
    let house = House::new();
    let root = house.log_in("root").await;
    let mixed = json!([{ "labels": { "alertname": "x", "a-b": "c" } }, alert("Good", &[])]);
    let answer = house.post_v2(ALERTS, &root, &mixed).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body, r#""invalid label set: invalid name \"a-b\"""#);
    assert_eq!(house.alerts("", &root).await, ["Good"]);
    let many = Value::from(vec![json!({ "labels": { "alertname": "x" } }); 10_001]);
    let large = Value::from("x".repeat(4 << 20));
    for (body, status) in [(many, 413), (large, 413), (json!({}), 400), (json!(["x"]), 400)] {
        let answer = house.post_v2(ALERTS, &root, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    }
    let mut form = changing(Method::POST, ALERTS, &root, "[]");
    let kind = HeaderValue::from_static("text/plain");
    form.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(house.send(form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for query in ["?filter=x", "?filter=a=~(", "?receiver=("] {
        let answer = house.get(&format!("{ALERTS}{query}"), Some(&root)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_said() {
    let house = House::new();
    let root = house.log_in("root").await;
    let many: Vec<Value> = (0..1_002).map(|number| alert(&format!("A{number}"), &[])).collect();
    let answer = house.post_v2(ALERTS, &root, &json!(many[..1_000])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = house.post_v2(ALERTS, &root, &json!(many)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let words = "\"1000 of 1002 alerts are taken; 2 left out: you have the most already that one \
                 may have\"";
    assert_eq!(answer.body, words);
    let mixed = json!([{ "labels": {} }, many[1_001]]);
    let answer = house.post_v2(ALERTS, &root, &mixed).await;
    assert!(answer.body.starts_with("\"0 of 2 alerts are taken; at least one"), "{}", answer.body);
    let olga = house.log_in("olga").await;
    let hers = json!([alert("Hers", &[("team", "a")])]);
    assert_eq!(house.post_v2(ALERTS, &olga, &hers).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_status_names_the_receivers_that_one_may_know() {
    let house = House::new();
    for (user, receivers) in [
        ("ann", json!([{ "name": "watchfire" }, { "name": "ann" }])),
        ("olga", json!([{ "name": "watchfire" }, { "name": "ann" }, { "name": "olga" }])),
    ] {
        let seat = house.log_in(user).await;
        assert_eq!(house.get_v2("/api/v2/receivers", &seat).await, receivers);
        let status = house.get_v2("/api/v2/status", &seat).await;
        assert_eq!(status["cluster"], json!({ "peers": [], "status": "disabled" }));
        assert_eq!(status["uptime"], "2023-11-14T22:13:20.000Z");
        let config = status["config"]["original"].as_str().expect("a config");
        assert!(config.contains("- name: \"ann\""), "{config}");
        assert_eq!(config.contains("olga"), user == "olga", "{config}");
    }
}
