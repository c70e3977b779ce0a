//! Who may ask, and about what.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Every question that could name a server.
const QUESTIONS: [&str; 9] = [
    "/api/v1/query?query=up",
    "/api/v1/query?query=count(up)%20by%20(instance)",
    "/api/v1/query?query=label_replace(up,%22x%22,%22$1%22,%22instance%22,%22(.*)%22)",
    "/api/v1/query_range?query=up&start=1699999990&end=1700000000&step=5",
    "/api/v1/series?match[]=up",
    "/api/v1/label/instance/values",
    "/api/v1/label/team/values",
    "/api/v1/targets",
    "/federate?match[]=up",
];

fn with_authorization(path: &str, values: &[String]) -> Request<Body> {
    let mut request = asking(Method::GET, path, None);
    for value in values {
        let value = HeaderValue::from_str(value).expect("a value");
        request.headers_mut().append(header::AUTHORIZATION, value);
    }
    request
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn nobody_is_told_of_a_server_outside_their_scope() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    for path in QUESTIONS {
        let path = path.replace('[', "%5B").replace(']', "%5D");
        let (seen, all) = (house.get(&path, Some(&ann)).await, house.get(&path, Some(&root)).await);
        assert_eq!((seen.status, all.status), (StatusCode::OK, StatusCode::OK), "{path}: {seen:?}");
        let names = |body: &str, team: &str| {
            body.contains(&format!("{team}-1")) || body.contains(&format!("\"{team}\""))
        };
        assert!(names(&seen.body, "a") && !names(&seen.body, "b"), "{path}: {}", seen.body);
        assert!(names(&all.body, "a") && names(&all.body, "b"), "{path}: {}", all.body);
    }
    let absent = house.ask("/api/v1/query", &[("query", "up{instance=\"b-1\"}")], &ann).await;
    let missing = house.ask("/api/v1/query", &[("query", "up{instance=\"z-9\"}")], &ann).await;
    assert_eq!(absent.body, missing.body, "what is foreign is like what does not exist");
}

#[tokio::test]
async fn a_password_or_a_token_is_as_good_as_a_session() {
    let house = House::new();
    let up = "/api/v1/query?query=up";
    let by_basic = house.send(with_authorization(up, &[basic("ann", PASSWORD)])).await;
    assert_eq!(by_basic.status, StatusCode::OK, "{}", by_basic.body);
    assert!(by_basic.body.contains("a-1") && !by_basic.body.contains("b-1"));
    let login = house.send(with_authorization("/login", &[basic("ann", PASSWORD)])).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.body);
    let token = json(&login)["token"].as_str().expect("a token").to_owned();
    let bearer = |path: &str| with_authorization(path, &[format!("Bearer {token}")]);
    assert_eq!(house.send(bearer(up)).await, by_basic);
    let mut form = bearer("/api/v1/query");
    *form.method_mut() = Method::POST;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    form.headers_mut().insert(header::CONTENT_TYPE, kind);
    *form.body_mut() = Body::from("query=up");
    assert_eq!(house.send(form).await, by_basic);

    // It reads and does nothing else, and for half an hour.
    let mut out = bearer("/api/logout");
    *out.method_mut() = Method::POST;
    assert_eq!(house.send(out).await.status, StatusCode::UNAUTHORIZED);
    house.hand.advance(Duration::from_secs(29 * 60));
    assert_eq!(house.send(bearer(up)).await.status, StatusCode::OK);
    house.hand.advance(Duration::from_secs(60));
    assert_eq!(house.send(bearer(up)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_lives_as_long_as_was_asked_for_within_bounds() {
    let house = House::new();
    let login = |lives: &str| {
        with_authorization(&format!("/login?lives={lives}"), &[basic("ann", PASSWORD)])
    };
    let answer = house.send(login("30d")).await;
    let token = json(&answer)["token"].as_str().expect("a token").to_owned();
    house.hand.advance(Duration::from_secs(30 * 86_400 - 1));
    let ask = || with_authorization("/api/v1/labels", &[format!("Bearer {token}")]);
    assert_eq!(house.send(ask()).await.status, StatusCode::OK);
    house.hand.advance(Duration::from_secs(1));
    assert_eq!(house.send(ask()).await.status, StatusCode::UNAUTHORIZED);
    for bad in ["91d", "0s", "x", "-1d"] {
        assert_eq!(house.send(login(bad)).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let posted = house.send(super::login("ann", PASSWORD).map_path("/login")).await;
    assert!(json(&posted)["token"].is_string(), "{posted:?}");
}

trait MapPath {
    fn map_path(self, path: &str) -> Self;
}

impl MapPath for Request<Body> {
    fn map_path(mut self, path: &str) -> Self {
        *self.uri_mut() = path.parse().expect("a path");
        self
    }
}

#[tokio::test]
async fn what_is_no_login_is_refused_and_programs_are_told_how() {
    let house = House::new();
    let ask = |values: &[String]| with_authorization("/api/v1/query?query=up", values);
    let forged = "eyJhbGciOiJub25lIn0.eyJ1c2VyIjoicm9vdCJ9.".to_owned();
    for values in [
        vec![],
        vec![basic("ann", "wrong")],
        vec![basic("nobody", PASSWORD)],
        vec!["Basic".to_owned()],
        vec!["Basic !!!".to_owned()],
        vec![format!("Basic {}", STANDARD.encode("ann"))],
        vec![format!("Bearer {forged}")],
        vec!["Bearer ".to_owned()],
        vec!["Digest x".to_owned()],
        vec![basic("ann", PASSWORD), basic("root", PASSWORD)],
    ] {
        let answer = house.send(ask(&values)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{values:?}");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{values:?}");
    }
    // A browser would ask its user, and then send the password along with any page's request.
    let mut browser = ask(&[]);
    browser.headers_mut().insert("sec-fetch-mode", HeaderValue::from_static("cors"));
    assert_eq!(house.send(browser).await.header("www-authenticate"), "");
    let mut foreign = ask(&[basic("ann", PASSWORD)]);
    foreign.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    assert_eq!(house.send(foreign).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn guessing_by_basic_is_limited_like_any_login() {
    let house = House::new();
    let ask = |password: &str| with_authorization("/api/v1/labels", &[basic("ann", password)]);
    // The owner is known, from another address.
    assert_eq!(house.send_from(9, ask(PASSWORD)).await.status, StatusCode::OK);
    for _ in 0..watchfire_identity::limit::TRIES_PER_USER {
        assert_eq!(house.send_from(7, ask("wrong")).await.status, StatusCode::UNAUTHORIZED);
    }
    let limited = house.send_held(7, ask("wrong")).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    // What is remembered of the owner helps nobody elsewhere, and the owner is let in.
    let there = house.send_held(7, ask(PASSWORD)).await;
    assert_eq!(there.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(house.send_from(9, ask(PASSWORD)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dashboard_that_asks_many_things_at_once_logs_in_once() {
    let house = House::new();
    let ask = || house.send(with_authorization("/api/v1/labels", &[basic("ann", PASSWORD)]));
    let answers = futures_util::future::join_all((0..40).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
}

#[tokio::test]
async fn a_token_ends_with_the_password_it_was_given_for_and_with_its_user() {
    let key = TokenKey::from_bytes([7; 32]);
    let first = House::with(|parts| parts.token_key = key.clone());
    let login = first.send(with_authorization("/login", &[basic("ann", PASSWORD)])).await;
    let token = json(&login)["token"].as_str().expect("a token").to_owned();
    let ask = || with_authorization("/api/v1/labels", &[format!("Bearer {token}")]);
    assert_eq!(first.send(ask()).await.status, StatusCode::OK);
    let other = House::with(|parts| {
        parts.token_key = key.clone();
        parts.accounts[0].password = password::hash("another one").expect("there is memory");
    });
    assert_eq!(other.send(ask()).await.status, StatusCode::UNAUTHORIZED);
    let without = House::with(|parts| {
        parts.token_key = key.clone();
        parts.accounts.remove(0);
    });
    assert_eq!(without.send(ask()).await.status, StatusCode::UNAUTHORIZED);
}
