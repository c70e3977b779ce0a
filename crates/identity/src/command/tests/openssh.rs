//! Against the `ssh-keygen` of this machine, where there is one.

use std::path::Path;
use std::process::{Command, Stdio};

use super::keys::SecurityKey;
use super::*;

/// Whether there is one; a test that has none says so.
fn there_is_openssh() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").stderr(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("skipped: there is no ssh-keygen here; the golden signatures are verified");
    }
    there
}

fn keygen(folder: &Path, arguments: &[&str], input: Option<&Path>) -> bool {
    let input = input.map_or_else(Stdio::null, |path| {
        Stdio::from(std::fs::File::open(path).expect("the test wrote it"))
    });
    let mut command = Command::new("ssh-keygen");
    command.current_dir(folder).args(arguments).stdin(input).stdout(Stdio::null());
    command.stderr(Stdio::null()).status().expect("it is there").success()
}

#[test]
fn what_it_signs_now_is_verified() {
    if !there_is_openssh() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let targets = Targets::new(&fleet(1000)).expect("some");
    let bytes = envelope(&targets).to_bytes().expect("it is one");
    std::fs::write(path.join("envelope"), &bytes).expect("room");
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "3072")] {
        let made = ["-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", kind];
        assert!(keygen(path, &made, None), "{kind}");
        let sign = ["-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f", kind, "envelope"];
        assert!(keygen(path, &sign, None), "{kind}");
        let read = |name: &str| std::fs::read_to_string(path.join(name)).expect("it wrote it");
        let text = format!("ada {}", read(&format!("{kind}.pub")));
        let allowed = AllowedSigners::parse(&text, "allowed_signers").expect("it is well");
        let signed = SignedCommand {
            envelope: bytes.clone(),
            signatures: vec![read("envelope.sig")],
            proof: targets.proof_of(&name("web-00777")).expect("a target"),
        };
        let done = verify_command(&signed, &allowed, &name("web-00777"), 1, LIFE, SIGNED);
        assert_eq!(done.map(|done| done.principals), Ok(vec!["ada".to_owned()]), "{kind}");
        std::fs::remove_file(path.join("envelope.sig")).expect("it is there");
    }
}

/// The signatures of our security key are those of a real one, says OpenSSH.
#[test]
fn it_takes_the_security_keys_of_these_tests() {
    if !there_is_openssh() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &[u8]| {
        std::fs::write(folder.path().join(name), text).expect("room");
    };
    write("message", b"m");
    for kind in [KeyKind::SkEd25519, KeyKind::SkEcdsaP256] {
        let key = SecurityKey::new(kind);
        write("allowed_signers", key.line("ada").as_bytes());
        write("signature", key.sign(b"m", 1).as_bytes());
        let verify = [
            "-Y",
            "verify",
            "-f",
            "allowed_signers",
            "-I",
            "ada",
            "-n",
            SIGNATURE_NAMESPACE,
            "-s",
            "signature",
        ];
        assert!(keygen(folder.path(), &verify, Some(&folder.path().join("message"))), "{kind:?}");
    }
}
