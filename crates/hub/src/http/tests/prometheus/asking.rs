//! Questions in PromQL: golden answers, by GET and POST alike, and errors.

use super::*;

const CPU: &str =
    r#"{"__name__":"node_cpu_seconds_total","cpu":"0","instance":"a-1","job":"node","team":"a"}"#;

/// Parameters, and the whole body that they are answered with.
pub(super) type Golden<'a> = (&'a str, &'a [(&'a str, &'a str)], String);

fn golden() -> Vec<Golden<'static>> {
    let vector = |result: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#)
    };
    let of = |kind: &str, result: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
    };
    vec![
        (
            "/api/v1/query",
            &[("query", "node_cpu_seconds_total"), ("time", "1700000000")],
            vector(&format!(r#"{{"metric":{CPU},"value":[1700000000,"300"]}}"#)),
        ),
        // Without a time it is the hub's.
        (
            "/api/v1/query",
            &[("query", "sum(up) / 3")],
            vector(r#"{"metric":{},"value":[1700000000,"0.3333333333333333"]}"#),
        ),
        (
            "/api/v1/query",
            &[("query", "time()"), ("time", "2023-11-14T22:13:20.5Z")],
            of("scalar", r#"[1700000000.500,"1700000000.5"]"#),
        ),
        ("/api/v1/query", &[("query", "\"hé\"")], of("string", r#"[1700000000,"hé"]"#)),
        (
            "/api/v1/query",
            &[("query", "node_cpu_seconds_total[30s]")],
            of(
                "matrix",
                &format!(
                    r#"[{{"metric":{CPU},"values":[[1699999985,"292.5"],[1700000000,"300"]]}}]"#
                ),
            ),
        ),
        ("/api/v1/query", &[("query", "nothing")], vector("")),
        (
            "/api/v1/query",
            &[("query", "vector(NaN)")],
            vector(r#"{"metric":{},"value":[1700000000,"NaN"]}"#),
        ),
        (
            "/api/v1/query",
            &[("query", "up"), ("time", "1700000200"), ("lookback_delta", "100")],
            vector(""),
        ),
        (
            "/api/v1/query_range",
            &[
                ("query", "rate(node_cpu_seconds_total[1m])"),
                ("start", "1699999980"),
                ("end", "1700000000"),
                ("step", "10"),
            ],
            of(
                "matrix",
                concat!(
                    r#"[{"metric":{"cpu":"0","instance":"a-1","job":"node","team":"a"},"#,
                    r#""values":[[1699999980,"0.49999999999999994"],[1699999990,"0.49999999999999994"],[1700000000,"0.49999999999999994"]]}]"#
                ),
            ),
        ),
        (
            "/api/v1/query_range",
            &[("query", "1"), ("start", "0"), ("end", "60"), ("step", "1m")],
            of("matrix", r#"[{"metric":{},"values":[[0,"1"],[60,"1"]]}]"#),
        ),
        (
            "/api/v1/format_query",
            &[("query", "sum( up )by(job)")],
            r#"{"status":"success","data":"sum by (job) (up)"}"#.to_owned(),
        ),
        (
            "/api/v1/query_exemplars",
            &[("query", "up"), ("start", "1"), ("end", "2")],
            r#"{"status":"success","data":[]}"#.to_owned(),
        ),
    ]
}

#[tokio::test]
async fn questions_have_prometheus_answers_by_get_and_post() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    for (path, pairs, body) in golden() {
        let got = house.ask(path, pairs, &ann).await;
        assert_eq!((got.status, &got.body), (StatusCode::OK, &body), "{path} {pairs:?}");
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.header("cache-control"), "no-store");
        let posted = house.post(path, pairs, &ann).await;
        assert_eq!((posted.status, &posted.body), (StatusCode::OK, &body), "POST {path}");
    }
}

#[tokio::test]
async fn a_form_goes_before_the_address_and_both_count() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let request = posted("/api/v1/query?query=2&time=7", form(&[("query", "1")]), &ann);
    let answer = house.send(request).await;
    assert_eq!(json(&answer)["data"]["result"], serde_json::json!([7, "1"]));
}

#[tokio::test]
async fn errors_have_prometheus_types_and_statuses() {
    let house = House::new();
    let root = house.log_in("root").await;
    let range =
        |start, end, step| [("query", "up"), ("start", start), ("end", end), ("step", step)];
    let long = "x".repeat(70_000);
    let many_to_many = "up + on (job) up";
    for (path, pairs, status, kind, words) in [
        ("query", &[][..], 400, "bad_data", "invalid parameter \"query\""),
        ("query", &[("query", "sum(")], 400, "bad_data", "parse error"),
        (
            "query",
            &[("query", "up"), ("time", "now")],
            400,
            "bad_data",
            "Invalid time value for 'time'",
        ),
        ("query", &[("query", "up"), ("timeout", "x")], 400, "bad_data", "\"timeout\""),
        ("query", &[("query", "up"), ("limit", "-1")], 400, "bad_data", "\"limit\""),
        ("query", &[("query", "up"), ("lookback_delta", "-5")], 400, "bad_data", "lookback_delta"),
        ("query", &[("query", "up"), ("timeout", "0")], 503, "timeout", "longer than it may"),
        ("query", &[("query", "up"), ("time", "1e300")], 400, "bad_data", "too far"),
        ("query", &[("query", many_to_many)], 422, "execution", "many-to-many"),
        ("query", &[("query", &long)], 400, "bad_data", "65536"),
        ("query_range", &range("2", "1", "1"), 400, "bad_data", "before start"),
        ("query_range", &range("1", "2", "0"), 400, "bad_data", "zero or negative"),
        ("query_range", &range("1", "2", "-1"), 400, "bad_data", "zero or negative"),
        ("query_range", &range("1", "2", ""), 400, "bad_data", "\"step\""),
        ("query_range", &range("", "2", "1"), 400, "bad_data", "\"start\""),
        ("query_range", &range("1", "2", "x"), 400, "bad_data", "\"step\""),
        ("query_range", &range("1e14", "1e14", "1y"), 400, "bad_data", "too far"),
        ("format_query", &[("query", "1 +")], 400, "bad_data", "parse error"),
        ("query_exemplars", &[("query", "")], 400, "bad_data", "\"query\""),
    ] {
        let path = format!("/api/v1/{path}");
        let answer = house.post(&path, pairs, &root).await;
        let (got, got_kind, got_words) = error(&answer);
        assert_eq!((got, got_kind.as_str()), (status, kind), "{pairs:?}: {got_words}");
        assert!(got_words.contains(words), "{pairs:?}: {got_words}");
    }
}

#[tokio::test]
async fn as_many_steps_are_answered_as_prometheus_answers() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let range = |end| [("query", "1"), ("start", "0"), ("end", end), ("step", "1")];
    let most = house.ask("/api/v1/query_range", &range("11000"), &ann).await;
    let points = json(&most)["data"]["result"][0]["values"].as_array().map(Vec::len);
    assert_eq!(points, Some(11_001));
    let more = house.ask("/api/v1/query_range", &range("11001"), &ann).await;
    let (status, kind, words) = error(&more);
    assert_eq!((status, kind.as_str()), (400, "bad_data"));
    assert!(words.starts_with("exceeded maximum resolution of 11,000 points"), "{words}");
    // Ten years by the second.
    let ten_years = house.ask("/api/v1/query_range", &range("315360000"), &ann).await;
    assert_eq!(ten_years.status, 400);
}

#[tokio::test]
async fn a_limit_cuts_and_says_so() {
    let house = House::new();
    let root = house.log_in("root").await;
    let range = [("query", "up"), ("start", "1699999990"), ("end", "1700000000"), ("step", "10")];
    for (path, pairs) in [("query", &[("query", "up")][..]), ("query_range", &range)] {
        let path = format!("/api/v1/{path}");
        for (limit, series) in [("1", 1), ("2", 2), ("0", 2)] {
            let pairs = [pairs, &[("limit", limit)]].concat();
            let body = json(&house.ask(&path, &pairs, &root).await);
            assert_eq!(body["data"]["result"].as_array().map(Vec::len), Some(series), "{limit}");
            let warned = body["warnings"] == serde_json::json!(["results truncated due to limit"]);
            assert_eq!(warned, limit == "1", "{body}");
        }
    }
}

#[tokio::test]
async fn warnings_infos_and_statistics_come_along() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let noted = house.ask("/api/v1/query", &[("query", "rate(up[1m])")], &ann).await;
    let infos = json(&noted)["infos"].clone();
    assert!(infos[0].as_str().is_some_and(|info| info.contains("counter")), "{noted:?}");
    assert!(json(&noted).get("warnings").is_none());
    let pairs = [("query", "quantile(2, up)"), ("stats", "true")];
    let body = json(&house.ask("/api/v1/query", &pairs, &ann).await);
    assert!(body["warnings"][0].as_str().is_some_and(|text| text.contains("quantile")), "{body}");
    let stats = &body["data"]["stats"];
    assert!(stats["samples"]["totalQueryableSamples"].as_u64() > Some(0), "{body}");
    assert!(stats["timings"]["execTotalTime"].is_number());
}
