//! What each provider's own answers mean.

use super::*;

pub(super) fn judged(url: &str, status: u16, body: &str) -> (&'static str, String) {
    let answer = Answer {
        status,
        retry_after: None,
        content_type: None,
        body: body.as_bytes().to_vec(),
        is_providers: true,
    };
    told(channel(url).judge(&answer))
}

#[test]
fn success_and_failure_are_told_apart_as_the_provider_tells_them() {
    let bot = "slack://xoxb-1-2-abc/C0123";
    let hook = "slack://T0A/B0B/c0C";
    let telegram = "tgram://123:AAx/1";
    let matrix = "matrixs://tok@h.example/!r:h";
    let zulip = "zulip://watch@org/key/ops";
    let rocket = "rockets://a%2Fb@h.example/";
    let mattermost = "mmosts://h.example/key";
    let pushover = "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (url, status, body, outcome, words) in [
        (hook, 200, "ok", "accepted", "200"),
        (hook, 200, "<html>log in</html>", "maybe", "not the provider's"),
        (hook, 404, "no_service", "refused", "404: no_service"),
        (hook, 403, "forbidden", "retry", "403"),
        (hook, 404, "", "retry", "404"),
        (hook, 429, "rate_limited", "retry", "429"),
        (bot, 200, r#"{"ok": true, "ts": "17.2"}"#, "accepted", "17.2"),
        (
            bot,
            200,
            r#"{"ok": false, "error": "channel_not_found"}"#,
            "refused",
            "channel_not_found",
        ),
        (bot, 200, r#"{"ok": false, "error": "internal_error"}"#, "retry", "internal_error"),
        (bot, 200, r#"{"ok": false, "error": "token_revoked"}"#, "retry", "token_revoked"),
        (bot, 200, "what", "maybe", "not the provider's"),
        (bot, 503, "what", "maybe", "503"),
        (telegram, 200, r#"{"ok": true, "result": {"message_id": 42}}"#, "accepted", "42"),
        (telegram, 200, "{}", "maybe", "not the provider's"),
        (
            telegram,
            403,
            r#"{"ok": false, "description": "Forbidden: bot was blocked by the user"}"#,
            "refused",
            "blocked by the user",
        ),
        (telegram, 401, r#"{"ok": false, "description": "Unauthorized"}"#, "retry", "Unauthorized"),
        (telegram, 403, "<html>", "retry", "403"),
        (telegram, 429, r#"{"ok": false, "parameters": {"retry_after": 9}}"#, "retry", "after 9 s"),
        (matrix, 200, r#"{"event_id": "$abc"}"#, "accepted", "$abc"),
        (matrix, 200, "{}", "maybe", "not the provider's"),
        (
            matrix,
            401,
            r#"{"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token"}"#,
            "retry",
            "Invalid access token",
        ),
        (
            matrix,
            429,
            r#"{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}"#,
            "retry",
            "after 3 s",
        ),
        (zulip, 200, r#"{"result": "success", "id": 8}"#, "accepted", "8"),
        (zulip, 200, r#"{"result": "error", "msg": "no"}"#, "refused", "no"),
        (
            zulip,
            400,
            r#"{"result": "error", "msg": "Stream 'ops' does not exist"}"#,
            "refused",
            "does not exist",
        ),
        (rocket, 200, r#"{"success": true}"#, "accepted", "200"),
        (
            rocket,
            200,
            r#"{"success": false, "error": "invalid-channel"}"#,
            "refused",
            "invalid-channel",
        ),
        (rocket, 200, "<html>", "maybe", "not the provider's"),
        (mattermost, 200, "ok", "accepted", "200"),
        (mattermost, 200, "<html>", "maybe", "not the provider's"),
        (
            mattermost,
            400,
            r#"{"message": "Couldn't find the channel"}"#,
            "refused",
            "find the channel",
        ),
        (pushover, 200, r#"{"status": 1, "request": "abc-1"}"#, "accepted", "abc-1"),
        (
            pushover,
            400,
            r#"{"status": 0, "errors": ["user key is invalid"]}"#,
            "refused",
            "user key is invalid",
        ),
        ("discord://1/t", 200, r#"{"id": "998"}"#, "accepted", "998"),
        (
            "discord://1/t",
            429,
            r#"{"message": "limited", "retry_after": 1.5}"#,
            "retry",
            "after 2 s: limited",
        ),
        (
            "signals://h.example/+4915100000001/",
            201,
            r#"{"timestamp": "1700"}"#,
            "accepted",
            "1700",
        ),
        (
            "signals://h.example/+4915100000001/",
            400,
            r#"{"error": "Rate limit exceeded"}"#,
            "retry",
            "Rate limit",
        ),
        (
            "discord://1/t",
            404,
            r#"{"message": "Unknown Webhook", "code": 10015}"#,
            "refused",
            "Unknown Webhook",
        ),
        ("discord://1/t", 404, "<html>", "retry", "404"),
        ("workflows://h.example/a/b", 202, "", "accepted", "202"),
        ("ntfy://t", 200, r#"{"id": "xE73Iyuabi"}"#, "accepted", "xE73Iyuabi"),
        (
            "gotifys://h.example/t",
            401,
            r#"{"error": "Unauthorized", "errorDescription": "you need to provide a valid access token"}"#,
            "retry",
            "valid access token",
        ),
    ] {
        let (was, why) = judged(url, status, body);
        assert!(was == outcome && why.contains(words), "{url} {status} {body}: {was} {why}");
    }
}

#[test]
fn an_alias_of_matrix_is_looked_up_first() {
    let channel = channel("matrixs://tok@h.example/%23ops:example.org");
    let question = shown(&channel.question().expect("an alias is asked for"));
    assert_eq!(
        question,
        "GET https://h.example/_matrix/client/v3/directory/room/%23ops%3Aexample.org\n\
         Authorization: bearer tok\n"
    );
    let answer = |status, body: &str| {
        channel.answered(&Answer {
            status,
            retry_after: None,
            content_type: None,
            body: body.as_bytes().to_vec(),
            is_providers: true,
        })
    };
    let found = answer(200, r#"{"room_id": "!abc:example.org"}"#).expect("it is found");
    assert!(found.question().is_none());
    let content = down();
    let request = found.request(&message(&content, NotificationKind::Down, &[])).unwrap();
    assert!(
        request.url.contains("/rooms/%21abc%3Aexample.org/send/m.room.message/down.7.ada%40hub")
    );
    let gone = answer(404, r#"{"errcode": "M_NOT_FOUND", "error": "no such alias"}"#).unwrap_err();
    assert!(matches!(gone, DeliveryOutcome::Refused { .. }), "{gone:?}");
    let away = answer(404, "<html>").unwrap_err();
    assert!(matches!(away, DeliveryOutcome::Retry { .. }), "{away:?}");
    let busy = answer(503, "").unwrap_err();
    assert!(matches!(busy, DeliveryOutcome::Retry { .. }), "{busy:?}");
}

/// A captive portal, a parked domain, a proxy: they say 200 to anything.
#[test]
fn a_success_without_what_the_provider_says_then_is_somebody_elses() {
    let asked = [
        "ntfy://t",
        "gotifys://h.example/t",
        "discord://1/t",
        "wxteams://YmQ4bm90YXJlYWx0b2tlbg/ada@example.org",
        "bird://key@11111111-aaaa/22222222-bbbb/+4917012345678",
        "msgbird://k/Watchfire/+4917012345678",
        "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "gchat://s/k/t",
        "signals://h.example/+4915100000001/",
        "pagerduty://0123456789abcdef0123456789abcdef",
        "opsgenie://key",
    ];
    for url in asked {
        for body in ["", "{}", "ok", r#"{"status": "ok"}"#, r#"{"status": 0, "request": "x"}"#] {
            let (word, why) = judged(url, 200, body);
            assert!(word == "maybe" && why.contains("not the provider's"), "{url} {body}: {word}");
        }
    }
    // These say nothing that is certain.
    for url in [
        "webhook+https://h.example/in",
        "jsons://h.example/in",
        "alertmanagers://h.example",
        "workflows://h.example/a/b",
        "wxteams://Y2lzY29zcGFyazovL3VzL1dFQkhPT0s",
    ] {
        assert_eq!(judged(url, 200, "").0, "accepted", "{url}");
    }
}
