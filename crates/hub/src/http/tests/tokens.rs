//! Tokens of programs: shown once, of some scopes, never more than their user.

use serde_json::json;

use super::totp::{post, turn_on};
use super::*;
use crate::http::session::FRESH;

fn bearer(method: Method, path: &str, token: &str) -> Request<Body> {
    let mut request = asking(method, path, None);
    let value = format!("Bearer {token}").parse().expect("a value");
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

async fn with(house: &House, path: &str, token: &str) -> Answer {
    house.send(bearer(Method::GET, path, token)).await
}

async fn run(house: &House, token: &str) -> StatusCode {
    let body = json!({ "servers": ["a-1"], "work": { "open": { "argv": ["true"] } } });
    let mut request = bearer(Method::POST, "/api/runs", token);
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("good"));
    *request.body_mut() = Body::from(body.to_string());
    house.send(request).await.status
}

async fn silence(house: &House, token: &str) -> StatusCode {
    let mut request = bearer(Method::POST, "/api/silences", token);
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("good"));
    *request.body_mut() = Body::from("{}");
    house.send(request).await.status
}

async fn make(house: &House, seat: &Seat, body: serde_json::Value) -> String {
    let answer = post(house, "/api/tokens", seat, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    told(&answer, "token").as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_token_opens_its_scopes_and_nothing_else() {
    let house = House::new();
    let seat = house.log_in("olga").await;
    let reads = make(&house, &seat, json!({ "name": "r", "scopes": ["read"] })).await;
    let changes = make(&house, &seat, json!({ "name": "c", "scopes": ["change"] })).await;
    let runs = make(&house, &seat, json!({ "name": "x", "scopes": ["run"] })).await;
    for token in [&reads, &changes, &runs] {
        let servers = with(&house, "/api/v1/labels", token).await;
        assert_eq!(servers.status, StatusCode::OK, "{}", servers.body);
    }
    assert_eq!(run(&house, &reads).await, StatusCode::FORBIDDEN);
    assert_eq!(run(&house, &changes).await, StatusCode::FORBIDDEN);
    assert_eq!(run(&house, &runs).await, StatusCode::CREATED);
    assert_eq!(silence(&house, &reads).await, StatusCode::FORBIDDEN);
    assert_eq!(silence(&house, &runs).await, StatusCode::FORBIDDEN);
    assert_eq!(silence(&house, &changes).await, StatusCode::UNPROCESSABLE_ENTITY, "it is tried");
    // What only a person does: no token makes another, or looks after sessions and users.
    for path in ["/api/tokens", "/api/sessions", "/api/users", "/api/totp", "/api/me"] {
        assert_eq!(with(&house, path, &changes).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for broken in [&reads[..reads.len() - 1], "wfh_", "wfh_x_y", &format!("{reads}0")] {
        let answer = with(&house, "/api/servers", broken).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    }
    let in_address = house.get(&format!("/api/servers?token={reads}"), None).await;
    assert_eq!(in_address.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn it_is_listed_without_what_opens_and_ends_by_hand_and_by_time() {
    let house = House::new();
    let (olga, ann) = (house.log_in("olga").await, house.log_in("ann").await);
    let wish = json!({ "name": "ci", "scopes": ["read"], "lives_s": 3600 });
    let token = make(&house, &olga, wish).await;
    assert_eq!(with(&house, "/api/v1/labels", &token).await.status, StatusCode::OK);
    let list = house.get("/api/tokens", Some(&olga)).await;
    let secret = token.rsplit('_').next().expect("a secret");
    assert!(!list.body.contains(secret) && list.body.contains("\"ci\""), "{}", list.body);
    let row = told(&list, "tokens")[0].clone();
    assert_eq!(row["used_unix_ms"], house.state.parts.clock.now().unix_ms);
    assert_eq!(house.get("/api/tokens", Some(&ann)).await.body, r#"{"tokens":[]}"#);
    let path = format!("/api/tokens/{}", row["id"].as_str().expect("an id"));
    let ended = async |seat: &Seat| {
        house.send(changing(Method::DELETE, &path, seat, &json!({}))).await.status
    };
    assert_eq!(ended(&ann).await, StatusCode::NOT_FOUND);
    house.hand.advance(Duration::from_secs(3600) - Duration::from_millis(1));
    assert_eq!(with(&house, "/api/v1/labels", &token).await.status, StatusCode::OK);
    house.hand.advance(Duration::from_millis(1));
    assert_eq!(with(&house, "/api/v1/labels", &token).await.status, StatusCode::UNAUTHORIZED);
    let olga = house.log_in("olga").await;
    assert_eq!(house.get("/api/tokens", Some(&olga)).await.body, r#"{"tokens":[]}"#);
    let token = make(&house, &olga, json!({ "name": "ci", "scopes": ["read"] })).await;
    let list = house.get("/api/tokens", Some(&house.log_in("root").await)).await;
    let id = told(&list, "tokens")[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/tokens/{id}");
    let gone = house.send(changing(Method::DELETE, &path, &olga, &json!({}))).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.body);
    assert_eq!(with(&house, "/api/v1/labels", &token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.store.api_tokens(), Ok(vec![]));
}

#[tokio::test]
async fn its_matchers_take_away_and_never_add() {
    let house = House::new();
    let (olga, root) = (house.log_in("olga").await, house.log_in("root").await);
    let of_b = json!({ "name": "b", "scopes": ["read"], "servers": ["team=\"b\""] });
    let olgas = make(&house, &olga, of_b.clone()).await;
    let roots = make(&house, &root, of_b).await;
    let sees = async |token: &str| {
        let answer = with(&house, "/api/v1/series?match[]=up", token).await.status;
        assert_eq!(answer, StatusCode::OK);
        let of = async |name: &str| {
            with(&house, &format!("/api/servers/{name}/route"), token).await.status
                == StatusCode::OK
        };
        (of("a-1").await, of("b-1").await)
    };
    assert_eq!(sees(&roots).await, (false, true));
    assert_eq!(sees(&olgas).await, (false, false), "team b was never hers");
    // Who is an administrator of every server is not one by this token.
    assert_eq!(with(&house, "/api/audit", &roots).await.status, StatusCode::FORBIDDEN);
    let whole = make(&house, &root, json!({ "name": "all", "scopes": ["read"] })).await;
    assert_eq!(with(&house, "/api/audit", &whole).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let house = House::new();
    let (olga, ann) = (house.log_in("olga").await, house.log_in("ann").await);
    for body in [
        json!({ "name": "", "scopes": ["read"] }),
        json!({ "name": "a b", "scopes": ["read"] }),
        json!({ "name": "a", "scopes": [] }),
        json!({ "name": "a", "scopes": ["stream"] }),
        json!({ "name": "a", "scopes": ["all"] }),
        json!({ "name": "a", "scopes": ["read"], "lives_s": 0 }),
        json!({ "name": "a", "scopes": ["read"], "lives_s": 366 * 86_400 + 1 }),
        json!({ "name": "a", "scopes": ["read"], "servers": [] }),
        json!({ "name": "a", "scopes": ["read"], "servers": ["role="] }),
        json!({ "name": "a", "scopes": ["read"], "role": "admin" }),
    ] {
        let answer = post(&house, "/api/tokens", &olga, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer:?}");
    }
    for scope in ["change", "run"] {
        let body = json!({ "name": "a", "scopes": [scope] });
        let answer = post(&house, "/api/tokens", &ann, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "a viewer: {answer:?}");
    }
    make(&house, &olga, json!({ "name": "a", "scopes": ["read"] })).await;
    let twice =
        post(&house, "/api/tokens", &olga, json!({ "name": "a", "scopes": ["read"] })).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{twice:?}");
}

#[tokio::test]
async fn making_one_wants_a_fresh_proof_and_one_that_runs_a_second_factor() {
    let house = House::with(|parts| parts.unsigned_runs_need_proof = true);
    let seat = house.log_in("olga").await;
    let wish = |name: &str, scope: &str| json!({ "name": name, "scopes": [scope] });
    house.hand.advance(FRESH);
    let stale = post(&house, "/api/tokens", &seat, wish("a", "read")).await;
    assert_eq!((stale.status, told(&stale, "needs")), (StatusCode::FORBIDDEN, json!("password")));
    let again = post(&house, "/api/step-up", &seat, json!({ "password": PASSWORD })).await;
    assert_eq!(again.status, StatusCode::OK);
    make(&house, &seat, wish("a", "read")).await;
    let runs = post(&house, "/api/tokens", &seat, wish("b", "run")).await;
    assert_eq!(told(&runs, "needs"), "second_factor", "{runs:?}");
    let app = turn_on(&house, &seat).await;
    let token = make(&house, &seat, wish("b", "run")).await;
    assert_eq!(run(&house, &token).await, StatusCode::CREATED);
    house.hand.advance(FRESH);
    let stale = post(&house, "/api/tokens", &seat, wish("c", "read")).await;
    assert_eq!(told(&stale, "needs"), "code");
    let code = app.next(&house);
    assert_eq!(post(&house, "/api/step-up", &seat, json!({ "code": code })).await.status, 200);
    make(&house, &seat, wish("c", "read")).await;
    // The open door is nobody who could have one.
    let open = House::with(|parts| parts.open_on_loopback = true);
    let near = Peer { remote: SocketAddr::from(([127, 0, 0, 1], 4000)), tls: None };
    let me = open.send_as(near.clone(), asking(Method::GET, "/api/me", None)).await;
    let csrf = told(&me, "csrf").as_str().expect("a value").to_owned();
    let anybody = Seat { cookie: "x=y".to_owned(), csrf };
    let request = changing(Method::POST, "/api/tokens", &anybody, &wish("a", "read"));
    assert_eq!(open.send_as(near, request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn it_opens_after_a_restart_and_its_changes_name_it() {
    let house = House::new();
    let seat = house.log_in("olga").await;
    let token = make(&house, &seat, json!({ "name": "ci", "scopes": ["change"] })).await;
    assert_eq!(silence(&house, &token).await, StatusCode::UNPROCESSABLE_ENTITY);
    let lines = house.store.audit_after(0, 100).expect("readable").join("\n");
    assert!(lines.contains("token.make") && lines.contains("by the token ci"), "{lines}");
    assert!(!lines.contains(&token));
    let key = &house.state.parts.token_key;
    let olga = house.state.people.find("olga").expect("she is there");
    let epoch = crate::http::tokens::epoch(key, &olga);
    let now = house.state.parts.clock.now();
    let opened = |is_good: &dyn Fn(&str, &str) -> bool| {
        crate::api_tokens::ApiTokens::open(house.store.clone(), is_good).find(&token, now).is_some()
    };
    assert!(opened(&|user, shown| user == "olga" && shown == epoch));
    assert!(!opened(&|_, _| false), "the user or the password is another one");
    assert!(!opened(&|_, _| true), "and then it is forgotten");
}
