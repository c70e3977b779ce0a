//! Who may change something, asked at a path of the test's own.

use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_identity::Action;

use super::*;
use crate::http::changer::Changer;
use crate::http::reply::Refusal;

const PATH: &str = "/change";
const CSRF: &str = "x-watchfire-csrf";

/// A house in which somebody can change something: the answer is who it was, and which teams'
/// servers they see.
fn house() -> House {
    let mut house = House::new();
    let change = async |changer: Changer| -> Result<String, Refusal> {
        changer.may(Action::Acknowledge)?;
        let sees = |name: &str| changer.sees(&watched(name, "127.0.0.1:9").server.labels);
        Ok(format!("{} {} {}", changer.account.name, sees("a-1"), sees("b-1")))
    };
    let route = Router::new().route(PATH, post(change).get(change)).with_state(house.state.clone());
    house.app = house.app.merge(route);
    house
}

/// The answer to a change with those headers.
async fn changed(house: &House, headers: &[(&str, &str)]) -> Answer {
    let mut request = asking(Method::POST, PATH, None);
    for (name, value) in headers {
        let name: header::HeaderName = name.parse().expect("a header");
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    house.send(request).await
}

/// `Authorization` with a password.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Asks for a token at `path`.
async fn asked_token(house: &House, user: &str, path: &str) -> Answer {
    let mut request = asking(Method::GET, path, None);
    let value = basic(user, PASSWORD).parse().expect("a value");
    request.headers_mut().insert(header::AUTHORIZATION, value);
    house.send(request).await
}

/// `Authorization` with the token that is given at `path`.
async fn bearer(house: &House, user: &str, path: &str) -> String {
    let answer = asked_token(house, user, path).await;
    let reply: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    format!("Bearer {}", reply["token"].as_str().expect("a token"))
}

#[tokio::test]
async fn a_stranger_changes_nothing() {
    let house = house();
    for headers in [
        vec![],
        vec![(CSRF, "x")],
        vec![("cookie", "watchfire_session=x"), (CSRF, "x")],
        vec![("authorization", "Bearer x")],
        vec![("authorization", "Basic !!!")],
    ] {
        let answer = changed(&house, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_session_changes_with_its_own_csrf_value_from_our_own_page_alone() {
    let house = house();
    let (olga, other) = (house.log_in("olga").await, house.log_in("olga").await);
    let cookie = ("cookie", olga.cookie.as_str());
    let csrf = (CSRF, olga.csrf.as_str());
    let answer = changed(&house, &[cookie, csrf]).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "olga true false"));
    for headers in [
        vec![cookie],
        vec![cookie, (CSRF, "")],
        vec![cookie, (CSRF, other.csrf.as_str())],
        vec![cookie, csrf, ("origin", "https://evil.test")],
        vec![cookie, csrf, ("origin", "null")],
        vec![cookie, csrf, ("sec-fetch-site", "same-site")],
    ] {
        let answer = changed(&house, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}: {answer:?}");
    }
    // A link is no change, and what only reads proves no will to change.
    let followed = house.get(PATH, Some(&olga)).await;
    assert_eq!(followed.status, StatusCode::FORBIDDEN, "{followed:?}");
}

#[tokio::test]
async fn a_viewer_changes_nothing_whatever_they_show() {
    let house = house();
    let ann = house.log_in("ann").await;
    let by_session = changed(&house, &[("cookie", &ann.cookie), (CSRF, &ann.csrf)]).await;
    let by_password = changed(&house, &[("authorization", &basic("ann", PASSWORD))]).await;
    assert_eq!(by_session.status, StatusCode::FORBIDDEN, "{by_session:?}");
    assert_eq!(by_password.body, by_session.body);
    let refused = asked_token(&house, "ann", "/login?scope=change").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    assert!(!refused.body.contains("token\""), "{refused:?}");
}

#[tokio::test]
async fn a_program_changes_with_a_password_or_a_token_that_was_given_for_it() {
    let house = house();
    let by_password = basic("root", PASSWORD);
    let answer = changed(&house, &[("authorization", &by_password)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "root true true"));

    let reads = bearer(&house, "olga", "/login").await;
    let answer = changed(&house, &[("authorization", &reads)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(answer.body.contains("/login?scope=change"), "{answer:?}");

    let changes = bearer(&house, "olga", "/login?scope=change&lives=1h").await;
    let answer = changed(&house, &[("authorization", &changes)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "olga true false"));
    let mut reading = asking(Method::GET, "/api/v1/labels", None);
    reading.headers_mut().insert(header::AUTHORIZATION, changes.parse().expect("a value"));
    assert_eq!(house.send(reading).await.status, StatusCode::OK, "it reads as well");
    house.hand.advance(Duration::from_secs(3600));
    let answer = changed(&house, &[("authorization", &changes)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);

    // A browser sends a password that it knows with any page's request.
    for (name, value) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
        let answer = changed(&house, &[("authorization", &by_password), (name, value)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_has_no_scope_but_those_of_a_hub() {
    let house = house();
    for scope in ["run", "stream", "all", "read+change", ""] {
        let answer = asked_token(&house, "root", &format!("/login?scope={scope}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{scope}: {answer:?}");
    }
    let read = asked_token(&house, "ann", "/login?scope=read").await;
    assert_eq!(read.status, StatusCode::OK, "{read:?}");
}

#[tokio::test]
async fn the_open_door_lets_nobody_change() {
    let mut house = House::with(|parts| parts.open_on_loopback = true);
    let change = async |changer: Changer| changer.may(Action::Acknowledge).map(|()| "changed");
    let route = Router::new().route(PATH, post(change)).with_state(house.state.clone());
    house.app = house.app.merge(route);
    let near = Peer { remote: SocketAddr::from(([127, 0, 0, 1], 4000)), tls: None };
    let me = house.send_as(near.clone(), asking(Method::GET, "/api/me", None)).await;
    let me: serde_json::Value = serde_json::from_str(&me.body).expect("JSON");
    let mut request = asking(Method::POST, PATH, None);
    let csrf = me["csrf"].as_str().expect("a value").parse().expect("a value");
    request.headers_mut().insert(CSRF, csrf);
    let answer = house.send_as(near, request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(answer.body.contains("role"), "{answer:?}");
}
