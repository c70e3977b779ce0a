use std::path::Path;
use std::process::Command;

use super::unit::{runner_units, unit};

fn usual() -> String {
    unit(Path::new(super::PROGRAM), None, Path::new(super::DATA)).expect("fine")
}

#[test]
fn the_unit_is_the_one_that_was_reviewed() {
    assert_eq!(usual(), include_str!("../../../testdata/watchfire-agent.service"));
}

#[test]
fn systemd_has_nothing_against_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("watchfire-agent.service");
    // The program is not installed where tests run, and has to be somewhere.
    let text = usual().replace(super::PROGRAM, "/bin/true");
    std::fs::write(&path, text).expect("ours");
    let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output();
    let Ok(verified) = verified else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let words = String::from_utf8_lossy(&verified.stderr);
    let about = |line: &&str| line.contains("watchfire-agent.service");
    assert_eq!(words.lines().find(about), None, "{words}");
}

#[test]
fn the_runner_is_there_only_with_a_policy_and_only_for_the_agent() {
    let [(service, runner), (socket, listens)] =
        runner_units(Path::new(super::PROGRAM)).expect("fine");
    assert_eq!((service, socket), ("watchfire-runner.service", "watchfire-runner.socket"));
    assert!(listens.contains("ConditionPathExists=/etc/watchfire/policy.toml\n"), "{listens}");
    assert!(listens.contains("SocketUser=watchfire\nSocketMode=0600\n"), "{listens}");
    assert!(runner.contains("--agent-user watchfire") && !runner.contains('{'), "{runner}");
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [(service, runner), (socket, listens)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text.replace(super::PROGRAM, "/bin/true")).expect("ours");
        path
    });
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").args(&paths).output() else {
        eprintln!("left out: there is no systemd-analyze");
        return;
    };
    let words = String::from_utf8_lossy(&verified.stderr);
    assert_eq!(words.lines().find(|line| line.contains("watchfire-runner.")), None, "{words}");
}

#[test]
fn a_data_folder_of_ones_own_stands_in_the_unit() {
    let text = unit(
        Path::new("/usr/local/bin/watchfire"),
        Some(Path::new("/srv/agent.toml")),
        Path::new("/var/lib/fleet/agent-2"),
    )
    .expect("fine");
    assert!(text.contains("StateDirectory=fleet/agent-2\n"), "{text}");
    assert!(text.contains("--data /var/lib/fleet/agent-2 --config /srv/agent.toml"), "{text}");
    assert!(!text.contains('{') && !text.contains('}'), "{text}");
}

#[test]
fn what_no_unit_can_say_is_told() {
    let with = |data: &str, config: &str| {
        let made = unit(Path::new(super::PROGRAM), Some(Path::new(config)), Path::new(data));
        made.expect_err("no unit").to_string()
    };
    for data in ["/srv/agent", "/var/lib", "/var/lib/../../etc", "agent"] {
        assert!(with(data, "/etc/a.toml").contains("--data"), "{data}");
    }
    for config in ["/etc/a b.toml", "/etc/$x", "a.toml", "/etc/'x", "/etc/%n"] {
        assert!(with("/var/lib/a", config).contains("absolute path"), "{config}");
    }
}
