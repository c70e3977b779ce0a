use watchfire_runtime::config::Place;

use super::*;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY$QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";

fn read(text: &str) -> Result<AgentConfig, Problems> {
    let source = Source::from_text(Path::new("/etc/watchfire/agent.toml"), text);
    AgentConfig::from_source(&source, &Overrides::none())
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = read("").expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(config.data, Path::new("/var/lib/watchfire-agent"));
    assert_eq!(config.token_lives, Duration::from_secs(1800));
    assert!(config.users.is_empty() && config.labels.is_empty() && config.name.is_none());
    assert!(AgentConfig::load(None, &Overrides::none()).is_ok());
}

#[test]
fn everything_can_be_said() {
    let text = format!(
        r#"
name = "web-1"
listen = "[::1]:5001"
data = "state"
tls = "off"
token_lives = "1h"
hosts = ["web-1.example.org"]
labels = {{ role = "web", site = "fra" }}

[run]
policy_file = "/srv/policy.toml"

[[user]]
name = "hub"
password_hash = "{HASH}"

[[user]]
name = "ops"
password_hash = "{HASH}"
scopes = ["read", "run"]
"#
    );
    let config = read(&text).expect("valid");
    assert_eq!(config.name.expect("is set").as_str(), "web-1");
    assert_eq!(config.listen.to_string(), "[::1]:5001");
    assert_eq!(config.data, Path::new("/etc/watchfire/state"));
    assert_eq!(config.token_lives, Duration::from_secs(3600));
    assert_eq!(config.hosts, ["web-1.example.org"]);
    assert_eq!(config.labels.get("site"), Some("fra"));
    let scopes: Vec<_> = config.users.iter().map(|user| user.scopes.clone()).collect();
    assert_eq!(scopes, [vec![Scope::Read, Scope::Stream], vec![Scope::Read, Scope::Run]]);
}

#[test]
fn flags_stand_above_the_file() {
    let source =
        Source::from_text(Path::new("/etc/agent.toml"), "listen = \"127.0.0.1:1\"\ndata = \"a\"");
    let mut overrides = Overrides::none();
    overrides.flag("listen", "--listen", Some("127.0.0.1:2".to_owned()));
    overrides.flag("data", "--data", Some("b".to_owned()));
    let config = AgentConfig::from_source(&source, &overrides).expect("valid");
    assert_eq!(config.listen.port(), 2);
    // A path on the command line is meant from where the command was typed.
    assert_eq!(config.data, Path::new("b"));
    overrides.flag("listen", "--listen", Some("nowhere".to_owned()));
    let problems = AgentConfig::from_source(&source, &overrides).expect_err("no address");
    assert_eq!(problems.as_slice()[0].place, Place::Flag("--listen".to_owned()));
}

#[test]
fn every_mistake_has_a_place_and_a_hint() {
    let user = |line: &str| format!("[[user]]\nname = \"a\"\npassword_hash = \"{HASH}\"\n{line}");
    let cases = [
        ("lisen = \"x\"".to_owned(), ":1:1: there is no key `lisen`", "did you mean `listen`?"),
        ("listen = 5000".to_owned(), ":1:10: this is a number, and a text belongs here", "quotes"),
        ("listen = \"5000\"".to_owned(), "no address to listen on", "127.0.0.1:5000"),
        ("tls = \"on\"".to_owned(), "no setting for TLS", "`plain`"),
        ("plain = \"loopbak\"".to_owned(), "no place", "did you mean \"loopback\"?"),
        ("plain = \"off\"".to_owned(), "no place", "\"anywhere\""),
        ("hub = \"hub/x\"".to_owned(), "no address of a hub", "leave the line out"),
        ("name = \"a b\"".to_owned(), "a server's name has no ' '", "host name"),
        ("data = \"\"".to_owned(), "no name", "name a folder"),
        ("token_lives = \"30\"".to_owned(), "no duration", "30"),
        ("token_lives = \"5s\"".to_owned(), "cannot be valid", "from 1m to 24h"),
        ("token_lives = \"2d\"".to_owned(), "cannot be valid", "from 1m to 24h"),
        ("labels = { \"a-b\" = \"x\" }".to_owned(), ":1:20: ", "role"),
        ("labels = { a = 1 }".to_owned(), "a text belongs here", "quotes"),
        ("hosts = [\"http://x\"]".to_owned(), ":1:10: ", "the name alone"),
        ("[run]\npolicy = \"open\"".to_owned(), ":2:10: the policy does not stand", "policy.toml"),
        ("[run]\npolicy_file = \"x\"".to_owned(), ":2:15: \"x\" is no absolute", "policy.toml"),
        ("[run]\nuser = \"x\"".to_owned(), "no key `user`", "policy"),
        ("[[user]]\nname = \"a\"".to_owned(), "`password_hash` is missing", "password_hash"),
        (
            "[[user]]\nname = \"a\"\npassword_hash = \"pw\"".to_owned(),
            ":3:17: ",
            "watchfire passwd",
        ),
        (user("scopes = [\"reed\"]"), ":4:11: ", "did you mean \"read\"?"),
        (user("scopes = [\"all\"]"), "is no scope", "hint: choose from"),
        (user("password = \"x\""), "no key `password`", ""),
        (user("") + &user(""), ":5:8: there are two users \"a\"", "rename"),
        (user("").replace("\"a\"", "\"a:b\""), "no user name", "colons"),
        (user("").replace("\"a\"", "\"\""), "no user name", "1 to 128"),
    ];
    for (text, what, hint) in cases {
        let problems = read(&text).expect_err(&text).to_string();
        assert!(problems.starts_with("/etc/watchfire/agent.toml"), "{problems}");
        assert!(problems.contains(what), "{text}\n-> {problems}");
        assert!(problems.contains("\n  hint: "), "{text}\n-> {problems}");
        assert!(problems.contains(hint), "{text}\n-> {problems}");
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let problems = read("name = \"\"\nlisten = \"x\"\ntoken_lives = \"x\"\n").expect_err("three");
    assert_eq!(problems.as_slice().len(), 3);
}

#[test]
fn a_plain_network_needs_a_word() {
    let plain = |text: &str| read(text).expect("valid").plain;
    assert_eq!(plain("listen = \"0.0.0.0:5000\""), Plain::Loopback);
    assert_eq!(plain("plain = \"anywhere\""), Plain::Anywhere);
    assert_eq!(plain("plain = \"never\""), Plain::Never);
    // As it was said before there was TLS.
    assert_eq!(plain("listen = \"0.0.0.0:5000\"\ntls = \"off\""), Plain::Anywhere);
    assert_eq!(plain("tls = \"off\"\nplain = \"loopback\""), Plain::Loopback);
}

#[test]
fn a_hub_can_be_named() {
    let hub = |text: &str| read(text).expect("valid").hub;
    assert_eq!(hub(""), None);
    assert_eq!(hub("hub = \"hub.example.org\"").as_deref(), Some("hub.example.org:5100"));
}

#[test]
fn the_recorder_and_the_collectors_can_be_told() {
    let config = read("").expect("valid");
    assert_eq!((config.record.enabled, config.record.cap_bytes), (true, 64 << 20));
    assert!(config.collect.without.is_empty() && config.collect.arguments);
    let text = "[record]\nenabled = false\nmax_size = \"10MiB\"\n\
        [collect]\nwithout = [\"loadavg\"]\narguments = false\n";
    let config = read(text).expect("valid");
    assert_eq!((config.record.enabled, config.record.cap_bytes), (false, 10 << 20));
    assert_eq!(
        (config.collect.without.as_slice(), config.collect.arguments),
        (&["loadavg".to_owned()][..], false)
    );
}

#[test]
fn mistakes_in_the_sections_are_told_with_a_hint() {
    for (text, expected) in [
        ("[record]\nmax_size = \"lots\"\n", "write a whole number with its unit"),
        ("[record]\nmax_size = \"1KiB\"\n", "64MiB is the default"),
        ("[collect]\nwithout = [\"loadavgg\"]\n", "did you mean \"loadavg\"?"),
        ("[collect]\nwithout = [\"zzzzzzzz\"]\n", "choose from cpu, "),
    ] {
        let problems = read(text).expect_err("wrong").to_string();
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn metrics_are_open_only_when_told() {
    let open = |text: &str| read(text).expect("valid").metrics.open_on_loopback;
    assert!(!open("") && !open("[metrics]\n") && !open("[metrics]\nopen_on_loopback = false\n"));
    assert!(open("[metrics]\nopen_on_loopback = true\n"));
    let problems = read("[metrics]\nopen_on_loopbak = true\n").expect_err("wrong").to_string();
    assert!(problems.contains("did you mean `open_on_loopback`?"), "{problems}");
    let user =
        format!("[[user]]\nname = \"a\"\npassword_hash = \"{HASH}\"\nscopes = [\"metrics\"]");
    assert_eq!(read(&user).expect("valid").users[0].scopes, [Scope::Metrics]);
}
