use std::time::Duration;

use watchfire_model::Goodbye;

/// How long a server may be quiet before each judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceLimits {
    /// Quiet for this long: `late`, and the hub begins to probe.
    pub late_after: Duration,
    /// Quiet for this long: the verdict.
    pub down_after: Duration,
    /// How long after its start the hub waits for the first sign of a server. A value
    /// below `down_after` counts as `down_after`.
    pub grace: Duration,
    /// How long a server may be away for a reboot. A value below `down_after`
    /// counts as `down_after`.
    pub leaving_limit: Duration,
    /// How long an agent may be away while a new release takes over. A value below
    /// `down_after` counts as `down_after`.
    pub upgrade_limit: Duration,
}

/// The verdict's limit when the config says nothing.
const DOWN_AFTER: Duration = Duration::from_secs(5);
/// The grace after a start of the hub is never below this (fault F13).
const LEAST_GRACE: Duration = Duration::from_secs(5);
/// How long a reboot may last when the config says nothing: that of a slow machine.
const LEAVING_LIMIT: Duration = Duration::from_secs(300);
/// How long an upgrade may last: only the process is started anew.
const UPGRADE_LIMIT: Duration = Duration::from_secs(60);

impl PresenceLimits {
    /// The limits for a `down_after` of the config: late at three fifths of it, a
    /// grace of at least five seconds, five minutes for a
    /// reboot, one for an upgrade.
    #[must_use]
    pub fn with_down_after(down_after: Duration) -> Self {
        Self {
            late_after: down_after / 5 * 3,
            down_after,
            grace: down_after.max(LEAST_GRACE),
            leaving_limit: LEAVING_LIMIT.max(down_after),
            upgrade_limit: UPGRADE_LIMIT.max(down_after),
        }
    }

    pub(crate) fn first_sign_limit(&self) -> Duration {
        self.grace.max(self.down_after)
    }

    /// How long a server may be away after `goodbye`.
    pub(crate) fn goodbye_limit(&self, goodbye: Goodbye) -> Duration {
        let limit = match goodbye {
            Goodbye::Reboot => self.leaving_limit,
            Goodbye::Upgrade => self.upgrade_limit,
            Goodbye::Stop => self.down_after,
        };
        limit.max(self.down_after)
    }
}

impl Default for PresenceLimits {
    fn default() -> Self {
        Self::with_down_after(DOWN_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_promised_ones() {
        let limits = PresenceLimits::default();
        assert_eq!(limits.late_after, Duration::from_secs(3));
        assert_eq!(limits.down_after, Duration::from_secs(5));
        assert_eq!(limits.grace, Duration::from_secs(5));
        assert_eq!(limits.leaving_limit, Duration::from_secs(300));
        assert_eq!(limits.upgrade_limit, Duration::from_secs(60));
    }

    #[test]
    fn a_long_down_after_pulls_the_others_up() {
        let limits = PresenceLimits::with_down_after(Duration::from_secs(600));
        assert_eq!(limits.late_after, Duration::from_secs(360));
        assert_eq!(limits.grace, Duration::from_secs(600));
        assert_eq!(limits.leaving_limit, Duration::from_secs(600));
    }
}
