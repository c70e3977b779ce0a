//! What nobody is told of for a while, and why.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchfire_alert::told::Maintenance;
use watchfire_model::{Labels, Moment};

/// Everything that mutes.
#[derive(Debug, Default)]
pub(crate) struct Muting {
    maintenance: Vec<Maintenance>,
    /// Of each window that is open, by its number, when it must be over on the monotonic clock. A
    /// clock on the wall that is set back must not make it longer.
    ends: Mutex<HashMap<usize, Duration>>,
}

/// Why something is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    /// In words: `maintenance "disks"`.
    pub(crate) why: String,
    /// Until when, in milliseconds since 1970; `None` where it has no end.
    pub(crate) until_ms: Option<i64>,
}

impl Muting {
    pub(crate) fn new(maintenance: Vec<Maintenance>) -> Self {
        Self { maintenance, ends: Mutex::default() }
    }

    /// Why nobody is told now of a server with `labels`: what lasts longest.
    pub(crate) fn of(&self, labels: &Labels, now: Moment) -> Option<Mute> {
        let numbered = self.maintenance.iter().enumerate();
        let holding = numbered.filter(|(_, one)| one.scope.holds(labels));
        let mutes = holding.filter(|(number, _)| self.is_open(*number, now)).map(|(_, one)| Mute {
            why: format!("maintenance {:?}", one.name),
            until_ms: one.window.ends(now.unix_ms),
        });
        mutes.max_by_key(|mute| mute.until_ms.unwrap_or(i64::MAX))
    }

    /// What the clock on the wall alone says of any moment, past or to come.
    pub(crate) fn planned(&self, labels: &Labels, at_ms: i64) -> Option<Mute> {
        let holding = self.maintenance.iter().filter(|one| one.holds(labels, at_ms));
        let mutes = holding.map(|one| Mute {
            why: format!("maintenance {:?}", one.name),
            until_ms: one.window.ends(at_ms),
        });
        mutes.max_by_key(|mute| mute.until_ms.unwrap_or(i64::MAX))
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

#[cfg(test)]
mod tests {
    use watchfire_alert::told::Window;
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
        let is_muted = |now: Moment| muting.of(&Labels::new(), now).is_some();
        assert!(is_muted(moment(0)));
        let back = |ms: u64| Moment { unix_ms: start + 1000, ..moment(ms) };
        assert!(is_muted(back(59_000)));
        assert!(!is_muted(back(60_000)), "it is over, whatever the wall says");
        assert!(!is_muted(moment(61_000)));
        // Once the wall has left the window and comes into it again, it is another one.
        assert!(is_muted(back(62_000)));
    }
}
