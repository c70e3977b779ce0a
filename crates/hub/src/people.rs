//! Everybody who may log in, as of now: the users of hub.toml, which nobody changes here, and
//! those that administrators make while the hub runs.

mod error;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use watchfire_identity::Role;
use watchfire_identity::password::PasswordHash;
use watchfire_model::Moment;
use watchfire_runtime::task;
use watchfire_store::{Batch, Store, StoreError, StoredUser};

use crate::accounts::{Account, scope};
use crate::audit::{Audit, AuditEntry};

pub(crate) use error::NoUser;

/// Matchers of one user.
pub(crate) const MAX_MATCHERS: usize = 50;
/// Bytes of one of them.
pub(crate) const MAX_MATCHER_BYTES: usize = 1024;
/// The longest name, in characters, as in hub.toml.
const MAX_NAME: usize = 64;
/// Who does in the audit what nobody asked for.
const OURSELVES: &str = "watchfire";

/// All accounts. What is found here is of now: whoever keeps it longer than for one question asks
/// [`People::is`].
pub(crate) struct People {
    store: Store,
    by_name: RwLock<HashMap<String, Person>>,
    /// Names that hub.toml has, with a password or without.
    taken: Vec<String>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
}

/// Somebody who may log in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) account: Arc<Account>,
    /// Whether hub.toml has it.
    pub(crate) is_locked: bool,
}

/// What a user becomes; what is `None` stays.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) role: Option<Role>,
    pub(crate) servers: Option<Vec<String>>,
    pub(crate) password: Option<PasswordHash>,
}

impl People {
    /// The accounts that a start of the hub read, and all names that hub.toml has.
    pub(crate) fn open(store: Store, accounts: Vec<Account>, taken: Vec<String>) -> Self {
        let stored = store.users().unwrap_or_else(|error| {
            // Then none of them can be changed until the next start.
            tracing::error!(%error, "the users that were made cannot be read");
            Vec::new()
        });
        let is_stored = |account: &Account| {
            let is_it = |user: &StoredUser| {
                user.name == account.name && user.password_hash == account.password.as_str()
            };
            stored.iter().any(is_it)
        };
        let person = |account: Account| {
            let is_locked = !is_stored(&account);
            (account.name.clone(), Person { account: Arc::new(account), is_locked })
        };
        let by_name = RwLock::new(accounts.into_iter().map(person).collect());
        Self { store, by_name, taken, turn: tokio::sync::Mutex::default() }
    }

    /// The account of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.person(name).map(|person| person.account)
    }

    /// The same with where it stands.
    pub(crate) fn person(&self, name: &str) -> Option<Person> {
        self.read().get(name).cloned()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Person> {
        let mut all: Vec<_> = self.read().values().cloned().collect();
        all.sort_by(|one, two| one.account.name.cmp(&two.account.name));
        all
    }

    /// True while this very account stands: it was neither changed nor removed.
    pub(crate) fn is(&self, account: &Arc<Account>) -> bool {
        self.find(&account.name).is_some_and(|now| Arc::ptr_eq(&now, account))
    }

    /// Makes a user.
    pub(crate) async fn add(
        &self,
        user: StoredUser,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<Arc<Account>, NoUser> {
        let _turn = self.turn.lock().await;
        if !is_name(&user.name) || user.name == OURSELVES {
            return Err(NoUser::Name);
        }
        if self.taken.contains(&user.name) {
            return Err(NoUser::Locked(user.name));
        }
        if self.find(&user.name).is_some() {
            return Err(NoUser::Exists(user.name));
        }
        let account = account_of(&user)?;
        self.write(entry, now, move |batch| batch.put_user(&user)).await?;
        Ok(self.put(account))
    }

    /// Changes a user that was made.
    pub(crate) async fn change(
        &self,
        name: &str,
        change: Change,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<Arc<Account>, NoUser> {
        let _turn = self.turn.lock().await;
        let account = self.changeable(name)?;
        let role = change.role.unwrap_or(account.role);
        let password = change.password.unwrap_or_else(|| account.password.clone());
        let servers = change.servers.unwrap_or_else(|| matchers_of(&account));
        let user = StoredUser {
            name: name.to_owned(),
            role: role.as_str().to_owned(),
            password_hash: password.as_str().to_owned(),
            servers,
        };
        let changed = account_of(&user)?;
        if !rules_all(&changed) && rules_all(&account) {
            self.leaves_another(name)?;
        }
        let is_other_password = changed.password != account.password;
        let put = move |batch: &Batch<'_>| {
            if is_other_password {
                batch.remove_api_tokens_of(&user.name)?;
            }
            batch.put_user(&user)
        };
        self.write(entry, now, put).await?;
        Ok(self.put(changed))
    }

    /// Removes a user that was made, with what is the user's.
    pub(crate) async fn remove(
        &self,
        name: &str,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<(), NoUser> {
        let _turn = self.turn.lock().await;
        let account = self.changeable(name)?;
        if rules_all(&account) {
            self.leaves_another(name)?;
        }
        let gone = name.to_owned();
        self.write(entry, now, move |batch| batch.remove_user(&gone)).await?;
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }

    fn changeable(&self, name: &str) -> Result<Arc<Account>, NoUser> {
        match self.person(name) {
            None => Err(NoUser::Unknown),
            Some(person) if person.is_locked => Err(NoUser::Locked(name.to_owned())),
            Some(person) => Ok(person.account),
        }
    }

    /// Somebody must be left who can undo it.
    fn leaves_another(&self, name: &str) -> Result<(), NoUser> {
        let left = |person: &Person| person.account.name != name && rules_all(&person.account);
        if self.read().values().any(left) { Ok(()) } else { Err(NoUser::LastAdmin) }
    }

    async fn write(
        &self,
        entry: AuditEntry,
        now: Moment,
        work: impl FnOnce(&Batch<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), NoUser> {
        let store = self.store.clone();
        let write = move || {
            store.write(|batch| {
                work(batch)?;
                Audit::add(batch, &entry, now)
            })
        };
        let written = task::blocking("store a user", write).await;
        let written =
            written.unwrap_or_else(|error| Err(StoreError::Io { why: error.to_string() }));
        written.map_err(NoUser::Store)
    }

    fn put(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        let person = Person { account: account.clone(), is_locked: false };
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        by_name.insert(account.name.clone(), person);
        account
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Person>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The matchers of what somebody sees, as they were written.
pub(crate) fn matchers_of(account: &Account) -> Vec<String> {
    account.scope.selectors().iter().map(|selector| selector.as_str().to_owned()).collect()
}

/// True for a name that hub.toml would take as well.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    (1..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(fits)
}

fn rules_all(account: &Account) -> bool {
    account.role == Role::Admin && account.scope.is_everything()
}

fn account_of(user: &StoredUser) -> Result<Account, NoUser> {
    let wrong = |what: String| NoUser::Wrong(what);
    if user.servers.len() > MAX_MATCHERS
        || user.servers.iter().any(|text| text.len() > MAX_MATCHER_BYTES)
    {
        let most = format!("{MAX_MATCHERS} matchers of {MAX_MATCHER_BYTES} bytes");
        return Err(NoUser::Wrong(format!("a user has at most {most}")));
    }
    Ok(Account {
        name: user.name.clone(),
        role: user.role.parse().map_err(|error| wrong(format!("{error}")))?,
        scope: scope(&user.servers).map_err(wrong)?,
        password: PasswordHash::parse(&user.password_hash)
            .map_err(|error| wrong(error.to_string()))?,
    })
}

#[cfg(test)]
mod tests;
