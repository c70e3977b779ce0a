//! Rules and their alerts, as each user sees them.

use watchfire_alert::rules::{GroupState, RuleFile, Scene, always_known};
use watchfire_model::LabelSet;

use super::*;
use crate::rules::{Board, Snapshot, Timed, Watched};

const RULES: &str = "groups:
- name: disks
  interval: 10s
  limit: 5
  labels: { area: disks }
  rules:
  - alert: Up
    expr: up == 1
    for: 10s
    labels: { severity: critical, host: '{{ $labels.instance }}' }
    annotations: { summary: '{{ $labels.instance }} is up' }
  - record: ups
    expr: sum(up)
- name: others
  rules:
  - alert: Team
    expr: sum by (team) (up) >= 1
  - alert: Never
    expr: up > 9
";

/// A board on which the rules of a file were evaluated three times, 10 s apart.
fn board() -> Board {
    board_of(RULES)
}

fn board_of(rules: &str) -> Board {
    let file = RuleFile::parse("rules/a.yml", rules).expect("good rules");
    let (source, none) = (memory(&Scope::everything()), LabelSet::empty());
    let scene = Scene {
        source: &source,
        limits: Default::default(),
        template_limits: Default::default(),
        out_of_time: &|| false,
        is_known: &always_known,
        external_labels: &none,
        external_url: "https://hub.test",
    };
    let evaluated = |group: Arc<watchfire_alert::rules::Group>| {
        let mut state = GroupState::new(group);
        for at_s in [NOW - 20, NOW - 10, NOW] {
            state.evaluate(at_s * 1000, &scene);
        }
        let timed = Timed { began_unix_ms: NOW * 1000 + 5, took: Duration::from_millis(250) };
        let (rules, interval) = (vec![timed; state.group().rules.len()], 10_000);
        let watched = Watched::new(GroupState::new(state.group().clone()), interval);
        let state = Arc::new(state);
        watched.publish(Snapshot { state, whole: Some(timed), rules, samples: 3 });
        watched
    };
    let built_in = watchfire_alert::rules::built_in().groups.into_iter().take(1);
    let built_in = built_in.map(|group| Watched::new(GroupState::new(group), 15_000));
    Board::of(file.groups.into_iter().map(evaluated).chain(built_in))
}

fn house() -> House {
    House::with(|parts| parts.rules = board())
}

/// The names of the rules of each group that an answer has.
fn names(answer: &Answer) -> Vec<(String, Vec<String>)> {
    let body = json(answer);
    let groups = body["data"]["groups"].as_array().expect("groups").iter();
    let text = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    groups
        .map(|group| {
            (text(group), group["rules"].as_array().expect("rules").iter().map(text).collect())
        })
        .collect()
}

#[tokio::test]
async fn rules_are_told_in_prometheus_words() {
    let house = house();
    let root = house.log_in("root").await;
    let answer = house.ask("/api/v1/rules", &[("rule_group[]", "disks")], &root).await;
    let alert = |name: &str| {
        serde_json::json!({
            "labels": {
                "alertname": "Up", "area": "disks", "cpu": "", "host": name, "instance": name,
                "job": "node", "severity": "critical", "team": &name[..1],
            },
            "annotations": { "summary": format!("{name} is up") },
            "state": "firing",
            "activeAt": "2023-11-14T22:13:00Z",
            "value": "1e+00",
        })
    };
    let mut alerts = vec![alert("a-1"), alert("b-1")];
    for alert in &mut alerts {
        alert["labels"].as_object_mut().expect("labels").remove("cpu");
    }
    let expected = serde_json::json!({ "status": "success", "data": { "groups": [{
        "name": "disks",
        "file": "rules/a.yml",
        "interval": 10,
        "limit": 5,
        "evaluationTime": 0.25,
        "lastEvaluation": "2023-11-14T22:13:20.005Z",
        "rules": [
            {
                "state": "firing",
                "name": "Up",
                "query": "up == 1",
                "duration": 10,
                "keepFiringFor": 0,
                "labels": {
                    "area": "disks", "host": "{{ $labels.instance }}", "severity": "critical",
                },
                "annotations": { "summary": "{{ $labels.instance }} is up" },
                "alerts": alerts,
                "health": "ok",
                "evaluationTime": 0.25,
                "lastEvaluation": "2023-11-14T22:13:20.005Z",
                "type": "alerting",
            },
            {
                "name": "ups",
                "query": "sum(up)",
                "labels": { "area": "disks" },
                "health": "ok",
                "evaluationTime": 0.25,
                "lastEvaluation": "2023-11-14T22:13:20.005Z",
                "type": "recording",
            },
        ],
    }] } });
    assert_eq!(json(&answer), expected);
    let alerts = json(&house.get("/api/v1/alerts", Some(&root)).await);
    let found = alerts["data"]["alerts"].as_array().expect("alerts");
    assert_eq!(found.len(), 4, "{alerts}");
    assert_eq!(found[0], expected["data"]["groups"][0]["rules"][0]["alerts"][0]);
}

#[tokio::test]
async fn rules_are_picked_as_prometheus_picks_them() {
    let house = house();
    let root = house.log_in("root").await;
    let own = [("file[]", "rules/a.yml")];
    for (pairs, expected) in [
        (&[][..], "disks: Up, ups; others: Team, Never"),
        (&[("type", "alert")], "disks: Up; others: Team, Never"),
        (&[("type", "RECORD")], "disks: ups"),
        (&[("rule_name[]", "Never"), ("rule_name[]", "ups")], "disks: ups; others: Never"),
        (&[("rule_group[]", "others"), ("rule_name[]", "ups")], ""),
        (&[("match[]", "{severity=\"critical\"}")], "disks: Up"),
        (&[("match[]", "{severity=\"x\"}"), ("match[]", "{area=~\"d.*\"}")], "disks: Up, ups"),
        (&[("match[]", "{host=\"a-1\"}")], ""),
        (&[("file[]", "rules/b.yml")], "disks: Up, ups; others: Team, Never"),
    ] {
        let pairs: Vec<(&str, &str)> = own.iter().chain(pairs).copied().collect();
        let answer = house.ask("/api/v1/rules", &pairs, &root).await;
        let found: Vec<String> = names(&answer)
            .iter()
            .map(|(name, rules)| format!("{name}: {}", rules.join(", ")))
            .collect();
        assert_eq!(found.join("; "), expected, "{pairs:?}");
    }
    let without = house.ask("/api/v1/rules", &[("exclude_alerts", "true")], &root).await;
    assert!(without.body.contains("\"alerts\":[]") && !without.body.contains("activeAt"));
    for (pairs, why) in [
        (&[("type", "x")][..], "not supported value"),
        (&[("exclude_alerts", "maybe")], "invalid boolean value"),
        (&[("group_limit", "0")], "group_limit needs to be greater than 0"),
        (&[("group_limit", "x")], "must be a number"),
        (&[("group_next_token", "x")], "group_limit needs to be present"),
        (&[("group_limit", "1"), ("group_next_token", "x")], "were rule groups changed?"),
        (&[("match[]", "{")], "match[]"),
    ] {
        let (status, kind, words) = error(&house.ask("/api/v1/rules", pairs, &root).await);
        assert!((status, kind.as_str()) == (400, "bad_data") && words.contains(why), "{words}");
    }
}

#[tokio::test]
async fn groups_are_told_page_by_page() {
    let house = house();
    let root = house.log_in("root").await;
    let (mut token, mut seen) = (String::new(), Vec::new());
    for _ in 0..4 {
        let pairs = [("group_limit", "1"), ("group_next_token", &token)];
        let answer = house.ask("/api/v1/rules", &pairs, &root).await;
        let page = names(&answer);
        assert_eq!(page.len(), 1, "{answer:?}");
        seen.push(page[0].0.clone());
        match json(&answer)["data"]["groupNextToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    let first = watchfire_alert::rules::built_in().groups[0].name.clone();
    assert_eq!(seen, [first.as_str(), "disks", "others"]);
    let all = house.ask("/api/v1/rules", &[("group_limit", "3")], &root).await;
    assert!(!all.body.contains("groupNextToken"));
}

#[tokio::test]
async fn a_user_sees_the_alerts_of_their_servers_and_the_rules_that_have_some() {
    let house = house();
    let ann = house.log_in("ann").await;
    let rules = house.get("/api/v1/rules", Some(&ann)).await;
    assert!(rules.body.contains("a-1") && !rules.body.contains("b-1"), "{rules:?}");
    let found = names(&rules);
    let of = |group: &str| found.iter().find(|(name, _)| name == group).map(|(_, rules)| rules);
    assert_eq!(of("disks").expect("it has an alert"), &["Up"]);
    // One of no server is judged by its own labels.
    assert_eq!(of("others").expect("it has an alert"), &["Team"]);
    assert!(rules.body.contains("\"team\":\"a\"") && !rules.body.contains("\"team\":\"b\""));
    // The hub's own are no secret.
    assert_eq!(found.len(), 3);
    let alerts = house.get("/api/v1/alerts", Some(&ann)).await;
    assert!(alerts.body.contains("a-1") && !alerts.body.contains("b-1"), "{alerts:?}");
}

fn wish(rules: &str, more: &[(&str, i64)]) -> Request<Body> {
    let mut body = serde_json::json!({ "rules": rules });
    for (key, value) in more {
        body[*key] = (*value).into();
    }
    Request::post("/api/v1/rules/rehearse")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "localhost:5100")
        .body(Body::from(body.to_string()))
        .expect("a good request")
}

fn seated(mut request: Request<Body>, seat: &Seat) -> Request<Body> {
    let cookie = seat.cookie.parse().expect("a cookie");
    request.headers_mut().insert(header::COOKIE, cookie);
    request
}

#[tokio::test]
async fn rules_are_rehearsed_on_the_askers_own_series() {
    let house = house();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let rules = "groups: [{ name: g, interval: 15s, rules: [\
        { alert: Up, expr: 'up == 1', for: 1m, annotations: { x: '{{ $labels.instance }}' } }] }]";
    let times = [("from_unix_ms", (NOW - 300) * 1000), ("until_unix_ms", NOW * 1000)];
    let told = house.send(seated(wish(rules, &times), &root)).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    let read = json(&told);
    let rule = &read["groups"][0]["rules"][0];
    assert_eq!((rule["name"].as_str(), rule["evaluations"].as_i64()), (Some("Up"), Some(21)));
    let alerts = rule["alerts"].as_array().expect("alerts");
    assert_eq!(alerts.len(), 2);
    let first = &alerts[0];
    assert_eq!(first["labels"]["instance"], "a-1");
    assert_eq!(
        (first["pending_ms"].as_i64(), first["firing_ms"].as_i64()),
        (Some(60_000), Some(240_000))
    );
    assert_eq!(first["stretches"][1]["state"], "firing");
    let of_ann = house.send(seated(wish(rules, &times), &ann)).await;
    assert!(of_ann.body.contains("a-1") && !of_ann.body.contains("b-1"), "{of_ann:?}");
    assert_eq!(house.send(wish(rules, &times)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_rehearsed_is_told() {
    let house = house();
    let root = house.log_in("root").await;
    let good = "groups: [{ name: g, rules: [{ alert: Up, expr: up }] }]";
    let told = |request| async { error(&house.send(seated(request, &root)).await) };
    let (status, _, words) = told(wish("groups: x", &[])).await;
    assert!(status == 400 && words.contains("rules:1:9: groups is a list"), "{words}");
    let (status, _, words) = told(wish(good, &[("from_unix_ms", 2), ("until_unix_ms", 1)])).await;
    assert!(status == 400 && words.contains("ends before it begins"), "{words}");
    let (status, _, words) = told(wish(good, &[("step_ms", 0)])).await;
    assert!(status == 400 && words.contains("step"), "{words}");
    let (status, _, words) = told(wish(good, &[("step_ms", 1)])).await;
    assert!(status == 400 && words.contains("moments"), "{words}");
    let large = wish(&"#".repeat(2 << 20), &[]);
    assert_eq!(told(large).await.0, 413);
    let (status, _, words) = told(wish(good, &[("what", 1)])).await;
    assert!(status == 422 && words.contains("unknown field"), "{words}");
}

#[tokio::test]
async fn figures_of_rules_have_prometheus_names() {
    let house = house();
    let root = house.log_in("root").await;
    let text = house.get("/metrics", Some(&root)).await.body;
    for line in [
        "prometheus_rule_group_rules{rule_group=\"rules/a.yml;disks\"} 2",
        "prometheus_rule_group_interval_seconds{rule_group=\"rules/a.yml;disks\"} 10",
        "prometheus_rule_group_last_duration_seconds{rule_group=\"rules/a.yml;disks\"} 0.25",
        "prometheus_rule_group_iterations_missed_total{rule_group=\"rules/a.yml;others\"} 0",
        "prometheus_rule_evaluation_failures_total{rule_group=\"rules/a.yml;others\"} 0",
        "prometheus_config_last_reload_successful 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn no_rule_tells_of_servers_that_its_reader_may_not_see() {
    let rules = "groups:
- name: g
  rules:
  - alert: Named
    expr: up{instance=~\"a-1|b-1\"} == 1
    labels: { to: b-1-team }
    annotations: { summary: 'as are {{ range query \"up\" }}{{ .Labels.instance }} {{ end }}' }
  - alert: Plain
    expr: up == 1
    annotations: { summary: '{{ $labels.instance }} is up' }
";
    let house = House::with(|parts| parts.rules = board_of(rules));
    let own = [("file[]", "rules/a.yml")];
    let ann = house.ask("/api/v1/rules", &own, &house.log_in("ann").await).await;
    let found = json(&ann)["data"]["groups"][0]["rules"].clone();
    assert_eq!((&found[0]["name"], &found[0]["query"]), (&"Named".into(), &"".into()));
    assert_eq!(found[0]["annotations"], serde_json::json!({}));
    let told = &found[0]["alerts"][0]["annotations"]["summary"];
    assert_eq!(told.as_str().expect("it is told").trim_end(), "as are a-1 another server");
    assert_eq!((&found[1]["name"], &found[1]["query"]), (&"Plain".into(), &"up == 1".into()));
    assert_eq!(found[1]["alerts"][0]["annotations"]["summary"], "a-1 is up");
    let root = house.ask("/api/v1/rules", &own, &house.log_in("root").await).await;
    let found = json(&root)["data"]["groups"][0]["rules"].clone();
    assert_eq!(found[0]["query"], "up{instance=~\"a-1|b-1\"} == 1");
    assert_eq!(found[0]["alerts"].as_array().expect("alerts").len(), 2);
}
