//! The servers of a fleet as the hub knows them: names, keys, certificates.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchfire_identity::certificate::{AgentId, MachineKey};
use watchfire_runtime::Secret;
use watchfire_runtime::tls::Credentials;

use crate::SimError;

/// The most servers of a fleet.
pub const MAX_SERVERS: usize = 50_000;
/// The file in a fleet's folder.
const FILE: &str = "fleet.jsonl";

/// One simulated server that is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The server's name.
    pub name: String,
    /// Who its agent is.
    pub id: AgentId,
    credentials: Credentials,
}

/// The servers of a fleet, kept in a folder so that they are the same ones at
/// the next start. Whoever can read it can speak for them.
#[derive(Debug)]
pub struct Members {
    path: PathBuf,
    all: Vec<Member>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    key: String,
    certificate: String,
    ca: String,
}

impl Member {
    /// A server that was enrolled under these credentials.
    ///
    /// # Errors
    /// [`SimError::Member`] when the key is none.
    pub fn new(name: &str, credentials: Credentials) -> Result<Self, SimError> {
        let key = MachineKey::from_pem(credentials.key_pem.expose());
        let key = key
            .map_err(|error| SimError::Member { name: name.to_owned(), why: error.to_string() })?;
        Ok(Self { name: name.to_owned(), id: key.id(), credentials })
    }

    /// What it proves itself with.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

impl Members {
    /// Those that are kept in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// [`SimError`] when the folder or its file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, SimError> {
        let path = folder.join(FILE);
        let failed = |source| SimError::Folder { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if !path.exists() {
            return Ok(Self { path, all: Vec::new() });
        }
        let mut all = Vec::new();
        for (number, line) in BufReader::new(File::open(&path).map_err(failed)?).lines().enumerate()
        {
            let line = line.map_err(failed)?;
            let damaged =
                |why: String| SimError::Damaged { path: path.clone(), line: number + 1, why };
            let kept: Kept =
                serde_json::from_str(&line).map_err(|error| damaged(error.to_string()))?;
            all.push(kept.member().map_err(|error| damaged(error.to_string()))?);
        }
        Ok(Self { path, all })
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Member] {
        &self.all
    }

    /// Adds servers and keeps them.
    ///
    /// # Errors
    /// [`SimError::Folder`] when they cannot be written.
    pub fn add(&mut self, members: Vec<Member>) -> Result<(), SimError> {
        let failed = |source| SimError::Folder { path: self.path.clone(), source };
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).append(true).mode(0o600).open(&self.path).map_err(failed)?;
        let mut text = Vec::new();
        for member in &members {
            let line = serde_json::to_string(&Kept::of(member)).map_err(std::io::Error::from);
            text.extend_from_slice(line.map_err(failed)?.as_bytes());
            text.push(b'\n');
        }
        file.write_all(&text).map_err(failed)?;
        self.all.extend(members);
        Ok(())
    }
}

impl Kept {
    fn of(member: &Member) -> Self {
        let credentials = &member.credentials;
        Self {
            name: member.name.clone(),
            key: credentials.key_pem.expose().to_owned(),
            certificate: credentials.certificate_pem.clone(),
            ca: credentials.ca_pem.clone(),
        }
    }

    fn member(self) -> Result<Member, SimError> {
        let key_pem = Secret::new(&self.key);
        let credentials =
            Credentials { certificate_pem: self.certificate, key_pem, ca_pem: self.ca };
        Member::new(&self.name, credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Member {
        let key = MachineKey::generate();
        let key_pem = Secret::new(key.pem().as_str());
        let credentials =
            Credentials { certificate_pem: "c".to_owned(), key_pem, ca_pem: "a".to_owned() };
        Member::new(name, credentials).expect("a good key")
    }

    #[test]
    fn members_are_the_same_at_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("fleet");
        let mut members = Members::open(&folder).expect("it is made");
        members.add(vec![member("web-1"), member("db-1")]).expect("it is kept");
        members.add(vec![member("web-2")]).expect("it is kept");
        let again = Members::open(&folder).expect("it can be read");
        assert_eq!(again.all(), members.all());
        assert_eq!(again.all().len(), 3);
    }

    #[test]
    fn only_the_owner_reads_the_keys_and_damage_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let mut members = Members::open(folder.path()).expect("it is there");
        members.add(vec![member("web-1")]).expect("it is kept");
        let path = folder.path().join(FILE);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "nothing").expect("it can be written");
        let told = Members::open(folder.path()).expect_err("it is damaged").to_string();
        assert!(told.contains("fleet.jsonl:1 is damaged"), "{told}");
    }
}
