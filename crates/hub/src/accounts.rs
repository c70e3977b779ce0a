//! Who may log in to the hub: the users of the config and those in the store.

use watchfire_identity::password::{self, PasswordHash};
use watchfire_identity::{Action, Object, Role, Subject, Verdict, authorize};
use watchfire_model::{Labels, Scope, Selector};
use watchfire_store::{Store, StoredUser};

use crate::config::User;
use crate::hub::HubError;

/// The user that a first start makes.
const FIRST_USER: &str = "admin";

/// Somebody who may log in.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    pub(crate) password: PasswordHash,
}

impl Account {
    /// Whether somebody with this account may do something to something.
    pub(crate) fn may(&self, action: Action, object: &Object<'_>) -> Verdict {
        authorize(&Subject { role: self.role, servers: &self.scope }, action, object)
    }

    /// True when the account may know of a server with these labels.
    pub(crate) fn sees(&self, labels: &Labels) -> bool {
        self.may(Action::ViewFleet, &Object::Labelled(labels)) == Verdict::Yes
    }
}

/// The accounts, and the password of the one that was made just now.
pub(crate) struct Accounts {
    pub(crate) all: Vec<Account>,
    pub(crate) first: Option<(String, String)>,
}

/// Reads the accounts. When nobody could log in, one is made, its hash is
/// stored, and its password is given back to be shown once.
pub(crate) fn load(store: &Store, users: &[User]) -> Result<Accounts, HubError> {
    let mut all: Vec<Account> = users
        .iter()
        .filter_map(|user| {
            Some(Account {
                name: user.name.clone(),
                role: user.role,
                scope: user.scope.clone(),
                password: user.password.clone()?,
            })
        })
        .collect();
    for stored in store.users()? {
        // The config is the stronger of the two: its password for the same name stands.
        if users.iter().any(|user| user.name == stored.name && user.password.is_some()) {
            continue;
        }
        all.push(account(&stored)?);
    }
    if !all.is_empty() {
        return Ok(Accounts { all, first: None });
    }
    let (stored, password) = make_first()?;
    store.write(|batch| batch.put_user(&stored))?;
    let first = Some((stored.name.clone(), password));
    Ok(Accounts { all: vec![account(&stored)?], first })
}

fn make_first() -> Result<(StoredUser, String), HubError> {
    let password = password::generate();
    let hash = password::hash(&password).map_err(|error| HubError::Account(error.to_string()))?;
    let stored = StoredUser {
        name: FIRST_USER.to_owned(),
        role: Role::Admin.as_str().to_owned(),
        password_hash: hash.as_str().to_owned(),
        servers: vec!["*".to_owned()],
    };
    Ok((stored, password))
}

fn account(stored: &StoredUser) -> Result<Account, HubError> {
    let broken = |why: String| HubError::Account(format!("the user {:?}: {why}", stored.name));
    Ok(Account {
        name: stored.name.clone(),
        role: stored.role.parse().map_err(|error| broken(format!("{error}")))?,
        scope: scope(&stored.servers).map_err(broken)?,
        password: PasswordHash::parse(&stored.password_hash)
            .map_err(|error| broken(error.to_string()))?,
    })
}

/// The servers that matchers select, or which of them is none.
pub(crate) fn scope(servers: &[String]) -> Result<Scope, String> {
    let read = |text: &String| {
        Selector::parse(text).map_err(|error| format!("{text:?} is no matcher: {error}"))
    };
    servers.iter().map(read).collect::<Result<_, _>>().map(Scope::new)
}
