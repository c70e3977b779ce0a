//! Users, second factors, tokens and sessions of a real hub, from the command line.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use watchfire_identity::totp::TotpSecret;
use watchfire_runtime::Clock;
use watchfire_testkit::ask::{Answered, Ask};
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Hub, LONG, Lab, PASSWORD, Plan, Said, said, watchfire};

/// A command of a person who keeps logins in a folder of their own, and pipes these lines to it.
fn run<const N: usize>(lab: &Lab, who: &str, arguments: [&str; N], lines: &[&str]) -> Said {
    let program = watchfire(arguments).env("XDG_CONFIG_HOME", lab.path(who));
    said(program.called("person").input(lines.join("\n") + "\n"))
}

fn with_token(hub: SocketAddr, token: &str) -> u16 {
    let ask = Ask::get("/api/v1/labels").header("Authorization", &format!("Bearer {token}"));
    ask.send(hub, LONG).unwrap().status
}

/// A change by the page of somebody who logs in with that password.
struct Page {
    hub: SocketAddr,
    cookie: String,
    csrf: String,
}

impl Page {
    fn log_in(hub: SocketAddr, user: &str, password: &str) -> Self {
        let body = json!({ "username": user, "password": password }).to_string();
        let answer = Ask::post_json("/api/login", &body).send(hub, LONG).unwrap();
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { hub, cookie, csrf: value(&answer, "csrf").as_str().unwrap().to_owned() }
    }

    fn post(&self, path: &str, body: &Value) -> Answered {
        let ask = Ask::post_json(path, &body.to_string()).header("Cookie", &self.cookie);
        ask.header("X-Watchfire-Csrf", &self.csrf).send(self.hub, LONG).unwrap()
    }
}

fn value(answer: &Answered, key: &str) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body[key].clone()
}

#[test]
fn a_user_is_made_gets_a_second_factor_and_a_token_and_is_removed() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let plan = Plan::mailing(&sink);
    let hub = lab.hub(&plan);
    let address = hub.api.address();
    let at = format!("http://{address}");
    let login = run(&lab, "root", ["login", &at, "--user", "watcher"], &[PASSWORD]);
    assert!(login.well, "{}", login.words);
    let add = ["user", "add", "bob", "--role", "operator", "--servers", "*"];
    let added = run(&lab, "root", add, &[]);
    assert!(added.well, "{}", added.words);
    let first = added.output.trim().to_owned();
    let listed = run(&lab, "root", ["user", "ls"], &[]).output;
    assert!(listed.contains("hub.toml") && listed.contains("bob  "), "{listed}");

    let login = |lines: &[&str]| run(&lab, "bob", ["login", &at, "--user", "bob"], lines);
    assert!(login(&[&first]).well);
    let made = run(&lab, "bob", ["token", "make", "ci", "--scope", "change"], &[]);
    assert!(made.well, "{}", made.words);
    let token = made.output.trim().to_owned();
    assert_eq!(with_token(address, &token), 200);
    let changed = run(&lab, "bob", ["user", "password"], &[&first, "my own password"]);
    assert!(changed.well, "{}", changed.words);
    assert_eq!(with_token(address, &token), 401, "it ended with the password");

    // The page turns the second factor on.
    let page = Page::log_in(address, "bob", "my own password");
    let begun = page.post("/api/totp", &json!({ "password": "my own password" }));
    let secret = TotpSecret::from_base32(value(&begun, "secret").as_str().unwrap()).unwrap();
    let now = || Clock::system().now();
    let code = secret.code_at(now()).unwrap();
    let confirmed = page.post("/api/totp/confirm", &json!({ "code": code }));
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    let codes = value(&confirmed, "recovery_codes");
    let alone = login(&["my own password"]);
    assert!(!alone.well && alone.words.contains("no code"), "{}", alone.words);
    // The code of the next half minute counts already, and once, over a kill too.
    let next = secret.code_at(now().after(Duration::from_secs(30))).unwrap();
    assert!(login(&["my own password", &next]).well);
    drop(hub);
    let hub = Hub::start_at(&lab, &plan, address);
    let again = login(&["my own password", &next]);
    assert!(!again.well, "the code was used");
    let recovered = login(&["my own password", codes[0].as_str().unwrap()]);
    assert!(recovered.well, "{}", recovered.words);
    let shown = run(&lab, "bob", ["totp", "show"], &[]).output;
    assert!(shown.contains("9 recovery codes are left"), "{shown}");

    let root = run(&lab, "root", ["login", &at, "--user", "watcher"], &[PASSWORD]);
    assert!(root.well, "{}", root.words);
    let sessions = run(&lab, "root", ["sessions", "ls", "--json"], &[]).output;
    let sessions: Value = serde_json::from_str(&sessions).unwrap();
    let sessions = sessions["sessions"].as_array().unwrap();
    let of_bob = sessions.iter().find(|row| row["user"] == "bob").unwrap();
    let ended = run(&lab, "root", ["sessions", "end", of_bob["id"].as_str().unwrap()], &[]);
    assert!(ended.well, "{}", ended.words);
    let gone = run(&lab, "bob", ["sessions", "ls"], &[]);
    assert!(!gone.well && gone.words.contains("has ended"), "{}", gone.words);
    assert!(login(&["my own password", codes[1].as_str().unwrap()]).well);
    let token = run(&lab, "bob", ["token", "make", "ci"], &[]).output.trim().to_owned();
    assert_eq!(with_token(address, &token), 200);
    let removed = run(&lab, "root", ["user", "remove", "bob"], &[]);
    assert!(removed.well, "{}", removed.words);
    assert_eq!(with_token(address, &token), 401);
    assert!(!run(&lab, "bob", ["token", "ls"], &[]).well);
    let verified = run(&lab, "root", ["audit", "verify"], &[]);
    assert!(verified.well, "{}", verified.words);

    // No secret is in the log, nor in the database.
    drop(hub);
    let mut kept = std::fs::read(lab.path("hub.log")).unwrap();
    for file in std::fs::read_dir(lab.path("hub-data")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end.to_string_lossy().starts_with("db")) {
            kept.extend(std::fs::read(path).unwrap());
        }
    }
    for secret in [token.as_str(), "my own password", first.as_str(), codes[2].as_str().unwrap()] {
        assert!(!kept.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}
