//! The line that `watchfire hub token` prints for a server without Watchfire, run
//! as it stands, and what `watchfire agent uninstall` leaves. All of it happens in a
//! mount namespace whose `/etc`, `/run`, `/usr/local/bin` and `/var/lib` are folders of
//! the test, with a `systemctl` that only writes down what it is told.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use watchfire_testkit::process::Program;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{LONG, Lab, Plan, Said, eventually, said, watchfire};

/// The folders that are the test's own, and what they are called in its lab.
const PLACES: [(&str, &str); 4] =
    [("/etc", "etc"), ("/run", "run"), ("/usr/local/bin", "bin"), ("/var/lib", "lib")];
const PROGRAMS: [&str; 2] = ["systemctl", "systemd-sysusers"];

/// A machine without Watchfire.
struct Machine<'a> {
    lab: &'a Lab,
}

impl<'a> Machine<'a> {
    /// `None`, with a word on standard error, where this machine does not allow it.
    fn or_skip(lab: &'a Lab) -> Option<Self> {
        for what in ["etc/systemd/system", "run/systemd/system", "bin", "lib", "fake"] {
            std::fs::create_dir_all(lab.path(what)).unwrap();
        }
        for file in ["passwd", "group", "nsswitch.conf"] {
            // Where one is missing, nobody needs it.
            let _ = std::fs::copy(format!("/etc/{file}"), lab.path(&format!("etc/{file}")));
        }
        for program in PROGRAMS {
            let calls = calls(lab).display().to_string();
            let mut fake = format!("#!/bin/sh\necho {program} \"$@\" >> {calls}\n");
            if program == "systemd-sysusers" {
                fake.push_str("cat > /dev/null\n");
            }
            let path = lab.write(&format!("fake/{program}"), &fake);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let machine = Self { lab };
        let has_unshare = Command::new("unshare").arg("--version").output().is_ok();
        if !(has_unshare && machine.run("curl --version").well) {
            let why = "it needs root, `unshare` of util-linux, and `curl`";
            // Without standard error there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "skipped: installing: {why}");
            return None;
        }
        Some(machine)
    }

    /// Runs a line of the shell there.
    fn run(&self, line: &str) -> Said {
        let mounts: String = PLACES
            .iter()
            .map(|(place, own)| {
                format!("mount --bind {} {place} && ", self.lab.path(own).display())
            })
            .collect();
        let path = format!("export PATH={}:$PATH && ", self.lab.path("fake").display());
        let program = Program::new("unshare").args(["--mount", "sh", "-c"]);
        said(program.arg(format!("{mounts}{path}{line}")).called("machine"))
    }

    /// What was asked of systemd, one call a line.
    fn calls(&self) -> String {
        std::fs::read_to_string(calls(self.lab)).unwrap_or_default()
    }

    fn unit(&self) -> PathBuf {
        self.lab.path("etc/systemd/system/watchfire-agent.service")
    }
}

fn calls(lab: &Lab) -> PathBuf {
    lab.path("calls")
}

#[test]
fn the_printed_line_installs_joins_and_starts_and_uninstalling_undoes_it() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let Some(machine) = Machine::or_skip(&lab) else { return };
    let hub = lab.hub(&Plan::mailing(&sink));
    let config = lab.path("hub.toml").display().to_string();
    let made = watchfire(["hub", "token", "--config", &config, "--name", "web-9"]);
    let made = said(made.called("token"));
    let line = made.words.lines().find(|line| line.trim().starts_with("curl "));
    let line = line.unwrap_or_else(|| panic!("no line to run: {}", made.words)).trim();

    let installed = machine.run(line);
    assert!(installed.well, "{}", installed.words);
    eventually("the server is known", LONG, || {
        hub.api.servers().iter().any(|row| row.name == "web-9").then_some(())
    });
    let unit = std::fs::read_to_string(machine.unit()).unwrap();
    assert_eq!(unit, include_str!("../../testdata/watchfire-agent.service"));
    let program = lab.path("bin/watchfire");
    let own = std::fs::metadata(env!("CARGO_BIN_EXE_watchfire")).unwrap().len();
    let metadata = std::fs::metadata(&program).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (own, 0o755));
    assert!(lab.path("lib/watchfire-agent/identity/hub.json").exists(), "it has its identity");
    let (service, runner) = ("watchfire-agent.service", "watchfire-runner.socket");
    let started = format!(
        "systemd-sysusers -\nsystemctl daemon-reload\nsystemctl enable {service} {runner}\n\
         systemctl restart {runner}\nsystemctl restart {service}\n"
    );
    assert_eq!(machine.calls(), started);

    let removed = machine.run("watchfire agent uninstall");
    assert!(removed.well, "{}", removed.words);
    assert!(!machine.unit().exists() && program.exists());
    let ended = format!(
        "{started}systemctl disable --now {service}\nsystemctl disable --now {runner}\n\
         systemctl daemon-reload\n"
    );
    assert_eq!(machine.calls(), ended);
    let again = machine.run("watchfire agent uninstall");
    assert!(!again.well && again.words.contains("nothing is installed"), "{}", again.words);

    std::fs::remove_dir(lab.path("run/systemd/system")).unwrap();
    let without = machine.run("watchfire agent install");
    assert!(!without.well && without.words.contains("systemd does not run"), "{}", without.words);
    assert_eq!(machine.calls(), ended, "nothing was asked of it");
}

/// The script is read by whatever shell a machine has.
#[test]
fn the_script_is_plain_shell() {
    let script = include_str!("../../../hub/src/http/install.sh");
    for shell in ["sh", "dash", "bash"] {
        let lab = Lab::new();
        let path = lab.write("install.sh", script);
        let Ok(read) = Command::new(shell).args(["-n", &path]).output() else { continue };
        let words = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && words.is_empty(), "{shell}: {words}");
    }
}
