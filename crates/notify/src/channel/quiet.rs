//! A provider that says when to come again is left alone until then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchfire_model::Moment;

/// How many channels are remembered. When it is full, the one whose time is over the soonest goes.
const MAX_CHANNELS: usize = 1024;

/// Until when channels are left alone, by their URLs.
#[derive(Default)]
pub(crate) struct Quiet(Mutex<HashMap<String, Moment>>);

impl std::fmt::Debug for Quiet {
    /// The URLs hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Quiet(…)")
    }
}

impl Quiet {
    /// What is left of the time for which `channel` is left alone.
    pub(crate) fn left(&self, channel: &str, now: Moment) -> Option<Duration> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = channels.get(channel)?.monotonic;
        let left = until.saturating_sub(now.monotonic);
        if left.is_zero() {
            channels.remove(channel);
            return None;
        }
        Some(left)
    }

    /// Leaves `channel` alone for `pause` from `now` on.
    pub(crate) fn begin(&self, channel: &str, pause: Duration, now: Moment) {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.len() >= MAX_CHANNELS && !channels.contains_key(channel) {
            let soonest = channels.iter().min_by_key(|(_, until)| until.monotonic);
            if let Some(soonest) = soonest.map(|(channel, _)| channel.clone()) {
                channels.remove(&soonest);
            }
        }
        channels.insert(channel.to_owned(), now.after(pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_channel_is_left_alone_until_its_time_is_over() {
        let quiet = Quiet::default();
        let now = Moment::default();
        quiet.begin("a", 7 * SECOND, now);
        assert_eq!(quiet.left("a", now), Some(7 * SECOND));
        assert_eq!(quiet.left("b", now), None);
        assert_eq!(quiet.left("a", now.after(6 * SECOND)), Some(SECOND));
        assert_eq!(quiet.left("a", now.after(7 * SECOND)), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let quiet = Quiet::default();
        let now = Moment::default();
        for number in 0..2000_u64 {
            quiet.begin(&number.to_string(), Duration::from_secs(number + 1), now);
        }
        assert_eq!(quiet.0.lock().unwrap().len(), MAX_CHANNELS);
        assert!(quiet.left("1999", now).is_some() && quiet.left("0", now).is_none());
    }
}
