//! Nothing secret reaches a log, at whatever level. This is a binary of its
//! own, because a process has one log.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::{PASSWORD, basic, start};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_passwords_and_strangers_words_stay_out_of_the_log() {
    let captured = Captured::default();
    let writer = captured.clone();
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let agent = start().await;
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    let stranger = "admin\\n{\\\"level\\\":\\\"INFO\\\",\\\"msg\\\":\\\"login ok\\\"}\\u001b[2K";
    let body = format!(r#"{{"username": "{stranger}", "password": "{PASSWORD}"}}"#);
    assert_eq!(
        agent.ask("POST", "/login", "Content-Type: application/json\r\n", &body).await.status,
        401
    );
    assert_eq!(agent.ask("GET", "/login", &basic("ada", "hunter2hunter2"), "").await.status, 401);
    for target in ["/stats", "/processlist", "/run", "/nothing", "/stream"] {
        agent.get(&format!("{target}?token={token}")).await;
        agent.get(&format!("{target}/{token}")).await;
        agent.get_with(target, &token).await;
    }
    agent.end.request();
    agent.task.join().await.expect("no panic").expect("no error");

    let log = captured.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let log = String::from_utf8(log).expect("is text");
    assert!(log.contains("logged in") && log.contains("a login failed"), "{log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    let pieces = token.as_bytes().windows(24).map(|piece| String::from_utf8_lossy(piece));
    // The header of every token is the same and no secret.
    for piece in pieces.skip(token.find('.').expect("three parts")) {
        assert!(!log.contains(piece.as_ref()), "a piece of the token is in the log");
    }
    for secret in [PASSWORD, "hunter2hunter2", "login ok", "\u{1b}", "[2K"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
