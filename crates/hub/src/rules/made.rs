//! Files of rules that are made while the hub runs: on the page, or by a program.
//!
//! ```text
//! http --put, remove--> Made: read, store, remember --nudge--> Engine: takes it up, says so
//! ```
//!
//! The store has their texts. One that a newer program reads no more is left out and said to be
//! bad; the others go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use watchfire_alert::rules::{Group, RuleError, RuleFile};
use watchfire_identity::hmac_sha256_hex;
use watchfire_runtime::{Clock, task};
use watchfire_store::{Batch, MAX_RULE_FILE_BYTES, Store, StoreError, StoredRuleFile};

use super::board::Board;
use crate::config::{MADE, MAX_GROUPS};

/// Changes that wait for the engine; further ones wait for room.
const WAITING: usize = 16;
/// How long it is waited for that the engine takes a change up.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest name, in bytes.
const MAX_NAME: usize = 64;
/// So many hexadecimal digits name a text.
const VERSION_DIGITS: usize = 16;

/// Tells the engine that something was made; it answers when that is evaluated.
pub(crate) type Nudges = mpsc::Receiver<oneshot::Sender<()>>;

/// The files that were made. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Made(Arc<Inner>);

struct Inner {
    store: Store,
    board: Board,
    clock: Clock,
    files: Mutex<BTreeMap<String, Arc<MadeFile>>>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    engine: mpsc::Sender<oneshot::Sender<()>>,
}

/// One file that was made.
#[derive(Debug)]
pub(crate) struct MadeFile {
    pub(crate) stored: StoredRuleFile,
    /// Names its text.
    pub(crate) version: String,
    pub(crate) read: Result<RuleFile, Vec<RuleError>>,
}

/// What stands there now, as far as whoever changes it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing.
    Nothing,
    /// Something, whatever it is.
    Anything,
    /// The text of this version.
    Version(String),
}

/// Why a file is not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFile {
    #[error(
        "{MADE}NAME is what made files are called: NAME has letters, digits, '-', '_' and '.', \
         begins with a letter or digit, and is {MAX_NAME} characters long at the most"
    )]
    BadName,
    #[error("there is no such file")]
    Unknown,
    #[error("somebody else changed it meanwhile: look at what it is now, and change that")]
    Stale,
    #[error("this hub was started with --rules and evaluates those files alone")]
    Alone,
    #[error("{0}")]
    TooMany(String),
    #[error("the file is not valid")]
    Faults(Vec<RuleError>),
    #[error("{0}")]
    Store(StoreError),
}

impl Made {
    /// Takes up those that are stored.
    pub(crate) fn open(store: Store, board: Board, clock: Clock) -> (Self, Nudges) {
        let stored = store.rule_files().unwrap_or_else(|error| {
            tracing::error!(%error, "files of rules that were made are unreadable");
            Vec::new()
        });
        let files = stored.into_iter().map(|one| {
            let file = MadeFile::of(one);
            if let Err(errors) = &file.read {
                let why = errors.first().map(ToString::to_string);
                tracing::error!(why, "a file of rules is not evaluated");
            }
            (file.stored.name.clone(), Arc::new(file))
        });
        let files = Mutex::new(files.collect());
        let (engine, nudges) = mpsc::channel(WAITING);
        let turn = tokio::sync::Mutex::default();
        (Self(Arc::new(Inner { store, board, clock, files, turn, engine })), nudges)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<MadeFile>> {
        self.lock().values().cloned().collect()
    }

    /// One of them, by its whole name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<MadeFile>> {
        self.lock().get(name).cloned()
    }

    pub(super) fn groups(&self) -> Vec<Arc<Group>> {
        let all = self.all();
        let good = all.iter().filter_map(|one| one.read.as_ref().ok());
        good.flat_map(|file| file.groups.iter().cloned()).collect()
    }

    /// Makes or changes a file. True beside it when it is evaluated by now. A caller that goes
    /// away leaves nothing half done.
    pub(crate) async fn put(
        &self,
        name: &str,
        text: String,
        author: &str,
        expected: Expected,
    ) -> Result<(Arc<MadeFile>, bool), NoFile> {
        check_name(name)?;
        let changed_unix_ms = self.0.clock.now().unix_ms;
        let (name, author) = (name.to_owned(), author.to_owned());
        let stored = StoredRuleFile { name, text, author, changed_unix_ms };
        let this = self.clone();
        self.whole(async move { this.put_now(stored, &expected).await }).await
    }

    /// Removes a file. True when nothing of it is evaluated any more.
    pub(crate) async fn remove(
        &self,
        name: &str,
        author: &str,
        expected: Expected,
    ) -> Result<bool, NoFile> {
        let (this, name, author) = (self.clone(), name.to_owned(), author.to_owned());
        self.whole(async move {
            let _turn = this.0.turn.lock().await;
            this.check(&name, &expected)?;
            this.find(&name).ok_or(NoFile::Unknown)?;
            let gone = name.clone();
            this.write(move |batch| batch.remove_rule_file(&gone)).await?;
            this.lock().remove(&name);
            tracing::info!(file = name, user = author, "a file of rules is removed");
            Ok(this.nudge().await)
        })
        .await
    }

    async fn put_now(
        &self,
        stored: StoredRuleFile,
        expected: &Expected,
    ) -> Result<(Arc<MadeFile>, bool), NoFile> {
        let _turn = self.0.turn.lock().await;
        if !self.0.board.files().has_made {
            return Err(NoFile::Alone);
        }
        self.check(&stored.name, expected)?;
        if stored.text.len() > MAX_RULE_FILE_BYTES {
            let what = format!("a file that is made has {MAX_RULE_FILE_BYTES} bytes at the most");
            return Err(NoFile::TooMany(what));
        }
        let reading = task::blocking("read rules", move || MadeFile::of(stored)).await;
        let mut file = reading.map_err(|failed| failed_work(&failed))?;
        let read = std::mem::replace(&mut file.read, Err(Vec::new()));
        let read = read.map_err(NoFile::Faults)?;
        self.check_room(&file.stored.name, read.groups.len())?;
        let file = Arc::new(MadeFile { read: Ok(read), ..file });
        let kept = file.clone();
        self.write(move |batch| batch.put_rule_file(&kept.stored)).await?;
        self.lock().insert(file.stored.name.clone(), file.clone());
        let StoredRuleFile { name, author, .. } = &file.stored;
        tracing::info!(file = name, user = author, version = file.version, "rules are changed");
        Ok((file, self.nudge().await))
    }

    /// Whether what stands there is what is expected to.
    fn check(&self, name: &str, expected: &Expected) -> Result<(), NoFile> {
        match (expected, self.find(name)) {
            (Expected::Nothing, None) | (Expected::Anything, Some(_)) => Ok(()),
            (Expected::Version(version), Some(found)) if *version == found.version => Ok(()),
            (Expected::Nothing | Expected::Version(_), Some(_)) => Err(NoFile::Stale),
            (_, None) => Err(NoFile::Unknown),
        }
    }

    /// Whether there is room for the groups of a file in place of the one with its name.
    fn check_room(&self, name: &str, groups: usize) -> Result<(), NoFile> {
        let files = self.0.board.files();
        let locked: usize = files.locked.iter().map(|one| one.file.groups.len()).sum();
        let others = self.all();
        let others = others.iter().filter(|one| one.stored.name != name);
        let made: usize = others.filter_map(|one| one.read.as_ref().ok()).map(count).sum();
        let all = locked + made + groups;
        if all > MAX_GROUPS {
            let what = format!("there would be {all} groups of rules, and at most {MAX_GROUPS}");
            return Err(NoFile::TooMany(what));
        }
        Ok(())
    }

    /// Has the engine take up what is there now. True when it said so in time.
    async fn nudge(&self) -> bool {
        let (done, answer) = oneshot::channel();
        let asking = async { self.0.engine.send(done).await.is_ok() && answer.await.is_ok() };
        self.0.clock.within(PATIENCE, asking).await.unwrap_or(false)
    }

    async fn write(
        &self,
        work: impl Fn(&Batch<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), NoFile> {
        let store = self.0.store.clone();
        let done = task::blocking("rule files", move || store.write(work)).await;
        match done.map_err(|failed| failed_work(&failed))? {
            Ok(()) => Ok(()),
            Err(error @ StoreError::TooMany { .. }) => Err(NoFile::TooMany(error.to_string())),
            Err(error) => Err(NoFile::Store(error)),
        }
    }

    /// Does work to its end, whether or not it is waited for.
    async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, NoFile>> + Send + 'static,
    ) -> Result<T, NoFile> {
        let (told, answer) = oneshot::channel();
        task::spawn("change rules", async move {
            let _ = told.send(work.await);
        })
        .detach();
        answer.await.unwrap_or_else(|failed| Err(failed_work(&failed)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<MadeFile>>> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MadeFile {
    fn of(stored: StoredRuleFile) -> Self {
        let read = RuleFile::parse(&stored.name, &stored.text);
        // The text alone decides: whoever writes the same again has changed nothing.
        let mut version = hmac_sha256_hex(b"rule file", stored.text.as_bytes());
        version.truncate(VERSION_DIGITS);
        Self { stored, version, read }
    }
}

fn count(file: &RuleFile) -> usize {
    file.groups.len()
}

fn check_name(name: &str) -> Result<(), NoFile> {
    let name = name.strip_prefix(MADE).ok_or(NoFile::BadName)?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins_well && name.len() <= MAX_NAME && name.bytes().all(is_fit) {
        return Ok(());
    }
    Err(NoFile::BadName)
}

fn failed_work(why: &impl ToString) -> NoFile {
    NoFile::Store(StoreError::Io { why: why.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["page/a", "page/Disks-2.yml", "page/9_"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = format!("page/{}", "a".repeat(65));
        for bad in ["a", "page/", "page/.a", "page/a/b", "page/a b", "page/ü", "page/a\n", &long] {
            assert!(matches!(check_name(bad), Err(NoFile::BadName)), "{bad}");
        }
    }
}
