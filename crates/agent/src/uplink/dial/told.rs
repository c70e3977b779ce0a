use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchfire_model::Moment;

/// How often the log is told of the same again.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What the log was last told, so that a hub that is away for a night does not
/// fill it with one line.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(String, Moment)>>);

impl Told {
    /// True when this is news, or was told a minute ago or more.
    pub(super) fn is_due(&self, what: &str, now: Moment) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            told.as_ref().is_some_and(|(before, at)| before == what && now.since(*at) < TELL_EVERY);
        if !known {
            *told = Some((what.to_owned(), now));
        }
        !known
    }

    /// What comes next is news again.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_a_minute_and_news_at_once() {
        let (told, start) = (Told::default(), Moment::default());
        let at = |seconds| start.after(Duration::from_secs(seconds));
        assert!(told.is_due("refused", at(0)));
        assert!(!told.is_due("refused", at(59)));
        assert!(told.is_due("no name", at(59)));
        assert!(told.is_due("refused", at(60)), "it is another than the last");
        assert!(!told.is_due("refused", at(119)));
        assert!(told.is_due("refused", at(120)));
        told.forget();
        assert!(told.is_due("refused", at(121)));
    }
}
