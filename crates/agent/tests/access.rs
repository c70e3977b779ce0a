//! Who gets in: every path and method without a token, forged tokens, foreign
//! `Host` headers, and the doors of the first system that are shut now.

mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Running, start, start_with};
use watchfire_agent::User;
use watchfire_identity::token::{Audience, TokenKey};
use watchfire_identity::{Scope, password};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn without_a_token_every_door_is_shut() {
    let agent = start().await;
    let guarded = ["/stats", "/processlist", "/run", "/metrics", "/stream"];
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    for path in guarded {
        for method in methods {
            let answer = agent.ask(method, path, "", "").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            if method != "HEAD" {
                assert!(answer.message().contains("/login"), "{method} {path}");
            }
        }
    }
    // Over plain HTTP nobody adopts, whatever is sent; `enrol.rs` has the rest.
    for method in methods {
        let answer = agent.ask(method, "/adopt", "", r#"{"secret":"x"}"#).await;
        assert_eq!(answer.status, 403, "{method} /adopt");
    }
    for path in ["/", "/debug/pprof", "/debug", "/data/token.key", "/stats/../data", "/favicon.ico"]
    {
        assert_eq!(agent.get(path).await.status, 404, "{path}");
    }
    let health = agent.get("/healthz").await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!(agent.ask("POST", "/healthz", "", "").await.status, 405);
}

#[tokio::test]
async fn the_first_systems_back_door_opens_nothing() {
    let agent = start().await;
    for target in [
        "/stats?source=internal",
        "/stats/?token=&source=internal",
        "//processlist/?source=internal",
        "/run?source=internal",
        "/stream?source=internal",
    ] {
        assert_eq!(agent.get(target).await.status, 401, "{target}");
    }
    assert_eq!(agent.ask("POST", "/run?source=internal", "", "{}").await.status, 401);
}

#[tokio::test]
async fn slashes_do_not_matter() {
    let agent = start().await;
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    for target in
        ["/stats", "/stats/", "//stats//", "//processlist/", "/processlist", "///processlist"]
    {
        let answer = agent.get(&format!("{target}?token={token}&top=1")).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(agent.get(target).await.status, 401, "{target}");
    }
    let login = agent.ask("GET", "//login/", &common::basic("ada", common::PASSWORD), "").await;
    assert_eq!(login.status, 200);
}

/// 401 as a query and as a header, with the same words for every reason.
async fn refused(agent: &Running, token: &str, why: &str) {
    let by_query = agent.get(&format!("/stats?token={token}")).await;
    let by_header = agent.get_with("/processlist", token).await;
    assert_eq!((by_query.status, by_header.status), (401, 401), "{why}");
    assert_eq!(by_query.body, by_header.body, "{why}");
    assert_eq!(by_query.message(), "the token is not valid: get a new one at /login", "{why}");
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let agent = start().await;
    agent.hand.advance(Duration::from_secs(1));
    let now = agent.clock.now();
    let real = agent.token("ada").await;
    let (message, _) = real.rsplit_once('.').expect("three parts");
    let claims = message.split_once('.').expect("two parts").1;
    let none = |alg: &str| {
        let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{alg}\",\"typ\":\"JWT\"}}"));
        format!("{header}.{claims}.")
    };
    for alg in ["none", "None", "HS512", "HS256"] {
        refused(&agent, &none(alg), alg).await;
    }
    refused(&agent, &format!("{message}."), "stripped signature").await;
    refused(&agent, "x", "no token at all").await;
    refused(&agent, &format!("{real}x"), "a changed signature").await;

    let (key, all) = (agent.key(), &Scope::ALL);
    let epoch = key.epoch(&common::hash());
    let right = key.issue("ada", Audience::Agent, all, &epoch, now, MINUTE);
    assert_eq!(agent.get_with("/stats", &right).await.status, 200, "so the others have one fault");
    let foreign = TokenKey::from_bytes([0; 32]);
    let token = foreign.issue("ada", Audience::Agent, all, &epoch, now, MINUTE);
    refused(&agent, &token, "another key").await;
    let token = key.issue("ada", Audience::Hub, all, &epoch, now, MINUTE);
    refused(&agent, &token, "for the hub").await;
    let token = key.issue("ada", Audience::Agent, all, &epoch, now.before(MINUTE), MINUTE);
    refused(&agent, &token, "expired").await;
    let token = key.issue("ada", Audience::Agent, all, &epoch, now.after(MINUTE), MINUTE);
    refused(&agent, &token, "from the future").await;
    let token = key.issue("eve", Audience::Agent, all, &epoch, now, MINUTE);
    refused(&agent, &token, "of nobody").await;
    let token = key.issue("ada", Audience::Agent, all, "other", now, MINUTE);
    refused(&agent, &token, "under another password").await;
}

#[tokio::test]
async fn a_token_dies_with_the_password_and_loses_what_the_user_loses() {
    let folder = tempfile::tempdir().expect("a folder");
    let again = async |scopes: &[Scope], password_hash| {
        let ada = User { name: "ada".to_owned(), password_hash, scopes: scopes.to_vec() };
        let agent = start_with(|config| {
            config.data = folder.path().to_owned();
            config.users = vec![ada];
        });
        let agent = agent.await;
        agent.hand.advance(Duration::from_secs(1));
        agent
    };
    let both = [Scope::Read, Scope::Stream];
    let agent = again(&both, common::hash()).await;
    let token = agent.token("ada").await;
    assert_eq!(agent.get_with("/stats", &token).await.status, 200);

    let restarted = again(&both, common::hash()).await;
    assert_eq!(restarted.get_with("/stats", &token).await.status, 200, "a restart is no change");
    let reduced = again(&[Scope::Stream], common::hash()).await;
    assert_eq!(reduced.get_with("/stats", &token).await.status, 403);
    // The same word hashed again is a changed password too: its salt is another.
    let changed = again(&both, password::hash(common::PASSWORD).expect("hashes")).await;
    refused(&changed, &token, "another password").await;
    assert_eq!(changed.get_with("/stats", &changed.token("ada").await).await.status, 200);
}

#[tokio::test]
async fn a_token_ends() {
    let agent = start().await;
    let token = agent.token("ada").await;
    let second = Duration::from_secs(1);
    agent.hand.advance(second);
    // A leap during the first reading would leave an answer waiting for the second for ever.
    assert_eq!(agent.get_with("/stats", &token).await.status, 200);
    agent.hand.advance(Duration::from_secs(30 * 60 - 2));
    assert_eq!(agent.get_with("/stats", &token).await.status, 200);
    agent.hand.advance(second);
    refused(&agent, &token, "expired").await;
}

#[tokio::test]
async fn a_token_opens_only_its_scopes() {
    let agent = start().await;
    agent.hand.advance(Duration::from_secs(1));
    let (reader, runner) = (agent.token("reader").await, agent.token("runner").await);
    assert_eq!(agent.get_with("/stats", &reader).await.status, 200);
    let refused = agent.get_with("/stats", &runner).await;
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("scope read"), "{refused:?}");
    assert_eq!(agent.get_with("/stream", &reader).await.status, 403);
    assert_eq!(agent.get_with("/metrics", &reader).await.status, 200);
    assert_eq!(agent.get_with("/metrics", &runner).await.status, 403);
    assert_eq!(agent.ask("PUT", &format!("/stats?token={reader}"), "", "").await.status, 405);
}

#[tokio::test]
async fn tokens_in_an_address_read_and_nothing_else() {
    let agent = start().await;
    let token = agent.token("ada").await;
    agent.hand.advance(Duration::from_secs(1));
    assert_eq!(agent.get(&format!("/stats?token={token}")).await.status, 200);
    assert_eq!(agent.get(&format!("/stats?token={token}&token=x")).await.status, 401);
    assert_eq!(agent.get(&format!("/stream?token={token}")).await.status, 401);
    let run = agent.ask("POST", &format!("/run?token={token}"), "", "{}").await;
    assert_eq!(run.status, 401);
    assert!(run.message().contains("Authorization"), "{run:?}");
}

#[tokio::test]
async fn commands_are_off() {
    let agent = start().await;
    for user in ["reader", "runner", "ada"] {
        let bearer = format!("Authorization: Bearer {}\r\n", agent.token(user).await);
        let answer = agent.ask("POST", "/run", &bearer, r#"{"argv": ["true"]}"#).await;
        assert_eq!(answer.status, 403, "{user}");
        assert!(answer.message().contains("its policy is off"), "{answer:?}");
        assert_eq!(agent.ask("GET", "/run", &bearer, "").await.status, 405);
    }
}

#[tokio::test]
async fn foreign_hosts_are_turned_away_before_anything_else() {
    let agent = start().await;
    let ask = async |host: &str, target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        agent.raw(&request).await.status
    };
    let port = agent.address.port();
    assert_eq!(ask("Host: evil.test\r\n", "/stats").await, 421);
    assert_eq!(ask("Host: evil.test\r\n", "/login").await, 421);
    assert_eq!(ask("Host: evil.test\r\n", "/healthz").await, 421);
    assert_eq!(ask(&format!("Host: localhost:{port}\r\n"), "/stats").await, 401);
    assert_eq!(ask(&format!("Host: 127.0.0.1:{port}\r\n"), "/healthz").await, 200);
    assert_eq!(ask("Host: localhost\r\nHost: evil.test\r\n", "/healthz").await, 400);
    assert_eq!(ask("", "/healthz").await, 400);
    assert_eq!(ask("Host: localhost\r\n", "http://evil.test/healthz").await, 400);
    assert_eq!(ask("Host: localhost\r\n", "http://localhost/healthz").await, 200);
}

#[tokio::test]
async fn answers_are_not_kept_by_browsers() {
    let agent = start().await;
    for target in ["/healthz", "/stats", "/nothing", "/login"] {
        let head = agent.get(target).await.head;
        for header in [
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
        ] {
            assert!(head.contains(header), "{target}: {head}");
        }
    }
}
