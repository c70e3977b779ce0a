//! Users that administrators make while the hub runs.

use serde_json::json;

use super::totp::{login_with, post, turn_on};
use super::*;

async fn add(house: &House, root: &Seat, name: &str, role: &str, servers: &[&str]) -> String {
    let wish = json!({ "name": name, "role": role, "servers": servers });
    let answer = post(house, "/api/users", root, wish).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    told(&answer, "password").as_str().expect("a password").to_owned()
}

async fn seat_of(house: &House, user: &str, password: &str) -> Seat {
    let answer = house.send(login(user, password)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let set = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let csrf = told(&answer, "csrf").as_str().expect("a value").to_owned();
    Seat { cookie: set, csrf }
}

async fn patch(house: &House, root: &Seat, name: &str, body: serde_json::Value) -> Answer {
    house.send(changing(Method::PATCH, &format!("/api/users/{name}"), root, &body)).await
}

async fn remove(house: &House, root: &Seat, what: &str) -> Answer {
    house.send(changing(Method::DELETE, &format!("/api/users/{what}"), root, &json!({}))).await
}

async fn is_in(house: &House, seat: &Seat) -> bool {
    house.get("/api/me", Some(seat)).await.status == StatusCode::OK
}

#[tokio::test]
async fn a_user_that_is_made_gets_in_and_a_change_holds_at_once() {
    let house = House::new();
    let root = house.log_in("root").await;
    let password = add(&house, &root, "bob", "operator", &["team=\"b\""]).await;
    let bob = seat_of(&house, "bob", &password).await;
    let servers = house.get("/api/servers", Some(&bob)).await.body;
    assert!(servers.contains("b-1") && !servers.contains("a-1"), "{servers}");
    let token = json!({ "name": "ci", "scopes": ["change"] });
    let token = told(&post(&house, "/api/tokens", &bob, token).await, "token");
    let token = token.as_str().expect("a token").to_owned();
    let asked = async |method: Method, path: &str| {
        let mut request = asking(method, path, None);
        let value = format!("Bearer {token}").parse().expect("a value");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        house.send(request).await
    };
    let path = "/api/servers/b-1/route";
    assert_eq!(asked(Method::GET, path).await.status, StatusCode::OK);
    // Less is less at once: for the session, which ends, and for the token.
    let less = json!({ "role": "viewer", "servers": ["team=\"a\""] });
    let changed = patch(&house, &root, "bob", less).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    assert!(!is_in(&house, &bob).await);
    assert_eq!(asked(Method::GET, path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(asked(Method::POST, "/api/silences").await.status, StatusCode::FORBIDDEN);
    let bob = seat_of(&house, "bob", &password).await;
    assert_eq!(told(&house.get("/api/me", Some(&bob)).await, "role"), "viewer");
    let removed = remove(&house, &root, "bob").await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.body);
    assert!(!is_in(&house, &bob).await);
    assert_eq!(asked(Method::GET, path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.send(login("bob", &password)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.store.api_tokens(), Ok(vec![]));
    // The next one of that name inherits nothing.
    add(&house, &root, "bob", "operator", &["*"]).await;
    assert_eq!(asked(Method::GET, path).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.send(login("bob", &password)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stream_ends_with_its_user() {
    let house = House::new();
    let root = house.log_in("root").await;
    let password = add(&house, &root, "bob", "viewer", &["*"]).await;
    let bob = seat_of(&house, "bob", &password).await;
    let stream = asking(Method::GET, "/api/events", Some(&bob));
    let answer = house.app.clone().oneshot(stream).await.expect("a router answers always");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut reading = std::pin::pin!(to_bytes(answer.into_body(), 1 << 20));
    settle().await;
    assert!(reading.as_mut().now_or_never().is_none(), "it stands open");
    remove(&house, &root, "bob").await;
    house.events.tell(Event::Server(0));
    let (body, ()) = tokio::join!(reading, async { house.hand.advance(Duration::from_secs(1)) });
    let body = body.expect("it ends");
    assert!(!String::from_utf8_lossy(&body).contains("a-1"), "nothing is told after that");
}

#[tokio::test]
async fn administrators_of_every_server_alone_make_users() {
    let house = House::with(|parts| {
        parts.accounts.push(account("half", Role::Admin, team("a")));
    });
    let wish = json!({ "name": "eve", "role": "admin", "servers": ["*"] });
    for user in ["ann", "olga", "half"] {
        let seat = house.log_in(user).await;
        let made = post(&house, "/api/users", &seat, wish.clone()).await;
        assert_eq!(made.status, StatusCode::FORBIDDEN, "{user}: {made:?}");
        for known in ["ann", "nobody"] {
            let changed = patch(&house, &seat, known, json!({ "role": "admin" })).await;
            assert_eq!(changed.status, StatusCode::FORBIDDEN, "{user}: {changed:?}");
            assert_eq!(remove(&house, &seat, known).await.body, changed.body);
            let totp = remove(&house, &seat, &format!("{known}/totp")).await;
            assert_eq!(totp.body, changed.body);
        }
    }
    assert!(house.state.people.find("eve").is_none());
    let root = house.log_in("root").await;
    for (what, status) in [
        (json!({ "name": "e e", "role": "admin" }), 422),
        (json!({ "name": "eve", "role": "boss" }), 422),
        (json!({ "name": "eve", "role": "admin", "servers": ["("] }), 422),
        (json!({ "name": "eve", "role": "admin", "password": "x" }), 422),
        (json!({ "name": "root", "role": "viewer" }), 409),
        (json!({ "name": "ann", "role": "viewer" }), 409),
    ] {
        let answer = post(&house, "/api/users", &root, what.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
    }
    for (name, status) in [("ann", 409), ("root", 409), ("nobody", 404)] {
        assert_eq!(remove(&house, &root, name).await.status.as_u16(), status, "{name}");
        let changed = patch(&house, &root, name, json!({ "role": "viewer" })).await;
        assert_eq!(changed.status.as_u16(), status, "{name}");
    }
    let locked = remove(&house, &root, "ann").await;
    assert!(locked.body.contains("hub.toml"), "{locked:?}");
    house.hand.advance(crate::http::session::FRESH);
    let stale = post(&house, "/api/users", &root, wish).await;
    assert_eq!((stale.status, told(&stale, "needs")), (StatusCode::FORBIDDEN, json!("password")));
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let house = House::new();
    let root = house.log_in("root").await;
    let first = add(&house, &root, "bob", "operator", &["*"]).await;
    let (bob, other) = (seat_of(&house, "bob", &first).await, seat_of(&house, "bob", &first).await);
    let token = json!({ "name": "ci", "scopes": ["read"] });
    assert_eq!(post(&house, "/api/tokens", &bob, token.clone()).await.status, StatusCode::CREATED);
    let change = async |seat: &Seat, old: &str, new: &str| {
        post(&house, "/api/password", seat, json!({ "old": old, "new": new })).await.status.as_u16()
    };
    assert_eq!(change(&bob, "wrong", "a better password").await, 403);
    assert_eq!(change(&bob, &first, "short").await, 422);
    assert_eq!(change(&bob, &first, "bob-and-more-of-it").await, 422);
    assert_eq!(change(&bob, &first, "a better password").await, 200);
    assert!(is_in(&house, &bob).await && !is_in(&house, &other).await);
    assert_eq!(house.store.api_tokens(), Ok(vec![]));
    assert_eq!(house.send(login("bob", &first)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&house, "/api/tokens", &bob, token).await.status, StatusCode::CREATED);
    let basic = |password: &str| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("bob:{password}"));
        let mut request = asking(Method::GET, "/api/v1/labels", None);
        let value = format!("Basic {text}").parse().expect("a value");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        request
    };
    let remembered = house.send(basic("a better password")).await;
    assert_eq!(remembered.status, StatusCode::OK, "{remembered:?}");
    let reset = post(&house, "/api/users/bob/password", &root, json!({})).await;
    let second = told(&reset, "password").as_str().expect("a password").to_owned();
    assert!(!is_in(&house, &bob).await);
    assert_eq!(house.store.api_tokens(), Ok(vec![]));
    assert_eq!(house.send(basic("a better password")).await.status, StatusCode::UNAUTHORIZED);
    seat_of(&house, "bob", &second).await;
    let locked = house.log_in("ann").await;
    assert_eq!(change(&locked, PASSWORD, "a better password").await, 409);
}

#[tokio::test]
async fn an_administrator_resets_a_second_factor() {
    let house = House::new();
    let (root, ann) = (house.log_in("root").await, house.log_in("ann").await);
    let app = turn_on(&house, &ann).await;
    let row = |list: &Answer, name: &str| {
        let users = told(list, "users");
        users.as_array().expect("a list").iter().find(|user| user["name"] == name).cloned()
    };
    let list = house.get("/api/users", Some(&root)).await;
    let of_ann = row(&list, "ann").expect("she is there");
    assert_eq!((&of_ann["totp"], &of_ann["locked"]), (&json!(true), &json!(true)));
    assert!(!list.body.contains("argon2"), "{}", list.body);
    assert_eq!(remove(&house, &root, "ann/totp").await.status, StatusCode::OK);
    assert_eq!(remove(&house, &root, "ann/totp").await.status, StatusCode::CONFLICT);
    assert_eq!(remove(&house, &root, "nobody/totp").await.status, StatusCode::NOT_FOUND);
    assert!(!is_in(&house, &ann).await, "nobody knows who sits there");
    let code = app.next(&house);
    let without = house.send(login_with("ann", PASSWORD, &code)).await;
    assert_eq!(without.status, StatusCode::OK, "a code that nobody asks for does no harm");
    let lines = house.store.audit_after(0, 100).expect("readable").join("\n");
    for word in ["totp.on", "totp.reset"] {
        assert!(lines.contains(word), "{lines}");
    }
}
