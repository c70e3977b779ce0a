//! Commands that end by themselves: what they say, and how they end.

use watchfire_testkit::smtp::{Mail, Options, Sink};

use crate::fixture::{LONG, Lab, PASSWORD, Plan, password_hash, watchfire};

const OK: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const USAGE: Option<i32> = Some(2);
const CONFIG: Option<i32> = Some(78);

#[test]
fn passwd_takes_one_line_from_a_pipe() {
    let hash = password_hash();
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    let (ended, again, words) = watchfire(["passwd"]).input(format!("{PASSWORD}\n")).run(LONG);
    assert_eq!((ended.code(), words.as_str()), (OK, ""));
    assert_eq!(again.lines().count(), 1, "{again}");
    assert_ne!(again.trim(), hash, "every hash has a salt of its own");
    let (ended, hash, words) = watchfire(["passwd"]).input("\n").run(LONG);
    assert_eq!((ended.code(), hash.as_str()), (FAILED, ""), "{words}");
}

#[test]
fn check_shows_the_config_without_a_single_secret() {
    let lab = Lab::new();
    let login = Some(("hub".to_owned(), PASSWORD.to_owned()));
    let sink = Sink::with(Options { login, ..Options::default() });
    let plan = Plan::mailing(&sink).watches_at("web-1", Lab::nobody());
    let plan = plan.tells("ada", "*", &["mailto:ada@example.org"]);
    let config = plan.write(&lab, Lab::nobody());
    let (ended, shown, words) = watchfire(["hub", "--config", &config, "--check"]).run(LONG);
    assert_eq!(ended.code(), OK, "{words}");
    assert!(shown.contains("name = \"web-1\"") && shown.contains("mailto:ada@example.org"));
    assert!(shown.contains("down_after") && shown.contains("***"), "{shown}");
    for secret in [PASSWORD, password_hash(), "$argon2"] {
        assert!(!shown.contains(secret) && !words.contains(secret), "{shown}\n{words}");
    }
    let mut parsed = shown.lines().filter(|line| line.contains("password"));
    assert!(parsed.all(|line| line.contains("***")), "{shown}");
}

#[test]
fn report_mails_what_passed_and_what_failed() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let agent = lab.agent("web-1");
    let plan = Plan::mailing(&sink)
        .watches(&agent)
        .watches_at("gone-1", Lab::nobody())
        .tells("ada", "*", &["mailto:ada@example.org"])
        .tells("bob", "name=\"web-1\"", &["mailto:bob@example.org"]);
    let config = plan.write(&lab, Lab::nobody());
    let report = |users: &[&str]| {
        let named = users.iter().flat_map(|user| ["--user", user]);
        watchfire(["report", "--config", &config]).args(named).run(LONG)
    };
    let (ended, _, words) = report(&["ada", "bob"]);
    assert_eq!(ended.code(), OK, "{words}");
    let mails = sink.mails();
    assert_eq!(mails.len(), 2, "one to each");
    let to = |user: &str| {
        let mail = mails.iter().find(|mail| mail.to == [format!("{user}@example.org")]);
        mail.unwrap_or_else(|| panic!("{user} has no mail"))
    };
    assert_lists(to("ada"), "[FAILED] 1 failed, 1 passed", &["gone-1: AGENT DOWN"], &["web-1: "]);
    assert_lists(to("bob"), "[REPORT] ", &[], &["web-1: cpu "]);

    sink.stop_listening();
    let (ended, _, words) = report(&["bob"]);
    assert_eq!(ended.code(), FAILED);
    assert!(words.contains("bob: not delivered by mailto"), "{words}");
}

/// What failed stands under its own heading, before what passed.
fn assert_lists(mail: &Mail, subject: &str, failed: &[&str], passed: &[&str]) {
    assert!(mail.subject().starts_with(subject), "{}", mail.subject());
    let split = format!("Passed: {}\n", passed.len());
    let (first, second) = mail.text.split_once(&split).expect("a list of what passed");
    assert_eq!(first.contains("Failed: "), !failed.is_empty(), "{}", mail.text);
    assert!(failed.iter().all(|row| first.contains(row)), "{}", mail.text);
    assert!(passed.iter().all(|row| second.contains(row)), "{}", mail.text);
    assert!(mail.html.contains("web-1"));
}

#[test]
fn exit_codes_say_what_kind_of_thing_went_wrong() {
    let lab = Lab::new();
    let broken = lab.write("broken.toml", "lisen = \"127.0.0.1:1\"\n[[server]]\nname = \"a\"\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let data = lab.path("agent-data").display().to_string();
    let cases: [(&[&str], Option<i32>, &str); 7] = [
        (&["--version"], OK, ""),
        (&["--help"], OK, ""),
        (&["agent", "--listen", &taken, "--data", &data], FAILED, &taken),
        (&["hub", "--nonsense"], USAGE, "--nonsense"),
        (&["--log", "hub=loud", "passwd"], USAGE, "hub=loud"),
        (&["hub", "--config", &broken, "--check"], CONFIG, "did you mean"),
        (&["hub", "--config", "no-such.toml"], CONFIG, "no-such.toml"),
    ];
    for (arguments, code, says) in cases {
        let program = watchfire([]).args(arguments.iter().copied()).folder(lab.path(""));
        let (ended, _, words) = program.run(LONG);
        assert_eq!(ended.code(), code, "{arguments:?}: {words}");
        assert!(words.contains(says), "{arguments:?}: {words}");
    }
}
