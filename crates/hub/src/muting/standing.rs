use std::time::Duration;

use watchfire_alert::told::{Silence, SilenceState};
use watchfire_model::{Labels, Moment, Scope};

use super::{Mute, words};
use crate::desk::severity;

/// The name under which silences, and whoever asks as one asks an Alertmanager, see the trouble
/// of a server itself.
pub(crate) const SERVER_DOWN: &str = "ServerDown";

/// A silence that mutes, or will.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) id: String,
    pub(crate) silence: Silence,
    /// The servers that its author saw when it was made: it mutes no others.
    pub(crate) scope: Scope,
    /// When it must be over on the monotonic clock. A clock on the wall that is set back must not
    /// make it longer.
    until: Duration,
}

impl Standing {
    /// A silence as the clocks stand `now`.
    pub(crate) fn new(id: String, silence: Silence, scope: Scope, now: Moment) -> Self {
        let left = u64::try_from(silence.to_ms.saturating_sub(now.unix_ms)).unwrap_or(0);
        let until = now.monotonic.saturating_add(Duration::from_millis(left));
        Self { id, silence, scope, until }
    }

    /// Where it stands.
    pub(crate) fn state(&self, now: Moment) -> SilenceState {
        match now.monotonic < self.until {
            true => self.silence.state(now.unix_ms),
            false => SilenceState::Expired,
        }
    }

    /// Whether it mutes now what has `labels`. By those in `theirs` its author's scope holds.
    pub(crate) fn mutes(&self, labels: &Labels, theirs: &Labels, now: Moment) -> bool {
        self.state(now) == SilenceState::Active && self.fits(labels, theirs)
    }

    /// Whether it is about what has `labels`, whenever that is.
    pub(crate) fn fits(&self, labels: &Labels, theirs: &Labels) -> bool {
        self.silence.fits(labels) && self.scope.holds(theirs)
    }

    /// Whether it will mute, or muted, at a moment, by the clock on the wall alone.
    pub(super) fn is_planned(&self, labels: &Labels, theirs: &Labels, at_ms: i64) -> bool {
        self.silence.state(at_ms) == SilenceState::Active && self.fits(labels, theirs)
    }

    /// The next moment at which it begins or is over; `None` when it is.
    pub(crate) fn next(&self, now: Moment) -> Option<Duration> {
        match self.state(now) {
            SilenceState::Pending => {
                let left = self.silence.from_ms.saturating_sub(now.unix_ms);
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                Some(now.monotonic.saturating_add(left).min(self.until))
            }
            SilenceState::Active => Some(self.until),
            SilenceState::Expired => None,
        }
    }

    pub(super) fn mute(&self) -> Mute {
        Mute { why: self.words(), until_ms: Some(self.silence.to_ms) }
    }

    /// Whose it is and why, in one line.
    pub(crate) fn words(&self) -> String {
        words(&self.silence.author, &self.silence.comment)
    }
}

/// The labels by which silences hold for the trouble of a server with `labels` itself.
pub(crate) fn labels_of_trouble(labels: &Labels) -> Labels {
    let mut all = labels.clone();
    let server = labels.get("name").unwrap_or_default();
    let severity = severity(labels).as_str();
    let own = [("alertname", SERVER_DOWN), ("server", server), ("severity", severity)];
    for (name, value) in own {
        all.insert(name, value).expect("these are good names");
    }
    all
}
