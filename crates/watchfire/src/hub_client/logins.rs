//! Who is logged in where: one file of the user's, which nobody else may read.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hyper::header;
use hyper::http::request::Builder;
use serde::{Deserialize, Serialize};
use watchfire_identity::certificate::Fingerprint;

use super::Address;

/// The file in the user's config folder.
const FILE: &str = "watchfire/logins.json";
/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Hubs that are remembered; the one whose login ends first makes room.
const MAX_HUBS: usize = 100;
/// The cookie that holds a session's id.
const COOKIE: &str = "watchfire_session";
/// The header that a change needs beside it.
const CSRF_HEADER: &str = "x-watchfire-csrf";

/// All logins of this user of the machine.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    /// The hub of the last login.
    last: Option<Address>,
    hubs: BTreeMap<Address, Kept>,
}

/// One login, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    user: String,
    role: String,
    /// The authority's fingerprint, where the hub is reached over TLS.
    ca: Option<String>,
    session: String,
    csrf: String,
    ends_unix_ms: i64,
}

/// Somebody who has logged in at a hub.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) hub: Address,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) ca: Option<Fingerprint>,
    pub(crate) session: String,
    pub(crate) csrf: String,
    pub(crate) ends_unix_ms: i64,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("user", &self.user).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("hub", &self.hub)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// True when its time is over at `now`, in milliseconds since 1970.
    pub(crate) fn has_ended(&self, now_ms: i64) -> bool {
        now_ms >= self.ends_unix_ms
    }

    /// The session's id and the seconds of its life, out of the cookie that a hub sets.
    pub(crate) fn session_of(cookie: &str) -> Option<(String, i64)> {
        let mut parts = cookie.split(';').map(str::trim);
        let id = parts.next()?.strip_prefix(COOKIE)?.strip_prefix('=')?;
        let life = parts.find_map(|part| part.strip_prefix("Max-Age="))?.parse().ok()?;
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| (id.to_owned(), life))
    }

    /// The request as this login makes it.
    pub(super) fn sign(&self, request: Builder) -> Builder {
        let cookie = format!("{COOKIE}={}", self.session);
        request.header(header::COOKIE, cookie).header(CSRF_HEADER, &self.csrf)
    }
}

impl Logins {
    /// What was kept; nothing where nothing was.
    pub(crate) fn read() -> anyhow::Result<Self> {
        Self::read_from(&place()?)
    }

    /// Keeps a login, in place of an earlier one at the same hub.
    pub(crate) fn keep(login: Login) -> anyhow::Result<PathBuf> {
        let path = place()?;
        let mut logins = Self::read_from(&path)?;
        logins.insert(login);
        logins.write_to(&path)?;
        Ok(path)
    }

    /// Forgets the login at a hub.
    pub(crate) fn forget(hub: &Address) -> anyhow::Result<()> {
        let path = place()?;
        let mut logins = Self::read_from(&path)?;
        logins.hubs.remove(hub);
        if logins.last.as_ref() == Some(hub) {
            logins.last = None;
        }
        logins.write_to(&path)
    }

    /// The login at this hub.
    pub(crate) fn of(&self, hub: &Address) -> Option<Login> {
        let kept = self.hubs.get(hub)?;
        Some(Login {
            hub: hub.clone(),
            user: kept.user.clone(),
            role: kept.role.clone(),
            ca: kept.ca.as_deref().and_then(|text| text.parse().ok()),
            session: kept.session.clone(),
            csrf: kept.csrf.clone(),
            ends_unix_ms: kept.ends_unix_ms,
        })
    }

    /// The last login.
    pub(crate) fn last(&self) -> Option<Login> {
        self.of(self.last.as_ref()?)
    }

    fn insert(&mut self, login: Login) {
        let kept = Kept {
            user: login.user,
            role: login.role,
            ca: login.ca.map(|ca| ca.to_string()),
            session: login.session,
            csrf: login.csrf,
            ends_unix_ms: login.ends_unix_ms,
        };
        self.hubs.insert(login.hub.clone(), kept);
        self.last = Some(login.hub);
        while self.hubs.len() > MAX_HUBS {
            let others = self.hubs.iter().filter(|(hub, _)| Some(*hub) != self.last.as_ref());
            let first = others.min_by_key(|(_, kept)| kept.ends_unix_ms);
            let Some(hub) = first.map(|(hub, _)| hub.clone()) else { break };
            self.hubs.remove(&hub);
        }
    }

    fn read_from(path: &Path) -> anyhow::Result<Self> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        let (metadata, me) = (file.metadata()?, fs::metadata("/proc/self")?.uid());
        if metadata.uid() != me || metadata.mode() & 0o077 != 0 {
            bail!(
                "{} holds logins, and others may read it or it is another user's\n  hint: remove it \
                 and log in again",
                path.display()
            );
        }
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text)?;
        serde_json::from_str(&text).with_context(|| {
            format!("{} is not understood\n  hint: remove it and log in again", path.display())
        })
    }

    /// As a whole or not at all, for the user alone.
    fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path.parent().context("the file has no folder")?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
            let mut file = opened?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&fresh, path)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// The file: below `XDG_CONFIG_HOME`, else below `~/.config`.
fn place() -> anyhow::Result<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let folder =
        folder.context("there is no place for logins: neither HOME nor XDG_CONFIG_HOME is set")?;
    Ok(folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn login(hub: &str, ends_unix_ms: i64) -> Login {
        Login {
            hub: hub.parse().expect("an address"),
            user: "ada".to_owned(),
            role: "viewer".to_owned(),
            ca: Some(Fingerprint::of(b"ca")),
            session: "5e55".to_owned(),
            csrf: "c5".to_owned(),
            ends_unix_ms,
        }
    }

    #[test]
    fn logins_are_kept_for_the_user_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a").join(FILE);
        assert!(Logins::read_from(&path).expect("none").last().is_none());
        let mut logins = Logins::default();
        logins.insert(login("hub-1", 10));
        logins.insert(login("hub-2", 20));
        logins.write_to(&path).expect("writes");
        let mode = |path: &Path| fs::metadata(path).expect("is there").mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("one"))), (0o600, 0o700));
        let read = Logins::read_from(&path).expect("reads");
        let last = read.last().expect("the last one");
        assert_eq!(last.hub.to_string(), "https://hub-2:5100");
        assert_eq!((last.ca, last.session.as_str()), (Some(Fingerprint::of(b"ca")), "5e55"));
        assert!(
            read.of(&"hub-1".parse().expect("an address")).is_some_and(|one| one.has_ended(10))
        );
        assert!(!last.has_ended(19));
        assert!(!format!("{read:?} {last:?}").contains("5e55"));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is ours");
        let error = Logins::read_from(&path).expect_err("open to others").to_string();
        assert!(error.contains("hint: remove it"), "{error}");
    }

    #[test]
    fn there_is_a_limit_and_the_last_one_stays() {
        let mut logins = Logins::default();
        for number in 0..=MAX_HUBS {
            logins.insert(login(&format!("hub-{number}"), i64::try_from(number).expect("small")));
        }
        logins.insert(login("hub-now", -1));
        assert_eq!(logins.hubs.len(), MAX_HUBS);
        assert!(logins.last().is_some() && logins.of(&"hub-1".parse().expect("one")).is_none());
    }

    #[test]
    fn a_session_is_read_from_its_cookie() {
        let cookie = "watchfire_session=ab12; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200";
        assert_eq!(Login::session_of(cookie), Some(("ab12".to_owned(), 43_200)));
        for wrong in [
            "",
            "other=ab12; Max-Age=1",
            "watchfire_session=; Max-Age=1",
            "watchfire_session=a b; Max-Age=1",
            "watchfire_session=ab12",
        ] {
            assert_eq!(Login::session_of(wrong), None, "{wrong}");
        }
    }
}
