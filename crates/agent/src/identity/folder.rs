//! `DATA/identity`: `key.pem`, and from a hub `certificate.pem`, `ca.pem` and
//! `hub.json`, which is written last and removed first, so that a crash leaves
//! either a whole enrolment or none. All files are for the agent's user alone.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use watchfire_identity::certificate::{
    MachineKey, Peer, certificate_der, is_issued_by, not_after, peer_of,
};
use watchfire_model::Moment;
use watchfire_runtime::Secret;
use watchfire_runtime::tls::{Credentials, TlsClient};

use super::Enrolment;
use crate::error::AgentError;
use crate::private;

/// The folder in the data folder.
const FOLDER: &str = "identity";
const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";
const CA: &str = "ca.pem";
const HUB: &str = "hub.json";
const INVITE: &str = "invite.json";
const LOCK: &str = "lock";

/// The folder of the identity. It is opened anew by whoever works on it, and
/// keeps no state but where it is.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    me: u32,
}

/// While it lives, no other process or task changes the folder.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    folder: &'a Folder,
    file: File,
}

/// What a hub gave.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) certificate_pem: String,
    pub(super) ca_pem: String,
    pub(super) hub: HubFile,
}

/// `hub.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HubFile {
    /// Where the agent dials it, `host:port`; `null` when the hub dials.
    pub(super) hub: Option<String>,
    /// What the hub calls this server.
    pub(super) name: String,
    /// The fingerprint of the hub's authority.
    pub(super) hub_id: String,
}

/// What tells that files were replaced, without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, i64, i64)>; 3]);

impl Folder {
    /// The identity in the data folder `data`, which is made where it is missing.
    pub(super) fn open(data: &Path) -> Result<Self, AgentError> {
        let me = geteuid().as_raw();
        private::folder(me, data)?;
        let path = data.join(FOLDER);
        private::folder(me, &path)?;
        Ok(Self { path, me })
    }

    /// Waits until nobody else changes the folder.
    pub(super) fn lock(&self) -> Result<Locked<'_>, AgentError> {
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(AgentError::data("open", &path))?;
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|error| AgentError::data("lock", &path)(error.into()))?;
        Ok(Locked { folder: self, file })
    }

    /// The key; a new one where there is none.
    pub(super) fn key(&self) -> Result<MachineKey, AgentError> {
        if let Some(key) = self.stored_key()? {
            return Ok(key);
        }
        let _alone = self.lock()?;
        // Another process may have been quicker.
        if let Some(key) = self.stored_key()? {
            return Ok(key);
        }
        let key = MachineKey::generate();
        private::write(&self.path.join(KEY), key.pem().as_bytes())?;
        Ok(key)
    }

    fn stored_key(&self) -> Result<Option<MachineKey>, AgentError> {
        let path = self.path.join(KEY);
        let Some(pem) = self.text(KEY)? else { return Ok(None) };
        let key = MachineKey::from_pem(pem.expose());
        key.map(Some).map_err(|error| AgentError::identity(path, error))
    }

    /// What a hub gave, when it is whole and of this key.
    pub(super) fn enrolled(&self, key: &MachineKey) -> Result<Option<Enrolment>, AgentError> {
        let Some(hub) = self.text(HUB)? else { return Ok(None) };
        let path = self.path.join(HUB);
        let hub = serde_json::from_str::<HubFile>(hub.expose())
            .map_err(|error| AgentError::identity(path, error))?;
        let read = |name: &str| -> Result<String, AgentError> {
            let text = self.text(name)?.map(|text| text.expose().to_owned());
            text.ok_or_else(|| AgentError::identity(self.path.join(name), "it is missing"))
        };
        let given = Given { certificate_pem: read(CERTIFICATE)?, ca_pem: read(CA)?, hub };
        self.read(key, given).map(Some)
    }

    /// Makes an enrolment of what was given, for the key that it must be of.
    pub(super) fn read(&self, key: &MachineKey, given: Given) -> Result<Enrolment, AgentError> {
        let path = self.path.join(CERTIFICATE);
        let wrong = |why: String| AgentError::identity(&path, why);
        let der = certificate_der(&given.certificate_pem).map_err(|e| wrong(e.to_string()))?;
        match peer_of(&der).map_err(|error| wrong(error.to_string()))? {
            Peer::Agent(id) if id == key.id() => {}
            _ => return Err(wrong("it is not the certificate of this machine's key".to_owned())),
        }
        let not_after_ms = not_after(&der).map_err(|error| wrong(error.to_string()))?;
        let credentials = Credentials {
            certificate_pem: given.certificate_pem,
            key_pem: Secret::new(key.pem().as_str()),
            ca_pem: given.ca_pem,
        };
        let client = TlsClient::new(&credentials).map_err(|error| wrong(error.to_string()))?;
        let HubFile { hub, name, hub_id } = given.hub;
        Ok(Enrolment { id: key.id(), hub, name, hub_id, credentials, client, not_after_ms })
    }

    /// What is there, to be compared with what was there before.
    pub(super) fn stamp(&self) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        Stamp([HUB, CERTIFICATE, CA].map(|name| {
            let metadata = fs::symlink_metadata(self.path.join(name)).ok()?;
            Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        }))
    }

    /// The text of `invite.json`.
    pub(super) fn invite(&self) -> Result<Option<Secret>, AgentError> {
        self.text(INVITE)
    }

    /// The path of a file, for words about it.
    pub(super) fn invite_path(&self) -> PathBuf {
        self.path.join(INVITE)
    }

    fn text(&self, name: &str) -> Result<Option<Secret>, AgentError> {
        let path = self.path.join(name);
        let Some(bytes) = private::read(self.me, &path)? else { return Ok(None) };
        let text = String::from_utf8(bytes);
        text.map(|text| Some(Secret::new(text)))
            .map_err(|_| AgentError::identity(path, "it is not UTF-8"))
    }
}

impl Locked<'_> {
    /// Keeps an enrolment, in the place of the one before.
    pub(super) fn keep(&self, given: &Given) -> Result<(), AgentError> {
        let path = |name| self.folder.path.join(name);
        remove(&path(HUB))?;
        private::write(&path(CA), given.ca_pem.as_bytes())?;
        self.keep_certificate(&given.certificate_pem)?;
        let text = serde_json::to_string_pretty(&given.hub)
            .expect("strings can be written as JSON whatever they are");
        private::write(&path(HUB), text.as_bytes())
    }

    /// Keeps a renewed certificate of the same hub.
    pub(super) fn keep_certificate(&self, pem: &str) -> Result<(), AgentError> {
        private::write(&self.folder.path.join(CERTIFICATE), pem.as_bytes())
    }

    pub(super) fn keep_invite(&self, json: &str) -> Result<(), AgentError> {
        private::write(&self.folder.path.join(INVITE), json.as_bytes())
    }

    pub(super) fn remove_invite(&self) -> Result<(), AgentError> {
        remove(&self.folder.path.join(INVITE))
    }
}

impl Drop for Locked<'_> {
    /// Closing alone would leave it locked for as long as a child that was just forked
    /// has its copy of the file.
    fn drop(&mut self) {
        let _unlocked = self.file.unlock();
    }
}

/// True when the CA signed the certificate and it holds now.
pub(super) fn holds(certificate_pem: &str, ca_pem: &str, now: Moment) -> bool {
    let der = certificate_der(certificate_pem).and_then(|certificate| {
        let ca = certificate_der(ca_pem)?;
        is_issued_by(&certificate, &ca, now)
    });
    der.unwrap_or(false)
}

fn remove(path: &Path) -> Result<(), AgentError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(AgentError::data("remove", path)(error))
        }
        _ => Ok(()),
    }
}
