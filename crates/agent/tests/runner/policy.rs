//! That the server's own policy decides, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use watchfire_runtime::Clock;
use watchfire_wire::{RunPolicy, RunbookWork, Work};

use super::rig::{Rig, open};

fn runbook(name: &str, params: &[(&str, &str)]) -> Work {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Work::Runbook(RunbookWork {
        name: name.to_owned(),
        params: params.collect::<BTreeMap<_, _>>(),
        asker: "ada\n{\"event\":\"started\"}".to_owned(),
    })
}

#[tokio::test]
async fn without_a_policy_nothing_runs_and_it_is_read_anew_each_time() {
    let rig = Rig::new("policy = \"off\"");
    let canary = rig.shared().join("canary");
    let touch = || open(&["touch", canary.to_str().expect("text")]);
    let why = rig.work(touch()).await.refused.expect("off");
    assert!(why.contains("its policy is off"), "{why}");
    fs::remove_file(rig.path().join("policy.toml")).expect("ours");
    assert!(rig.work(touch()).await.refused.is_some(), "no file is off as well");
    rig.policy("policy = \"runbooks\"");
    assert!(rig.work(touch()).await.refused.is_some());
    rig.policy("policy = \"signed\"");
    assert!(rig.work(touch()).await.refused.is_some());
    rig.policy("policy = \"opne\"");
    let why = rig.work(touch()).await.refused.expect("a mistake");
    assert!(why.contains("policy.toml:1:10") && why.contains("did you mean \"open\""), "{why}");
    assert!(!canary.exists());
    rig.policy("policy = \"open\"");
    assert_eq!(rig.work(touch()).await.exit.code, Some(0));
    assert!(canary.exists());
    let audit = rig.audit();
    assert_eq!(audit.matches("\"refused\"").count(), 5, "{audit}");
    assert_eq!(audit.matches("\"started\"").count(), 1, "{audit}");
}

#[tokio::test]
async fn a_policy_that_others_could_have_written_is_none() {
    let rig = Rig::new("policy = \"open\"");
    let file = rig.path().join("policy.toml");
    for mode in [0o666, 0o664] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("ours");
        let why = rig.sh("true").await.refused.expect("anybody's");
        assert!(why.contains("others than its owner may write") && why.contains("chmod"), "{why}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("ours");
    assert!(rig.sh("true").await.refused.is_none());
    fs::set_permissions(rig.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    assert!(rig.sh("true").await.refused.is_some(), "the folder is anybody's");
    fs::set_permissions(rig.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    if super::rig::is_root() {
        std::os::unix::fs::chown(&file, Some(65534), None).expect("root may");
        let why = rig.sh("true").await.refused.expect("somebody's");
        assert!(why.contains("belongs to the user with the id 65534"), "{why}");
    }
}

const BOOKS: &str = r#"
policy = "runbooks"

[runbook.say]
argv = ["echo", "unit={unit}", "--", "{free}", "{{{many}}}"]
description = "says it"
params.unit = { type = "pattern", pattern = "[a-z]+(\\.service)?" }
params.free = { type = "choice", choices = ["-o ProxyCommand=touch FOLDER/shared/c1", "b"] }
params.many = { type = "integer", min = -5, max = 5, default = "1" }

[runbook.shell]
shell = true
argv = ["echo ${1}; printf '%s' \"$2\"", "{word}", "{path}"]
params.word = { type = "word" }
params.path = { type = "path", under = "/tmp" }
confirm = true

[runbook.guarded]
argv = ["true"]
signed = true
"#;

#[tokio::test]
async fn what_is_filled_in_is_one_argument_and_never_a_word_of_the_shell() {
    let rig = Rig::new(BOOKS);
    let shared = rig.shared();
    let option = format!("-o ProxyCommand=touch {}/c1", shared.display());
    let done = rig.work(runbook("say", &[("unit", "nginx.service"), ("free", &option)])).await;
    assert_eq!(
        String::from_utf8_lossy(&done.out),
        format!("unit=nginx.service -- {option} {{1}}\n")
    );

    let path = "/tmp/$(touch c2);`touch c3`";
    let done = rig.work(runbook("shell", &[("word", "a.b"), ("path", path)])).await;
    assert_eq!(String::from_utf8_lossy(&done.out), format!("a.b\n{path}"));

    let long = "a".repeat(100_000);
    for bad in ["a;id", "$(id)", "`id`", "\n touch x", "-o", "--unit", "a b", "", "a\0b", &long] {
        for (name, params) in [
            ("say", [("unit", bad), ("free", "b")]),
            ("shell", [("word", bad), ("path", "/tmp/x")]),
        ] {
            let command = watchfire_wire::Command {
                run: 7,
                command_id: [7; 16],
                work: runbook(name, &params),
                stdin: Vec::new(),
            };
            // What the wire itself refuses does not even arrive.
            let Ok(running) = rig.runner().run(command).await else { continue };
            let done = super::rig::finish(running).await;
            let why = done.refused.unwrap_or_else(|| panic!("{bad:?} ran"));
            assert!(why.contains("is to be") && !why.contains("touch"), "{why}");
        }
    }
    for path in ["/tmp/../etc", "tmp/x", "/tmpx", "/tmp/", "/tmp//x", "/tmp/./x", "-/tmp/x"] {
        let done = rig.work(runbook("shell", &[("word", "a"), ("path", path)])).await;
        assert!(done.refused.is_some(), "{path}");
    }
    for many in ["6", "-6", "+1", "01", "1 ", "0x1"] {
        let params = [("unit", "a"), ("free", "b"), ("many", many)];
        assert!(rig.work(runbook("say", &params)).await.refused.is_some(), "{many}");
    }
    assert_eq!(fs::read_dir(&shared).expect("ours").count(), 0, "no canary");
}

#[tokio::test]
async fn a_runbook_is_asked_for_by_its_name_and_nothing_else() {
    let rig = Rig::new(BOOKS);
    for (work, word) in [
        (runbook("none", &[]), "no runbook \"none\""),
        (runbook("say", &[("unit", "a")]), "the parameter free is missing"),
        (runbook("guarded", &[("x", "1")]), "no parameter \"x\""),
        (runbook("guarded", &[]), "must be signed here"),
        (open(&["true"]), "its policy is runbooks"),
    ] {
        let why = rig.work(work).await.refused.expect("not so");
        assert!(why.contains(word), "{why}");
    }
    // What a hub says of the asker is data: it makes no line of its own.
    let audit = rig.audit();
    assert_eq!(audit.lines().count(), audit.matches("\"event\":\"refused\"").count());

    let offered = rig.runner().runbooks(&Clock::system()).await;
    assert_eq!(offered.policy, RunPolicy::Runbooks);
    let names: Vec<_> =
        offered.list.iter().map(|book| (book.name.as_str(), book.confirm)).collect();
    assert_eq!(names, [("guarded", false), ("say", false), ("shell", true)]);
    assert_eq!(offered.list[1].params[2].hint, "like [a-z]+(\\.service)?");
}
