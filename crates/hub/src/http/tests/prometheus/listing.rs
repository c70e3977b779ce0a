//! Series, labels, metadata and what the hub tells of itself.

use super::asking::Golden;
use super::*;

#[tokio::test]
async fn listings_have_golden_answers_by_get_and_post() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let ok = |data: &str| format!(r#"{{"status":"success","data":{data}}}"#);
    let up = r#"{"__name__":"up","instance":"a-1","job":"node","team":"a"}"#;
    let later = ("start", "1700000001");
    let two_names = r#"["http.status","node_cpu_seconds_total"]"#;
    let warned = r#""warnings":["results truncated due to limit"]"#;
    let cut = format!(r#"{{"status":"success","data":{two_names},{warned}}}"#);
    let names = r#"["http.status","node_cpu_seconds_total","up"]"#;
    let known = r#"{"up":[{"help":"1 when \"it\" answers","type":"gauge","unit":""}]}"#;
    let same = [("match[]", "up"), ("match[]", "{team='a',__name__='up'}")];
    let cases: [Golden<'_>; 16] = [
        ("/api/v1/series", &[("match[]", "up")], ok(&format!("[{up}]"))),
        ("/api/v1/series", &same, ok(&format!("[{up}]"))),
        ("/api/v1/series", &[("match[]", "up"), later], ok("[]")),
        ("/api/v1/labels", &[], ok(r#"["__name__","cpu","instance","job","team"]"#)),
        ("/api/v1/labels", &[("match[]", "up")], ok(r#"["__name__","instance","job","team"]"#)),
        ("/api/v1/label/instance/values", &[], ok(r#"["a-1"]"#)),
        ("/api/v1/label/cpu/values", &[("match[]", "up")], ok("[]")),
        ("/api/v1/label/U__no_2e_dot/values", &[], ok("[]")),
        ("/api/v1/label/U______name____/values", &[], ok(names)),
        ("/api/v1/label/__name__/values", &[("limit", "2")], cut),
        ("/api/v1/metadata", &[], ok(known)),
        ("/api/v1/metadata", &[("metric", "nothing")], ok("{}")),
        ("/api/v1/metadata", &[("limit", "0")], ok("{}")),
        // Nothing is before its own beginning.
        ("/api/v1/labels", &[("start", "2"), ("end", "1")], ok("[]")),
        ("/api/v1/rules", &[("type", "alert")], ok(r#"{"groups":[]}"#)),
        ("/api/v1/alerts", &[], ok(r#"{"alerts":[]}"#)),
    ];
    for (path, pairs, body) in cases {
        let got = house.ask(path, pairs, &ann).await;
        assert_eq!((got.status, &got.body), (StatusCode::OK, &body), "{path} {pairs:?}");
        if matches!(path, "/api/v1/series" | "/api/v1/labels") {
            assert_eq!(house.post(path, pairs, &ann).await.body, body, "POST {path}");
        }
    }
}

#[tokio::test]
async fn wrong_wishes_are_told() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    for (path, pairs, words) in [
        ("series", &[][..], "no match[] parameter provided"),
        ("series", &[("match[]", "{}")], "match[]"),
        ("series", &[("match[]", "up[")], "parse error"),
        ("labels", &[("limit", "x")], "\"limit\""),
        ("labels", &[("start", "x")], "\"start\""),
        ("label/__name__/values", &[("match[]", "rate(up[1m])")], "match[]"),
        ("series", &[("match[]", "up"), ("limit", "-1")], "non-negative"),
        ("metadata", &[("limit", "x")], "limit must be a number"),
        ("rules", &[("type", "x")], "\"type\""),
    ] {
        let (status, kind, got) = error(&house.ask(&format!("/api/v1/{path}"), pairs, &ann).await);
        assert_eq!((status, kind.as_str()), (400, "bad_data"), "{path} {pairs:?}");
        assert!(got.contains(words), "{path}: {got}");
    }
}

#[tokio::test]
async fn targets_are_the_servers_with_their_health() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let targets = json(&house.get("/api/v1/targets", Some(&ann)).await);
    let active = &targets["data"]["activeTargets"];
    let labels = serde_json::json!({ "instance": "a-1", "job": "node", "team": "a" });
    assert_eq!(active[0]["labels"], labels, "{targets}");
    assert_eq!(active[0]["health"], "up");
    assert_eq!(active[0]["scrapePool"], "node");
    assert_eq!(active[0]["lastScrape"], "2023-11-14T22:13:20Z");
    let count = |answer: &Answer| json(answer)["data"]["activeTargets"].as_array().map(Vec::len);
    for (query, servers) in [
        ("state=any", 1),
        ("state=dropped", 0),
        ("state=x", 0),
        ("scrapePool=node", 1),
        ("scrapePool=x", 0),
    ] {
        let answer = house.get(&format!("/api/v1/targets?{query}"), Some(&ann)).await;
        assert_eq!(count(&answer), Some(servers), "{query}");
    }
}

#[tokio::test]
async fn a_version_is_told_that_front_ends_understand() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let body = json(&house.get("/api/v1/status/buildinfo", Some(&ann)).await);
    let version = body["data"]["version"].as_str().expect("a text");
    assert!(version.starts_with("3.") && version.contains("+watchfire."), "{version}");
}

#[tokio::test]
async fn the_last_values_are_federated_as_text() {
    let house = House::new();
    let root = house.log_in("root").await;
    let both = [("match[]", "up"), ("match[]", "{__name__=~\"up|http.status\"}")];
    let answer = house.ask("/federate", &both, &root).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let expected = "# TYPE http_status untyped\n\
        http_status{instance=\"a-1\",job=\"node\",team=\"a\"} 0.1 1699999940000\n\
        http_status{instance=\"b-1\",job=\"node\",team=\"b\"} 0.1 1699999940000\n\
        # TYPE up untyped\n\
        up{instance=\"a-1\",job=\"node\",team=\"a\"} 1 1700000000000\n\
        up{instance=\"b-1\",job=\"node\",team=\"b\"} 1 1700000000000\n";
    assert_eq!(answer.body, expected);

    let mut request = asking(
        Method::GET,
        "/federate?match%5B%5D=%7B__name__%3D%22http.status%22%2Cteam%3D%22a%22%7D",
        Some(&root),
    );
    let accept = HeaderValue::from_static("text/plain;version=1.0.0;escaping=allow-utf-8");
    request.headers_mut().insert(header::ACCEPT, accept);
    let expected = "# TYPE \"http.status\" untyped\n\
        {\"http.status\",instance=\"a-1\",job=\"node\",team=\"a\"} 0.1 1699999940000\n";
    assert_eq!(house.send(request).await.body, expected);

    let nothing = house.ask("/federate", &[], &root).await;
    assert_eq!((nothing.status, nothing.body.as_str()), (StatusCode::OK, ""));
    let wrong = house.ask("/federate", &[("match[]", "up[")], &root).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("parse error") && !wrong.body.contains('{'), "{}", wrong.body);
}

#[tokio::test]
async fn readiness_needs_no_login_and_ends_with_the_hub() {
    let house = House::new();
    for path in ["/-/ready", "/-/healthy", "/readyz"] {
        assert_eq!(house.get(path, None).await.status, StatusCode::OK, "{path}");
    }
    house.end.request();
    assert_eq!(house.get("/-/ready", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("/-/healthy", None).await.status, StatusCode::OK);
}
