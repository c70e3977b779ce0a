//! Real exchanges with the scripted mail server.

use std::time::Duration;

use watchfire_model::{Channel, Content, DeliveryOutcome};
use watchfire_runtime::Clock;
use watchfire_testkit::smtp::{Behaviour, Mail, Options, Sink, Tls, Verb};

use crate::testing;
use crate::{MailServer, MailSettings, Notifier, Outgoing, SmtpServer, Timeouts};

/// A name that is not loopback, for servers that are reached there all the same.
const FAR: &str = "mail.test";

const LONG: Duration = Duration::from_secs(20);

fn content() -> Content {
    Content {
        subject: "web-1 is down".to_owned(),
        text: "since 03:00\n.a line with a dot\nGrüße\n".to_owned(),
        html: "<p>since <b>03:00</b></p>".to_owned(),
    }
}

fn outgoing(content: &Content) -> Outgoing<'_> {
    Outgoing { unix_ms: 1_700_000_000_000, server: Some("web-1"), ..testing::outgoing(content) }
}

fn server(sink: &Sink) -> SmtpServer {
    SmtpServer::parse(&sink.url()).unwrap()
}

/// The sink as a server that is not this machine.
fn far(sink: &Sink) -> SmtpServer {
    SmtpServer { host: FAR.to_owned(), connect_to: Some(sink.addr()), ..server(sink) }
}

fn far_options(tls: Tls) -> Options {
    let login = Some(("hub@example.org".to_owned(), "p@ss:word".to_owned()));
    Options { tls, names: vec![FAR.to_owned()], login }
}

fn trusting(sink: &Sink, server: SmtpServer) -> SmtpServer {
    SmtpServer { tls_roots: vec![sink.root_pem().to_owned()], ..server }
}

fn notifier(server: SmtpServer) -> Notifier {
    timed(server, Timeouts { connect: LONG, verb: LONG, whole: LONG })
}

fn timed(server: SmtpServer, timeouts: Timeouts) -> Notifier {
    let from = "Watchfire <hub@example.org>".to_owned();
    let mail = MailSettings { from, server: MailServer::Smtp(server) };
    Notifier::with_timeouts(Some(mail), timeouts, Clock::system()).unwrap()
}

async fn send(notifier: &Notifier) -> DeliveryOutcome {
    let content = content();
    notifier.send(&Channel::new("mailto:ada@example.org"), &outgoing(&content)).await
}

fn is_retry(outcome: &DeliveryOutcome, maybe: bool) -> bool {
    matches!(outcome, DeliveryOutcome::Retry { maybe_accepted, .. } if *maybe_accepted == maybe)
}

fn is_refused(outcome: &DeliveryOutcome) -> bool {
    matches!(outcome, DeliveryOutcome::Refused { .. })
}

fn is_accepted(outcome: &DeliveryOutcome) -> bool {
    matches!(outcome, DeliveryOutcome::Accepted { .. })
}

fn why(outcome: &DeliveryOutcome) -> &str {
    match outcome {
        DeliveryOutcome::Retry { why, .. } | DeliveryOutcome::Refused { why } => why,
        _ => "",
    }
}

fn only(mut mails: Vec<Mail>) -> Mail {
    assert_eq!(mails.len(), 1);
    mails.remove(0)
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_meant() {
    let sink = Sink::start();
    let content = content();
    let references = ["a@hub".to_owned(), "b@hub".to_owned()];
    let message = Outgoing { references: &references, ..outgoing(&content) };
    let outcome =
        notifier(server(&sink)).send(&Channel::new("mailto:ada@example.org"), &message).await;
    assert_eq!(outcome, DeliveryOutcome::Accepted { reply: "250 2.0.0 taken".to_owned() });
    let mail = only(sink.wait_for(1, LONG));
    assert_eq!(mail.from, "hub@example.org");
    assert_eq!(mail.to, ["ada@example.org"]);
    assert_eq!(mail.headers_named("Message-ID"), ["<down.7.ada@hub>"]);
    assert_eq!(mail.headers_named("References"), ["<a@hub> <b@hub>"]);
    for (name, value) in [
        ("From", "Watchfire <hub@example.org>"),
        ("To", "ada@example.org"),
        ("Subject", "web-1 is down"),
        ("In-Reply-To", "<b@hub>"),
        ("Date", "Tue, 14 Nov 2023 22:13:20 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("List-Id", "Watchfire <watchfire.example.org>"),
        ("X-Watchfire-Kind", "down"),
        ("X-Watchfire-Server", "web-1"),
    ] {
        let found = mail.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{name}");
    }
    assert_eq!((mail.text, mail.html), (content.text, content.html));
    let raw = String::from_utf8(mail.raw).unwrap();
    assert!(raw.find("text/plain") < raw.find("text/html"), "text comes first");
    assert!(raw.is_ascii(), "any mail server takes it");
}

#[tokio::test]
async fn only_a_refusal_of_the_mail_for_good_is_not_tried_again() {
    use Verb::{Body, Connect, Data, Ehlo, Mail, MidBody, Rcpt};
    let sink = Sink::start();
    let notifier = notifier(server(&sink));
    for verb in [Connect, Ehlo, Mail, Rcpt, Data, MidBody, Body] {
        sink.next([
            Behaviour::reply(verb, 451, "4.7.1 come back"),
            Behaviour::reply(verb, 421, "4.3.2 closing"),
            Behaviour::reply(verb, 554, "5.7.1 never"),
        ]);
        for code in ["451", "421"] {
            let outcome = send(&notifier).await;
            assert!(is_retry(&outcome, false), "{verb:?} {outcome:?}");
            assert!(why(&outcome).contains(code), "{verb:?} {outcome:?}");
        }
        let outcome = send(&notifier).await;
        assert!(why(&outcome).contains("554 5.7.1 never"), "{verb:?} {outcome:?}");
        // Before the recipient is named, what is refused is the hub itself.
        let as_expected = match verb {
            Connect | Ehlo | Mail => is_retry(&outcome, false),
            _ => is_refused(&outcome),
        };
        assert!(as_expected, "{verb:?} {outcome:?}");
    }
    assert!(sink.mails().is_empty());
    assert!(is_accepted(&send(&notifier).await));
}

#[tokio::test]
async fn a_connection_lost_before_the_message_is_a_sure_no_and_after_it_a_maybe() {
    use Verb::{Body, Connect, Data, Ehlo, Mail, MidBody, Rcpt};
    let sink = Sink::start();
    let notifier = notifier(server(&sink));
    for (verb, maybe) in [
        (Connect, false),
        (Ehlo, false),
        (Mail, false),
        (Rcpt, false),
        (Data, false),
        (MidBody, true),
        (Body, true),
    ] {
        sink.next([Behaviour::Drop(verb)]);
        let outcome = send(&notifier).await;
        assert!(is_retry(&outcome, maybe), "{verb:?} {outcome:?}");
    }
    sink.next([Behaviour::CloseAtOnce]);
    assert!(is_retry(&send(&notifier).await, false));
    assert!(is_accepted(&send(&notifier).await));
    // The one that was dropped after it had come, and the one that was taken.
    let received = sink.wait_for_received(2, LONG);
    assert_eq!(received[0].message_id(), received[1].message_id());
    assert_eq!(received.len(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_at_any_verb_ends_in_a_retry() {
    use Verb::{Auth, Body, Connect, Data, Ehlo, Handshake, Mail, MidBody, Rcpt, StartTls};
    let verbs = [Connect, Ehlo, StartTls, Handshake, Auth, Mail, Rcpt, Data, MidBody, Body];
    let tries = verbs.map(|verb| {
        tokio::spawn(async move {
            let sink = Sink::with(far_options(Tls::StartTls));
            sink.always(Behaviour::Hang(verb));
            let timeouts = Timeouts { connect: LONG, verb: Duration::from_secs(1), whole: LONG };
            let outcome = send(&timed(trusting(&sink, far(&sink)), timeouts)).await;
            let maybe = matches!(verb, MidBody | Body);
            assert!(is_retry(&outcome, maybe), "{verb:?} {outcome:?}");
            assert!(why(&outcome).contains("no answer within"), "{verb:?} {outcome:?}");
        })
    });
    for one in tries {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn the_limit_of_the_whole_knows_how_far_it_came() {
    for (verb, maybe) in [(Verb::Rcpt, false), (Verb::Body, true)] {
        let sink = Sink::start();
        sink.always(Behaviour::Hang(verb));
        let timeouts = Timeouts { connect: LONG, verb: LONG, whole: Duration::from_secs(1) };
        let outcome = send(&timed(server(&sink), timeouts)).await;
        assert!(is_retry(&outcome, maybe), "{verb:?} {outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_at_the_goodbye_has_taken_the_mail() {
    let sink = Sink::start();
    sink.always(Behaviour::Hang(Verb::Quit));
    assert!(is_accepted(&send(&notifier(server(&sink))).await));
}

#[tokio::test]
async fn answers_that_are_none_are_no_acceptance() {
    let sink = Sink::start();
    let notifier = notifier(server(&sink));
    for (verb, bytes, maybe) in [
        (Verb::Connect, "garbage\r\n", false),
        (Verb::Data, "250 what?\r\n", false),
        (Verb::Body, "354 go on\r\n", true),
        (Verb::Body, "\u{7f}\r\n", true),
    ] {
        sink.next([Behaviour::Raw { at: verb, bytes: bytes.as_bytes().to_vec() }]);
        let outcome = send(&notifier).await;
        assert!(is_retry(&outcome, maybe), "{bytes:?} {outcome:?}");
    }
}

#[tokio::test]
async fn a_mail_server_that_is_down_for_a_while_gets_it_later() {
    let sink = Sink::start();
    let notifier = notifier(server(&sink));
    sink.stop_listening();
    let outcome = send(&notifier).await;
    assert!(is_retry(&outcome, false) && why(&outcome).contains("refused"), "{outcome:?}");
    sink.start_listening();
    assert!(is_accepted(&send(&notifier).await));
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn starttls_with_a_private_root_carries_login_and_mail() {
    let sink = Sink::with(far_options(Tls::StartTls));
    let outcome = send(&notifier(trusting(&sink, far(&sink)))).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    let mail = only(sink.mails());
    assert!(mail.tls);
    assert_eq!(mail.login.as_deref(), Some("hub@example.org"));
}

#[tokio::test]
async fn without_starttls_nothing_goes_to_another_host_and_nothing_is_given_up() {
    let sink = Sink::with(far_options(Tls::StartTls));
    let notifier = notifier(trusting(&sink, far(&sink)));
    sink.next([Behaviour::NoStartTls]);
    let outcome = send(&notifier).await;
    assert!(is_retry(&outcome, false) && why(&outcome).contains("STARTTLS"), "{outcome:?}");
    let verbs: Vec<Verb> = sink.events().iter().map(|event| event.verb).collect();
    assert!(!verbs.contains(&Verb::Auth) && !verbs.contains(&Verb::Mail), "{verbs:?}");
    // Whoever takes the offer out can also forge a refusal.
    for verb in [Verb::Connect, Verb::Ehlo, Verb::StartTls] {
        sink.next([Behaviour::reply(verb, 554, "5.7.1 forged")]);
        let outcome = send(&notifier).await;
        assert!(is_retry(&outcome, false), "{verb:?} {outcome:?}");
    }
    // A refusal under TLS is the server's own.
    sink.next([Behaviour::reply(Verb::Rcpt, 550, "5.1.1 nobody")]);
    assert!(is_refused(&send(&notifier).await));
    assert!(is_accepted(&send(&notifier).await));
}

#[tokio::test]
async fn replies_slipped_in_before_encryption_are_not_believed() {
    let sink = Sink::with(far_options(Tls::StartTls));
    // All that a whole exchange needs, appended to the plain answer.
    let forged =
        "250-forged\r\n250 AUTH PLAIN\r\n235 in\r\n250 fine\r\n250 fine\r\n354 go\r\n250 taken\r\n";
    let bytes = format!("220 2.0.0 go ahead\r\n{forged}").into_bytes();
    sink.always(Behaviour::Raw { at: Verb::StartTls, bytes });
    let outcome = send(&notifier(trusting(&sink, far(&sink)))).await;
    assert!(is_retry(&outcome, false), "{outcome:?}");
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_fit_the_host() {
    for tls in [Tls::StartTls, Tls::Implicit] {
        let sink = Sink::with(far_options(tls));
        let unknown_root = far(&sink);
        let wrong_name = SmtpServer { host: "other.test".into(), ..trusting(&sink, far(&sink)) };
        for server in [unknown_root, wrong_name] {
            let outcome = send(&notifier(server)).await;
            assert!(is_retry(&outcome, false), "{outcome:?}");
            assert!(why(&outcome).contains("certificate"), "{outcome:?}");
        }
        assert!(sink.events().iter().all(|event| event.verb != Verb::Auth));
        assert!(is_accepted(&send(&notifier(trusting(&sink, far(&sink)))).await));
    }
}

#[tokio::test]
async fn on_this_machine_encryption_is_used_as_it_is_found() {
    let sink = Sink::with(Options { tls: Tls::StartTls, ..Options::default() });
    assert!(is_accepted(&send(&notifier(server(&sink))).await));
    assert!(only(sink.mails()).tls, "offered, so used, whoever vouches for the certificate");
    // But smtps:// asked for a proof.
    let sink = Sink::with(Options { tls: Tls::Implicit, ..Options::default() });
    assert!(is_retry(&send(&notifier(server(&sink))).await, false));
    assert!(is_accepted(&send(&notifier(trusting(&sink, server(&sink)))).await));
}

#[tokio::test]
async fn a_name_that_only_leads_to_this_machine_is_not_this_machine() {
    let sink = Sink::start();
    let outcome = send(&notifier(far(&sink))).await;
    assert!(is_retry(&outcome, false) && why(&outcome).contains("STARTTLS"), "{outcome:?}");
    // Nor is localhost when it leads elsewhere, which no test can connect to.
    assert!(!far(&sink).is_loopback());
}

#[tokio::test]
async fn a_wrong_password_is_tried_again_once_it_is_mended_and_never_told() {
    let login = Some(("hub".to_owned(), "right".to_owned()));
    let sink = Sink::with(Options { login, ..Options::default() });
    assert!(is_accepted(&send(&notifier(server(&sink))).await));
    let login = Some(("hub".to_owned(), "HUNTER2".to_owned()));
    let outcome = send(&notifier(SmtpServer { login, ..server(&sink) })).await;
    assert!(is_retry(&outcome, false), "{outcome:?}");
    assert!(why(&outcome).contains("535") && !why(&outcome).contains("HUNTER2"), "{outcome:?}");
}

/// The text comes first, and what the HTML shows comes with it: nothing is fetched.
#[tokio::test]
async fn pictures_are_parts_of_the_mail() {
    let sink = Sink::start();
    let html = "<p>cpu</p><img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"x\">".to_owned();
    let content = Content { html, ..content() };
    let channel = Channel::new("mailto:ada@example.org");
    assert!(is_accepted(&notifier(server(&sink)).send(&channel, &outgoing(&content)).await));
    let raw = String::from_utf8_lossy(&only(sink.mails()).raw).into_owned();
    let places: Vec<usize> = [
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: multipart/related;",
        "Content-Type: text/html; charset=utf-8",
        "cid:picture-1.png",
        "Content-ID: <picture-1.png>",
        "iVBORw0KGgo=",
    ]
    .iter()
    .map(|part| raw.find(part).unwrap_or_else(|| panic!("{part} is missing in {raw}")))
    .collect();
    assert!(places.is_sorted(), "{places:?} in {raw}");
    assert!(!raw.contains("data:"), "{raw}");
    assert!(raw.contains("Content-Disposition: inline"), "{raw}");
}

#[tokio::test]
async fn hostile_words_stay_words() {
    let sink = Sink::start();
    let evil = "x\r\nBcc: eve@example.org\r\n\r\nRCPT TO:<eve@example.org>\r\n.\r\n";
    let notifier = notifier(server(&sink));
    let content = Content {
        subject: format!("{evil}\u{202e}{}", "ä".repeat(10_000)),
        text: evil.to_owned(),
        html: format!("<p>{evil}</p>"),
    };
    let references = [evil.to_owned()];
    let message = Outgoing {
        message_id: evil,
        references: &references,
        server: Some(evil),
        unix_ms: i64::MAX,
        ..outgoing(&content)
    };
    let channel = Channel::new("mailto:ada@example.org");
    let outcome = notifier.send(&channel, &message).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    let mail = only(sink.mails());
    assert_eq!(mail.to, ["ada@example.org"]);
    assert_eq!(mail.header("Bcc"), None);
    assert_eq!(mail.headers_named("Subject").len(), 1);
    assert!(!mail.subject().contains('\u{202e}') && mail.subject().chars().count() <= 300);
    assert_eq!(mail.text, evil.replace("\r\n", "\n"));
    assert!(mail.raw.split(|byte| *byte == b'\n').all(|line| line.len() < 1000));
    // The next one still goes out.
    assert!(is_accepted(&send(&notifier).await));
}

#[tokio::test]
async fn hostile_senders_and_recipients_are_refused_or_tamed() {
    let sink = Sink::start();
    let with_from = |from: &str| {
        let mail = MailSettings { from: from.to_owned(), server: MailServer::Smtp(server(&sink)) };
        Notifier::new(Some(mail), Clock::system())
    };
    for bad in ["", "hub", "<hub@example.org", "a <hub@example.org\r\n>", "a@b.c,d@e.f", "a\nb@c.d"]
    {
        assert!(with_from(bad).is_err(), "{bad:?}");
    }
    let tamed = with_from("Watch\r\nBcc: eve@example.org\r\n <hub@example.org>").unwrap();
    assert!(is_accepted(&send(&tamed).await));
    let mail = only(sink.mails());
    assert_eq!(mail.header("Bcc"), None);
    let from = mail.header("From").unwrap();
    assert!(from.contains("Watch") && from.ends_with("<hub@example.org>"), "{from}");
    let content = content();
    let evil = Channel::new("mailto:ada@example.org%0d%0aRCPT TO:<eve@example.org>");
    assert!(is_refused(&tamed.send(&evil, &outgoing(&content)).await));
}

#[tokio::test]
async fn an_address_with_other_letters_needs_a_server_that_takes_them() {
    let sink = Sink::start();
    let notifier = notifier(server(&sink));
    let (content, channel) = (content(), Channel::new("mailto:jürgen@example.org"));
    assert!(is_accepted(&notifier.send(&channel, &outgoing(&content)).await));
    assert_eq!(only(sink.mails()).to, ["jürgen@example.org"]);
    let bytes = b"250 plain.test\r\n".to_vec();
    sink.always(Behaviour::Raw { at: Verb::Ehlo, bytes });
    let outcome = notifier.send(&channel, &outgoing(&content)).await;
    assert!(is_refused(&outcome) && why(&outcome).contains("ASCII"), "{outcome:?}");
}
