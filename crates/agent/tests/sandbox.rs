//! The sandbox on a process of its own, which is this test program started anew.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use watchfire_agent::sandbox::{Sandbox, enter};

const FOLDER: &str = "WATCHFIRE_TEST_SANDBOX";

/// Not a test: where this program begins as the one that is confined.
#[test]
fn entry() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut report = std::fs::File::create(folder.join("report")).expect("ours");
    // A thread of before is held by seccomp as well, and one of later by everything.
    let (go, gone) = std::sync::mpsc::sync_channel::<()>(1);
    let before = std::thread::spawn(move || {
        gone.recv().expect("it is told");
        Command::new("/bin/true").status().is_err()
    });
    for (layer, holds) in enter(folder).layers {
        writeln!(report, "{layer}: {holds:?}").expect("ours");
    }
    go.send(()).expect("it listens");
    let held = before.join().expect("it ends");
    let data = folder.to_owned();
    let proofs = std::thread::spawn(move || Sandbox::prove(&data)).join().expect("threads start");
    writeln!(report, "a thread of before can start no program: {held}").expect("ours");
    for (what, holds) in proofs {
        writeln!(report, "{what}: {holds}").expect("ours");
    }
    // What the agent needs: sockets, names, time.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    std::net::TcpStream::connect(address).expect("a connection");
    let _local =
        std::os::unix::net::UnixListener::bind(folder.join("socket")).expect("a local socket");
    std::os::unix::net::UnixStream::connect(folder.join("socket")).expect("and to it");
    std::fs::rename(folder.join("report"), folder.join("done")).expect("in its own folder");
}

#[test]
fn what_was_given_up_is_gone_and_the_rest_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("this program");
    let ended = Command::new(program)
        .args(["--exact", "entry", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .expect("it starts");
    let report = std::fs::read_to_string(folder.path().join("done"));
    let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
    for line in report.lines() {
        if line.contains("Err(") {
            eprintln!("left out: {line}");
            continue;
        }
        let of_landlock = line.contains("nowhere else") && report.contains("Landlock: Err");
        let of_seccomp = (line.contains("no program") || line.contains("no namespace"))
            && report.contains("seccomp: Err");
        if !(of_landlock || of_seccomp) {
            assert!(!line.ends_with(": false"), "{report}");
        }
    }
}
