//! That what an operator signed runs once, here, in its time, and as it was signed.

use std::fs;
use std::path::Path;
use std::process::{Command as Program, Stdio};

use watchfire_identity::command::{CommandId, Envelope, SIGNATURE_NAMESPACE, Targets, What};
use watchfire_identity::sha256;
use watchfire_model::ServerName;
use watchfire_runtime::Clock;
use watchfire_wire::{Command, SignedWork, Work};

use super::rig::{Done, Rig, finish};

const POLICY: &str = "policy = \"signed\"\nallowed_signers = \"FOLDER/allowed_signers\"\n";

/// A runner that knows one key, whose file is `key`; `None` where no signature can be made.
fn rig(policy: &str) -> Option<Rig> {
    let rig = Rig::new(policy);
    for name in ["key", "foreign"] {
        let path = rig.path().join(name);
        let made = Program::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(&path)
            .status();
        if !made.is_ok_and(|made| made.success()) {
            eprintln!("left out: there is no ssh-keygen (openssh-client) to sign with");
            return None;
        }
    }
    let public = fs::read_to_string(rig.path().join("key.pub")).expect("ours");
    fs::write(rig.path().join("allowed_signers"), format!("ada@example.org {public}"))
        .expect("ours");
    Some(rig)
}

fn name(name: &str) -> ServerName {
    ServerName::new(name).expect("a name")
}

fn envelope(rig: &Rig, id: u8) -> Envelope {
    let now = Clock::system().now().unix_ms / 1000;
    let canary = rig.shared().join("canary").display().to_string();
    let script = format!("echo x >> {canary}; cat");
    Envelope {
        id: CommandId::from_bytes([id; 16]),
        what: What::Argv(vec!["sh".to_owned(), "-c".to_owned(), script]),
        user: None,
        folder: None,
        stdin_sha256: Some(sha256(b"input")),
        timeout_s: 30,
        output_bytes: 1000,
        signed_unix_s: now,
        not_after_unix_s: now + 200,
        purpose: "a test".to_owned(),
        targets: Targets::new(&[name("web-1"), name("web-2")]).expect("two").root(),
    }
}

fn sign(rig: &Rig, key: &str, bytes: &[u8]) -> String {
    let path = rig.path().join("envelope");
    fs::write(&path, bytes).expect("ours");
    let _ = fs::remove_file(rig.path().join("envelope.sig"));
    let key: &Path = &rig.path().join(key);
    let signed = Program::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f"])
        .arg(key)
        .arg(&path)
        .stderr(Stdio::null())
        .status();
    assert!(signed.expect("it was there").success());
    fs::read_to_string(rig.path().join("envelope.sig")).expect("signed")
}

fn command(rig: &Rig, key: &str, envelope: &Envelope) -> Command {
    let bytes = envelope.to_bytes().expect("it fits");
    let targets = Targets::new(&[name("web-1"), name("web-2")]).expect("two");
    let proof = targets.proof_of(&name("web-1")).expect("one of them");
    let work = Work::Signed(SignedWork {
        signatures: vec![sign(rig, key, &bytes)],
        envelope: bytes,
        index: proof.index,
        hashes: proof.hashes,
    });
    Command { run: 7, command_id: *envelope.id.as_bytes(), work, stdin: b"input".to_vec() }
}

async fn hand_over(rig: &Rig, command: Command) -> Done {
    finish(rig.runner().run(command).await.expect("a runner")).await
}

fn times_run(rig: &Rig) -> usize {
    fs::read_to_string(rig.shared().join("canary")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn it_runs_once_whatever_is_tried_again() {
    let Some(mut rig) = rig(POLICY) else { return };
    let first = command(&rig, "key", &envelope(&rig, 1));
    let done = hand_over(&rig, first.clone()).await;
    assert_eq!((done.refused, done.out.as_slice()), (None, &b"input"[..]));
    for _ in 0..2 {
        let why = hand_over(&rig, first.clone()).await.refused.expect("again");
        assert!(why.contains("was taken already"), "{why}");
        rig.restart();
    }
    assert_eq!(times_run(&rig), 1);
    let audit = rig.audit();
    assert!(
        audit.contains("\"who\":[\"ada@example.org\"]") && audit.contains("\"purpose\":\"a test\"")
    );
}

#[tokio::test]
async fn nothing_else_than_what_was_signed_runs() {
    let Some(rig) = rig(POLICY) else { return };
    let good = envelope(&rig, 1);
    let foreign = command(&rig, "foreign", &good);
    let mut other_input = command(&rig, "key", &good);
    other_input.stdin = b"other".to_vec();
    let mut changed = command(&rig, "key", &good);
    let Work::Signed(work) = &mut changed.work else { panic!("signed") };
    let text = String::from_utf8(work.envelope.clone()).expect("JSON");
    work.envelope = text.replace("a test", "a jest").into_bytes();
    let mut elsewhere = command(&rig, "key", &good);
    let Work::Signed(work) = &mut elsewhere.work else { panic!("signed") };
    let targets = Targets::new(&[name("web-1"), name("web-2")]).expect("two");
    work.hashes = targets.proof_of(&name("web-2")).expect("one of them").hashes;
    work.index = 1;
    let now = good.signed_unix_s;
    let timed = |from, to| Envelope { signed_unix_s: from, not_after_unix_s: to, ..good.clone() };
    let over = command(&rig, "key", &timed(now - 200, now - 1));
    let early = command(&rig, "key", &timed(now + 100, now + 200));
    let long = command(&rig, "key", &timed(now, now + 100_000));
    let as_root =
        command(&rig, "key", &Envelope { user: Some("root2".to_owned()), ..good.clone() });
    for (command, what) in [
        (foreign, "a key that nobody allowed"),
        (other_input, "another input"),
        (changed, "other words"),
        (elsewhere, "another server"),
        (over, "expired"),
        (early, "not yet"),
        (long, "a life too long"),
        (as_root, "another user"),
    ] {
        let refused = hand_over(&rig, command).await.refused;
        eprintln!("{what}: {}", refused.unwrap_or_else(|| panic!("{what} ran")));
    }
    assert_eq!(times_run(&rig), 0);
    // None of them used the id up.
    assert_eq!(hand_over(&rig, command(&rig, "key", &good)).await.exit.code, Some(0));
}

#[tokio::test]
async fn where_two_are_needed_one_is_not_enough() {
    let Some(rig) = rig(&format!("{POLICY}signatures = 2\n")) else { return };
    let mut once = command(&rig, "key", &envelope(&rig, 1));
    assert!(hand_over(&rig, once.clone()).await.refused.is_some());
    let Work::Signed(work) = &mut once.work else { panic!("signed") };
    let again = work.signatures[0].clone();
    work.signatures.push(again);
    assert!(hand_over(&rig, once.clone()).await.refused.is_some(), "the same one twice is one");
    let other = fs::read_to_string(rig.path().join("foreign.pub")).expect("ours");
    let both = fs::read_to_string(rig.path().join("allowed_signers")).expect("ours");
    fs::write(rig.path().join("allowed_signers"), format!("{both}bob {other}")).expect("ours");
    let Work::Signed(work) = &mut once.work else { panic!("signed") };
    work.signatures[1] = sign(&rig, "foreign", &work.envelope.clone());
    assert_eq!(hand_over(&rig, once).await.exit.code, Some(0));
}
