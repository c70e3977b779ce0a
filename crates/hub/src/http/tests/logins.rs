use std::time::Duration;

use watchfire_identity::limit::TRIES_PER_ADDRESS;

use super::*;
use crate::http::session::LIFE;

#[tokio::test]
async fn the_cookie_is_for_the_browser_alone() {
    let house = House::new();
    let answer = house.send(login("ann", PASSWORD)).await;
    let cookie = answer.header("set-cookie");
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag} is missing: {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    let id = cookie.split(['=', ';']).nth(1).expect("a value");
    assert!(id.len() == 64 && !answer.body.contains(id), "the page never sees the session's id");

    let mut request = login("ann", PASSWORD);
    for (name, value) in [(header::ORIGIN, "https://hub.test"), (header::HOST, "hub.test")] {
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let answer = house.send(request).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{answer:?}");
}

#[tokio::test]
async fn a_session_ends_with_its_time() {
    let house = House::new();
    let seat = house.log_in("ann").await;
    house.hand.advance(LIFE - Duration::from_millis(1));
    assert_eq!(house.get("/api/me", Some(&seat)).await.status, StatusCode::OK);
    house.hand.advance(Duration::from_millis(1));
    assert_eq!(house.get("/api/me", Some(&seat)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_at_one_address_and_nobody_else_is_locked_out() {
    let house = House::new();
    for _ in 0..5 {
        let answer = house.send_from(7, login("ann", "wrong")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    for password in ["wrong", PASSWORD] {
        let mut request = login("ann", password);
        let forwarded = header::HeaderName::from_static("x-forwarded-for");
        request.headers_mut().insert(forwarded, "198.51.100.1".parse().expect("a value"));
        let answer = house.send_held(7, request).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=61).contains(&wait), "{wait}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let elsewhere = house.send_from(8, login("ann", PASSWORD)).await;
    assert_eq!(elsewhere.status, StatusCode::OK, "her own address lets her in");
    let other_user = house.send_from(7, login("root", PASSWORD)).await;
    assert_eq!(other_user.status, StatusCode::OK);
    house.hand.advance(Duration::from_secs(61));
    assert_eq!(house.send_from(7, login("ann", PASSWORD)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_trusted_proxy_everybody_has_an_address_of_their_own() {
    let house = House::new();
    let by = |client: &str, password: &str| {
        let mut request = login("ann", password);
        let forwarded = header::HeaderName::from_static("x-forwarded-for");
        request.headers_mut().append(&forwarded, "198.51.100.7".parse().expect("a value"));
        request.headers_mut().append(&forwarded, client.parse().expect("a value"));
        request
    };
    for _ in 0..5 {
        let answer = house.send_from(200, by("203.0.113.5", "wrong")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let guesser = house.send_held(200, by("203.0.113.5", PASSWORD)).await;
    assert_eq!(guesser.status, StatusCode::TOO_MANY_REQUESTS);
    let asked = house.send_from(200, by("203.0.113.6", PASSWORD));
    let (ann, ()) = tokio::join!(asked, async { house.hand.advance(HOLD) });
    assert_eq!(ann.status, StatusCode::OK, "{ann:?}");
}

#[tokio::test]
async fn made_up_names_keep_nobody_out_and_the_time_tells_nothing() {
    let house = House::new();
    for made_up in 0..TRIES_PER_ADDRESS {
        let answer = house.send_from(7, login(&format!("made up {made_up}"), "x")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{made_up}");
    }
    // Ann's password is checked and the other's is not, and neither can be told.
    let ann = house.send_held(7, login("ann", "wrong")).await;
    let nobody = house.send_held(7, login("nobody", "wrong")).await;
    assert_eq!((ann.status, nobody.status), (StatusCode::TOO_MANY_REQUESTS, ann.status));
    assert_eq!(ann.body, nobody.body);
    // The clock moves, so that a no comes as well, and is no hang.
    let asked = house.send_from(7, login("ann", PASSWORD));
    let (right, ()) = tokio::join!(asked, async { house.hand.advance(HOLD) });
    assert_eq!(right.status, StatusCode::OK, "{right:?}");
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let house = House::new();
    let known = house.send(login("ann", "wrong")).await;
    let unknown = house.send(login("nobody", "wrong")).await;
    assert_eq!(known, unknown);
    for (user, password) in [("ann", ""), ("", ""), ("ann\r\nx: y", "x"), ("ANN", PASSWORD)] {
        let answer = house.send_from(2, login(user, password)).await;
        assert_eq!(answer, known, "{user:?} {password:?}");
    }
}

#[tokio::test]
async fn only_json_of_the_right_shape_is_a_login() {
    let house = House::new();
    let body = |text: &str, kind: Option<&str>| {
        let mut request = Request::post("/api/login");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request.body(Body::from(text.to_owned())).expect("a good request")
    };
    let right = format!(r#"{{"username":"ann","password":"{PASSWORD}"}}"#);
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let answer = house.send(body(&right, kind)).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind:?}");
    }
    for text in ["", "{", "[]", r#"{"username":"ann"}"#, r#"{"username":1,"password":2}"#] {
        let answer = house.send(body(text, Some("application/json"))).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{text}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{text}");
    }
    let mut foreign = body(&right, Some("application/json"));
    for (name, value) in [(header::ORIGIN, "https://evil.test"), (header::HOST, "hub.test")] {
        foreign.headers_mut().insert(name, value.parse().expect("a value"));
    }
    assert_eq!(house.send(foreign).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let house = House::new();
    let password = "x".repeat(super::super::MAX_BODY);
    let answer = house.send(login("ann", &password)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    // A password beyond any that was ever hashed costs nothing and is wrong.
    let answer = house.send(login("ann", &"x".repeat(60_000))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
