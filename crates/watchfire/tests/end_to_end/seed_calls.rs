//! The first system's calls, on a real agent.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::ports;
use watchfire_testkit::process::Running;

use crate::fixture::{LONG, Lab, watchfire};

const SHOWN_ONCE: &str = "password: ";

#[test]
fn the_first_systems_calls_work_with_a_password_that_is_shown_once() {
    let lab = Lab::new();
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let first = start(&lab, address);
    let shown = first.wait_for_line(SHOWN_ONCE, LONG);
    assert!(shown.is_error, "words go to stderr, and data to stdout");
    let password = shown.text.split(SHOWN_ONCE).nth(1).unwrap().trim().to_owned();

    let token = assert_logins(address, &password);
    assert_status(address, &token);
    assert_processes(address, &token);
    assert_closed(address, &token);
    assert_eq!(first.text().matches(&password).count(), 1, "shown once, and never logged");
    drop(first);

    let second = start(&lab, address);
    assert_logins(address, &password);
    let words = second.text();
    assert!(!words.contains(SHOWN_ONCE) && !words.contains(&password), "{words}");
}

fn start(lab: &Lab, address: SocketAddr) -> Running {
    let data = lab.path("agent-data").display().to_string();
    let listen = address.to_string();
    let program = watchfire(["agent", "--listen", &listen, "--data", &data]);
    let running = program.folder(lab.path("")).log(lab.path("agent.log")).start();
    let said = running.wait_for_line("http://", LONG);
    assert_eq!((said.text, said.is_error), (format!("http://{address}"), false));
    running
}

fn ask(address: SocketAddr, ask: &Ask) -> (Answered, Value) {
    let answer = ask.send(address, LONG).unwrap();
    let json = serde_json::from_slice(&answer.body);
    let json = json.unwrap_or_else(|_| panic!("no JSON: {}", answer.text()));
    (answer, json)
}

/// Basic as a browser does it, and JSON; both give a token. Anything else: 401.
fn assert_logins(address: SocketAddr, password: &str) -> String {
    let basic = |password: &str| {
        let encoded = STANDARD.encode(format!("admin:{password}"));
        Ask::get("/login").header("Authorization", &format!("Basic {encoded}"))
    };
    let (answer, body) = ask(address, &basic(password));
    assert_eq!(answer.status, 200);
    let token = body["token"].as_str().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3, "a JSON Web Token");
    let post = json!({ "username": "admin", "password": password }).to_string();
    let (answer, body) = ask(address, &Ask::post_json("/login", &post));
    assert_eq!((answer.status, body["token"].is_string()), (200, true));
    for refused in [basic("wrong"), Ask::get("/login")] {
        let (answer, _) = ask(address, &refused);
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Basic realm=\"Login Required\""));
    }
    token
}

fn assert_status(address: SocketAddr, token: &str) {
    let (answer, status) = ask(address, &Ask::get(&format!("/stats/?token={token}")));
    assert_eq!(answer.status, 200);
    for key in ["cpu_percent", "ram_percent"] {
        let share = status[key].as_f64().unwrap_or_else(|| panic!("{key}: {status}"));
        assert!((0.0..=100.0).contains(&share), "{key}: {share}");
    }
    assert!(status["uptime_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert!(!status["filesystems"].as_array().unwrap().is_empty());
}

fn assert_processes(address: SocketAddr, token: &str) {
    let path = format!("//processlist/?token={token}&top=10&sort=cpu");
    let (answer, rows) = ask(address, &Ask::get(&path));
    assert_eq!(answer.status, 200);
    let rows = rows.as_array().unwrap();
    assert!((1..=10).contains(&rows.len()), "{} rows", rows.len());
    let cpu: Vec<f64> =
        rows.iter().map(|row| row["cpu_percent"].as_f64().unwrap_or(-1.0)).collect();
    assert!(cpu.is_sorted_by(|a, b| a >= b), "by cpu, most first: {cpu:?}");
    for key in ["pid", "ppid", "user", "name", "state", "rss_bytes", "threads", "start_time"] {
        assert!(!rows[0][key].is_null(), "{key}: {}", rows[0]);
    }
}

/// What needs a token is closed without one, whatever the address says.
fn assert_closed(address: SocketAddr, token: &str) {
    let body = json!({ "argv": ["true"], "timeout_s": 1 }).to_string();
    let run = Ask::post_json("/run", &body).header("Authorization", &format!("Bearer {token}"));
    let (answer, why) = ask(address, &run);
    assert_eq!(answer.status, 403);
    assert!(why["message"].as_str().is_some_and(|why| why.contains("policy")), "{why}");
    let foreign = "eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRtaW4ifQ.";
    for path in [
        "/stats/?source=internal".to_owned(),
        "/stats".to_owned(),
        "//processlist/?source=internal&top=10".to_owned(),
        format!("/stats?token={foreign}&source=internal"),
    ] {
        let (answer, why) = ask(address, &Ask::get(&path));
        assert_eq!(answer.status, 401, "{path}");
        assert!(why["message"].is_string(), "{path}: {why}");
    }
    let (answer, _) = ask(address, &Ask::post_json("/run?source=internal", &body));
    assert_eq!(answer.status, 401);
}
