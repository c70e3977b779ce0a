//! The open door on loopback (`watchfire hub --open-loopback`).

use super::*;

fn near() -> Peer {
    Peer { remote: SocketAddr::from(([127, 0, 0, 1], 4000)), tls: None }
}

fn house() -> House {
    House::with(|parts| parts.open_on_loopback = true)
}

#[tokio::test]
async fn this_machine_reads_without_a_login_and_nobody_else() {
    let house = house();
    for path in ["/api/v1/query?query=up", "/api/servers", "/api/me", "/federate"] {
        let ask = || asking(Method::GET, path, None);
        assert_eq!(house.send_as(near(), ask()).await.status, StatusCode::OK, "{path}");
        assert_eq!(house.send(ask()).await.status, StatusCode::UNAUTHORIZED, "{path}");
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://evil.test"),
        ] {
            let mut foreign = ask();
            foreign.headers_mut().insert(name, HeaderValue::from_static(value));
            let status = house.send_as(near(), foreign).await.status;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {name}");
        }
    }
    let posted = Request::post("/api/v1/query")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("query=up"))
        .expect("a good request");
    let posted = house.send_as(near(), posted).await;
    assert!(posted.body.contains("a-1") && posted.body.contains("b-1"), "{}", posted.body);
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_opens_nothing() {
    let house = house();
    for (host, status) in [
        ("evil.test:5100", StatusCode::MISDIRECTED_REQUEST),
        ("localhost.evil.test", StatusCode::MISDIRECTED_REQUEST),
        // Ours, but in a stranger's resolver anybody's.
        ("hub.test:5100", StatusCode::UNAUTHORIZED),
        ("192.0.2.1:5100", StatusCode::UNAUTHORIZED),
    ] {
        let mut request = asking(Method::GET, "/api/v1/query?query=up", None);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
        assert_eq!(house.send_as(near(), request).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_wrong_login_is_refused_by_the_open_door_too() {
    let house = house();
    let mut request = asking(Method::GET, "/api/v1/query?query=up", None);
    request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    assert_eq!(house.send_as(near(), request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_closed_door_is_closed() {
    let house = House::new();
    let request = asking(Method::GET, "/api/v1/query?query=up", None);
    assert_eq!(house.send_as(near(), request).await.status, StatusCode::UNAUTHORIZED);
}
