use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use watchfire_agent::runner::{Runner, Running, StartRunner, verify_audit};
use watchfire_wire::{Command, Exit, Message, OpenWork, OutputStream, Work};

use super::{ENTRY, FOLDER, ROLE};

/// A runner with a policy of its own.
pub(super) struct Rig {
    pub(super) folder: TempDir,
    runner: Option<Runner>,
}

/// What came of a command.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) refused: Option<String>,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    pub(super) exit: Exit,
}

impl Rig {
    /// The policy, with what user is fit for this machine.
    pub(super) fn new(policy: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The command's user has to be able to get here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let mut rig = Self { folder, runner: None };
        rig.policy(policy);
        rig.restart();
        rig
    }

    /// The policy open, and these limits.
    pub(super) fn open(limits: &str) -> Self {
        Self::new(&format!("policy = \"open\"\n[limits]\n{limits}"))
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn policy(&self, text: &str) {
        let text = text.replace("FOLDER", &self.path().display().to_string());
        fs::write(self.path().join("policy.toml"), text).expect("ours");
    }

    /// A folder in which every user may write.
    pub(super) fn shared(&self) -> PathBuf {
        let shared = self.path().join("shared");
        fs::create_dir_all(&shared).expect("ours");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("ours");
        shared
    }

    pub(super) fn restart(&mut self) {
        self.runner = None;
        let program = std::env::current_exe().expect("this program");
        let mut arguments = vec![
            format!("{ROLE}=runner").into(),
            format!("{FOLDER}={}", self.path().display()).into(),
            program.into_os_string(),
        ];
        arguments.extend(ENTRY.map(Into::into));
        let program = (PathBuf::from("/usr/bin/env"), arguments);
        let how = StartRunner { program, folder: self.path().to_owned() };
        self.runner = Some(Runner::start(&how).expect("a runner"));
    }

    pub(super) fn runner(&self) -> &Runner {
        self.runner.as_ref().expect("it runs")
    }

    pub(super) async fn begin(&self, work: Work, stdin: &[u8]) -> Running {
        let command = Command { run: 7, command_id: [7; 16], work, stdin: stdin.to_vec() };
        self.runner().run(command).await.expect("a runner")
    }

    pub(super) async fn work(&self, work: Work) -> Done {
        finish(self.begin(work, b"").await).await
    }

    pub(super) async fn sh(&self, script: &str) -> Done {
        self.work(sh(script)).await
    }

    /// The audit file, which is whole.
    pub(super) fn audit(&self) -> String {
        let path = self.path().join("audit.jsonl");
        verify_audit(&path, None).expect("a chain");
        fs::read_to_string(path).expect("ours")
    }
}

/// A script, as nobody's command.
pub(super) fn sh(script: &str) -> Work {
    open(&["sh", "-c", script])
}

pub(super) fn open(argv: &[&str]) -> Work {
    let argv = argv.iter().map(|one| (*one).to_owned()).collect();
    Work::Open(OpenWork { argv, asker: "ada".to_owned(), ..OpenWork::default() })
}

pub(super) async fn finish(mut running: Running) -> Done {
    let mut done = Done::default();
    loop {
        match running.events.next().await.expect("a last word") {
            Message::CommandStarted(started) => assert_eq!(started.run, 7),
            Message::Output(output) => {
                assert_eq!(output.offset, (done.out.len() + done.err.len()) as u64);
                match output.stream {
                    OutputStream::Stdout => done.out.extend(output.bytes),
                    OutputStream::Stderr => done.err.extend(output.bytes),
                }
            }
            Message::CommandRefused(refused) => {
                done.refused = Some(refused.why);
                return done;
            }
            Message::Exit(exit) => {
                assert_eq!(exit.output_bytes, (done.out.len() + done.err.len()) as u64);
                done.exit = exit;
                return done;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// True while a process has this word among its arguments.
pub(super) fn runs(word: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    let mut lines = processes.filter_map(|one| fs::read(one.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

/// True for a test that is root's, and may become others.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
