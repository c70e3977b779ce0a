//! A token on the command line is not to be read by the machine's other users,
//! in whose sight arguments are (row A25 of the attacks).

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::Fingerprint;
use watchfire_identity::enrol::EnrolToken;

#[test]
fn a_token_leaves_the_arguments_at_once() {
    // A hub that takes the connection and says nothing.
    let hub = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hub.local_addr().expect("an address").to_string();
    let token = EnrolToken::new(Fingerprint::of(b"a CA"), &mut SystemRandomness).to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let mut joining = Command::new(env!("CARGO_BIN_EXE_watchfire"))
        .args(["join", &address, &token, "--name", "web-1", "--label", "role=web", "--data"])
        .arg(folder.path().join("data"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It dials with the token in its hands, so the token has found its way.
    let dialled = hub.accept().expect("it dials");
    let of_process =
        |file: &str| std::fs::read(format!("/proc/{}/{file}", joining.id())).expect("it runs");
    let (arguments, environment) = (of_process("cmdline"), of_process("environ"));
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    assert!(arguments.contains(&format!("join {address} - --name web-1")), "{arguments}");
    for shown in [arguments.as_str(), &String::from_utf8_lossy(&environment)] {
        assert!(!shown.contains("wft1_"), "{shown}");
    }
    drop(dialled);
    drop(hub);
    let mut words = String::new();
    joining.stderr.take().expect("a pipe").read_to_string(&mut words).expect("words");
    assert!(!joining.wait().expect("it ends").success());
    assert!(words.contains(&address) && !words.contains(&token), "{words}");
}
