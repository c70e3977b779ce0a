//! Silences that operators make: who may make which, where they are kept, and what is said of them.
//!
//! ```text
//! http, CLI --Wish--> Silences: check -> store -> Muting (holds at once) -> log, timelines
//!                        ^
//!                      keep: begins and ends them in time, forgets old ones
//! ```
//!
//! The store has all of them, those too that are over; `Muting` has those that mute or will. A
//! silence mutes only servers that its author saw when it was made, whatever its matchers say.

mod keep;
mod reach;
mod wide;

use std::sync::{Arc, Mutex};

use watchfire_alert::told::{Silence, SilenceError, SilenceState, WIDEST_MS};
use watchfire_identity::random_hex;
use watchfire_model::{Labels, MatchOp, Matcher, Moment, Scope, Selector};
use watchfire_runtime::{Clock, task};
use watchfire_store::{Batch, NewNotification, Store, StoreError, StoredSilence};

use crate::accounts::Account;
use crate::alerts::AlertDesk;
use crate::fleet::Fleet;
use crate::muting::{Muting, Standing};
use keep::moment_text;
pub(crate) use reach::Condition;
use reach::{share, stays_within};
pub(crate) use wide::Watchers;

/// How long a label's name or a value may be, in bytes.
const MAX_TEXT: usize = 1024;
/// How many expressions all silences that stand may have together: each takes memory.
const MAX_EXPRESSIONS: usize = 2000;

/// A silence that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The one that it changes.
    pub(crate) id: Option<String>,
    pub(crate) conditions: Vec<Condition>,
    /// From when on; `None` is now.
    pub(crate) from_ms: Option<i64>,
    pub(crate) to_ms: i64,
    pub(crate) comment: String,
}

/// Why a silence is not made or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSilence {
    /// There is none, or none that the user may know of.
    #[error("there is no such silence")]
    Unknown,
    /// It is not as silences are.
    #[error("{0}")]
    Wrong(String),
    /// It may not be as it is wanted.
    #[error(transparent)]
    Refused(#[from] SilenceError),
    /// It is over already.
    #[error("this silence is over already")]
    Over,
    /// It could mute servers that its author may not see.
    #[error(
        "it may reach servers beyond yours: add a matcher that names some of yours, as in \
         {0}"
    )]
    Beyond(String),
    /// There are too many.
    #[error("{0}")]
    TooMany(String),
    /// It cannot be stored.
    #[error("{0}")]
    Store(StoreError),
}

/// The silences of the hub.
pub(crate) struct Silences {
    store: Store,
    fleet: Arc<Fleet>,
    muting: Arc<Muting>,
    clock: Clock,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    /// Those that muted at the last look, so that a begin and an end are told once.
    known: Mutex<Vec<Arc<Standing>>>,
    /// What fires, to say on its incidents that it is silenced.
    alerts: Option<Arc<AlertDesk>>,
    /// Who hears of those that mute much.
    watchers: Option<Watchers>,
}

impl Silences {
    /// Takes up those that are stored. Without them everything is told, which is better than that
    /// nothing is.
    pub(crate) fn open(store: Store, fleet: Arc<Fleet>, muting: Arc<Muting>, clock: Clock) -> Self {
        let silences = Self {
            store,
            fleet,
            muting,
            clock,
            turn: Default::default(),
            known: Mutex::default(),
            alerts: None,
            watchers: None,
        };
        let now = silences.clock.now();
        match silences.store.silences() {
            Ok(stored) => {
                let standing = stored.iter().filter(|one| one.to_unix_ms > now.unix_ms);
                silences.muting.hold(standing.filter_map(|one| standing_of(one, now)).collect());
            }
            Err(error) => tracing::error!(%error, "silences are unreadable; everything is told"),
        }
        // They were told of before.
        silences.changed(now);
        silences
    }

    /// The same, that say on the incidents of alerts too that these are silenced.
    pub(crate) fn with_alerts(mut self, alerts: Arc<AlertDesk>) -> Self {
        self.alerts = Some(alerts);
        self
    }

    /// The same, of which others hear when one mutes much.
    pub(crate) fn with_watchers(mut self, watchers: Watchers) -> Self {
        self.watchers = Some(watchers);
        self
    }

    /// All that are kept and that the user may see, in the order in which they were made.
    pub(crate) async fn of(&self, account: &Account) -> Result<Vec<StoredSilence>, StoreError> {
        let all = self.blocking(|store| store.silences()).await?;
        Ok(all.into_iter().filter(|one| self.may_see(account, one)).collect())
    }

    /// Makes a silence, or changes the one that is named. One that cannot be changed into what is
    /// wanted ends, and another takes its place.
    pub(crate) async fn make(
        &self,
        account: &Account,
        wish: Wish,
    ) -> Result<StoredSilence, NoSilence> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let old = match &wish.id {
            Some(id) => Some(self.find(account, id).await?),
            None => None,
        };
        let old = old.filter(|one| one.to_unix_ms > now.unix_ms);
        let silence = silence_of(&wish, old.as_ref(), account, now)?;
        if !stays_within(&wish.conditions, &account.scope, &self.fleet) {
            return Err(NoSilence::Beyond(example(&account.scope)));
        }
        silence.check(self.share(&silence, old.as_ref(), &account.scope, now), now.unix_ms)?;
        let stored = stored_of(&wish, &silence, old.as_ref(), account, now);
        self.check_time(&stored, old.as_ref(), now).await?;
        let letters = self.letters(&stored, now);
        let is_told = !letters.is_empty();
        let replaced = old.filter(|old| old.id != stored.id);
        let ended = replaced.map(|old| ended(old, now));
        let standing = self.standing_with(&stored, silence, ended.as_ref(), account, now)?;
        let (kept, over) = (stored.clone(), ended.clone());
        let write = move |batch: &Batch<'_>| {
            let mut silences = over.iter().chain([&kept]);
            silences.try_for_each(|one| batch.put_silence(one, now.unix_ms))?;
            letters.iter().try_for_each(|letter| batch.enqueue(letter).map(|_| ()))
        };
        self.blocking(move |store| store.write(write)).await?;
        self.muting.hold(standing);
        if let Some(watchers) = self.watchers.as_ref().filter(|_| is_told) {
            watchers.courier.notify_one();
        }
        let StoredSilence { id, comment, to_unix_ms, .. } = &stored;
        let (user, matchers) = (&account.name, text_of(&stored));
        let until = moment_text(*to_unix_ms);
        let replaced = ended.map(|ended| ended.id);
        tracing::info!(id, user, matchers, until, ?comment, replaced, "a silence is made");
        self.heed(replaced.as_deref().map(|id| (id, user.as_str()))).await;
        Ok(stored)
    }

    /// Ends a silence now.
    pub(crate) async fn end(
        &self,
        account: &Account,
        id: &str,
    ) -> Result<StoredSilence, NoSilence> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let found = self.find(account, id).await?;
        if found.to_unix_ms <= now.unix_ms {
            return Err(NoSilence::Over);
        }
        let ended = ended(found, now);
        let over = ended.clone();
        let write = move |batch: &Batch<'_>| batch.put_silence(&over, now.unix_ms);
        self.blocking(move |store| store.write(write)).await?;
        let left = self.muting.silences();
        self.muting.hold(left.iter().filter(|one| one.id != id).cloned().collect());
        tracing::info!(id, user = account.name, "a silence is ended");
        self.heed(Some((id, &account.name))).await;
        Ok(ended)
    }

    /// Whether a user may know of a silence: of one's own, and of those that cannot reach beyond
    /// one's servers. Others name servers that are others'.
    fn may_see(&self, account: &Account, silence: &StoredSilence) -> bool {
        silence.author == account.name
            || stays_within(&silence.matchers, &account.scope, &self.fleet)
    }

    /// One that the user may see.
    pub(crate) async fn find(
        &self,
        account: &Account,
        id: &str,
    ) -> Result<StoredSilence, NoSilence> {
        let all = self.of(account).await?;
        all.into_iter().find(|one| one.id == id).ok_or(NoSilence::Unknown)
    }

    /// Refuses what would mute much of the fleet for longer than a day together with those before
    /// it: not from now on, for then each could follow the one before for ever.
    async fn check_time(
        &self,
        made: &StoredSilence,
        old: Option<&StoredSilence>,
        now: Moment,
    ) -> Result<(), NoSilence> {
        let (made, fleet) = (made.clone(), self.fleet.clone());
        // It ends now, where another one takes its place.
        let replaced = old.filter(|old| old.id != made.id).map(|old| ended(old.clone(), now));
        let work = move |store: &Store| {
            let Some(standing) = standing_of(&made, now) else { return Ok(0) };
            let mut all = store.silences()?;
            for one in &mut all {
                if let Some(ended) = replaced.as_ref().filter(|ended| ended.id == one.id) {
                    one.clone_from(ended);
                }
            }
            Ok(wide::time_muted(&standing, &all, &fleet, now))
        };
        match self.blocking(work).await? {
            time if time > WIDEST_MS => Err(SilenceError::TooWide.into()),
            _ => Ok(()),
        }
    }

    /// What the other administrators are told of it.
    fn letters(&self, made: &StoredSilence, now: Moment) -> Vec<NewNotification> {
        let letters = self.watchers.as_ref().and_then(|watchers| {
            let standing = standing_of(made, now)?;
            // Alone: what others mute was told when it was made.
            let alone = share(&standing.silence.matchers, &standing.scope, &[], &self.fleet);
            Some(watchers.letters(made, alone, &self.fleet, now))
        });
        letters.unwrap_or_default()
    }

    /// What share of the fleet is muted for as long as the silence lasts, when it is made.
    fn share(
        &self,
        silence: &Silence,
        old: Option<&StoredSilence>,
        scope: &Scope,
        now: Moment,
    ) -> f64 {
        // Several narrow ones must not mute for longer together what one may not.
        let long = now.unix_ms.saturating_add(WIDEST_MS);
        let others = self.muting.silences();
        let is_other = |one: &&Arc<Standing>| {
            one.silence.to_ms > long && old.is_none_or(|old| old.id != one.id)
        };
        let others: Vec<_> = others.iter().filter(is_other).cloned().collect();
        share(&silence.matchers, scope, &others, &self.fleet)
    }

    /// Those that stand when one is made and one ended.
    fn standing_with(
        &self,
        made: &StoredSilence,
        silence: Silence,
        ended: Option<&StoredSilence>,
        account: &Account,
        now: Moment,
    ) -> Result<Vec<Arc<Standing>>, NoSilence> {
        let goes = |one: &Arc<Standing>| {
            one.id == made.id
                || ended.is_some_and(|ended| ended.id == one.id)
                || one.state(now) == SilenceState::Expired
        };
        let before = self.muting.silences();
        let mut all: Vec<_> = before.iter().filter(|one| !goes(one)).cloned().collect();
        let scope = account.scope.clone();
        all.push(Arc::new(Standing::new(made.id.clone(), silence, scope, now)));
        let is_expression =
            |one: &&Matcher| matches!(one.op(), MatchOp::Matches | MatchOp::NotMatches);
        let of_one =
            |one: &Arc<Standing>| one.silence.matchers.iter().filter(is_expression).count();
        if all.iter().map(of_one).sum::<usize>() > MAX_EXPRESSIONS {
            let what = format!(
                "all silences have {MAX_EXPRESSIONS} regular expressions at the most: write \
                 label=\"value\", or end some"
            );
            return Err(NoSilence::TooMany(what));
        }
        Ok(all)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let done = task::blocking("silences", move || work(&store)).await;
        done.unwrap_or_else(|failed| Err(StoreError::Io { why: failed.to_string() }))
    }
}

impl From<StoreError> for NoSilence {
    fn from(error: StoreError) -> Self {
        match error {
            error @ StoreError::TooMany { .. } => Self::TooMany(error.to_string()),
            other => Self::Store(other),
        }
    }
}

/// Where a silence stands, by the clock on the wall.
pub(crate) fn state_of(silence: &StoredSilence, at_ms: i64) -> SilenceState {
    match at_ms {
        at if at >= silence.to_unix_ms => SilenceState::Expired,
        at if at < silence.from_unix_ms => SilenceState::Pending,
        _ => SilenceState::Active,
    }
}

/// The matchers of a silence in one line, as selectors are written.
pub(crate) fn text_of(silence: &StoredSilence) -> String {
    let one = |(label, op, value): &Condition| format!("{label}{}{:?}", op.as_str(), value);
    silence.matchers.iter().map(one).collect::<Vec<_>>().join(",")
}

/// What is wanted as it would hold from now on.
fn silence_of(
    wish: &Wish,
    old: Option<&StoredSilence>,
    account: &Account,
    now: Moment,
) -> Result<Silence, NoSilence> {
    let matchers: Result<Vec<Matcher>, NoSilence> = wish.conditions.iter().map(matcher).collect();
    // What began stays begun; nothing begins in the past.
    let began = old.filter(|old| old.from_unix_ms <= now.unix_ms && is_same(old, wish));
    let from_ms = match began {
        Some(old) => old.from_unix_ms,
        None => wish.from_ms.map_or(now.unix_ms, |from| from.max(now.unix_ms)),
    };
    Ok(Silence {
        matchers: matchers?,
        from_ms,
        to_ms: wish.to_ms,
        author: account.name.clone(),
        comment: wish.comment.clone(),
    })
}

/// What is stored of it. One with the same matchers by the same author is changed in its place.
fn stored_of(
    wish: &Wish,
    silence: &Silence,
    old: Option<&StoredSilence>,
    account: &Account,
    now: Moment,
) -> StoredSilence {
    let same = old.filter(|old| is_same(old, wish) && old.author == account.name);
    let selectors = account.scope.selectors().iter();
    StoredSilence {
        id: same.map_or_else(uuid, |old| old.id.clone()),
        matchers: wish.conditions.clone(),
        scope: selectors.map(|one| one.as_str().to_owned()).collect(),
        from_unix_ms: silence.from_ms,
        to_unix_ms: silence.to_ms,
        author: silence.author.clone(),
        comment: silence.comment.clone(),
        created_unix_ms: same.map_or(now.unix_ms, |old| old.created_unix_ms),
        updated_unix_ms: now.unix_ms,
    }
}

/// Whether a wish changes only the time or the words of a silence.
fn is_same(old: &StoredSilence, wish: &Wish) -> bool {
    let moves = wish.from_ms.is_some_and(|from| from > old.from_unix_ms);
    old.matchers == wish.conditions && !moves
}

/// The silence as it is when it ends now. One that has not begun never does.
fn ended(silence: StoredSilence, now: Moment) -> StoredSilence {
    let from_unix_ms = silence.from_unix_ms.min(now.unix_ms);
    StoredSilence { from_unix_ms, to_unix_ms: now.unix_ms, updated_unix_ms: now.unix_ms, ..silence }
}

fn matcher((label, op, value): &Condition) -> Result<Matcher, NoSilence> {
    let wrong = |why: String| NoSilence::Wrong(why);
    if label.len() > MAX_TEXT || value.len() > MAX_TEXT {
        return Err(wrong(format!(
            "a matcher's label and value have {MAX_TEXT} bytes at the most"
        )));
    }
    Labels::new().insert(label, "").map_err(|error| wrong(error.to_string()))?;
    Matcher::small(label, *op, value)
        .map_err(|why| wrong(format!("{label}{}{value:?}: {why}", op.as_str())))
}

/// A silence as it is stored, that holds from now on. One that cannot be read mutes nothing.
pub(crate) fn standing_of(stored: &StoredSilence, now: Moment) -> Option<Arc<Standing>> {
    let matchers: Result<Vec<Matcher>, NoSilence> = stored.matchers.iter().map(matcher).collect();
    let scope: Result<Vec<Selector>, _> =
        stored.scope.iter().map(|text| Selector::parse(text)).collect();
    let (Ok(matchers), Ok(scope)) = (matchers, scope) else {
        tracing::error!(id = stored.id, "a silence is unreadable and mutes nothing");
        return None;
    };
    let silence = Silence {
        matchers,
        from_ms: stored.from_unix_ms,
        to_ms: stored.to_unix_ms,
        author: stored.author.clone(),
        comment: stored.comment.clone(),
    };
    Some(Arc::new(Standing::new(stored.id.clone(), silence, Scope::new(scope), now)))
}

/// A random UUID (RFC 9562 section 5.4), as Alertmanager's clients want it.
fn uuid() -> String {
    let hex = random_hex(16);
    // Version 4, and the variant of that document.
    let variant = match hex.as_bytes()[16] {
        b'0'..=b'3' => '8',
        b'4'..=b'7' => '9',
        b'8'..=b'b' => 'a',
        _ => 'b',
    };
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

/// Something of their own that a user may name.
fn example(scope: &Scope) -> String {
    scope.selectors().first().map_or_else(|| "nothing".to_owned(), |one| one.as_str().to_owned())
}

#[cfg(test)]
mod tests;
