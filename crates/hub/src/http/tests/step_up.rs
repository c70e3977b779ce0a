//! Abuse row A19: a stolen session runs nothing that nobody signed.

use serde_json::json;

use super::totp::{login_with, post, turn_on};
use super::*;
use crate::http::session::FRESH;

fn house() -> House {
    House::with(|parts| parts.unsigned_runs_need_proof = true)
}

fn open() -> serde_json::Value {
    json!({ "servers": ["a-1"], "work": { "open": { "argv": ["true"] } } })
}

fn runbook() -> serde_json::Value {
    json!({ "servers": ["a-1"], "work": { "runbook": { "name": "restart" } } })
}

#[tokio::test]
async fn without_a_second_factor_nothing_unsigned_is_run() {
    let house = house();
    let seat = house.log_in("olga").await;
    for body in [open(), runbook()] {
        let answer = post(&house, "/api/runs", &seat, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert_eq!(told(&answer, "needs"), "second_factor");
        assert!(answer.body.contains("watchfire totp on"), "{answer:?}");
    }
    // Nor with the password, by which programs come.
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("olga:{PASSWORD}"));
    let mut request = asking(Method::POST, "/api/runs", None);
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, format!("Basic {basic}").parse().expect("a value"));
    headers.insert(header::CONTENT_TYPE, "application/json".parse().expect("a value"));
    *request.body_mut() = Body::from(open().to_string());
    let answer = house.send(request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(house.get("/api/runs", Some(&seat)).await.body.contains("\"runs\":[]"));
    // What an operator signed proves itself.
    let signed = json!({ "signed": { "envelope": "e30=", "signatures": ["x"] } });
    let answer =
        post(&house, "/api/runs", &seat, json!({ "servers": ["a-1"], "work": signed })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    // What the hub's own file allows is allowed.
    let lax = House::new();
    let seat = lax.log_in("olga").await;
    assert_eq!(post(&lax, "/api/runs", &seat, open()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_code_is_fresh_for_five_minutes_in_its_own_session() {
    let house = house();
    let seat = house.log_in("olga").await;
    let app = turn_on(&house, &seat).await;
    let run = async |seat: &Seat| post(&house, "/api/runs", seat, open()).await;
    assert_eq!(run(&seat).await.status, StatusCode::CREATED, "a code was shown just now");
    house.hand.advance(FRESH);
    let stale = run(&seat).await;
    assert_eq!((stale.status, told(&stale, "needs")), (StatusCode::FORBIDDEN, json!("code")));
    let other = house.send(login_with("olga", PASSWORD, &app.next(&house))).await;
    assert_eq!(other.status, StatusCode::OK);
    assert_eq!(run(&seat).await.status, StatusCode::FORBIDDEN, "another session's proof");
    let step_up = async |body| post(&house, "/api/step-up", &seat, body).await.status;
    assert_eq!(step_up(json!({ "code": "000000" })).await, StatusCode::FORBIDDEN);
    assert_eq!(step_up(json!({ "password": PASSWORD })).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(step_up(json!({})).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(run(&seat).await.status, StatusCode::FORBIDDEN);
    let code = app.next(&house);
    assert_eq!(step_up(json!({ "code": code })).await, StatusCode::OK);
    assert_eq!(step_up(json!({ "code": code })).await, StatusCode::FORBIDDEN, "used");
    assert_eq!(run(&seat).await.status, StatusCode::CREATED);
    house.hand.advance(FRESH);
    assert_eq!(run(&seat).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_password_is_no_second_factor_and_its_tries_are_limited() {
    let house = house();
    let seat = house.log_in("olga").await;
    let step_up = |password: &str| {
        changing(Method::POST, "/api/step-up", &seat, &json!({ "password": password }))
    };
    assert_eq!(house.send(step_up(PASSWORD)).await.status, StatusCode::OK);
    assert_eq!(post(&house, "/api/runs", &seat, open()).await.status, StatusCode::FORBIDDEN);
    for _ in 0..5 {
        assert_eq!(house.send_from(7, step_up("wrong")).await.status, StatusCode::FORBIDDEN);
    }
    // They are those of logins.
    let held = house.send_held(7, login("olga", "wrong")).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
}
