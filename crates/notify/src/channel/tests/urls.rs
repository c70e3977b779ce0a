//! What URLs mean: those of Apprise, those of shoutrrr, and those that providers hand out.

use super::*;

/// The request of a message to `url`: its URL, and what of its login and body tells the target.
fn leads_to(url: &str) -> String {
    let content = recovered();
    let request = channel(url).request(&message(&content, NotificationKind::Report, &[]));
    shown(&request.expect(url))
}

#[test]
fn different_spellings_lead_to_the_same_request() {
    for same in [
        &[
            "discord://123/dTok",
            "discord://dTok@123",
            "https://discord.com/api/webhooks/123/dTok",
            "https://discordapp.com/api/webhooks/123/dTok",
            "https://discord.com/api/v10/webhooks/123/dTok",
        ][..],
        &[
            "slack://T0A/B0B/c0C",
            "slack://hook:T0A-B0B-c0C@webhook",
            "https://hooks.slack.com/services/T0A/B0B/c0C",
        ],
        &[
            "slack://xoxb-1-2-abc/C0123",
            "slack://xoxb:1-2-abc@C0123",
            "slack://xoxb-1-2-abc/?to=C0123",
        ],
        &[
            "gchat://SPACE/kk/tt",
            "googlechat://chat.googleapis.com/v1/spaces/SPACE/messages?key=kk&token=tt",
            "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=kk&token=tt",
        ],
        &[
            "tgram://123:AAx/-100",
            "tgram://bot123:AAx/-100/",
            "telegram://123:AAx@telegram?chats=-100",
        ],
        &["tgram://123:AAx/chan", "tgram://123:AAx/@chan", "tgram://123:AAx/?to=@chan"],
        &["tgram://123:AAx/7:9", "tgram://123:AAx/7?topic=9", "tgram://123:AAx/7?thread=9"],
        &["ntfy://topic", "ntfys://ntfy.sh/topic", "ntfy://ntfy.sh/topic", "https://ntfy.sh/topic"],
        &["ntfys://tk_1@h.example/t", "ntfys://h.example/t?token=tk_1"],
        &[
            "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x/y",
            "pushover://shoutrrr:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu/?devices=x,y",
        ],
        &["rockets://a%2Fb@h.example/%23ops", "rocketchat://h.example/a/b/%23ops"],
        &["mmosts://h.example/key?channel=ops", "mattermost://h.example/key/%23ops"],
        &[
            "matrixs://tok@h.example/!r:h.example",
            "matrixs://:tok@h.example/?rooms=!r:h.example",
            "matrixs://tok@h.example/!r",
        ],
        &[
            "signals://h.example/+4915100000001/@abc",
            "signals://h.example/+49 (151) 00000001/group.abc",
        ],
        &[
            "zulip://watch@org/key/ops",
            "zulip://watch-bot%40org.zulipchat.com:key@org.zulipchat.com/?stream=ops",
        ],
        &[
            "wxteams://Y2lzY29zcGFyazovL3VzL1dFQkhPT0s",
            "https://webexapis.com/v1/webhooks/incoming/Y2lzY29zcGFyazovL3VzL1dFQkhPT0s",
        ],
    ] {
        let same: Vec<String> = same.iter().map(|url| url.replace(' ', "%20")).collect();
        let first = leads_to(&same[0]);
        for other in &same[1..] {
            assert_eq!(leads_to(other), first, "{other}");
        }
    }
}

#[test]
fn settings_in_a_url_are_kept() {
    for (url, part) in [
        ("ntfy://h.example/t?priority=high", "\"priority\": 4"),
        ("ntfy://h.example/t?click=https://x.example", "\"click\": \"https://x.example\""),
        (
            "ntfy://ada:pw@h.example:8080/t",
            "POST http://h.example:8080/\nAuthorization: basic ada pw",
        ),
        ("gotify://h.example:8080/t?priority=emergency", "POST http://h.example:8080/message"),
        ("gotify://h.example/t?priority=9", "\"priority\": 9"),
        ("tgram://123:AAx/1?silent=yes", "\"disable_notification\": true"),
        (
            "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?sound=siren",
            "\"sound\": \"siren\"",
        ),
        ("zulip://watch@chat.example.org/key/ops?topic=hub", "topic = \"hub\""),
        (
            "zulip://watch@chat.example.org/key/ada@example.org",
            "to = \"[\\\"ada@example.org\\\"]\"",
        ),
        ("slack://T0A/B0B/c0C/%23ops", "\"channel\": \"#ops\""),
        ("slack://T0A/B0B/c0C/#ops", "\"channel\": \"#ops\""),
        ("rockets://uid:tok@h.example/%23ops", "X-User-Id: uid\nX-Auth-Token: tok"),
        (
            "workflows://prod.example:443/abc/s1g?ver=2020-01-01",
            "/workflows/abc/triggers/manual/paths/invoke?api-version=2020-01-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s1g",
        ),
        ("wxteams://YmQ4bm90YXJlYWx0b2tlbg/Y2lzcm9vbQ", "\"roomId\": \"Y2lzcm9vbQ\""),
        ("gchat://SPACE/kk/tt/mine", "\"threadKey\": \"mine\""),
    ] {
        let request = leads_to(url);
        assert!(request.contains(part), "{url}: {request}");
    }
}

#[test]
fn an_emergency_of_pushover_ends_quietly() {
    let url = "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?priority=2";
    let content = down();
    let channel = channel(url);
    let of = |kind| shown(&channel.request(&message(&content, kind, &[])).expect(url));
    let down = of(NotificationKind::Down);
    assert!(down.contains("\"priority\": 2") && down.contains("\"retry\": 60"), "{down}");
    let back = of(NotificationKind::Recovered);
    assert!(back.contains("\"priority\": 0") && !back.contains("retry"), "{back}");
}

#[test]
fn what_is_wrong_is_said_without_the_url() {
    for (url, why) in [
        ("ntfy://", "a topic is"),
        ("ntfys://HUNTER2@h.example/a%2Fb", "a topic is"),
        ("ntfy://h.example/t?priority=HUNTER2", "priority is"),
        ("gotifys://h.example", "token is missing"),
        ("gotifys://HUNTER2%20x/t", "no host name"),
        ("pover://HUNTER2", "user's key"),
        ("pover://HUNTER2@x", "30 letters"),
        ("tgram://HUNTER2/1", "the bot's token is like"),
        ("tgram://123:HUNTER2", "the chat's number"),
        ("tgram://123:HUNTER2/a-b", "a chat is a number"),
        ("tgram://123:HUNTER2/1:x", "the topic is a number"),
        ("tgram://123:HUNTER2/1/2", "2 targets"),
        ("slack://HUNTER2", "three tokens"),
        ("slack://a/b/HUNTER2", "three tokens"),
        ("slack://xoxb-HUNTER2", "a bot needs a channel"),
        ("discord://HUNTER2", "webhook's number"),
        ("discord://abc/HUNTER2", "is a number"),
        ("discord://1/HUNTER2?thread=x", "thread's id is a number"),
        ("workflows://h.example/HUNTER2", "signature"),
        ("https://x.logic.azure.com/workflows/HUNTER2", "sig="),
        ("gchat://HUNTER2", "the space, the key and the token"),
        ("mmosts://h.example", "key is missing"),
        ("mmosts://h.example/HUNTER2?channel=a,b", "a URL of its own"),
        ("rockets://h.example/x", "id and token are missing"),
        ("rockets://HUNTER2@h.example/x", "%2F"),
        ("rockets://HUNTER2/abc@h.example/x", "%2F"),
        ("rockets://uid:HUNTER2@h.example", "must be named"),
        ("matrixs://h.example/!r", "access token"),
        ("matrixs://ada:HUNTER2@h.example/!r", "a login"),
        ("matrixs://HUNTER2@h.example", "the room is missing"),
        ("matrixs://HUNTER2@h.example/room", "a room is"),
        ("signals://h.example", "the number that sends"),
        ("signals://h.example/HUNTER2", "the number that sends"),
        ("signals://h.example/+4915100000001/HUNTER2", "a recipient is"),
        ("wxteams://HUNTER2", "webhook's id"),
        ("https://webexapis.com/v1/HUNTER2", "incoming webhook"),
        ("zulip://org/HUNTER2", "the bot's name"),
        ("zulip://watch@org", "API key"),
        ("zulip://watch@org/HUNTER2", "channel is missing"),
    ] {
        let error = route(url).map(|(_, route)| route).expect_err(url).to_string();
        assert!(error.contains(why) && !error.contains("HUNTER2"), "{url}: {error}");
        assert!(error.contains("; write "), "{error}");
    }
}
