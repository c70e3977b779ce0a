//! The tokens of programs: named, of some scopes, with an end.
//!
//! What opens is 256 random bits and is shown once; its hash is kept. A token never opens more than
//! its user may at that moment: its scopes and matchers only take away, and with the user or the
//! user's password it ends.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use watchfire_identity::{Scope as TokenScope, constant_time_eq, random_hex, sha256_hex};
use watchfire_model::{Moment, Scope};
use watchfire_runtime::task;
use watchfire_store::{Batch, Store, StoreError, StoredApiToken};

use crate::accounts::scope;
use crate::audit::{Audit, AuditEntry};

/// What every token begins with: so whoever finds one knows what it is.
const PREFIX: &str = "wfh_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// The longest text that is looked at.
const MAX_BYTES: usize = 128;
/// How often it is written down that a token is used.
const NOTE: Duration = Duration::from_secs(60);

/// All tokens.
pub(crate) struct ApiTokens {
    store: Store,
    by_id: RwLock<HashMap<String, Held>>,
}

struct Held {
    stored: StoredApiToken,
    scopes: Vec<TokenScope>,
    servers: Option<Scope>,
}

/// A token that somebody showed.
pub(crate) struct Shown {
    pub(crate) user: String,
    pub(crate) name: String,
    /// What stands for the password that the user had when it was made.
    pub(crate) epoch: String,
    pub(crate) scopes: Vec<TokenScope>,
    /// What narrows the servers that the user sees.
    pub(crate) servers: Option<Scope>,
    id: String,
    /// Whether it is to be written down that it was used.
    is_to_note: bool,
}

/// A token that is to be made; its names were checked.
pub(crate) struct Wanted {
    pub(crate) user: String,
    pub(crate) name: String,
    pub(crate) epoch: String,
    pub(crate) scopes: Vec<TokenScope>,
    pub(crate) servers: Option<Vec<String>>,
    pub(crate) lives: Duration,
}

impl ApiTokens {
    /// Reads those that `is_good` says of, by user and epoch; the others are forgotten.
    pub(crate) fn open(store: Store, is_good: impl Fn(&str, &str) -> bool) -> Self {
        let stored = store.api_tokens().unwrap_or_else(|error| {
            tracing::error!(%error, "the tokens of programs cannot be read: none opens");
            Vec::new()
        });
        let (good, gone): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|token| is_good(&token.user, &token.epoch));
        let forget =
            |batch: &Batch<'_>| gone.iter().try_for_each(|token| batch.remove_api_token(&token.id));
        if !gone.is_empty()
            && let Err(error) = store.write(forget)
        {
            tracing::error!(%error, "tokens of users who are no more stay in the database");
        }
        let held = |token: StoredApiToken| held(token).map(|held| (held.stored.id.clone(), held));
        Self { store, by_id: RwLock::new(good.into_iter().filter_map(held).collect()) }
    }

    /// True for a text that looks like one of these.
    pub(crate) fn is_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// What a token is for, when it is one and its time is not over.
    pub(crate) fn find(&self, token: &str, now: Moment) -> Option<Shown> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (id, _) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let by_id = self.read();
        let Held { stored, scopes, servers } = by_id.get(id)?;
        let is_it =
            constant_time_eq(stored.hash.as_bytes(), sha256_hex(token.as_bytes()).as_bytes());
        if !is_it || now.unix_ms >= stored.ends_unix_ms {
            return None;
        }
        let noted = stored.used_unix_ms.unwrap_or(i64::MIN);
        let note = i64::try_from(NOTE.as_millis()).unwrap_or(i64::MAX);
        Some(Shown {
            user: stored.user.clone(),
            name: stored.name.clone(),
            epoch: stored.epoch.clone(),
            scopes: scopes.clone(),
            servers: servers.clone(),
            id: id.to_owned(),
            is_to_note: now.unix_ms.saturating_sub(noted) >= note,
        })
    }

    /// Writes down that a token opened something, once a minute at the most.
    pub(crate) fn note_use(&self, shown: &Shown, now: Moment) {
        if !shown.is_to_note {
            return;
        }
        if let Some(held) = self.write().get_mut(&shown.id) {
            held.stored.used_unix_ms = Some(now.unix_ms);
        }
        let (store, id) = (self.store.clone(), shown.id.clone());
        let note = async move {
            let write = move || store.write(|batch| batch.api_token_used(&id, now.unix_ms));
            if let Ok(Err(error)) = task::blocking("note the use of a token", write).await {
                tracing::warn!(%error, "the use of a token cannot be written down");
            }
        };
        // Nobody waits for it: it changes nothing of the answer.
        task::spawn("note the use of a token", note).detach();
    }

    /// Makes a token: what opens, and what is kept of it.
    pub(crate) async fn make(
        &self,
        wanted: Wanted,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<(String, StoredApiToken), StoreError> {
        let id = random_hex(ID_BYTES);
        let token = format!("{PREFIX}{id}_{}", random_hex(SECRET_BYTES));
        let scopes: Vec<_> = wanted.scopes.iter().map(|scope| scope.as_str()).collect();
        let lives_ms = i64::try_from(wanted.lives.as_millis()).unwrap_or(i64::MAX);
        let stored = StoredApiToken {
            id,
            user: wanted.user,
            name: wanted.name,
            hash: sha256_hex(token.as_bytes()),
            epoch: wanted.epoch,
            scopes: scopes.join(" "),
            servers: wanted.servers,
            made_unix_ms: now.unix_ms,
            ends_unix_ms: now.unix_ms.saturating_add(lives_ms),
            used_unix_ms: None,
        };
        let over = self.over(now);
        let row = stored.clone();
        self.change(entry, now, move |batch| {
            over.iter().try_for_each(|id| batch.remove_api_token(id))?;
            batch.add_api_token(&row)
        })
        .await?;
        let mut by_id = self.write();
        by_id.retain(|_, held| now.unix_ms < held.stored.ends_unix_ms);
        by_id.extend(held(stored.clone()).map(|held| (stored.id.clone(), held)));
        drop(by_id);
        Ok((token, stored))
    }

    /// Those whose time is not over, by user and name.
    pub(crate) fn all(&self, now: Moment) -> Vec<StoredApiToken> {
        let by_id = self.read();
        let alive = by_id.values().filter(|held| now.unix_ms < held.stored.ends_unix_ms);
        let mut all: Vec<_> = alive.map(|held| held.stored.clone()).collect();
        all.sort_by(|one, two| (&one.user, &one.name).cmp(&(&two.user, &two.name)));
        all
    }

    /// Ends a token. From when this is asked it opens nothing, even if that cannot be stored.
    pub(crate) async fn end(
        &self,
        id: &str,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.write().remove(id);
        let id = id.to_owned();
        self.change(entry, now, move |batch| batch.remove_api_token(&id)).await
    }

    /// Ends those of a user; the store has forgotten them.
    pub(crate) fn end_of(&self, user: &str) {
        self.write().retain(|_, held| held.stored.user != user);
    }

    /// The tokens whose time is over.
    fn over(&self, now: Moment) -> Vec<String> {
        let by_id = self.read();
        let over = by_id.values().filter(|held| now.unix_ms >= held.stored.ends_unix_ms);
        over.map(|held| held.stored.id.clone()).collect()
    }

    async fn change(
        &self,
        entry: AuditEntry,
        now: Moment,
        work: impl FnOnce(&Batch<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let store = self.store.clone();
        let write = move || {
            store.write(|batch| {
                work(batch)?;
                Audit::add(batch, &entry, now)
            })
        };
        let written = task::blocking("store a token", write).await;
        written.unwrap_or_else(|error| Err(StoreError::Io { why: error.to_string() }))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Held>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Held>> {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token whose matchers cannot be read opens nothing, and not everything.
fn held(stored: StoredApiToken) -> Option<Held> {
    let servers = match stored.servers.as_deref().map(scope).transpose() {
        Ok(servers) => servers,
        Err(error) => {
            tracing::error!(token = ?stored.name, error, "a token cannot be read: it opens nothing");
            return None;
        }
    };
    // A word of a later release opens nothing.
    let scopes = stored.scopes.split(' ').filter_map(|word| word.parse().ok()).collect();
    Some(Held { stored, scopes, servers })
}
