//! Second factors: the codes of authenticator apps, and the recovery codes that stand in for them.
//!
//! A code opens once. That it was used is on the disk before it opens anything, in a transaction
//! that only one of two at a time can win, so that neither a race nor a restart lets it open again.
//! Wrong codes are counted for each user, whatever address they come from: whoever gets to try one
//! knows the password, and six digits are few.

mod begun;
mod tries;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use watchfire_identity::SystemRandomness;
use watchfire_identity::totp::{CODE_DIGITS, RecoveryCode, RecoveryDigest, TotpSecret};
use watchfire_model::Moment;
use watchfire_runtime::task;
use watchfire_store::{Batch, Store, StoreError, StoredTotp};

use crate::audit::{Audit, AuditEntry};
use begun::Begun;
use tries::Tries;

/// The longest text that is looked at as a code, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// The second factors of all users.
pub(crate) struct Factors {
    store: Store,
    /// Who has one. The store has the rest.
    on: RwLock<HashSet<String>>,
    /// Secrets that were shown and not confirmed yet.
    begun: Mutex<Begun>,
    tries: Mutex<Tries>,
}

/// What is to be said to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is right; it opens no second time.
    Right,
    /// It is a recovery code, and right. So many are left.
    Recovered(usize),
    /// It is wrong or was used.
    Wrong,
    /// There were too many wrong ones: nothing was checked.
    TooMany(Duration),
}

impl Checked {
    /// True when it opens.
    pub(crate) fn is_right(self) -> bool {
        matches!(self, Self::Right | Self::Recovered(_))
    }
}

/// What is said of a user's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) since_unix_ms: i64,
    pub(crate) recovery_codes_left: usize,
}

/// Why it cannot be turned on.
#[derive(Debug)]
pub(crate) enum NotOn {
    /// It is on.
    IsOn,
    /// Nothing was begun by this session, or too long ago.
    NotBegun,
    /// The code is not the one that the app shows.
    Wrong,
    /// Too many wrong ones.
    TooMany(Duration),
    Store(StoreError),
}

impl Factors {
    pub(crate) fn open(store: Store) -> Result<Self, StoreError> {
        let on = store.totps()?.into_iter().map(|totp| totp.user).collect();
        let (begun, tries) = (Mutex::default(), Mutex::default());
        Ok(Self { store, on: RwLock::new(on), begun, tries })
    }

    /// True for who has a second factor.
    pub(crate) fn has(&self, user: &str) -> bool {
        self.on.read().unwrap_or_else(PoisonError::into_inner).contains(user)
    }

    /// How it stands with a user's; `None` where there is none.
    pub(crate) async fn standing(&self, user: &str) -> Result<Option<Standing>, StoreError> {
        let user = user.to_owned();
        self.blocking(move |store| {
            let Some(totp) = store.totp(&user)? else { return Ok(None) };
            let recovery_codes_left = store.recovery_codes(&user)?.len();
            Ok(Some(Standing { since_unix_ms: totp.since_unix_ms, recovery_codes_left }))
        })
        .await
    }

    /// Checks a code of a user who has a second factor, and uses it up.
    pub(crate) async fn check(
        &self,
        user: &str,
        code: &str,
        now: Moment,
    ) -> Result<Checked, StoreError> {
        // It is counted before it is known to be wrong, or many sent together would all be tried.
        if let Err(wait) = self.tries().admit(user, now) {
            return Ok(Checked::TooMany(wait));
        }
        let (name, code) = (user.to_owned(), code.to_owned());
        let checked = self.blocking(move |store| use_up(store, &name, &code, now)).await?;
        if checked.is_right() {
            self.tries().forget(user);
        }
        Ok(checked)
    }

    /// A new secret for a user, which holds when [`Factors::confirm`] is told a code of it by the
    /// same session.
    pub(crate) fn begin(&self, user: &str, session: &str, now: Moment) -> Option<TotpSecret> {
        if self.has(user) {
            return None;
        }
        let secret = TotpSecret::new(&mut SystemRandomness);
        self.begun().put(user, session, secret.clone(), now);
        Some(secret)
    }

    /// Turns it on, and gives the recovery codes, which are shown once.
    pub(crate) async fn confirm(
        &self,
        (user, session): (&str, &str),
        code: &str,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<Vec<RecoveryCode>, NotOn> {
        if self.has(user) {
            return Err(NotOn::IsOn);
        }
        let secret = self.begun().of(user, session, now).ok_or(NotOn::NotBegun)?;
        self.tries().admit(user, now).map_err(NotOn::TooMany)?;
        let last_step = secret.accept(&plain(code), now, None).ok_or(NotOn::Wrong)?;
        let codes = RecoveryCode::several(&mut SystemRandomness);
        let digests: Vec<_> = codes.iter().map(|code| code.digest().to_string()).collect();
        let totp = StoredTotp {
            user: user.to_owned(),
            secret: secret.to_base32().to_string(),
            since_unix_ms: now.unix_ms,
            last_step,
        };
        let write = move |store: &Store| {
            store.write(|batch: &Batch<'_>| {
                batch.put_totp(&totp, &digests)?;
                Audit::add(batch, &entry, now)
            })
        };
        self.blocking(write).await.map_err(NotOn::Store)?;
        self.on.write().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned());
        self.begun().forget(user);
        self.tries().forget(user);
        Ok(codes)
    }

    /// Turns it off; false where there was none.
    pub(crate) async fn turn_off(
        &self,
        user: &str,
        entry: AuditEntry,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let name = user.to_owned();
        let write = move |store: &Store| {
            store.write(|batch: &Batch<'_>| {
                let was_on = batch.remove_totp(&name)?;
                if was_on {
                    Audit::add(batch, &entry, now)?;
                }
                Ok(was_on)
            })
        };
        let was_on = self.blocking(write).await?;
        self.forget(user);
        Ok(was_on)
    }

    /// Forgets a user who is no more; the store has done so.
    pub(crate) fn forget(&self, user: &str) {
        self.on.write().unwrap_or_else(PoisonError::into_inner).remove(user);
        self.begun().forget(user);
        self.tries().forget(user);
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let done = task::blocking("look at a second factor", move || work(&store)).await;
        done.unwrap_or_else(|error| Err(StoreError::Io { why: error.to_string() }))
    }
}

/// Checks a code and takes note that it was used, unless it was before.
fn use_up(store: &Store, user: &str, code: &str, now: Moment) -> Result<Checked, StoreError> {
    let Some(totp) = store.totp(user)? else { return Ok(Checked::Wrong) };
    let unreadable =
        || StoreError::Unreadable { what: "totp", why: "its secret is none".to_owned() };
    let code = plain(code);
    if code.len() == CODE_DIGITS {
        let secret = TotpSecret::from_base32(&totp.secret).map_err(|_| unreadable())?;
        let Some(step) = secret.accept(&code, now, Some(totp.last_step)) else {
            return Ok(Checked::Wrong);
        };
        let first = store.write(|batch| batch.use_totp_step(user, step))?;
        return Ok(if first { Checked::Right } else { Checked::Wrong });
    }
    let Some(code) = RecoveryCode::read(&code) else { return Ok(Checked::Wrong) };
    let left = store.recovery_codes(user)?;
    // All are compared, whichever it is.
    let fits = |hash: &&String| RecoveryDigest::from_hex(hash).is_ok_and(|one| one.is_of(&code));
    let fitting: Vec<&String> = left.iter().filter(fits).collect();
    let Some(hash) = fitting.first() else { return Ok(Checked::Wrong) };
    let first = store.write(|batch| batch.use_recovery_code(user, hash))?;
    Ok(if first { Checked::Recovered(left.len() - 1) } else { Checked::Wrong })
}

/// A code without the blanks that people put into it.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    letters.take(MAX_CODE_BYTES).collect()
}

#[cfg(test)]
mod tests;
