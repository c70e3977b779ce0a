//! The second factor: turned on, asked for, used once, and turned off.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use watchfire_identity::totp::TotpSecret;

use super::*;

/// Somebody's app and paper.
pub(super) struct App {
    secret: TotpSecret,
    pub(super) recovery: Vec<String>,
}

impl App {
    pub(super) fn code(&self, house: &House) -> String {
        self.secret.code_at(house.state.parts.clock.now()).expect("after 1970")
    }

    /// The code of the next step: no code opens twice.
    pub(super) fn next(&self, house: &House) -> String {
        house.hand.advance(Duration::from_secs(30));
        self.code(house)
    }
}

pub(super) async fn post(
    house: &House,
    path: &str,
    seat: &Seat,
    body: serde_json::Value,
) -> Answer {
    house.send(changing(Method::POST, path, seat, &body)).await
}

/// Turns it on for who has that seat.
pub(super) async fn turn_on(house: &House, seat: &Seat) -> App {
    let begun = post(house, "/api/totp", seat, json!({ "password": PASSWORD })).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let secret = told(&begun, "secret");
    let secret = TotpSecret::from_base32(secret.as_str().expect("text")).expect("a secret");
    let mut app = App { secret, recovery: Vec::new() };
    let code = app.code(house);
    let confirmed = post(house, "/api/totp/confirm", seat, json!({ "code": code })).await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.body);
    let codes = told(&confirmed, "recovery_codes");
    let codes = codes.as_array().expect("a list").iter();
    app.recovery = codes.map(|code| code.as_str().expect("text").to_owned()).collect();
    app
}

pub(super) fn login_with(user: &str, password: &str, code: &str) -> Request<Body> {
    let body = json!({ "username": user, "password": password, "code": code });
    let mut request = login(user, password);
    *request.body_mut() = Body::from(body.to_string());
    request
}

#[tokio::test]
async fn a_login_wants_the_code_only_after_the_right_password_and_takes_it_once() {
    let house = House::new();
    let seat = house.log_in("ann").await;
    let app = turn_on(&house, &seat).await;
    let wrong = house.send(login("ann", "wrong")).await;
    let nobody = house.send(login("nobody", "wrong")).await;
    let wrong_with_code = house.send(login_with("ann", "wrong", &app.next(&house))).await;
    assert_eq!(wrong, nobody, "who has one is no stranger's business");
    assert_eq!(wrong_with_code, wrong);
    let half = house.send(login("ann", PASSWORD)).await;
    assert_eq!(half.status, StatusCode::UNAUTHORIZED);
    assert_eq!(told(&half, "needs"), "code");
    assert_eq!(half.header("set-cookie"), "");
    let code = app.next(&house);
    let bad = house.send(login_with("ann", PASSWORD, "000000")).await;
    assert_eq!((bad.status, bad.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    let login = || login_with("ann", PASSWORD, &code);
    // Two at a time with one code: one of them gets in.
    let (one, two) = tokio::join!(house.send(login()), house.send_from(9, login()));
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    let again = house.send(login()).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "it was used");
    let root = house.send(super::login("root", PASSWORD)).await;
    assert_eq!(root.status, StatusCode::OK, "others need none");
}

#[tokio::test]
async fn half_of_a_login_makes_no_room_for_more_tries() {
    let house = House::new();
    let app = turn_on(&house, &house.log_in("ann").await).await;
    house.hand.advance(Duration::from_secs(61));
    // Whoever knows the password tries codes, and shows the password alone in between.
    for _ in 0..2 {
        let bad = house.send_from(7, login_with("ann", PASSWORD, "000000")).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
        let half = house.send_from(7, login("ann", PASSWORD)).await;
        assert_eq!(half.status, StatusCode::UNAUTHORIZED);
    }
    let fifth = house.send_from(7, login_with("ann", PASSWORD, "000000")).await;
    assert_eq!(fifth.status, StatusCode::UNAUTHORIZED);
    let sixth = house.send_held(7, login_with("ann", "wrong", "000000")).await;
    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
    let hers = house.send_from(8, login_with("ann", PASSWORD, &app.next(&house))).await;
    assert_eq!(hers.status, StatusCode::OK, "her own address lets her in");
}

#[tokio::test]
async fn codes_are_limited_for_a_user_wherever_the_tries_come_from() {
    let house = House::new();
    let app = turn_on(&house, &house.log_in("ann").await).await;
    let mut outcomes = Vec::new();
    for host in 10..40 {
        let answer = house.send_from(host, login_with("ann", PASSWORD, "000000")).await;
        outcomes.push(answer.status);
    }
    assert_eq!(outcomes.iter().filter(|one| **one == StatusCode::UNAUTHORIZED).count(), 20);
    assert_eq!(outcomes.last(), Some(&StatusCode::TOO_MANY_REQUESTS));
    let right = house.send_from(50, login_with("ann", PASSWORD, &app.next(&house))).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "nothing is checked");
    assert!(right.header("retry-after").parse::<u64>().is_ok_and(|wait| wait <= 3601));
    house.hand.advance(Duration::from_secs(3600));
    let later = house.send_from(50, login_with("ann", PASSWORD, &app.code(&house))).await;
    assert_eq!(later.status, StatusCode::OK, "{}", later.body);
}

#[tokio::test]
async fn no_way_leads_past_it_with_the_password_alone() {
    let house = House::new();
    let seat = house.log_in("root").await;
    let basic = format!("Basic {}", STANDARD.encode(format!("root:{PASSWORD}")));
    let with = |path: &str, value: &str| {
        let mut request = asking(Method::GET, path, None);
        request.headers_mut().insert(header::AUTHORIZATION, value.parse().expect("a value"));
        request
    };
    // It is remembered as right, and a token is got by it.
    assert_eq!(house.send(with("/api/v1/labels", &basic)).await.status, StatusCode::OK);
    let token = house.send(with("/login?scope=change&lives=30d", &basic)).await;
    let token = format!("Bearer {}", told(&token, "token").as_str().expect("a token"));
    assert_eq!(house.send(with("/api/v1/labels", &token)).await.status, StatusCode::OK);
    let other = house.log_in("root").await;
    turn_on(&house, &seat).await;
    for (path, value) in
        [("/api/v1/series?match[]=up", &basic), ("/api/v1/labels", &basic), ("/login", &basic)]
    {
        let answer = house.send(with(path, value)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {answer:?}");
        assert!(answer.body.contains("watchfire token make"), "{answer:?}");
    }
    assert_eq!(house.send(with("/api/v1/labels", &token)).await.status, StatusCode::UNAUTHORIZED);
    let posted = json!({ "username": "root", "password": PASSWORD }).to_string();
    let posted = Request::post("/login")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(posted));
    let answer = house.send(posted.expect("a good request")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    let ended = house.get("/api/me", Some(&other)).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED, "nobody knows who began it");
    assert_eq!(house.get("/api/me", Some(&seat)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_stolen_a_session_turns_nothing_on_or_off() {
    let house = House::new();
    let seat = house.log_in("ann").await;
    for body in [json!({}), json!({ "password": "wrong" })] {
        let answer = post(&house, "/api/totp", &seat, body.clone()).await;
        assert!(matches!(answer.status.as_u16(), 403 | 422), "{body}: {answer:?}");
        assert!(!answer.body.contains("secret"), "{answer:?}");
    }
    assert_eq!(house.get("/api/me", Some(&seat)).await.status, StatusCode::OK);
    let nothing_begun = post(&house, "/api/totp/confirm", &seat, json!({ "code": "1" })).await;
    assert_eq!(nothing_begun.status, StatusCode::CONFLICT);
    let app = turn_on(&house, &seat).await;
    let again = post(&house, "/api/totp", &seat, json!({ "password": PASSWORD })).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "a new secret would replace hers");
    let standing = house.get("/api/totp", Some(&seat)).await;
    assert_eq!(told(&standing, "on"), true);
    assert_eq!(told(&standing, "recovery_codes_left"), 10);
    assert!(!standing.body.contains("secret"));
    let off =
        async |code: &str| post(&house, "/api/totp/off", &seat, json!({ "code": code })).await;
    assert_eq!(off("000000").await.status, StatusCode::FORBIDDEN);
    assert_eq!(off(&app.recovery[0]).await.status, StatusCode::OK);
    assert_eq!(off(&app.recovery[1]).await.status, StatusCode::CONFLICT);
    assert_eq!(house.send(login("ann", PASSWORD)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_recovery_code_logs_in_once() {
    let house = House::new();
    let app = turn_on(&house, &house.log_in("ann").await).await;
    let once = house.send(login_with("ann", PASSWORD, &app.recovery[2])).await;
    assert_eq!(once.status, StatusCode::OK, "{}", once.body);
    let twice = house.send(login_with("ann", PASSWORD, &app.recovery[2])).await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
}
