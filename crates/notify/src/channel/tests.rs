//! Every chat's requests, compared whole with those that somebody looked at, and what its
//! URLs mean.

use std::fmt::Write;
use std::path::Path;

use watchfire_model::{Content, DeliveryOutcome, NotificationKind};
use watchfire_testkit::golden;

use super::route::{Route, route};
use super::*;
use crate::testing::{outgoing, told};

mod answers;
mod pagers;
mod urls;

/// One URL of each chat; their secrets are made up.
const CHATS: &[(&str, &str)] = &[
    ("discord", "discord://Watchfire@1234567890/dToken_x-y?thread=99"),
    ("google_chat", "gchat://AAAAspace/gKey/gToken%3D"),
    ("gotify", "gotifys://push.example.org/under/gTokenABC"),
    ("matrix", "matrixs://syt_token@matrix.example.org/!room:example.org"),
    ("mattermost", "mmosts://Watchfire@chat.example.org/hookkey?channel=ops"),
    ("ntfy", "ntfys://tk_token@ntfy.example.org/alerts?tags=fra"),
    ("pushover", "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi/phone"),
    ("rocketchat", "rockets://hookid%2Fhooktoken@chat.example.org/%23ops"),
    ("signal", "signals://ada:pass@signal.example.org:8443/+4915100000001/+4915100000002"),
    ("slack_bot", "slack://xoxb-1-2-abc/%23ops"),
    ("slack_webhook", "slack://Watchfire@T0AAAA/B0BBBB/cCcC"),
    (
        "teams",
        "https://prod-1.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s-_G",
    ),
    ("telegram", "tgram://123456789:AAEtoken_-x/-1001234567890:17"),
    ("webex_bot", "wxteams://YmQ4bm90YXJlYWx0b2tlbg/ada@example.org"),
    ("webex_webhook", "wxteams://Y2lzY29zcGFyazovL3VzL1dFQkhPT0s"),
    ("zulip", "zulip://watch@example/zKey123/ops"),
];

/// What an attacker who may name a server, or write to its logs, could say.
const HOSTILE: &str = "@everyone @here <!channel> <@U123> <users/all> @**all** <a href=\"http://evil.example\">x</a> [x](http://evil.example) <http://evil.example|x> *b* _i_ `c` ```\n# not code\n``` ~~~ ||s|| :tada:\r\nBcc: eve@example.org\r\n\u{202e}gnp.exe\u{0}";

pub(super) fn channel(url: &str) -> Box<dyn WebChannel> {
    match route(url).unwrap_or_else(|error| panic!("{url}: {error}")).1 {
        Route::Web(web) => web,
        Route::Own(own) => panic!("{own:?} is no web channel"),
    }
}

fn message<'a>(
    content: &'a Content,
    kind: NotificationKind,
    earlier: &'a [String],
) -> Outgoing<'a> {
    Outgoing {
        message_id: if earlier.is_empty() { "down.7.ada@hub" } else { "recovered.7.ada@hub" },
        references: earlier,
        unix_ms: 1_763_777_565_000,
        kind,
        server: Some("web-1"),
        is_over: !earlier.iter().any(|id| id.contains("group-")),
        ..outgoing(content)
    }
}

fn down() -> Content {
    Content {
        subject: "[DOWN] web-1: nothing at its address answers".to_owned(),
        text: "web-1 is down\nNothing at its address answers.\n\nSilent since: 03:12:40 CET\n\n\
               Why we think so\n  03:12:43.0  hub: no answer & no route <unreachable>\n\
               \x20 03:12:45.0  judged down after 5 s of silence\n\n\
               https://hub.example.org/incidents/7?a=1&b=2\n\n-- \nSent by Watchfire.\n"
            .to_owned(),
        html: String::new(),
    }
}

fn recovered() -> Content {
    Content {
        subject: "[OK] web-1 is back after 12 s".to_owned(),
        text: "web-1 answers again.\n\nhttps://hub.example.org/incidents/7\n\n-- \nSent by Watchfire.\n"
            .to_owned(),
        html: String::new(),
    }
}

fn hostile() -> Content {
    let long = "x".repeat(10_000);
    Content {
        subject: format!("[DOWN] {HOSTILE}"),
        text: format!("{HOSTILE}\n    indented\n{long}\nhttps://hub.example.org/incidents/7\n"),
        html: String::new(),
    }
}

/// A request as a golden file holds it.
fn shown(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method.as_str(), request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = match &request.auth {
        Auth::None => Ok(()),
        Auth::Basic(user, password) => writeln!(text, "Authorization: basic {user} {password}"),
        Auth::Bearer(token) => writeln!(text, "Authorization: bearer {token}"),
    };
    let _ = match &request.body {
        Body::None => Ok(()),
        Body::Json(value) => writeln!(text, "\n{}", pretty(value)),
        Body::Text(body) => writeln!(text, "\n{body}"),
        Body::Form(fields) => {
            fields.iter().try_for_each(|(name, value)| writeln!(text, "\n{name} = {value:?}"))
        }
    };
    text
}

/// What shows nothing on a screen is written as its number.
fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("JSON can be written");
    text.replace('\u{200b}', "\\u200b").replace('\u{a0}', "\\u00a0")
}

#[test]
fn requests_are_as_their_providers_want_them() {
    for (name, url) in CHATS {
        let channel = channel(url);
        let mut text = String::new();
        let earlier = ["down.7.ada@hub".to_owned()];
        for (title, content, kind, earlier) in [
            ("down", down(), NotificationKind::Down, &[][..]),
            ("recovered", recovered(), NotificationKind::Recovered, &earlier[..]),
            ("hostile", hostile(), NotificationKind::Changed, &[][..]),
        ] {
            let request = channel.request(&message(&content, kind, earlier)).expect(name);
            let _ = writeln!(text, "=== {title} ===\n{}", shown(&request));
        }
        let path = format!("{}/src/channel/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        golden::check(Path::new(&path), &text);
    }
}

#[test]
fn a_request_and_a_channel_show_no_secret() {
    let content = down();
    for (name, url) in CHATS {
        let channel = channel(url);
        let request = channel.request(&message(&content, NotificationKind::Down, &[])).expect(name);
        let words = format!("{channel:?} {request:?} {:?}", channel.target());
        for secret in [
            "oken", "hookkey", "gKey", "zKey", "pass", "AAE", "xoxb", "cCcC", "sig=", "s-_G",
            "azGDO", "Y2lz",
        ] {
            assert!(!words.contains(secret), "{name}: {words}");
        }
    }
}
