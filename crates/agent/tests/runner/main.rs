//! The runner with real processes: what a command may, and that nothing of it stays.
//!
//! The runner and its supervisors are this test program itself, started anew with [`ROLE`] in the
//! environment. What needs root, a cgroup or a program that is not there says so and is left out.

mod limits;
mod policy;
mod rig;
mod signed;
mod tree;

use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use watchfire_agent::runner::{RunnerOptions, serve, supervise};
use watchfire_model::ServerName;
use watchfire_runtime::{Clock, Shutdown};

/// What this program is, when it is no test.
const ROLE: &str = "WATCHFIRE_TEST_ROLE";
const FOLDER: &str = "WATCHFIRE_TEST_FOLDER";
/// How this program is told to be something else.
const ENTRY: [&str; 3] = ["--exact", "entry", "--nocapture"];

/// Not a test: where this program begins as a runner or a supervisor.
#[test]
fn entry() {
    match std::env::var(ROLE).as_deref() {
        Ok("runner") => run(),
        Ok("supervisor") => supervise(&Clock::system()).expect("it supervises"),
        _ => {}
    }
}

fn run() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect("a folder"));
    let program = std::env::current_exe().expect("this program");
    let supervisor = PathBuf::from("/usr/bin/env");
    let mut arguments = vec![format!("{ROLE}=supervisor").into(), program.into_os_string()];
    arguments.extend(ENTRY.map(Into::into));
    let options = RunnerOptions {
        policy: folder.join("policy.toml"),
        data: folder.clone(),
        supervisor: (supervisor, arguments),
        server: ServerName::new("web-1").expect("a name"),
        agent_user: None,
        owns_cgroup: false,
        idle: None,
    };
    let listener = std::io::stdin().as_fd().try_clone_to_owned().expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (shutdown, _end) = Shutdown::new();
        serve(options, UnixListener::from(listener), Clock::system(), shutdown)
            .await
            .expect("it serves");
    });
}
