//! Who gets which answer, for every path of the router.

use super::*;

/// The paths that need no session, besides the page's own files. Whoever adds
/// one here opens it to everybody who can reach the hub.
const OPEN: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/-/ready",
    "/-/healthy",
    "/api/login",
    // The mark in the link is the proof; see the tests of it.
    "/ack",
    "/enrol",
    "/install",
    "/install/watchfire",
];

/// What a viewer of team a gets for team a, and for team b, by GET.
const VIEWER: [(&str, u16, u16); 51] = [
    ("/healthz", 200, 200),
    // It takes a password and no session.
    ("/login", 401, 401),
    ("/api/login", 405, 405),
    ("/api/logout", 405, 405),
    ("/api/me", 200, 200),
    ("/api/servers", 200, 200),
    ("/api/servers/{name}", 200, 404),
    ("/api/servers/{name}/stats", 200, 404),
    ("/api/servers/{name}/processes", 200, 404),
    // It wants series, and the one below a name.
    ("/api/servers/{name}/range", 400, 404),
    ("/api/servers/{name}/events", 200, 404),
    ("/api/servers/{name}/route", 200, 404),
    // They are about the asker's own channels, and not about a server.
    ("/api/channels", 200, 200),
    ("/api/channels/{number}/test", 405, 405),
    ("/api/channels/tests/{id}", 404, 404),
    ("/api/processes", 400, 400),
    ("/api/incidents", 200, 200),
    ("/api/incidents/{id}", 200, 404),
    ("/api/silences", 200, 200),
    // Nobody has silenced anything; see the tests of silences.
    ("/api/silences/{id}", 404, 404),
    ("/api/incidents/{id}/acknowledge", 405, 405),
    ("/api/incidents/{id}/notes", 405, 405),
    // A viewer runs nothing and is told nothing of it; see the tests of runs.
    ("/api/runs", 403, 403),
    ("/api/runs/{id}", 403, 403),
    ("/api/runs/{id}/output", 403, 403),
    ("/api/runs/{id}/stream", 403, 403),
    ("/api/runbooks", 403, 403),
    ("/ack", 404, 404),
    // Whoever does not see all servers sees the built-in file, and no other: see `rule_files`.
    ("/api/rules/files", 200, 200),
    ("/api/rules/files/{*file}", 200, 200),
    ("/api/rules/check", 405, 405),
    // One's own; see the tests of sessions.
    ("/api/sessions", 200, 200),
    ("/api/sessions/{id}", 405, 405),
    // One's own; see the tests of second factors and of tokens.
    ("/api/totp", 200, 200),
    ("/api/totp/confirm", 405, 405),
    ("/api/totp/off", 405, 405),
    ("/api/step-up", 405, 405),
    ("/api/tokens", 200, 200),
    ("/api/tokens/{id}", 405, 405),
    ("/api/password", 405, 405),
    // For administrators of every server; see the tests of users.
    ("/api/users", 403, 403),
    ("/api/users/{name}", 405, 405),
    ("/api/users/{name}/password", 405, 405),
    ("/api/users/{name}/totp", 405, 405),
    // For administrators of every server; see the tests of the audit.
    ("/api/audit", 403, 403),
    ("/api/events", 200, 200),
    ("/enrol", 405, 405),
    // They are asked without TLS here; see the tests of each.
    ("/install", 426, 426),
    ("/install/watchfire", 426, 426),
    ("/stream", 401, 401),
    // It is about no server: to who does not see all of them nothing is told.
    ("/metrics", 200, 200),
];

/// What root gets where a viewer is refused.
const BEYOND_A_VIEWER: [(&str, u16); 7] = [
    ("/api/users", 200),
    ("/api/audit", 200),
    ("/api/runs", 200),
    // Nobody has run anything.
    ("/api/runs/{id}", 404),
    ("/api/runs/{id}/output", 404),
    ("/api/runs/{id}/stream", 404),
    ("/api/runbooks", 200),
];

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || page::FILES.iter().any(|(file, ..)| *file == path)
}

#[tokio::test]
async fn nothing_but_the_allow_list_answers_a_stranger() {
    let house = House::new();
    let forged =
        Seat { cookie: format!("watchfire_session={}", "0".repeat(64)), csrf: "0".repeat(32) };
    for path in paths() {
        for method in METHODS {
            for seat in [None, Some(&forged)] {
                let request = asking(method.clone(), &house.of_team_a(path), seat);
                let answer = house.send(request).await;
                let refused = matches!(answer.status.as_u16(), 401 | 405);
                assert!(refused || is_open(path), "{method} {path}: {answer:?}");
                if refused {
                    assert!(!answer.body.contains("a-1"), "{method} {path}: {answer:?}");
                }
            }
        }
        let answer = house.get(&house.of_team_a(path), None).await;
        let expected = match path {
            "/api/login"
            | "/api/logout"
            | "/enrol"
            | "/api/v1/rules/rehearse"
            | "/api/v1/write"
            | "/api/rules/check"
            | "/api/sessions/{id}"
            | "/api/tokens/{id}"
            | "/api/totp/confirm"
            | "/api/totp/off"
            | "/api/step-up"
            | "/api/password"
            | "/api/users/{name}"
            | "/api/users/{name}/password"
            | "/api/users/{name}/totp"
            | "/api/channels/{number}/test" => 405,
            "/api/incidents/{id}/acknowledge" | "/api/incidents/{id}/notes" => 405,
            "/install" | "/install/watchfire" => 426,
            "/ack" => 404,
            path if is_open(path) => 200,
            _ => 401,
        };
        assert_eq!(answer.status, expected, "GET {path}");
    }
}

/// The live stream of a user never ends, so its body is not read here.
async fn status_of(house: &House, path: &str, seat: &Seat) -> StatusCode {
    if path == "/api/events" {
        let answer = house.app.clone().oneshot(asking(Method::GET, path, Some(seat))).await;
        return answer.expect("a router answers always").status();
    }
    house.get(path, Some(seat)).await.status
}

#[tokio::test]
async fn every_path_has_a_row_in_the_table() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    for (path, _) in ROUTES {
        let row = VIEWER.iter().find(|(row, ..)| *row == path);
        let Some((_, own, foreign)) = row else { panic!("{path} has no row in VIEWER") };
        let (team_a, team_b) = (house.of_team_a(path), house.of_team_b(path));
        assert_eq!(status_of(&house, &team_a, &ann).await, *own, "ann {team_a}");
        assert_eq!(status_of(&house, &team_b, &ann).await, *foreign, "ann {team_b}");
        let of_root = BEYOND_A_VIEWER.iter().find(|(row, _)| *row == path);
        let of_root = of_root.map_or(*own, |(_, status)| *status);
        assert_eq!(status_of(&house, &team_b, &root).await, of_root, "root {team_b}");
    }
    assert_eq!(VIEWER.len(), ROUTES.len(), "a row has no path any more");
}

#[tokio::test]
async fn what_is_foreign_is_answered_like_what_does_not_exist() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    let foreign_id = format!("/api/incidents/{}", house.incident_b.0);
    for (foreign, missing) in [
        ("/api/servers/b-1", "/api/servers/z-9"),
        ("/api/servers/b-1", "/api/servers/b%201"),
        ("/api/servers/b-1/processes", "/api/servers/z-9/processes"),
        ("/api/servers/b-1/processes?sort=nonsense", "/api/servers/z-9/processes?sort=nonsense"),
        (&foreign_id, "/api/incidents/999999"),
        (&foreign_id, "/api/incidents/abc"),
    ] {
        let (foreign, missing) =
            (house.get(foreign, Some(&ann)).await, house.get(missing, Some(&ann)).await);
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(foreign, missing);
    }
    let filtered = |server: &str| format!("/api/incidents?server={server}");
    let foreign = house.get(&filtered("b-1"), Some(&ann)).await;
    assert_eq!(foreign, house.get(&filtered("z-9"), Some(&ann)).await);
    assert_eq!(foreign.body, r#"{"incidents":[]}"#);
}

/// What an answer says, without what differs each time: the moment that it was given.
fn said(answer: &Answer, names: [&str; 2]) -> (StatusCode, String) {
    let body = names.iter().fold(answer.body.clone(), |body, name| body.replace(name, "NAME"));
    (answer.status, body)
}

/// A15: every path, every method, every role of team a: what is of team b is answered like what
/// does not exist, word for word, and only what is the role's own work is ever done.
#[tokio::test]
async fn no_role_learns_by_any_method_whether_a_foreign_thing_exists() {
    let house = House::with(|parts| {
        parts.accounts.push(account("anna", Role::Admin, team("a")));
    });
    let foreign_id = house.incident_b.0.to_string();
    let missing_id = "999999";
    for user in ["ann", "olga", "anna"] {
        let seat = house.log_in(user).await;
        for path in paths().filter(|path| path.contains("{name}") || path.contains("{id}")) {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
                let mut answers = Vec::new();
                for (name, id) in [("b-1", foreign_id.as_str()), ("z-9", missing_id)] {
                    let filled = path.replace("{name}", name).replace("{id}", id);
                    let mut request = asking(method.clone(), &filled, Some(&seat));
                    let headers = request.headers_mut();
                    headers.insert("x-watchfire-csrf", seat.csrf.parse().expect("a value"));
                    let answer = house.send(request).await;
                    // A label's name is nobody's; what is listed of it is the asker's own.
                    let is_label = path.contains("/label/");
                    let refused = answer.status.is_client_error() || is_label;
                    assert!(refused, "{user} {method} {filled}: {answer:?}");
                    answers.push(said(&answer, [name, id]));
                }
                assert_eq!(answers[0], answers[1], "{user} {method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn lists_hold_the_users_own_servers_alone() {
    let house = House::new();
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    for path in ["/api/servers", "/api/incidents", "/api/incidents?open=true&limit=1"] {
        let seen = house.get(path, Some(&ann)).await.body;
        assert!(seen.contains("a-1") && !seen.contains("b-1"), "{path}: {seen}");
    }
    for path in ["/api/servers", "/api/incidents"] {
        let all = house.get(path, Some(&root)).await.body;
        assert!(all.contains("a-1") && all.contains("b-1"), "{path}: {all}");
    }
}

#[tokio::test]
async fn a_change_needs_the_sessions_own_csrf_value_and_our_own_page() {
    let house = House::new();
    let seat = house.log_in("ann").await;
    let other = house.log_in("ann").await;
    let log_out = |headers: &[(&str, &str)]| {
        let mut request = asking(Method::POST, "/api/logout", Some(&seat));
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().expect("a header");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        request
    };
    let csrf = ("x-watchfire-csrf", seat.csrf.as_str());
    let host = ("host", "hub.test:5100");
    for headers in [
        vec![],
        vec![("x-watchfire-csrf", "")],
        vec![("x-watchfire-csrf", other.csrf.as_str())],
        vec![csrf, host, ("origin", "https://evil.test")],
        vec![csrf, host, ("origin", "null")],
        vec![csrf, host, ("origin", "http://hub.test:5100.evil.test")],
        vec![csrf, host, ("sec-fetch-site", "cross-site")],
        vec![csrf, host, ("sec-fetch-site", "same-site")],
    ] {
        let answer = house.send(log_out(&headers)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let still_in = house.get("/api/me", Some(&seat)).await;
    assert_eq!(still_in.status, StatusCode::OK, "a refused change changes nothing");

    let own = [csrf, host, ("origin", "http://hub.test:5100"), ("sec-fetch-site", "same-origin")];
    let answer = house.send(log_out(&own)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(house.get("/api/me", Some(&seat)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/api/me", Some(&other)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_viewer_is_shown_only_how_they_were_told_themselves() {
    let house = House::new();
    let incident = Some(house.incident_a);
    let down = watchfire_model::NotificationKind::Down;
    for (user, channel) in [("ann", "mailto:ann@people.test"), ("bob", "mailto:bob@people.test")] {
        let letter = crate::testing::letter(incident, user, down, &[channel], user);
        let told = |batch: &watchfire_store::Batch<'_>| {
            let id = batch.enqueue(&letter)?;
            batch.begin_delivery(id, &letter.channels[0], crate::testing::moment(1)).map(drop)
        };
        house.store.write(told).expect("the store works");
    }
    let path = house.of_team_a("/api/incidents/{id}");
    let ann = house.get(&path, Some(&house.log_in("ann").await)).await.body;
    assert!(ann.contains("ann@people.test") && !ann.contains("bob"), "{ann}");
    let root = house.get(&path, Some(&house.log_in("root").await)).await.body;
    assert!(root.contains("ann@people.test") && root.contains("bob@people.test"), "{root}");
}
