//! Who the hub is: its certificate authority and its own key, in
//! `DATA/identity/`. Whoever has these files is the hub to all its agents.
//!
//! The folder is made whole in one rename, so that a crash in the middle of a
//! first start leaves none. What is lost of the authority is never made anew in
//! silence: every agent would refuse the new one. Where agents have enrolled and the
//! folder is gone, an operator has to say that a new authority is wanted.

mod files;
mod held;

use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use watchfire_identity::certificate::{
    Authority, CertificateError, Fingerprint, Issued, MachineKey,
};
use watchfire_model::Moment;
use watchfire_runtime::Secret;
use watchfire_runtime::tls::{Credentials, CredentialsError};

use files::{read_private, write_private};
pub(crate) use held::HubTls;

/// The folder in the data folder.
pub(crate) const FOLDER: &str = "identity";
/// Where the folder is made before it gets its name.
const FRESH: &str = "identity.new";
/// A file by which an operator says that a new authority is wanted. It serves once.
const WANTED: &str = "new-authority";
/// Two processes that make the identity at once would make two.
const LOCK: &str = "identity.lock";
pub(crate) const CA_KEY: &str = "ca-key.pem";
pub(crate) const CA: &str = "ca.pem";
pub(crate) const HUB_KEY: &str = "hub-key.pem";
pub(crate) const HUB: &str = "hub.pem";

/// Why the hub's identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Others may read or write a key.
    #[error(
        "{} holds a key of the hub, and others may read or write it (mode {mode:o})\n  hint: \
         chmod 600 {}; if somebody may have read it, move the folder away, restart the hub and \
         enrol all servers again", path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file belongs to another user.
    #[error(
        "{} belongs to the user with the id {owner}, and this runs as {me}\n  hint: run it as \
         that user, as in `sudo -u '#{owner}' watchfire …`", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        me: u32,
    },
    /// Others may enter the folder, or put files of theirs in the place of ours.
    #[error(
        "others may enter the folder {} (mode {mode:o}), which holds the hub's keys and secrets\n  \
         hint: chmod 700 {}", path.display(), path.display()
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file of the authority is gone.
    #[error(
        "{} is missing, and the other files of the hub's identity are there\n  hint: restore it \
         from a backup; without it, move the folder away, restart the hub and enrol all servers \
         again", path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The whole authority is gone, and agents have enrolled with it.
    #[error(
        "the hub's authority is gone: {} is missing. The servers that enrolled with it (their \
         number is {enrolled}) would refuse another one\n  hint: restore the folder from a \
         backup; without one, run `touch {}` and start the hub: it makes a new authority, and \
         every server must enrol again", folder.display(), wanted.display()
    )]
    Lost {
        /// The folder that is missing.
        folder: PathBuf,
        /// How many servers have enrolled.
        enrolled: usize,
        /// The file that says that a new authority is wanted.
        wanted: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: CertificateError,
    },
    /// The certificate that was just made cannot be used.
    #[error("the hub's own certificate cannot be used")]
    Credentials(#[from] CredentialsError),
}

impl IdentityError {
    fn io<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// The hub's authority and its own key.
#[derive(Debug)]
pub(crate) struct HubIdentity {
    authority: Authority,
    key: MachineKey,
    folder: PathBuf,
}

impl HubIdentity {
    /// Reads the identity in the data folder `data`, and makes it where there is
    /// none and no agents have `enrolled`. It blocks.
    ///
    /// # Errors
    /// [`IdentityError`] says which file stands in the way and what to do.
    pub(crate) fn open(data: &Path, enrolled: usize, now: Moment) -> Result<Self, IdentityError> {
        let opened = Self::open_as(geteuid().as_raw(), data, enrolled, now, true)?;
        // It has served, or was for an authority that is there after all: left behind,
        // it would make another the next time that one is lost.
        files::remove(&data.join(WANTED))?;
        Ok(opened)
    }

    /// The same for a command beside the hub: another authority in the place of one that
    /// was lost is the hub's to make, whose operator asked for it.
    ///
    /// # Errors
    /// As [`HubIdentity::open`].
    pub(crate) fn open_beside(
        data: &Path,
        enrolled: usize,
        now: Moment,
    ) -> Result<Self, IdentityError> {
        Self::open_as(geteuid().as_raw(), data, enrolled, now, false)
    }

    /// The same for a hub that runs as the user with the id `me`, or a command.
    fn open_as(
        me: u32,
        data: &Path,
        enrolled: usize,
        now: Moment,
        is_hub: bool,
    ) -> Result<Self, IdentityError> {
        let _lock = files::lock(&data.join(LOCK))?;
        let (folder, wanted) = (data.join(FOLDER), data.join(WANTED));
        if !folder.exists() {
            if enrolled > 0 && !(is_hub && wanted.exists()) {
                return Err(IdentityError::Lost { folder, enrolled, wanted });
            }
            make(&data.join(FRESH), &folder, now)?;
        }
        files::check_folder(me, &folder)?;
        let (ca_key_path, ca_path) = (folder.join(CA_KEY), folder.join(CA));
        let ca_key = needed(me, &ca_key_path)?;
        let ca = needed(me, &ca_path)?;
        let authority = Authority::from_pem(ca_key.expose(), ca.expose()).map_err(|why| {
            let of_key = matches!(why, CertificateError::NotAKey);
            IdentityError::Broken { path: if of_key { ca_key_path } else { ca_path }, why }
        })?;
        let key = hub_key(me, &folder.join(HUB_KEY))?;
        Ok(Self { authority, key, folder })
    }

    /// The fingerprint of the authority, which enrolment tokens carry.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.authority.fingerprint()
    }

    /// The fingerprint of the hub's own public key. It stays when the
    /// certificate is renewed.
    pub(crate) fn key_fingerprint(&self) -> Fingerprint {
        self.key.public_key_fingerprint()
    }

    /// The authority's certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// Gives an agent its certificate.
    ///
    /// # Errors
    /// [`CertificateError`] says what is wrong with the request.
    pub(crate) fn issue_agent(&self, csr: &str, now: Moment) -> Result<Issued, CertificateError> {
        self.authority.issue_agent(csr, now)
    }

    /// Makes the hub's own certificate for these public names, keeps a copy
    /// beside the keys, and gives what TLS needs and when the certificate ends
    /// (in milliseconds since 1970). A name that no certificate can carry is
    /// left out with a word in the log. It blocks.
    ///
    /// # Errors
    /// [`IdentityError::Io`] when the copy cannot be written.
    pub(crate) fn certify(
        &self,
        names: &[String],
        now: Moment,
    ) -> Result<(Credentials, i64), IdentityError> {
        let issued = self.issue_hub(names.to_vec(), now);
        write_private(&self.folder.join(HUB), issued.certificate_pem.as_bytes())?;
        let credentials = Credentials {
            certificate_pem: issued.certificate_pem,
            key_pem: Secret::new(self.key.pem().as_str()),
            ca_pem: self.ca_pem().to_owned(),
        };
        Ok((credentials, issued.not_after))
    }

    fn issue_hub(&self, mut names: Vec<String>, now: Moment) -> Issued {
        loop {
            let refused = match self.authority.issue_hub(&self.key, &names, now) {
                Ok(issued) => return issued,
                Err(error) => error,
            };
            tracing::warn!(%refused, "the hub's certificate does without a name");
            match &refused {
                CertificateError::BadName(bad) | CertificateError::ReservedName(bad) => {
                    names.retain(|name| name != bad);
                }
                _ => names.clear(),
            }
        }
    }
}

/// Makes the data folder the hub's alone, if it is a hub's or empty: a service manager
/// or a container hands out folders that others may enter, and a hub must not stay away
/// because of that. One that is not there yet is made so later.
///
/// # Errors
/// [`IdentityError::Foreign`] and [`IdentityError::OpenFolder`] say what to do.
pub(crate) fn close_data_folder(data: &Path) -> Result<(), IdentityError> {
    if !data.exists() {
        return Ok(());
    }
    let me = geteuid().as_raw();
    match files::check_folder(me, data) {
        // Who runs a hub on `/tmp` by mistake must not close that to everybody.
        Err(IdentityError::OpenFolder { .. }) if files::is_ours(data) => {
            files::close_folder(data)?;
            files::check_folder(me, data)
        }
        other => other,
    }
}

/// Whether the data folder is its owner's alone.
///
/// # Errors
/// [`IdentityError::Foreign`] and [`IdentityError::OpenFolder`] say what to do.
pub(crate) fn check_data_folder(data: &Path) -> Result<(), IdentityError> {
    files::check_folder(geteuid().as_raw(), data)
}

/// Makes the whole identity in `fresh`, and gives that its name.
fn make(fresh: &Path, folder: &Path, now: Moment) -> Result<(), IdentityError> {
    files::empty_folder(fresh)?;
    let authority = Authority::generate(now);
    let key = MachineKey::generate();
    write_private(&fresh.join(CA_KEY), authority.key_pem().as_bytes())?;
    write_private(&fresh.join(CA), authority.certificate_pem().as_bytes())?;
    write_private(&fresh.join(HUB_KEY), key.pem().as_bytes())?;
    files::rename(fresh, folder)?;
    tracing::info!(ca = %authority.fingerprint(), "the hub's own CA was made");
    Ok(())
}

fn needed(me: u32, path: &Path) -> Result<Secret, IdentityError> {
    let missing = || IdentityError::Missing { path: path.to_owned() };
    read_private(me, path)?.ok_or_else(missing)
}

/// The hub's own key can be made anew at any time: agents know the hub by its
/// authority.
fn hub_key(me: u32, path: &Path) -> Result<MachineKey, IdentityError> {
    let Some(pem) = read_private(me, path)? else {
        let key = MachineKey::generate();
        write_private(path, key.pem().as_bytes())?;
        return Ok(key);
    };
    MachineKey::from_pem(pem.expose())
        .map_err(|why| IdentityError::Broken { path: path.to_owned(), why })
}

#[cfg(test)]
mod tests;
