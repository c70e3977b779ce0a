//! Signing with the operator's own SSH key. `ssh-keygen` does it, since it knows files, agents,
//! hardware keys and passphrases; no key comes near this program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use watchfire_identity::SystemRandomness;
use watchfire_identity::command::{
    CommandId, Envelope, SIGNATURE_NAMESPACE, Targets, What, stdin_sha256,
};
use watchfire_model::ServerName;

use crate::screen;

/// The keys that are looked for where none is named, in `~/.ssh`.
const USUAL: [&str; 4] = ["id_ed25519_sk", "id_ed25519", "id_ecdsa", "id_rsa"];

/// What goes into an envelope.
pub(super) struct ToSign {
    pub(super) what: What,
    pub(super) user: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) timeout_s: u32,
    pub(super) output_bytes: u64,
    pub(super) purpose: String,
    /// How long servers may begin it.
    pub(super) life: Duration,
}

impl ToSign {
    pub(super) fn envelope(
        self,
        servers: &[ServerName],
        stdin: Option<&[u8]>,
        now_unix_ms: i64,
    ) -> anyhow::Result<Envelope> {
        let signed_unix_s = now_unix_ms.div_euclid(1000);
        let life = i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX);
        Ok(Envelope {
            id: CommandId::new(&mut SystemRandomness),
            what: self.what,
            user: self.user,
            folder: self.folder,
            stdin_sha256: stdin.map(stdin_sha256),
            timeout_s: self.timeout_s,
            output_bytes: self.output_bytes,
            signed_unix_s,
            not_after_unix_s: signed_unix_s.saturating_add(life),
            purpose: self.purpose,
            targets: Targets::new(servers)?.root(),
        })
    }
}

/// The signatures of `bytes`, one by each of the keys.
pub(super) fn signatures(bytes: &[u8], keys: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let usual;
    let keys = if keys.is_empty() {
        usual = [usual_key()?];
        &usual[..]
    } else {
        keys
    };
    keys.iter().map(|key| signature(Path::new("ssh-keygen"), bytes, key)).collect()
}

/// Has `program` sign. What it asks for (a passphrase, a touch) it asks at the terminal itself.
fn signature(program: &Path, bytes: &[u8], key: &Path) -> anyhow::Result<String> {
    if !key.exists() {
        bail!("there is no key {}\n  hint: --sign-with FILE", key.display());
    }
    let mut child = Command::new(program)
        .args(["-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            "ssh-keygen cannot be started, which signs the command\n  hint: install OpenSSH's \
             client (Debian: openssh-client), or use --unsigned where the servers let you"
        })?;
    let mut stdin = child.stdin.take().context("ssh-keygen reads nothing")?;
    // One that refused has gone already; what it said is told below.
    let _ = stdin.write_all(bytes);
    drop(stdin);
    let done = child.wait_with_output().context("ssh-keygen did not end")?;
    let armor = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() || !armor.starts_with("-----BEGIN SSH SIGNATURE-----") {
        let said = String::from_utf8_lossy(&done.stderr);
        let said = screen::line(&screen::fit(said.trim(), 500));
        bail!("ssh-keygen did not sign with {}: {said}", key.display());
    }
    Ok(armor.into_owned())
}

fn usual_key() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set: use --sign-with KEY")?;
    let folder = PathBuf::from(home).join(".ssh");
    let found = USUAL.iter().map(|name| folder.join(name)).find(|path| path.exists());
    found.with_context(|| {
        format!(
            "there is no key in {} to sign with\n  hint: ssh-keygen -t ed25519, or --sign-with KEY",
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use watchfire_identity::command::Signature;

    use super::*;

    fn key(folder: &Path) -> Option<PathBuf> {
        let path = folder.join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .status();
        match made {
            Ok(status) => status.success().then_some(path),
            Err(error) => {
                eprintln!("left out: ssh-keygen is not here ({error})");
                None
            }
        }
    }

    #[test]
    fn ssh_keygen_signs_what_identity_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(key) = key(folder.path()) else { return };
        let armor = signatures(b"some bytes", &[key]).expect("it signs");
        assert_eq!(armor.len(), 1);
        assert!(Signature::from_armor(&armor[0]).is_ok());
    }

    #[test]
    fn what_is_missing_or_refuses_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = folder.path().join("none");
        let why = signatures(b"x", std::slice::from_ref(&none)).expect_err("there is none");
        assert!(why.to_string().contains("there is no key"), "{why:?}");
        std::fs::write(&none, "no key").expect("room");
        let gone = folder.path().join("no-such-program");
        let why = signature(&gone, b"x", &none).expect_err("it is not there");
        assert!(why.to_string().contains("openssh-client"), "{why:?}");
        let Some(_) = key(folder.path()) else { return };
        let why = signatures(b"x", &[none]).expect_err("that is no key");
        assert!(why.to_string().contains("did not sign with"), "{why:?}");
    }
}
