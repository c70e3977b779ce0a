use serde_json::{Value, json};

use super::*;
use crate::session::CommandDesk;

/// Asks as a program does, with a password.
async fn post(house: &House, user: &str, body: &Value) -> Answer {
    send(house, user, Request::post("/api/runs"), body.to_string()).await
}

async fn send(
    house: &House,
    user: &str,
    request: axum::http::request::Builder,
    body: String,
) -> Answer {
    use base64::Engine;
    let basic = format!("{user}:{PASSWORD}");
    let basic = base64::engine::general_purpose::STANDARD.encode(basic);
    let request = request
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body));
    house.send(request.expect("a good request")).await
}

fn open(servers: &[&str]) -> Value {
    json!({ "servers": servers, "work": { "open": { "argv": ["true"] } } })
}

#[tokio::test]
async fn operators_run_on_servers_of_theirs_alone() {
    let house = House::new();
    assert_eq!(post(&house, "ann", &open(&["a-1"])).await.status, StatusCode::FORBIDDEN);
    let foreign = post(&house, "olga", &open(&["b-1"])).await;
    let missing = post(&house, "olga", &open(&["z-9"])).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(foreign.body.replace("b-1", "z-9"), missing.body);
    // Abuse row A14: nothing is nothing, and not all.
    for body in [
        open(&[]),
        json!({ "work": { "open": { "argv": ["true"] } } }),
        json!({ "matchers": "team=\"b\"", "work": { "open": { "argv": ["true"] } } }),
        json!({ "servers": ["a-1"], "matchers": "team=\"a\"", "work": { "open": { "argv": ["x"] } } }),
    ] {
        let answer = post(&house, "olga", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let made = post(&house, "olga", &open(&["a-1"])).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let row: Value = serde_json::from_str(&made.body).expect("JSON");
    let path = format!("/api/runs/{}", row["id"].as_str().expect("a name"));
    let of = async |user: &str, path: &str| {
        send(&house, user, Request::get(path), String::new()).await.status
    };
    assert_eq!(of("olga", &path).await, StatusCode::OK);
    assert_eq!(of("root", &path).await, StatusCode::OK);
    assert_eq!(of("ann", &path).await, StatusCode::FORBIDDEN);
    let list = send(&house, "root", Request::get("/api/runs"), String::new()).await;
    assert!(list.body.contains("\"user\":\"olga\""), "{}", list.body);
}

/// Abuse rows A15 and A17.
#[tokio::test]
async fn a_run_of_others_is_as_one_that_is_not() {
    let house = House::with(|parts| {
        parts.accounts.push(account("otto", Role::Operator, team("b")));
    });
    let made = post(&house, "otto", &open(&["b-1"])).await;
    let row: Value = serde_json::from_str(&made.body).expect("JSON");
    let id = row["id"].as_str().expect("a name").to_owned();
    let seat = house.log_in("olga").await;
    for what in ["", "/output", "/stream"] {
        let there = house.get(&format!("/api/runs/{id}{what}"), Some(&seat)).await;
        let gone = house.get(&format!("/api/runs/{}{what}", "0".repeat(16)), Some(&seat)).await;
        assert_eq!(there.status, StatusCode::NOT_FOUND);
        assert_eq!((there.status, there.body), (gone.status, gone.body), "{what}");
    }
    let cancel = send(&house, "olga", Request::delete(format!("/api/runs/{id}")), String::new());
    assert_eq!(cancel.await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/api/runs", Some(&seat)).await.body, r#"{"runs":[]}"#);
}

/// Abuse row A21.
#[tokio::test]
async fn what_is_no_command_is_refused() {
    let house = House::new();
    let long = "x".repeat(129 << 10);
    for work in [
        json!({ "open": { "argv": [] } }),
        json!({ "open": { "argv": [""] } }),
        json!({ "open": { "argv": ["a\u{0}b"] } }),
        json!({ "open": { "argv": ["echo", long] } }),
        json!({ "runbook": { "name": "" } }),
        json!({ "runbook": { "name": "restart", "params": { "unit": "a\u{0}b" } } }),
        json!({ "runbook": { "name": "restart", "params": { "unit": "x".repeat(1025) } } }),
        json!({ "signed": { "envelope": "e30=", "signatures": ["x"] } }),
        json!({ "signed": { "envelope": "not base64", "signatures": ["x"] } }),
        json!({ "shell": "true" }),
    ] {
        let answer = post(&house, "olga", &json!({ "servers": ["a-1"], "work": work })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{work}");
    }
}

#[tokio::test]
async fn a_page_watches_a_run_until_it_is_over() {
    let house = House::new();
    let runs = house.state.parts.runs.clone();
    let made = post(&house, "olga", &open(&["a-1"])).await;
    let row: Value = serde_json::from_str(&made.body).expect("JSON");
    let id = row["id"].as_str().expect("a name");
    let seat = house.log_in("olga").await;
    let path = format!("/api/runs/{id}/stream");
    let mut request = asking(Method::GET, &path, Some(&seat));
    request.extensions_mut().insert(peer(1));
    let answer = house.app.clone().oneshot(request).await.expect("a router answers always");
    assert_eq!(answer.status(), StatusCode::OK);
    // No agent of it is there.
    runs.offered((1, 1), watchfire_wire::Runbooks::default());
    runs.advance();
    runs.store_all().await;
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("it ends");
    let body = String::from_utf8(body.to_vec()).expect("text");
    let events: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((events[0], events.last()), ("run", Some(&"end")), "{body}");
    assert!(body.contains("not_reached"), "{body}");
}
