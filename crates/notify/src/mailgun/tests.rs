//! Real exchanges with the scripted HTTP server.

use std::time::Duration;

use watchfire_model::{Channel, Content};
use watchfire_runtime::Clock;
use watchfire_testkit::http::{Answer, Stub};

use super::*;
use crate::testing::{self, outgoing};
use crate::{MAILGUN_BASE, MailServer, MailSettings, Notifier};

const LONG: Duration = Duration::from_secs(20);
const KEY: &str = "key-HUNTER2";

fn notifier(base: &str, timeouts: Timeouts) -> Result<Notifier, ChannelError> {
    let server = MailServer::Mailgun {
        base: base.to_owned(),
        domain: "mg.example.org".to_owned(),
        key: KEY.to_owned(),
    };
    let from = "Watchfire <hub@mg.example.org>".to_owned();
    Notifier::with_timeouts(Some(MailSettings { from, server }), timeouts, Clock::system())
}

fn patient(base: &str) -> Notifier {
    notifier(base, Timeouts { connect: LONG, verb: LONG, whole: LONG }).unwrap()
}

async fn send(notifier: &Notifier) -> DeliveryOutcome {
    let content = Content {
        subject: "web-1 is down\r\nBcc: eve@example.org".to_owned(),
        text: "since 03:00 & more\n".to_owned(),
        html: "<p>since</p>".to_owned(),
    };
    let message = Outgoing { references: &["a@hub".to_owned()], ..outgoing(&content) };
    let outcome = notifier.send(&Channel::new("mailto:ada@example.org"), &message).await;
    assert!(!format!("{outcome:?}").contains("HUNTER2"));
    outcome
}

#[tokio::test]
async fn a_mail_is_posted_as_mailgun_wants_it() {
    let stub = Stub::start();
    stub.next([Answer::reply(200, r#"{"id": "<1@mg>", "message": "Queued. Thank you."}"#)]);
    let outcome = send(&patient(&stub.base())).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "<1@mg>".to_owned() });
    let requests = stub.wait_for(1, LONG);
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v3/mg.example.org/messages")
    );
    // "api:key-HUNTER2" in base64.
    assert_eq!(request.header("Authorization"), Some("Basic YXBpOmtleS1IVU5URVIy"));
    for (name, value) in [
        ("from", "Watchfire <hub@mg.example.org>"),
        ("to", "ada@example.org"),
        ("subject", "web-1 is down  Bcc: eve@example.org"),
        ("text", "since 03:00 & more\n"),
        ("html", "<p>since</p>"),
        ("h:Message-ID", "<down.7.ada@hub>"),
        ("h:References", "<a@hub>"),
        ("h:X-Watchfire-Kind", "down"),
    ] {
        assert_eq!(request.form(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(request.form("bcc"), None);
}

/// Mailgun shows as `cid:NAME` what is posted as `inline` with that file's name.
#[tokio::test]
async fn pictures_are_posted_with_their_names() {
    let stub = Stub::start();
    stub.next([Answer::reply(200, r#"{"id": "<1@mg>", "message": "Queued."}"#)]);
    let content = Content {
        html: "<img src=\"data:image/png;base64,iVBORw0KGgo=\">".to_owned(),
        ..testing::content("[DOWN] web-1", "since 03:00")
    };
    let channel = Channel::new("mailto:ada@example.org");
    let outcome = patient(&stub.base()).send(&channel, &outgoing(&content)).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "<1@mg>".to_owned() });
    let body = String::from_utf8_lossy(&stub.wait_for(1, LONG)[0].body).into_owned();
    for part in [
        "name=\"inline\"; filename=\"picture-1.png\"\r\nContent-Type: image/png\r\n",
        "\u{fffd}PNG\r\n",
        "<img src=\"cid:picture-1.png\">",
        "name=\"h:Auto-Submitted\"",
    ] {
        assert!(body.contains(part), "{part:?} is missing in {body}");
    }
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let stub = Stub::start();
    let notifier = patient(&stub.base());
    let big = "x".repeat(1_000_000);
    for (answer, expected) in [
        (Answer::reply(400, r#"{"message": "to is no address"}"#), "refused: to is no address"),
        (Answer::reply(413, ""), "refused"),
        (Answer::reply(422, ""), "refused"),
        // The hub's own setup, which somebody will mend.
        (Answer::reply(401, "Forbidden"), "retry: 401"),
        (Answer::reply(402, ""), "retry"),
        (Answer::reply(403, ""), "retry"),
        (Answer::reply(404, ""), "retry"),
        (Answer::reply(408, ""), "retry"),
        (Answer::reply(429, "{}").with_header("Retry-After", "7"), "retry: try again after 7"),
        (Answer::reply(500, &big), "maybe"),
        (Answer::reply(503, ""), "maybe"),
        (Answer::reply(302, "").with_header("Location", &stub.base()), "retry"),
        (Answer::reply(200, "<html>log in to the hotel</html>"), "maybe"),
        (Answer::reply(200, &big), "maybe"),
        (Answer::reply(200, "{}"), "accepted"),
        (Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"id\"".to_vec()), "maybe"),
        (Answer::Raw(b"what?\r\n\r\n".to_vec()), "maybe"),
        (Answer::Drop, "maybe"),
    ] {
        stub.next([answer.clone()]);
        let (word, why) = match send(&notifier).await {
            DeliveryOutcome::Accepted { reply } => ("accepted", reply),
            DeliveryOutcome::Refused { why } => ("refused", why),
            DeliveryOutcome::Retry { why, maybe_accepted: true } => ("maybe", why),
            DeliveryOutcome::Retry { why, maybe_accepted: false } => ("retry", why),
            DeliveryOutcome::Unknown => ("unknown", String::new()),
        };
        let (expected, part) = expected.split_once(": ").unwrap_or((expected, ""));
        assert_eq!(word, expected, "{why}");
        assert!(why.contains(part) && why.len() < 1000, "{why}");
    }
    // One request each: the redirect was not followed.
    assert_eq!(stub.requests().len(), 18);
}

#[tokio::test]
async fn a_server_that_hangs_may_have_it_and_one_that_is_gone_has_not() {
    let stub = Stub::start();
    stub.next([Answer::Hang]);
    let timeouts = Timeouts { connect: LONG, verb: Duration::from_secs(1), whole: LONG };
    let outcome = send(&notifier(&stub.base(), timeouts).unwrap()).await;
    assert!(matches!(outcome, DeliveryOutcome::Retry { maybe_accepted: true, .. }), "{outcome:?}");
    stub.stop_listening();
    let outcome = send(&patient(&stub.base())).await;
    assert!(matches!(outcome, DeliveryOutcome::Retry { maybe_accepted: false, .. }), "{outcome:?}");
}

#[test]
fn the_key_travels_encrypted_and_is_not_shown() {
    let mailgun = |base: &str, domain: &str, key: &str| {
        let resolver = Resolver::system(LONG, Clock::system());
        Mailgun::new(base, domain, key.into(), Timeouts::default(), resolver)
    };
    assert!(mailgun(MAILGUN_BASE, "mg.example.org", KEY).is_ok());
    for (base, domain, key) in [
        ("http://api.mailgun.net", "mg.example.org", KEY),
        ("api.mailgun.net", "mg.example.org", KEY),
        ("https://", "mg.example.org", KEY),
        ("https://user@api.mailgun.net", "mg.example.org", KEY),
        (MAILGUN_BASE, "mg.example.org/../x", KEY),
        (MAILGUN_BASE, "", KEY),
        (MAILGUN_BASE, "mg.example.org", ""),
        (MAILGUN_BASE, "mg.example.org", "key\n"),
    ] {
        let error = mailgun(base, domain, key).unwrap_err();
        assert!(!error.to_string().contains("HUNTER2"), "{error}");
    }
    let server = MailServer::Mailgun {
        base: MAILGUN_BASE.into(),
        domain: "mg.example.org".into(),
        key: KEY.into(),
    };
    assert!(!format!("{server:?}").contains("HUNTER2"));
}
