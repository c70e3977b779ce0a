//! What nobody is told of for a while, and why: maintenance of the config, and silences that
//! operators made.

mod standing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use watchfire_alert::clean;
use watchfire_alert::told::Maintenance;
use watchfire_model::{Labels, Moment};

pub(crate) use standing::{SERVER_DOWN, Standing, labels_of_trouble};

/// How much of a silence's comment is said where something is muted, in characters.
const MAX_WHY: usize = 200;

/// Everything that mutes.
#[derive(Debug)]
pub(crate) struct Muting {
    maintenance: Vec<Maintenance>,
    /// Of each window that is open, by its number, when it must be over on the monotonic clock. A
    /// clock on the wall that is set back must not make it longer.
    ends: Mutex<HashMap<usize, Duration>>,
    /// The silences that mute or will, in the order in which they were made.
    silences: RwLock<Arc<[Arc<Standing>]>>,
    /// Told when there are other silences than before.
    changed: watch::Sender<()>,
}

/// Why something is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    /// In words: `maintenance "disks"`.
    pub(crate) why: String,
    /// Until when, in milliseconds since 1970; `None` where it has no end.
    pub(crate) until_ms: Option<i64>,
}

impl Default for Muting {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Muting {
    pub(crate) fn new(maintenance: Vec<Maintenance>) -> Self {
        let silences = RwLock::new(Arc::from([]));
        Self { maintenance, ends: Mutex::default(), silences, changed: watch::Sender::new(()) }
    }

    /// Why nobody is told now of an alert with `labels`: what lasts longest. By `theirs` it is
    /// known who may see it: the labels of its server, and else its own.
    pub(crate) fn of(&self, labels: &Labels, theirs: &Labels, now: Moment) -> Option<Mute> {
        let silences = self.silences();
        let silences = silences.iter().filter(|one| one.mutes(labels, theirs, now));
        longest(self.open(labels, now).chain(silences.map(|one| one.mute())))
    }

    /// Why nobody is told now that a server with `labels` is in trouble itself. Silences see that
    /// as an alert [`SERVER_DOWN`].
    pub(crate) fn of_server(&self, labels: &Labels, now: Moment) -> Option<Mute> {
        let silences = self.silences();
        let trouble = (!silences.is_empty()).then(|| labels_of_trouble(labels));
        let silences = trouble.iter().flat_map(|trouble| {
            silences.iter().filter(|one| one.mutes(trouble, labels, now)).map(|one| one.mute())
        });
        longest(self.open(labels, now).chain(silences))
    }

    /// What the clock on the wall alone says of trouble of a server at any moment, past or to
    /// come, as far as it is known now.
    pub(crate) fn planned(&self, labels: &Labels, at_ms: i64) -> Option<Mute> {
        let holding = self.maintenance.iter().filter(|one| one.holds(labels, at_ms));
        let windows = holding.map(|one| Mute {
            why: format!("maintenance {:?}", one.name),
            until_ms: one.window.ends(at_ms),
        });
        let trouble = labels_of_trouble(labels);
        let silences = self.silences();
        let silences = silences.iter().filter(|one| one.is_planned(&trouble, labels, at_ms));
        longest(windows.chain(silences.map(|one| one.mute())))
    }

    /// The silences that mute or will.
    pub(crate) fn silences(&self) -> Arc<[Arc<Standing>]> {
        self.silences.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// These silences hold from now on, and no others; all who wait for a change look again.
    pub(crate) fn hold(&self, silences: Vec<Arc<Standing>>) {
        *self.silences.write().unwrap_or_else(PoisonError::into_inner) = silences.into();
        self.look_again();
    }

    /// Has all who wait for a change look again: a silence began, or is over.
    pub(crate) fn look_again(&self) {
        self.changed.send_replace(());
    }

    /// Tells when what is muted may be another than before.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The maintenance of servers with `labels` that goes on.
    fn open(&self, labels: &Labels, now: Moment) -> impl Iterator<Item = Mute> {
        let numbered = self.maintenance.iter().enumerate();
        let holding = numbered.filter(|(_, one)| one.scope.holds(labels));
        holding.filter(move |(number, _)| self.is_open(*number, now)).map(move |(_, one)| Mute {
            why: format!("maintenance {:?}", one.name),
            until_ms: one.window.ends(now.unix_ms),
        })
    }

    fn is_open(&self, number: usize, now: Moment) -> bool {
        let window = &self.maintenance[number].window;
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if !window.holds(now.unix_ms) {
            ends.remove(&number);
            return false;
        }
        let Some(until) = window.ends(now.unix_ms) else { return true };
        let left = u64::try_from(until.saturating_sub(now.unix_ms)).unwrap_or(0);
        let end = now.monotonic.saturating_add(Duration::from_millis(left));
        now.monotonic < *ends.entry(number).or_insert(end)
    }
}

fn longest(mutes: impl Iterator<Item = Mute>) -> Option<Mute> {
    mutes.max_by_key(|mute| mute.until_ms.unwrap_or(i64::MAX))
}

/// What is said of a silence where it mutes something.
fn words(author: &str, comment: &str) -> String {
    let (author, comment) = (clean(author, MAX_WHY), clean(comment, MAX_WHY));
    match comment.is_empty() {
        true => format!("silence of {author}"),
        false => format!("silence of {author}: \"{comment}\""),
    }
}

#[cfg(test)]
mod tests {
    use watchfire_alert::told::{Silence, Window};
    use watchfire_model::Scope;

    use super::*;
    use crate::testing::moment;

    #[test]
    fn a_clock_that_is_set_back_makes_no_window_longer() {
        let start = moment(0).unix_ms;
        let maintenance = Maintenance {
            name: "disks".to_owned(),
            scope: Scope::everything(),
            window: Window::Once(start, start + 60_000),
        };
        let muting = Muting::new(vec![maintenance]);
        let is_muted = |now: Moment| muting.of_server(&Labels::new(), now).is_some();
        assert!(is_muted(moment(0)));
        let back = |ms: u64| Moment { unix_ms: start + 1000, ..moment(ms) };
        assert!(is_muted(back(59_000)));
        assert!(!is_muted(back(60_000)), "it is over, whatever the wall says");
        assert!(!is_muted(moment(61_000)));
        // Once the wall has left the window and comes into it again, it is another one.
        assert!(is_muted(back(62_000)));
    }

    fn silence(matchers: &str, scope: Scope, ms: (i64, i64), now: Moment) -> Arc<Standing> {
        let selector = watchfire_model::Selector::parse(matchers).expect("good matchers");
        let start = moment(0).unix_ms;
        let silence = Silence {
            matchers: selector.matchers().to_vec(),
            from_ms: start + ms.0,
            to_ms: start + ms.1,
            author: "ada".to_owned(),
            comment: "new disks".to_owned(),
        };
        Arc::new(Standing::new("id-1".to_owned(), silence, scope, now))
    }

    fn labels(server: &str) -> Labels {
        crate::testing::watched(server, "127.0.0.1:9").server.labels
    }

    #[test]
    fn a_silence_mutes_trouble_of_a_server_and_its_alerts() {
        let muting = Muting::default();
        let muted = |alert: &str, server: &str, ms: u64| {
            let mut labels = labels(server);
            labels.insert("alertname", alert).expect("a label");
            let alert = muting.of(&labels, &labels, moment(ms)).is_some();
            let trouble = muting.of_server(&self::labels(server), moment(ms)).is_some();
            (alert, trouble)
        };
        assert_eq!(muted("DiskFull", "a-1", 5), (false, false));
        let everything = Scope::everything();
        muting.hold(vec![silence(r#"server="a-1""#, everything.clone(), (0, 10), moment(0))]);
        assert_eq!(muted("DiskFull", "a-1", 5), (false, true), "an alert brings its own labels");
        muting.hold(vec![silence(r#"instance="a-1""#, everything.clone(), (3, 10), moment(0))]);
        assert_eq!(muted("DiskFull", "a-1", 2), (false, false), "it begins later");
        assert_eq!(muted("DiskFull", "a-1", 5), (true, true));
        assert_eq!(muted("DiskFull", "b-1", 5), (false, false));
        assert_eq!(muted("DiskFull", "a-1", 10), (false, false), "it is over");
        let only = r#"alertname="ServerDown",severity="critical""#;
        muting.hold(vec![silence(only, everything.clone(), (0, 10), moment(0))]);
        assert_eq!(muted("DiskFull", "a-1", 5), (false, true));
        assert_eq!(muted("DiskFull", "a-minor", 5), (false, false), "it is a warning");
        let why = muting.of_server(&labels("a-1"), moment(5)).expect("it is muted");
        let until_ms = Some(moment(10).unix_ms);
        assert_eq!(why, Mute { why: "silence of ada: \"new disks\"".to_owned(), until_ms });
        assert_eq!(muting.planned(&labels("a-1"), moment(5).unix_ms), Some(why));
        assert_eq!(muting.planned(&labels("a-1"), moment(10).unix_ms), None);
    }

    #[test]
    fn a_silence_mutes_nothing_that_its_author_may_not_see() {
        let muting = Muting::default();
        let both = r#"instance=~"a-1|b-1""#;
        muting.hold(vec![silence(both, crate::testing::team("a"), (0, 10), moment(0))]);
        assert!(muting.of_server(&labels("a-1"), moment(5)).is_some());
        assert_eq!(muting.of_server(&labels("b-1"), moment(5)), None);
        let of = |server: &str, theirs: &str| {
            muting.of(&labels(server), &labels(theirs), moment(5)).is_some()
        };
        assert!(of("a-1", "a-1") && !of("b-1", "b-1"));
        assert!(!of("a-1", "b-1"), "an alert cannot say that it is another team's");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_silence_longer() {
        let muting = Muting::default();
        let all = Scope::everything();
        muting.hold(vec![silence(r#"team="a""#, all, (0, 60_000), moment(0))]);
        let is_muted = |now: Moment| muting.of_server(&labels("a-1"), now).is_some();
        let back = |ms: u64| Moment { unix_ms: moment(1000).unix_ms, ..moment(ms) };
        assert!(is_muted(back(59_999)));
        assert!(!is_muted(back(60_000)), "it is over, whatever the wall says");
        assert!(!is_muted(moment(60_000)));
    }

    #[test]
    fn who_waits_is_told_of_a_change() {
        let muting = Muting::default();
        let waiting = muting.changes();
        assert!(!waiting.has_changed().expect("it lives"));
        muting.hold(Vec::new());
        assert!(waiting.has_changed().expect("it lives"));
    }

    #[test]
    fn a_comment_is_one_harmless_line() {
        assert_eq!(words("ada", "a\nb\u{2068}c\u{2069}"), "silence of ada: \"a bc\"");
        assert_eq!(words("ada", " "), "silence of ada");
    }
}
