use super::*;

/// The paths that take more than GET and POST.
const TAKEN: [(&str, &[Method]); 9] = [
    ("/api/silences/{id}", &[Method::DELETE]),
    ("/api/v2/silence/{id}", &[Method::DELETE]),
    ("/api/incidents/{id}/acknowledge", &[Method::DELETE]),
    ("/api/rules/files/{*file}", &[Method::PUT, Method::DELETE]),
    ("/api/sessions/{id}", &[Method::DELETE]),
    ("/api/runs/{id}", &[Method::DELETE]),
    ("/api/tokens/{id}", &[Method::DELETE]),
    ("/api/users/{name}", &[Method::PATCH, Method::DELETE]),
    ("/api/users/{name}/totp", &[Method::DELETE]),
];

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let house = House::new();
    let seat = house.log_in("root").await;
    let mut answers = Vec::new();
    for path in paths().filter(|path| *path != "/api/events") {
        let path = house.of_team_a(path);
        answers.push((path.clone(), house.get(&path, Some(&seat)).await));
        answers.push((path.clone(), house.get(&path, None).await));
        answers.push((path.clone(), house.send(asking(Method::DELETE, &path, None)).await));
        answers.push((path.clone(), house.get(&format!("{path}?token=x"), None).await));
    }
    for path in ["/nowhere", "/api", "/api/nowhere", "//", "/%"] {
        answers.push((path.to_owned(), house.get(path, None).await));
    }
    answers.push(("login".to_owned(), house.send(login("ann", "wrong")).await));
    answers.push(("large".to_owned(), house.send(login("ann", &"x".repeat(1 << 17))).await));
    for (path, answer) in answers {
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {answer:?}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {answer:?}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let cache = answer.header("cache-control");
        let is_data = path.starts_with("/api")
            || matches!(path.as_str(), "login" | "large" | "/login" | "/federate" | "/ack");
        assert_eq!(cache, if is_data { "no-store" } else { "no-cache" }, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(answer.header("server"), "", "{path}");
    }
}

#[tokio::test]
async fn a_token_in_an_address_is_refused_everywhere() {
    let house = House::new();
    let seat = house.log_in("root").await;
    for path in paths().chain(["/nowhere"]) {
        for query in ["token=x", "access_token=x", "a=b&auth_token=x", "TOKEN=x", "token"] {
            let path = format!("{}?{query}", house.of_team_a(path));
            let answer = house.get(&path, Some(&seat)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert!(!answer.body.contains("a-1"), "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let house = House::new();
    let seat = house.log_in("root").await;
    for path in [
        "/ui/%2e%2e/%2e%2e/etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cetc%5cpasswd",
        "/%252e%252e/etc/passwd",
        "//etc/passwd",
        "///etc/passwd",
        "/./app.js",
        "//app.js",
        "/app.js/",
        "/app.js/..",
        "/app.js%00",
        "/APP.JS",
        "/app.js.map",
        "/index.html/../app.js",
        "/api/../app.js",
        "/api/../../etc/passwd",
        "/api/servers/../../../etc/passwd",
        "/api/servers/..%2f..%2fetc%2fpasswd",
        "/api/servers/%00",
        "/api/servers/a-1/",
        "/api/servers/a-1/../b-1",
        "/api//servers",
        "/api/incidents/../servers",
        "/web/app.js",
        "/.git/config",
        "/hub.toml",
        "/watchfire.db",
    ] {
        let answer = house.get(path, Some(&seat)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert!(!answer.body.contains("root:"), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn other_methods_are_told_so() {
    let house = House::new();
    let seat = house.log_in("root").await;
    for path in paths().filter(|path| *path != "/api/events") {
        let taken = TAKEN.iter().find(|(row, _)| *row == path).map_or(&[][..], |(_, more)| more);
        let filled = house.of_team_a(path);
        for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE, Method::OPTIONS] {
            let answer = house.send(asking(method.clone(), &filled, Some(&seat))).await;
            if taken.contains(&method) {
                // There is a change behind it, and this one is without its CSRF value.
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(answer.header("content-type"), "application/json", "{method} {path}");
            assert_ne!(answer.header("allow"), "", "{method} {path}");
        }
        let get = house.get(&filled, Some(&seat)).await;
        let head = house.send(asking(Method::HEAD, &filled, Some(&seat))).await;
        assert_eq!(head.status, get.status, "HEAD {path}");
        assert_eq!(head.body, "", "HEAD {path}");
    }
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_told_what_can_be_asked() {
    let house = House::new();
    let seat = house.log_in("root").await;
    for path in [
        "/api/servers/a-1/processes?sort=size",
        "/api/servers/a-1/processes?top=-1",
        "/api/servers/a-1/processes?tops=5",
        "/api/incidents?open=maybe",
        "/api/incidents?before=x",
        "/api/incidents?limit=-1",
        "/api/incidents?servers=a-1",
    ] {
        let answer = house.get(path, Some(&seat)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.body.contains("use "), "{path}: {}", answer.body);
    }
    for path in [
        "/api/servers/a-1/processes?top=0&sort=rss&name=x",
        "/api/servers/a-1/processes?top=18446744073709551615",
        "/api/incidents?open=true&server=a-1&before=9223372036854775807&limit=0",
        "/api/incidents?before=-1",
        "/api/incidents?limit=99999999",
    ] {
        let answer = house.get(path, Some(&seat)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn only_the_hubs_own_names_are_answered() {
    let house = House::new();
    let asked = |path: &'static str, hosts: &'static [&'static str]| {
        let mut request = asking(Method::GET, path, None);
        request.headers_mut().remove(header::HOST);
        for host in hosts {
            request.headers_mut().append(header::HOST, HeaderValue::from_static(host));
        }
        house.send(request)
    };
    for ours in ["localhost", "hub.test", "hub.test:5100", "10.0.0.5:5100", "[::1]"] {
        let host: &'static [&'static str] = Vec::leak(vec![ours]);
        assert_eq!(asked("/healthz", host).await.status, StatusCode::OK, "{ours}");
    }
    for path in ["/", "/healthz", "/api/servers", "/nowhere"] {
        let foreign = asked(path, &["evil.test:5100"]).await;
        assert_eq!(foreign.status, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert!(foreign.header("content-security-policy").contains("'none'"), "{path}");
        let twice = asked(path, &["localhost", "evil.test"]).await;
        assert_eq!(twice.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_never_comes_ends_the_request() {
    let house = House::new();
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::convert::Infallible>>();
    let (head, _) = login("ann", PASSWORD).into_parts();
    let asking = house.send(Request::from_parts(head, Body::from_stream(never)));
    let (answer, ()) = tokio::join!(asking, async { house.hand.advance(REQUEST_TIME) });
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
}
