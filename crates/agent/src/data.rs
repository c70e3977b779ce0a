//! The data folder: the token key, the installation's id, and the users that
//! the agent made itself. All files are for the agent's user alone, and only
//! that user's are believed: a planted key would sign its planter's tokens.

use std::path::Path;

use rustix::process::geteuid;
use watchfire_identity::token::TokenKey;
use watchfire_identity::{Scope, password, random_hex};
use watchfire_runtime::Secret;
use watchfire_runtime::config::Source;

use crate::config::{AgentConfig, User, read_users};
use crate::error::AgentError;
use crate::private;

const KEY_FILE: &str = "token.key";
const ID_FILE: &str = "agent.id";
const USERS_FILE: &str = "users.toml";
/// The name of the user that a first start makes.
const FIRST_USER: &str = "admin";
const ID_BYTES: usize = 16;

/// Makes the data folder where it is missing, for whoever needs it before the agent does.
///
/// # Errors
/// Where others can write to it, or it cannot be made.
pub fn prepare_data(config: &AgentConfig) -> Result<(), AgentError> {
    private::folder(geteuid().as_raw(), &config.data)
}

/// What the data folder holds.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) key: TokenKey,
    pub(crate) agent_id: String,
    pub(crate) users: Vec<User>,
    /// The user that was just made, with the password.
    pub(crate) first: Option<(String, Secret)>,
}

impl Data {
    /// Opens the folder, and makes what is missing.
    pub(crate) fn open(config: &AgentConfig) -> Result<Self, AgentError> {
        Self::open_as(geteuid().as_raw(), config)
    }

    /// The same for an agent that runs as the user with the id `me`.
    fn open_as(me: u32, config: &AgentConfig) -> Result<Self, AgentError> {
        let folder = &config.data;
        private::folder(me, folder)?;
        let key = token_key(me, &folder.join(KEY_FILE))?;
        let agent_id = agent_id(me, &folder.join(ID_FILE))?;
        let (users, first) = if config.users.is_empty() {
            own_users(me, &folder.join(USERS_FILE))?
        } else {
            (config.users.clone(), None)
        };
        Ok(Self { key, agent_id, users, first })
    }
}

fn token_key(me: u32, path: &Path) -> Result<TokenKey, AgentError> {
    let Some(bytes) = private::read(me, path)? else {
        let key = TokenKey::generate();
        private::write(path, key.as_bytes())?;
        return Ok(key);
    };
    let bytes = <[u8; 32]>::try_from(bytes.as_slice())
        .map_err(|_| AgentError::Damaged { path: path.to_owned(), why: "a key has 32 bytes" })?;
    Ok(TokenKey::from_bytes(bytes))
}

fn agent_id(me: u32, path: &Path) -> Result<String, AgentError> {
    let Some(bytes) = private::read(me, path)? else {
        let id = random_hex(ID_BYTES);
        private::write(path, id.as_bytes())?;
        return Ok(id);
    };
    let id = String::from_utf8_lossy(&bytes).trim().to_owned();
    if id.len() == ID_BYTES * 2 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(AgentError::Damaged { path: path.to_owned(), why: "an id has 32 hexadecimal digits" })
    }
}

type UsersAndFirst = (Vec<User>, Option<(String, Secret)>);

fn own_users(me: u32, path: &Path) -> Result<UsersAndFirst, AgentError> {
    if let Some(bytes) = private::read(me, path)? {
        let text = String::from_utf8(bytes)
            .map_err(|_| AgentError::Damaged { path: path.to_owned(), why: "it is not UTF-8" })?;
        return Ok((read_users(&Source::from_text(path, text))?, None));
    }
    let password = Secret::new(password::generate());
    let password_hash = password::hash(password.expose())?;
    let text = format!(
        "# Made by the agent's first start. Users in agent.toml replace these.\n\
         [[user]]\nname = \"{FIRST_USER}\"\npassword_hash = \"{password_hash}\"\n"
    );
    // Stored before it is shown: a password that was shown must work.
    private::write(path, text.as_bytes())?;
    let scopes = vec![Scope::Read, Scope::Stream];
    let user = User { name: FIRST_USER.to_owned(), password_hash, scopes };
    Ok((vec![user], Some((FIRST_USER.to_owned(), password))))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn opened(folder: &Path) -> Result<Data, AgentError> {
        Data::open(&AgentConfig::new(folder.join("data")))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("exists").permissions().mode() & 0o777
    }

    #[test]
    fn a_first_start_makes_a_user_once_and_stores_only_the_hash() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = opened(folder.path()).expect("opens");
        let (name, password) = first.first.as_ref().expect("a first user");
        assert_eq!((name.as_str(), first.users[0].name.as_str()), ("admin", "admin"));
        assert!(first.users[0].password_hash.verify(password.expose()));
        for entry in fs::read_dir(folder.path().join("data")).expect("a folder") {
            let path = entry.expect("an entry").path();
            let content = fs::read(&path).expect("readable");
            assert!(!String::from_utf8_lossy(&content).contains(password.expose()));
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(mode(&folder.path().join("data")), 0o700);

        let second = opened(folder.path()).expect("opens");
        assert!(second.first.is_none());
        assert_eq!(second.users, first.users);
        assert_eq!(second.agent_id, first.agent_id);
        assert_eq!(second.key.as_bytes(), first.key.as_bytes());
    }

    #[test]
    fn configured_users_are_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = AgentConfig::new(folder.path());
        config.users.push(User {
            name: "ada".to_owned(),
            password_hash: password::decoy().clone(),
            scopes: vec![Scope::Read],
        });
        let data = Data::open(&config).expect("opens");
        assert!(data.first.is_none());
        assert!(!folder.path().join(USERS_FILE).exists());
    }

    #[test]
    fn a_secret_open_to_others_is_refused() {
        for (file, bits) in [(KEY_FILE, 0o640), (KEY_FILE, 0o604), (USERS_FILE, 0o620)] {
            let folder = tempfile::tempdir().expect("a folder");
            opened(folder.path()).expect("opens");
            let path = folder.path().join("data").join(file);
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("ours");
            let error = opened(folder.path()).expect_err("is open to others");
            assert!(matches!(&error, AgentError::Exposed { mode, .. } if *mode == bits), "{error}");
            assert!(error.to_string().contains("hint: chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_belongs_to_another_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        opened(folder.path()).expect("opens");
        let (data, owner) = (folder.path().join("data"), geteuid().as_raw());
        let me = owner + 1;
        let foreign = |error: AgentError, file: &Path| {
            let of = matches!(&error, AgentError::Foreign { path, .. } if path == file);
            assert!(of && error.to_string().contains("hint: when you know it, chown"), "{error}");
        };
        foreign(
            token_key(me, &data.join(KEY_FILE)).expect_err("a planted key"),
            &data.join(KEY_FILE),
        );
        foreign(agent_id(me, &data.join(ID_FILE)).expect_err("a planted id"), &data.join(ID_FILE));
        let users = data.join(USERS_FILE);
        foreign(own_users(me, &users).expect_err("planted users"), &users);
        // A folder of root's is fine for everybody, and then the key is the first to be met.
        let first_met = if owner == 0 { data.join(KEY_FILE) } else { data.clone() };
        let error = Data::open_as(me, &AgentConfig::new(&data)).expect_err("not ours");
        foreign(error, &first_met);
        if owner == 0 {
            std::os::unix::fs::chown(&data, Some(me), None).expect("root may");
            let error = Data::open_as(0, &AgentConfig::new(&data)).expect_err("not root's");
            foreign(error, &data);
        }
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        for bits in [0o720, 0o702, 0o777, 0o1777] {
            let folder = tempfile::tempdir().expect("a folder");
            let data = folder.path().join("data");
            fs::create_dir(&data).expect("ours");
            fs::set_permissions(&data, fs::Permissions::from_mode(bits)).expect("ours");
            let error = opened(folder.path()).expect_err("others may write");
            let shown = error.to_string();
            assert!(
                matches!(error, AgentError::OpenFolder { mode, .. } if mode == bits),
                "{shown}"
            );
            assert!(shown.contains("hint: chmod 700"), "{shown}");
            assert_eq!(fs::read_dir(&data).expect("ours").count(), 0, "nothing was written");
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("data")).expect("ours");
        let readable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join("data"), readable).expect("ours");
        opened(folder.path()).expect("others may look");
    }

    #[test]
    fn damage_is_told() {
        for (file, content) in [(KEY_FILE, &b"short"[..]), (ID_FILE, b"x"), (USERS_FILE, b"user")] {
            let folder = tempfile::tempdir().expect("a folder");
            opened(folder.path()).expect("opens");
            fs::write(folder.path().join("data").join(file), content).expect("ours");
            let error = opened(folder.path()).expect_err("is damaged").to_string();
            assert!(error.contains(file) && error.contains("hint"), "{error}");
        }
    }

    #[test]
    fn a_torn_write_is_no_obstacle() {
        let folder = tempfile::tempdir().expect("a folder");
        opened(folder.path()).expect("opens");
        fs::remove_file(folder.path().join("data").join(KEY_FILE)).expect("ours");
        fs::write(folder.path().join("data/token.new"), b"half a ke").expect("ours");
        opened(folder.path()).expect("opens");
        assert!(!folder.path().join("data/token.new").exists());
    }
}
