//! `watchfire notify`: channels checked and tried by hand.

use watchfire_testkit::http::{Answer, Stub};
use watchfire_testkit::process::Program;
use watchfire_testkit::smtp::{Options, Sink, Tls};

use crate::fixture::{LONG, Lab, Plan, deliveries, notifications, watchfire};

const OK: Option<i32> = Some(0);
const BAD_URL: Option<i32> = Some(3);
const REFUSED: Option<i32> = Some(4);
const NOT_NOW: Option<i32> = Some(5);

/// A secret of every channel here. Nothing that is printed may hold it.
const SECRET: &str = "HUNTER2";

/// The command with no proxy, and no config but the one that is named.
fn notify<const N: usize>(arguments: [&str; N]) -> Program {
    let alone = watchfire(["notify"]).args(arguments).env("NO_PROXY", "*");
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
        .into_iter()
        .fold(alone, |program, name| program.env(name, "").env(name.to_lowercase(), ""))
}

/// How it ended and what it printed, which holds no secret.
fn run(program: Program) -> (Option<i32>, String) {
    let (ended, out, words) = program.run(LONG);
    let all = format!("{out}{words}");
    assert!(!all.contains(SECRET), "{all}");
    (ended.code(), all)
}

#[test]
fn check_says_what_each_channel_does_or_what_to_write_instead() {
    let (code, words) = run(notify([
        "check",
        "tgram://123:HUNTER2/11/@ops",
        "slack://T0A/B0B/HUNTER2",
        "gotifys://push.example.org/HUNTER2",
    ]));
    assert_eq!(code, OK, "{words}");
    for line in [
        "ok  1 tgram: Telegram: POST to api.telegram.org over TLS, to chat 11",
        "ok  2 tgram: Telegram: POST to api.telegram.org over TLS, to chat @ops",
        "ok  3 slack: Slack: POST to hooks.slack.com over TLS",
        "ok  4 gotifys: Gotify: POST to push.example.org over TLS",
    ] {
        assert!(words.lines().any(|said| said == line), "{line}\n{words}");
    }

    let urls = "# mine\nntfy://alerts\ntgram://HUNTER2/11\nsmoke://HUNTER2\n\
                gotify://10.1.2.3/HUNTER2\nhttps://example.org/HUNTER2\nmailto:ada@example.org\n";
    let (code, words) = run(notify(["check", "-"]).input(urls));
    assert_eq!(code, BAD_URL, "{words}");
    for part in [
        "ok  1 ntfy: ntfy: POST to ntfy.sh over TLS",
        "bad 2 tgram: this is no Telegram channel: the bot's token is like 123456789:AAE-abc; \
         write tgram://BOT_TOKEN/CHAT_ID",
        "bad 3 smoke: no channel \"smoke\": this version has mailto, ",
        "bad 4 gotify: 10.1.2.3 is a private address: channels lead there only when hub.toml has \
         [notify] allow = [\"10.1.2.3\"]",
        "bad 5 https: no channel \"https\": write ",
        "bad 6 mailto: a mailto: channel needs a mail server",
    ] {
        assert!(words.contains(part), "{part}\n{words}");
    }
    let (code, words) =
        run(notify(["check", "-", "--allow", "10.1.2.0/24"]).input("gotify://10.1.2.3/HUNTER2\n"));
    assert_eq!((code, words.contains("10.1.2.3 without TLS")), (OK, true), "{words}");
}

#[test]
fn a_message_is_sent_once_and_its_end_is_an_exit_code() {
    let stub = Stub::start();
    let url = format!("gotify://{}/{SECRET}", stub.addr());
    let send = |more: &[&str]| {
        let words = ["--title", "web-1 is down", "--body", "since 03:12", "--type", "failure"];
        let program = notify(["test", "--url", "-", "--allow", "127.0.0.1"]).args(words);
        run(program.args(more.iter().copied()).input(format!("{url}\n")))
    };
    stub.next([Answer::reply(200, r#"{"id": 25}"#)]);
    let (code, words) = send(&[]);
    assert!(code == OK && words.contains("accepted: 200"), "{words}");
    let request = stub.wait_for(1, LONG).remove(0);
    assert_eq!(request.header("X-Gotify-Key"), Some(SECRET));
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["title"], &body["message"]),
        (&"web-1 is down".into(), &"since 03:12".into())
    );
    assert_eq!(body["priority"], 8);

    for (answer, expected, part) in [
        (Answer::reply(401, r#"{"error": "no such token"}"#), NOT_NOW, "not taken: 401"),
        (Answer::reply(400, r#"{"error": "no such token"}"#), REFUSED, "refused: 400"),
        (Answer::reply(302, "").with_header("Location", &stub.base()), NOT_NOW, "redirects"),
        (Answer::reply(503, ""), NOT_NOW, "not taken: 503"),
        (Answer::Drop, NOT_NOW, "may have been taken"),
    ] {
        stub.next([answer]);
        let (code, words) = send(&[]);
        assert!(code == expected && words.contains(part), "{words}");
        assert!(!words.contains("no such token"), "nothing of a body is shown: {words}");
    }
    assert_eq!(stub.requests().len(), 6, "each is tried once, and no redirect is followed");
    stub.stop_listening();
    assert_eq!(send(&[]).0, NOT_NOW);
}

#[test]
fn what_is_not_allowed_gets_no_request() {
    let (lab, canary) = (Lab::new(), Stub::start());
    canary.always(Answer::reply(200, r#"{"id": 25}"#));
    let port = canary.addr().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433"] {
        let url = format!("gotify://{host}:{port}/{SECRET}");
        let (code, words) = run(notify(["test", "--url", &url]));
        assert!(code == BAD_URL && words.contains("[notify] allow"), "{host}: {words}");
    }
    assert_eq!(canary.requests().len(), 0);
    let config = lab.write("hub.toml", "[notify]\nallow = [\"127.0.0.0/8\"]\n");
    let url = format!("gotify://127.0.0.1:{port}/{SECRET}");
    let (code, words) = run(notify(["test", "--url", &url, "--config", &config]));
    assert_eq!((code, canary.requests().len()), (OK, 1), "{words}");
}

#[test]
fn proxies_of_the_environment_are_used_and_their_exceptions_kept() {
    let proxy = Stub::start();
    proxy.next([Answer::reply(200, r#"{"id": 25}"#)]);
    let by_proxy = |url: &str, none: &str| {
        let program = notify(["test", "--url", url]).env("NO_PROXY", none);
        run(program.env("HTTP_PROXY", proxy.base()).env("HTTPS_PROXY", proxy.base()))
    };
    // Without a resolver and without a permit: the proxy sees to both.
    let (code, words) = by_proxy("gotify://push.nowhere.example/HUNTER2", "");
    assert!(code == OK && words.contains("without TLS, by the proxy"), "{words}");
    let (code, words) = by_proxy("tgram://123:HUNTER2/11", "");
    assert!(code == NOT_NOW && words.contains("over TLS, by the proxy"), "{words}");
    let requests = proxy.requests();
    assert_eq!(requests[0].path, "http://push.nowhere.example/message");
    assert_eq!(
        (requests[1].method.as_str(), requests[1].path.as_str()),
        ("CONNECT", "api.telegram.org:443")
    );
    assert_eq!(by_proxy("gotify://push.nowhere.example/HUNTER2", "nowhere.example").0, BAD_URL);
    assert_eq!(by_proxy("gotify://169.254.169.254/HUNTER2", "").0, BAD_URL);
    assert_eq!(proxy.requests().len(), 2);
}

/// The first channel turns it away and the second one asks for a pause: nothing is lost by either.
#[test]
fn a_hub_tells_a_chat_and_goes_on_to_the_next_one() {
    let (lab, closed, busy) = (Lab::new(), Stub::start(), Stub::start());
    closed.always(Answer::reply(401, r#"{"error": "no such token"}"#));
    busy.next([Answer::reply(429, "{}").with_header("Retry-After", "1")]);
    busy.always(Answer::reply(200, r#"{"id": 25}"#));
    let agent = lab.agent("web-1");
    let urls = [&closed, &busy].map(|stub| format!("gotify://{}/{SECRET}", stub.addr()));
    let plan = Plan::with_mail("smtp = \"smtp://localhost\"").set("down_after = \"4s\"");
    let plan = plan.with("[notify]\nallow = [\"127.0.0.1\"]\n").watches(&agent);
    let hub = lab.hub(&plan.tells("ada", "*", &[&urls[0], &urls[1]]));
    hub.wait_until_all_are_up();
    agent.kill();
    let incident = hub.wait_for_incident("web-1", "it was told", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state == "delivered")
    });
    let tries = deliveries(&incident, "ada", "down");
    let details: Vec<&str> = tries.iter().map(|one| one.detail.as_str()).collect();
    assert_eq!(details[..2], ["401", "429, try again after 1 s"]);
    assert_eq!(details.last(), Some(&"200"));
    assert_eq!((closed.requests().len(), busy.requests().len()), (1, 2), "{details:?}");
    let body: serde_json::Value = serde_json::from_slice(&busy.requests()[1].body).unwrap();
    assert_eq!(body["priority"], 8);
    assert!(body["title"].as_str().unwrap().starts_with("[AGENT DOWN] web-1: "), "{body}");
    assert!(body["extras"]["client::notification"]["click"]["url"].is_string(), "{body}");
    let log = std::fs::read_to_string(lab.path("hub.log")).unwrap();
    assert!(!log.contains(SECRET), "the token is in the log");
    assert!(!serde_json::to_string(&incident).unwrap().contains(SECRET));
}

/// A server of TLS that then speaks no HTTP: how far one comes tells whether it is trusted.
#[test]
fn the_roots_of_the_environment_are_trusted() {
    let lab = Lab::new();
    let server = Sink::with(Options { tls: Tls::Implicit, ..Options::default() });
    let root = lab.write("root.pem", server.root_pem());
    let url = format!("gotifys://localhost:{}/{SECRET}", server.port());
    let send =
        |name: &str| run(notify(["test", "--url", &url, "--allow", "localhost"]).env(name, &root));
    let (code, words) = send("NOTHING");
    assert!(code == NOT_NOW && !words.contains("may have been taken"), "{words}");
    let (code, words) = send("SSL_CERT_FILE");
    assert!(code == NOT_NOW && words.contains("may have been taken"), "{words}");
}

#[test]
fn the_hub_names_the_hint_for_each_channel_that_it_cannot_serve() {
    let lab = Lab::new();
    let config = |allow: &str| {
        lab.write(
            "hub.toml",
            &format!(
                "{allow}[[user]]\nname = \"ada\"\nservers = [\"*\"]\nchannels = [\n\
                 \"tgram://HUNTER2/11\",\n\"smoke://HUNTER2\",\n\"gotify://10.1.2.3/HUNTER2\",\n\
                 \"tgram://123:HUNTER2/11/12\",\n]\n"
            ),
        )
    };
    let (ended, out, words) = watchfire(["hub", "--config", &config(""), "--check"]).run(LONG);
    assert_eq!(ended.code(), Some(78));
    assert!(!format!("{out}{words}").contains(SECRET), "{out}{words}");
    for part in [
        ":5:",
        "this is no Telegram channel: the bot's token is like",
        "hint: write tgram://BOT_TOKEN/CHAT_ID",
        "there is no channel \"smoke\"",
        "hint: this version has terminal, mailto, ",
        "this channel leads to 10.1.2.3, which is a private address",
        "add [notify] with allow = [\"10.1.2.3\"]",
    ] {
        assert!(words.contains(part), "{part}\n{words}");
    }
    let allowed = config("[notify]\nallow = [\"10.0.0.0/8\", \"10.0.0.1/8\"]\n");
    let (_, _, words) = watchfire(["hub", "--config", &allowed, "--check"]).run(LONG);
    assert!(words.contains("the network is 10.0.0.0/8") && !words.contains("leads to"), "{words}");
    let good = lab.write(
        "hub.toml",
        "[notify]\nallow = [\"10.0.0.0/8\"]\n[[user]]\nname = \"ada\"\nservers = [\"*\"]\n\
         channels = [\"gotify://10.1.2.3/${env:TOKEN}\", \"tgram://${env:BOT}/11/12\"]\n",
    );
    let program = watchfire(["hub", "--config", &good, "--check"]);
    let (ended, shown, words) = program.env("TOKEN", SECRET).env("BOT", "123:HUNTER2").run(LONG);
    assert_eq!(ended.code(), Some(0), "{words}");
    assert!(!format!("{shown}{words}").contains(SECRET), "{shown}{words}");
    assert!(shown.contains("[notify]\nallow = [\"10.0.0.0/8\"]\n"), "{shown}");
    let each = "channels = [\"gotify://***\", \"tgram://***\", \"tgram://***\"]";
    assert!(shown.contains(each), "{shown}");
}
