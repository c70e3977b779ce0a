//! `POST /enrol`, as agents with good and bad tokens meet it.

use std::time::Duration;

use watchfire_api::enrol::{EnrolReply, EnrolRequest};
use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::{Fingerprint, MachineKey};
use watchfire_identity::enrol::EnrolToken;
use watchfire_identity::limit::TRIES_PER_ADDRESS;
use watchfire_model::{Labels, Presence, TimelineKind};

use super::*;
use crate::testing::{Log, name};

const MINUTES: Duration = Duration::from_secs(900);

impl House {
    fn token(&self, bound: Option<&str>, labels: &[(&str, &str)]) -> EnrolToken {
        let token = EnrolToken::new(self.identity.fingerprint(), &mut SystemRandomness);
        let now = self.fleet.now();
        let (begin, end) = (now.unix_ms, now.after(MINUTES).unix_ms);
        let mut own = Labels::new();
        for (name, value) in labels {
            own.insert(name, value).expect("a label");
        }
        let made = self.store.write(|batch| {
            batch.put_enrol_token(&token.digest(), bound, begin, end)?;
            batch.set_enrol_token_labels(&token.digest(), &own)
        });
        made.expect("the store works");
        token
    }

    async fn enrol_from(
        &self,
        host: u8,
        token: &EnrolToken,
        key: &MachineKey,
        name: &str,
    ) -> Answer {
        self.send_over_tls(host, request(&asked(token.secret(), key, name))).await
    }

    async fn enrol(&self, token: &EnrolToken, key: &MachineKey, name: &str) -> Answer {
        self.enrol_from(1, token, key, name).await
    }
}

fn asked(secret: &str, key: &MachineKey, name: &str) -> EnrolRequest {
    EnrolRequest {
        secret: secret.to_owned(),
        name: name.to_owned(),
        labels: [("role", "web"), ("team", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        csr: key.signing_request(),
        version: "1".to_owned(),
    }
}

fn request(body: &impl serde::Serialize) -> Request<Body> {
    let body = serde_json::to_vec(body).expect("JSON");
    Request::post("/enrol")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("a good request")
}

#[tokio::test]
async fn a_token_makes_a_server_one_of_the_hubs_at_once() {
    let house = House::new();
    let (token, key) = (house.token(None, &[("team", "a")]), MachineKey::generate());
    let answer = house.enrol(&token, &key, "web-1").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let reply: EnrolReply = serde_json::from_str(&answer.body).expect("a reply");
    assert_eq!((reply.id, reply.name), (key.id().to_string(), "web-1".to_owned()));
    assert_eq!(reply.ca, house.identity.ca_pem());
    assert!(reply.certificate.contains("BEGIN CERTIFICATE"));

    let index = house.agents.index_of(key.id()).expect("it is known");
    let config = house.fleet.config(index);
    assert_eq!((config.server.name.as_str(), config.agent), ("web-1", Some(key.id())));
    let labels = &config.server.labels;
    assert_eq!(
        (labels.get("role"), labels.get("team")),
        (Some("web"), Some("a")),
        "the token's win"
    );
    let seen = house.get("/api/servers", Some(&house.log_in("ann").await)).await;
    assert!(seen.body.contains("web-1"), "{}", seen.body);
    let stored = &house.store.agents().expect("readable")[0];
    assert_eq!(stored.public_key_fingerprint, key.public_key_fingerprint().to_string());
    assert_eq!(house.enrolment.counts()[0], 1);
}

#[tokio::test]
async fn a_second_use_is_refused_and_told() {
    let house = House::new();
    let (token, first, second) =
        (house.token(None, &[]), MachineKey::generate(), MachineKey::generate());
    assert_eq!(house.enrol(&token, &first, "web-1").await.status, StatusCode::OK);
    let incident = open_incident(&house.store, "web-1", 0);
    let log = Log::new();
    let again = house.enrol(&token, &first, "web-1").await;
    assert_eq!(again.status, StatusCode::OK, "its answer was lost: {}", again.body);
    assert_eq!(house.enrolment.counts()[3], 0);

    let thief = house.enrol(&token, &second, "web-2").await;
    assert_eq!(thief.status, StatusCode::UNAUTHORIZED);
    assert!(thief.body.contains("used already"), "{}", thief.body);
    assert_eq!(house.agents.index_of(second.id()), None);
    assert_eq!(house.enrolment.counts()[3], 1);
    let stored = &house.store.enrol_tokens().expect("readable")[0];
    assert_eq!(stored.used.as_ref().expect("used").1, first.id().to_string());
    assert_eq!(stored.misused.as_ref().expect("misused").1, second.id().to_string());
    let told = house.store.timeline(incident).expect("readable");
    let of_token = |entry: &&watchfire_model::TimelineEntry| entry.text.contains("web-2");
    let told = told.iter().find(of_token).expect("it stands in the incident");
    assert_eq!(told.kind, TimelineKind::Observed);
    // The work is done on another thread, whose log this is not; the answer's is here.
    assert!(log.holds("an enrolment was refused") && !log.holds(token.secret()));
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told() {
    let house = House::new();
    let key = MachineKey::generate();
    let unknown = EnrolToken::new(Fingerprint::of(b"x"), &mut SystemRandomness);
    let late = house.token(None, &[]);
    let refused = house.enrol(&unknown, &key, "web-1").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("no such token"), "{}", refused.body);
    house.hand.advance(MINUTES);
    let refused = house.enrol(&late, &key, "web-1").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("expired"), "{}", refused.body);
    assert_eq!(house.store.agents(), Ok(Vec::new()));
    assert_eq!(house.enrolment.counts()[1], 2);
}

#[tokio::test]
async fn a_name_that_is_taken_costs_no_token() {
    let house = House::new();
    let (one, other) = (MachineKey::generate(), MachineKey::generate());
    assert_eq!(house.enrol(&house.token(None, &[]), &one, "web-1").await.status, StatusCode::OK);
    let token = house.token(None, &[]);
    for (name, words) in [("web-1", "server remove web-1"), ("b-1", "hub token --name b-1")] {
        let refused = house.enrol(&token, &other, name).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{name}");
        assert!(refused.body.contains(words), "{}", refused.body);
    }
    assert_eq!(house.enrol(&token, &other, "web-2").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_of_hub_toml_gets_its_agent_by_its_name() {
    let house = House::new();
    let waiting = house.fleet.add(watched("new-1", "127.0.0.1:9"));
    let key = MachineKey::generate();
    assert_eq!(house.enrol(&house.token(None, &[]), &key, "new-1").await.status, StatusCode::OK);
    assert_eq!(house.agents.index_of(key.id()), Some(waiting), "it keeps its place");
    assert_eq!(house.fleet.config(waiting).server.labels.get("team"), Some("n"), "the file's");

    // A token for that very name may take the place of a login, whatever the agent is called.
    let key = MachineKey::generate();
    let before = house.fleet.index(&name("b-1"));
    let answer = house.enrol(&house.token(Some("b-1"), &[]), &key, "else").await;
    let reply: EnrolReply = serde_json::from_str(&answer.body).expect("a reply");
    assert_eq!(reply.name, "b-1");
    assert_eq!(house.agents.index_of(key.id()), before);
    let config = house.fleet.config(before.expect("it is in"));
    assert!(config.login.is_none() && config.agent == Some(key.id()));
}

#[tokio::test]
async fn what_is_no_enrolment_is_refused_before_the_store_is_asked() {
    let house = House::new();
    let (token, key) = (house.token(None, &[]), MachineKey::generate());
    let good = asked(token.secret(), &key, "web-1");
    let plain = house.send(request(&good)).await;
    assert_eq!(plain.status, StatusCode::UPGRADE_REQUIRED, "the secret is for TLS alone");
    let mut foreign = request(&good);
    foreign.headers_mut().insert("origin", HeaderValue::from_static("https://evil.test"));
    assert_eq!(house.send_over_tls(1, foreign).await.status, StatusCode::FORBIDDEN);
    let large = EnrolRequest { csr: "x".repeat(17 << 10), ..good.clone() };
    let answer = house.send_over_tls(1, request(&large)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let more =
        serde_json::json!({ "secret": "hush", "name": "x", "csr": "", "version": "", "root": 1 });
    let answer = house.send_over_tls(1, request(&more)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!answer.body.contains("hush") && answer.body.contains("watchfire join"));
    for wrong in [
        EnrolRequest { name: "a b".to_owned(), ..good.clone() },
        EnrolRequest { csr: "none".to_owned(), ..good.clone() },
        EnrolRequest { labels: [("name".to_owned(), "x".to_owned())].into(), ..good.clone() },
    ] {
        let answer = house.send_over_tls(1, request(&wrong)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        assert!(!answer.body.contains(token.secret()));
    }
    assert_eq!(house.enrol(&token, &key, "web-1").await.status, StatusCode::OK, "it is still good");
}

#[tokio::test]
async fn guessing_is_limited_by_address() {
    let house = House::new();
    let key = MachineKey::generate();
    for _ in 0..TRIES_PER_ADDRESS {
        let guess = EnrolToken::new(Fingerprint::of(b"x"), &mut SystemRandomness);
        let answer = house.enrol_from(7, &guess, &key, "web-1").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let token = house.token(None, &[]);
    let limited = house.enrol_from(7, &token, &key, "web-1").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_ne!(limited.header("retry-after"), "");
    assert_eq!(house.enrolment.counts()[2], 1);
    let elsewhere = house.enrol_from(8, &token, &key, "web-1").await;
    assert_eq!(elsewhere.status, StatusCode::OK, "others are not kept out");
}

#[tokio::test]
async fn a_renewal_is_for_the_agents_own_key_while_it_belongs_to_the_hub() {
    let house = House::new();
    let (key, other) = (MachineKey::generate(), MachineKey::generate());
    assert_eq!(house.enrol(&house.token(None, &[]), &key, "web-1").await.status, StatusCode::OK);
    let end = || house.store.agents().expect("readable")[0].certificate_not_after;
    let before = end();
    house.hand.advance(Duration::from_secs(86_400));
    let now = house.fleet.now();
    let renew = |csr: &MachineKey| house.enrolment.renew(key.id(), &csr.signing_request(), now);
    assert!(renew(&key).expect("is renewed").contains("BEGIN CERTIFICATE"));
    assert!(end() > before);
    renew(&other).expect_err("another key");
    let id = key.id().to_string();
    house.store.write(|batch| batch.remove_agent(&id, now.unix_ms)).expect("works");
    assert!(renew(&key).expect_err("it was removed").to_string().contains("join again"));
}

/// A27: neither the old key nor what was known under the name passes on.
#[tokio::test]
async fn a_removed_server_is_gone_and_its_name_begins_anew() {
    let house = House::new();
    let (old, new) = (MachineKey::generate(), MachineKey::generate());
    assert_eq!(house.enrol(&house.token(None, &[]), &old, "web-1").await.status, StatusCode::OK);
    let first = house.agents.index_of(old.id()).expect("it is known");
    house.fleet.heard(first);
    assert_eq!(house.fleet.snapshot(first).presence, Presence::Up);
    let gone = house.agents.gone(old.id(), first);
    let remove = |batch: &watchfire_store::Batch<'_>| batch.remove_agent(&old.id().to_string(), 1);
    house.store.write(remove).expect("works");
    house.agents.take_in().expect("readable");
    gone.await;
    assert_eq!((house.agents.index_of(old.id()), house.fleet.is_in(first)), (None, false));
    assert_eq!(house.enrol(&house.token(None, &[]), &new, "web-1").await.status, StatusCode::OK);
    let second = house.agents.index_of(new.id()).expect("it is known");
    assert_ne!(first, second);
    assert_eq!(house.fleet.snapshot(second).last_sign, None);
}
