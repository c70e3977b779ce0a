//! The same for what wakes people and programs: requests compared whole, and what providers'
//! own answers mean.

use watchfire_model::Severity;

use super::answers::judged;
use super::*;
use crate::channel::Body;

/// One URL of each; their secrets are made up.
const PAGERS: &[(&str, &str)] = &[
    (
        "alertmanager",
        "alertmanagers://ada:hidden@alerts.example.org/am?team=ops&+X-Scope-OrgID=fra",
    ),
    (
        "apprise_json",
        "jsons://ada:hidden@h.example.org:8443/x/y/?+X-Key=hidden&-q=1&:message=body&:team=ops&verify=no",
    ),
    ("bird", "bird://hiddenkey@11111111-aaaa/22222222-bbbb/+4917012345678"),
    ("messagebird", "msgbird://hiddenkey/Watchfire/+49%20170%2012345678"),
    (
        "opsgenie",
        "opsgenie://hidden-key/#infra/@ada@example.org/*nights/^all?region=eu&tags=a,b&entity=db",
    ),
    (
        "pagerduty",
        "pagerduty://hiddenkey0123456789abcdef012345@apikey/db-1/postgres?region=eu&group=db&class=net",
    ),
    ("plivo", "plivo://MAID@hiddentoken/+14155550100/+4917012345678"),
    (
        "sms_gateway_form",
        "sms+https://ada:hidden@sms.example.org/send/?to=+4917012345678&apiKey=hidden&+X-Key=hidden",
    ),
    (
        "sms_gateway_json",
        "sms+https://sms.example.org/v1?to=4917012345678&send=json&recipient=00{{to}}&message={{text}}&ref={{id}}",
    ),
    (
        "sms_gateway_query",
        "sms+https://sms.example.org/send?to=+4917012345678&send=query&-to={{to}}&t={{text}}&-send=now",
    ),
    (
        "sms_gateway_template",
        "sms+https://sms.example.org/v1?to=+491701&template={\"messages\":[{\"to\":[\"{{to}}\"],\"body\":\"{{text}}\"}]}&key=hidden",
    ),
    ("twilio", "twilio://ACxx:hidden@+14155550100/+4917012345678"),
    ("twilio_service", "twilio://ACxx:hidden@MG0123456789abcdef0123456789abcdef/4917012345678"),
    ("vonage", "vonage://hiddenkey:hidden@Watchfire/+4917012345678"),
    ("webhook", "webhook+https://hidden@hooks.example.org/in?secret=hidden&+X-Team=ops&room=1"),
    (
        "webhook_form",
        "webhook+https://hooks.example.org/in?method=put&syntax=form&template=s={{subject}}%26k={{kind}}",
    ),
    (
        "webhook_template",
        "webhook+https://hooks.example.org/in?template={\"say\":\"{{type}}:%20{{subject}}\",\"t\":\"{{thread}}\"}",
    ),
];

/// Messages of every meaning: what opens, what goes on, what ends, what ends untold, what is only
/// told.
fn requests(channel: &dyn WebChannel) -> String {
    let mut text = String::new();
    let thread = ["down.7.ada@hub".to_owned()];
    let group = ["down.group-7-1763777565000.ada@hub".to_owned()];
    for (title, content, kind, earlier) in [
        ("down", down(), NotificationKind::Down, &[][..]),
        ("changed, hostile", hostile(), NotificationKind::Changed, &thread[..]),
        ("recovered", recovered(), NotificationKind::Recovered, &thread[..]),
        ("recovered, first", recovered(), NotificationKind::Recovered, &[][..]),
        ("one of many is back", recovered(), NotificationKind::Recovered, &group[..]),
        ("report", recovered(), NotificationKind::Report, &[][..]),
    ] {
        let now = Moment { unix_ms: 1_763_777_600_000, ..Moment::default() };
        let request = channel.request_at(&message(&content, kind, earlier), now).expect(title);
        let request = shown(&request).replace(&"x".repeat(1000), "<1000 x>");
        let _ = writeln!(text, "=== {title} ===\n{request}");
    }
    text
}

#[test]
fn requests_of_pagers_are_as_their_providers_want_them() {
    for (name, url) in PAGERS {
        let text = requests(channel(url).as_ref());
        let path = format!("{}/src/channel/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        golden::check(Path::new(&path), &text);
    }
}

#[test]
fn pagers_show_no_secret() {
    let content = down();
    for (name, url) in PAGERS {
        let channel = channel(url);
        let request = channel.request(&message(&content, NotificationKind::Down, &[])).expect(name);
        let words = format!("{channel:?} {request:?} {:?}", channel.target());
        assert!(!words.contains("hidden"), "{name}: {words}");
    }
}

#[test]
fn what_a_pager_answers_has_its_meaning() {
    let twilio = "twilio://ACxx:t@+14155550100/+4917012345678";
    let vonage = "vonage://k:s@Watchfire/+4917012345678";
    let bird = "msgbird://k/Watchfire/+4917012345678";
    let plivo = "plivo://MAID@t/+14155550100/+4917012345678";
    let pagerduty = "pagerduty://0123456789abcdef0123456789abcdef";
    let opsgenie = "opsgenie://key";
    let gateway = "sms+https://h.example/?to=123456&accepted=OK&refused=ERR%20number";
    for (url, status, body, outcome, words) in [
        (
            twilio,
            201,
            r#"{"sid": "SM17", "status": "queued", "error_code": null}"#,
            "accepted",
            "SM17",
        ),
        (
            twilio,
            201,
            r#"{"sid": "SM17", "status": "failed", "error_message": "no credit"}"#,
            "refused",
            "no credit",
        ),
        (
            twilio,
            400,
            r#"{"code": 21211, "message": "The 'To' number is not valid", "status": 400}"#,
            "refused",
            "'To' number",
        ),
        (twilio, 429, r#"{"code": 20429, "message": "Too Many Requests"}"#, "retry", "Too Many"),
        (twilio, 503, "<html>", "maybe", "503"),
        (
            vonage,
            200,
            r#"{"message-count": "1", "messages": [{"status": "0", "message-id": "0A1"}]}"#,
            "accepted",
            "0A1",
        ),
        (
            vonage,
            200,
            r#"{"messages": [{"status": "4", "error-text": "Bad Credentials"}]}"#,
            "refused",
            "status 4: Bad Credentials",
        ),
        (
            vonage,
            200,
            r#"{"messages": [{"status": "1", "error-text": "Throughput Rate Exceeded"}]}"#,
            "retry",
            "status 1",
        ),
        (
            vonage,
            200,
            r#"{"messages": [{"status": "9", "error-text": "Partner quota exceeded"}]}"#,
            "retry",
            "status 9",
        ),
        (
            vonage,
            200,
            r#"{"messages": [{"status": "0"}, {"status": "1", "error-text": "x"}]}"#,
            "maybe",
            "status 1",
        ),
        (
            vonage,
            200,
            r#"{"messages": [{"status": "0"}, {"status": "1"}, {"status": "6", "error-text": "x"}]}"#,
            "refused",
            "status 6",
        ),
        (vonage, 200, r#"{"messages": []}"#, "maybe", "not the provider's"),
        (vonage, 200, "<html>log in</html>", "maybe", "not the provider's"),
        (twilio, 200, "<html>log in</html>", "maybe", "not the provider's"),
        (plivo, 200, "<html>log in</html>", "maybe", "not the provider's"),
        (vonage, 500, "", "maybe", "500"),
        (bird, 201, r#"{"id": "e8077d803532c0b5937c639b60216938"}"#, "accepted", "e8077d80"),
        (
            bird,
            402,
            r#"{"errors": [{"code": 25, "description": "Not enough balance", "parameter": null}]}"#,
            "retry",
            "Not enough balance",
        ),
        (
            bird,
            422,
            r#"{"errors": [{"code": 10, "description": "originator is invalid"}]}"#,
            "refused",
            "originator is invalid",
        ),
        (
            plivo,
            202,
            r#"{"message": "message(s) queued", "message_uuid": ["db3c"], "api_id": "x"}"#,
            "accepted",
            "db3c",
        ),
        (plivo, 400, r#"{"api_id": "x", "error": "src is invalid"}"#, "refused", "src is invalid"),
        (plivo, 402, "", "retry", "402"),
        (
            pagerduty,
            202,
            r#"{"status": "success", "message": "Event processed", "dedup_key": "down.7"}"#,
            "accepted",
            "down.7",
        ),
        (
            pagerduty,
            202,
            r#"{"status": "success", "message": "Change event processed"}"#,
            "accepted",
            "202",
        ),
        (
            pagerduty,
            400,
            r#"{"status": "invalid event", "message": "Event object is invalid", "errors": ["routing_key"]}"#,
            "refused",
            "Event object is invalid",
        ),
        (pagerduty, 429, "", "retry", "429"),
        (
            opsgenie,
            202,
            r#"{"result": "Request will be processed", "took": 0.3, "requestId": "43a2"}"#,
            "accepted",
            "43a2",
        ),
        (
            opsgenie,
            422,
            r#"{"message": "Request body is not processable", "took": 0.0}"#,
            "refused",
            "not processable",
        ),
        (gateway, 200, "OK 17", "accepted", "200"),
        (gateway, 200, "ERR number", "refused", "refused="),
        (gateway, 200, "queue full", "maybe", "accepted="),
        (gateway, 500, "ERR number", "maybe", "500"),
    ] {
        let (word, why) = judged(url, status, body);
        assert_eq!(word, outcome, "{url} {status} {body}: {why}");
        assert!(why.contains(words), "{url} {status} {body}: {why}");
    }
}

#[test]
fn urls_that_cannot_work_are_refused_with_a_hint() {
    for (url, hint) in [
        ("twilio://ACxx@+14155550100/+4917012345678", "SID and token"),
        ("twilio://ACxx:t@+14155550100/", "add a number"),
        ("twilio://ACxx:t@+14155550100/ada", "a telephone number is"),
        ("twilio://ACxx:t@a%20name%20too%20long/+491701", "the sender is"),
        ("vonage://k@x/+491701", "key and secret"),
        ("msgbird://k", "sender"),
        ("bird://w/c/+491701", "access key"),
        ("plivo://t/+1415/+491701", "auth id"),
        ("pagerduty://not-a-key", "integration key"),
        ("pagerduty://abc?region=mars", "us or eu"),
        ("pagerduty://abc?severity=awful", "critical"),
        ("opsgenie://key?priority=P9", "P1 to P5"),
        ("alertmanager://h.example:9093?not-a-label=1", "labels"),
        ("sms+https://h.example/send", "add to="),
        ("sms+https://h.example/?to=+491701&send=fax", "form, query or json"),
        ("sms+https://h.example/?to=+491701&x={{nothing}}", "link, to"),
        ("sms+https://h.example/?to=+491701&template=[]&send=json", "beside template="),
        ("json://h.example/?method=delete", "post, put or get"),
    ] {
        let why = route(url).map(|_| ()).expect_err(url).to_string();
        assert!(why.contains(hint), "{url}: {why}");
    }
}

#[test]
fn a_signature_is_made_anew_for_each_try() {
    let channel = channel("webhook+https://h.example/?secret=s3cret");
    let content = down();
    let message = message(&content, NotificationKind::Down, &[]);
    let signed = |unix_ms| {
        let request =
            channel.request_at(&message, Moment { unix_ms, ..Moment::default() }).unwrap();
        let header = request.headers.iter().find(|(name, _)| name == "X-Watchfire-Signature");
        (request.body.clone(), header.map(|(_, value)| value.clone()).unwrap())
    };
    let (first, second) = (signed(1_000_000), signed(2_000_000));
    assert!(first.0 == second.0, "the body is the same");
    assert!(first.1.starts_with("t=1000,v1=") && second.1.starts_with("t=2000,v1="));
    assert_ne!(first.1[7..], second.1[7..]);
}

#[test]
fn a_pager_is_told_how_grave_it_is() {
    let content = down();
    for (severity, pagerduty, opsgenie) in [
        (Severity::Critical, "critical", "P1"),
        (Severity::Warning, "warning", "P3"),
        (Severity::Info, "info", "P5"),
    ] {
        let firing = Outgoing { severity, ..message(&content, NotificationKind::Firing, &[]) };
        let said = |url: &str, message: &Outgoing<'_>| match channel(url)
            .request(message)
            .expect("a request")
            .body
        {
            Body::Json(json) => json,
            _ => panic!("it is JSON"),
        };
        let event = said("pagerduty://0123456789abcdef0123456789abcdef", &firing);
        assert_eq!(event["payload"]["severity"], pagerduty);
        let own = said("pagerduty://0123456789abcdef0123456789abcdef?severity=error", &firing);
        assert_eq!(own["payload"]["severity"], "error", "the URL says more");
        let alert = said("opsgenie://12345678-1234-1234-1234-123456789abc", &firing);
        assert_eq!(alert["priority"], opsgenie);
        let flaps = Outgoing { kind: NotificationKind::Flapping, ..firing };
        let event = said("pagerduty://0123456789abcdef0123456789abcdef", &flaps);
        assert_ne!(event["payload"]["severity"], "critical");
    }
}
