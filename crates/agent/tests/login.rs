//! Logging in: the shapes of the first system, the limits, and the first start.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use common::{PASSWORD, Running, START_MS, basic, start, start_with};
use watchfire_agent::{Agent, AgentConfig, AgentError};
use watchfire_identity::limit::HOLD;
use watchfire_identity::token::Audience;
use watchfire_runtime::{Clock, Shutdown, task};

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn a_login_gives_a_token_with_the_agreed_claims() {
    let agent = start().await;
    let by_get = agent.log_in("ada", PASSWORD).await;
    assert_eq!(by_get.status, 200);
    assert!(by_get.head.contains("content-type: application/json"), "{}", by_get.head);
    let body = format!(r#"{{"username": "ada", "password": "{PASSWORD}"}}"#);
    let by_json = agent.ask("POST", "/login", JSON, &body).await;
    let by_post = agent.ask("POST", "/login", &basic("ada", PASSWORD), "").await;
    for answer in [by_get, by_json, by_post] {
        let json = answer.json();
        assert_eq!(json.as_object().map(|object| object.len()), Some(1), "{answer:?}");
        let token = json["token"].as_str().expect("a token");
        let claims =
            agent.key().verify(token, Audience::Agent, agent.clock.now()).expect("is ours");
        assert_eq!((claims.user.as_str(), claims.scope.as_str()), ("ada", "read stream"));
        assert_eq!((claims.iat, claims.exp), (START_MS / 1000, START_MS / 1000 + 1800));
    }
}

#[tokio::test]
async fn whoever_is_not_known_is_asked_for_name_and_password() {
    let agent = start().await;
    let cases = [
        String::new(),
        basic("ada", "wrong"),
        basic("eve", PASSWORD),
        basic("", ""),
        basic("ada", &"x".repeat(2000)),
        "Authorization: Basic !!!\r\n".to_owned(),
        "Authorization: Basic YWRh\r\n".to_owned(),
        "Authorization: Bearer x\r\n".to_owned(),
        "Authorization: Basic\r\n".to_owned(),
    ];
    for headers in cases {
        let answer = agent.ask("GET", "/login", &headers, "").await;
        assert_eq!(answer.status, 401, "{headers}");
        let asks = "www-authenticate: basic realm=\"login required\"";
        assert!(answer.head.contains(asks), "{}", answer.head);
        assert!(!answer.message().is_empty());
    }
    assert_eq!(agent.ask("POST", "/login", "", "").await.status, 401);
    assert_eq!(agent.ask("PUT", "/login", "", "").await.status, 405);
}

#[tokio::test]
async fn known_and_unknown_names_get_the_same_answer() {
    let agent = start().await;
    let known = agent.log_in("ada", "wrong").await;
    let unknown = agent.log_in("nobody", "wrong").await;
    assert_eq!(known.body, unknown.body);
    let without_date =
        |head: &str| head.lines().filter(|line| !line.starts_with("date:")).collect::<String>();
    assert_eq!(without_date(&known.head), without_date(&unknown.head));
}

#[tokio::test]
async fn bad_bodies_are_told_what_would_do() {
    let agent = start().await;
    for body in ["{", "[]", r#"{"username": "ada"}"#, r#"{"username": 1, "password": 2}"#, "a=b"] {
        let answer = agent.ask("POST", "/login", JSON, body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains("\"username\""), "{body}");
    }
}

#[tokio::test]
async fn a_megabyte_is_no_password() {
    let agent = start().await;
    let body = format!(r#"{{"username": "ada", "password": "{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(agent.ask("POST", "/login", "", &body).await.status, 413);
}

#[tokio::test]
async fn five_wrong_ones_then_a_pause() {
    let agent = start().await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(agent.held(agent.log_in("ada", "wrong")).await.status);
    }
    assert_eq!(statuses, [[401; 5].as_slice(), [429; 15].as_slice()].concat());
    assert_eq!(agent.counters.logins_limited(), 15);
    assert_eq!(agent.counters.logins_failed(), 5);

    let header = format!("{}X-Forwarded-For: 192.0.2.9\r\n", basic("ada", PASSWORD));
    let limited = agent.held(agent.ask("GET", "/login", &header, "")).await;
    assert_eq!(limited.status, 429, "not even the right one, and whatever it says of itself");
    assert!(limited.head.contains("retry-after: 45"), "{}", limited.head);
    assert_eq!(agent.log_in("reader", PASSWORD).await.status, 200, "others are not held up");
    agent.hand.advance(Duration::from_secs(45));
    assert_eq!(agent.log_in("ada", PASSWORD).await.status, 200);
}

/// Wrong logins with made-up names, until the address is held up.
async fn use_up_the_address(agent: &Running) {
    for number in 0..32 {
        agent.held(agent.log_in(&format!("made-up-{number}"), "wrong")).await;
    }
    assert_eq!(agent.held(agent.log_in("nobody", PASSWORD)).await.status, 429);
}

#[tokio::test]
async fn made_up_names_do_not_lock_out_who_shares_their_address() {
    let agent = start().await;
    assert_eq!(agent.log_in("ada", PASSWORD).await.status, 200);
    use_up_the_address(&agent).await;
    let before = agent.held(agent.log_in("ada", PASSWORD)).await;
    assert_eq!(before.status, 200, "who was here before");
    let first = agent.held(agent.log_in("reader", PASSWORD)).await;
    assert_eq!(first.status, 200, "who comes for the first time");
}

#[tokio::test]
async fn guessing_the_hubs_password_from_its_address_does_not_lock_it_out() {
    let agent = start().await;
    assert_eq!(agent.log_in("ada", PASSWORD).await.status, 200);
    for _ in 0..20 {
        agent.held(agent.log_in("ada", "wrong")).await;
    }
    assert_eq!(agent.counters.logins_limited(), 15);
    assert_eq!(agent.held(agent.log_in("ada", PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_held_up_address_learns_no_names() {
    let agent = start().await;
    use_up_the_address(&agent).await;
    let before = agent.clock.now();
    let mut answers = Vec::new();
    for user in ["ada", "nobody"] {
        // Time stands still, and as long as it does neither is answered.
        let mut asked = Box::pin(agent.log_in(user, "wrong"));
        let limited = agent.counters.logins_limited();
        while agent.counters.logins_limited() == limited {
            tokio::select! {
                answer = &mut asked => panic!("{user}: {answer:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        answers.push(asked);
    }
    assert_eq!(agent.clock.now(), before);
    agent.hand.advance(HOLD);
    let mut seen = Vec::new();
    for answer in answers {
        let answer = answer.await;
        seen.push((answer.status, answer.body, answer.head.contains("retry-after: 60")));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, 429);
}

#[tokio::test]
async fn pages_of_other_sites_cannot_try() {
    let agent = start().await;
    let body = format!(r#"{{"username": "ada", "password": "{PASSWORD}"}}"#);
    for from in [
        "Origin: http://evil.test\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://evil.test\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        let by_json = agent.ask("POST", "/login", &format!("{from}{JSON}"), &body).await;
        let headers = format!("{from}{}", basic("ada", PASSWORD));
        let by_basic = agent.ask("GET", "/login", &headers, "").await;
        let by_text = agent.ask("POST", "/login", from, &body).await;
        assert_eq!([by_json, by_basic, by_text].map(|answer| answer.status), [403; 3], "{from}");
    }
    for from in
        ["Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost\r\n"]
    {
        let headers = format!("{from}{}", basic("ada", PASSWORD));
        assert_eq!(agent.ask("GET", "/login", &headers, "").await.status, 200, "{from}");
        let asked = agent.ask("GET", "/login", from, "").await;
        assert_eq!(asked.status, 401, "a browser asks for name and password then");
    }
    assert_eq!(agent.counters.logins_failed(), 0, "none of them used up a try");
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let agent = start().await;
    let body = format!(r#"{{"username": "ada", "password": "{PASSWORD}"}}"#);
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let header =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let answer = agent.ask("POST", "/login", &header, &body).await;
        assert_eq!(answer.status, 415, "{kind}");
        assert!(answer.message().contains("application/json"), "{kind}");
        let with_basic = format!("{header}{}", basic("ada", PASSWORD));
        assert_eq!(agent.ask("POST", "/login", &with_basic, "").await.status, 200, "{kind}");
    }
    let header = "Content-Type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(agent.ask("POST", "/login", header, &body).await.status, 200);
}

#[tokio::test]
async fn right_ones_are_never_held_up() {
    let agent = start().await;
    for _ in 0..10 {
        assert_eq!(agent.log_in("ada", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn a_crowd_is_sent_away_and_not_queued_for_ever() {
    let agent = start().await;
    let mut crowd = Vec::new();
    for number in 0..100 {
        let request = format!(
            "GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
            basic(&format!("user{number}"), "wrong")
        );
        let agent = &agent;
        crowd.push(async move { agent.raw(&request).await.status });
    }
    let statuses = agent.held(futures_util::future::join_all(crowd)).await;
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    // The address as a whole has thirty wrong tries in a minute.
    assert!(statuses.iter().filter(|status| **status == 401).count() <= 30, "{statuses:?}");
}

#[tokio::test]
async fn a_first_start_makes_a_password_that_works_and_stores_its_hash_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = || {
        let mut config = AgentConfig::new(folder.path());
        config.record.enabled = false;
        config.listen.set_port(0);
        config
    };
    let agent = Agent::bind(config(), Clock::system()).await.expect("it binds");
    let (user, password) = agent.first_password().expect("made just now");
    let (user, password) = (user.to_owned(), password.to_owned());
    let files = |folder: &std::path::Path| {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    };
    let identity = folder.path().join("identity");
    let beside = files(folder.path()).filter(|path| *path != identity);
    for path in beside.chain(files(&identity)) {
        let mode = std::fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let content = std::fs::read(&path).expect("readable");
        assert!(!String::from_utf8_lossy(&content).contains(&password), "{}", path.display());
    }
    drop(agent);

    let again = start_with(|fresh| fresh.data = folder.path().to_owned()).await;
    assert_eq!(again.log_in(&user, &password).await.status, 200);
    let agent = Agent::bind(config(), Clock::system()).await.expect("it binds");
    assert!(agent.first_password().is_none(), "it is shown once");
}

#[tokio::test]
async fn a_taken_port_and_an_open_key_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = AgentConfig::new(folder.path());
    config.listen.set_port(0);
    let first = Agent::bind(config.clone(), Clock::system()).await.expect("it binds");
    config.listen = first.local_addr();
    let error = Agent::bind(config.clone(), Clock::system()).await.expect_err("it is taken");
    assert!(matches!(error, AgentError::Bind { .. }), "{error}");
    assert!(error.to_string().contains("hint:"), "{error}");
    let key = folder.path().join("token.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let error = Agent::bind(config, Clock::system()).await.expect_err("the key is open");
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = AgentConfig::new(folder.path());
    config.listen.set_port(0);
    let agent = Agent::bind(config, Clock::system()).await.expect("it binds");
    let (shutdown, end) = Shutdown::new();
    let running = task::spawn("agent", agent.run(shutdown));
    end.request();
    running.join().await.expect("no panic").expect("no error");
}
