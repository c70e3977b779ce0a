use thiserror::Error;
use watchfire_model::{Labels, Matcher};

/// How long a silence may last that mutes most of the fleet: a day.
pub const WIDEST_MS: i64 = 24 * 60 * 60 * 1000;
/// From which share of the fleet on a silence is wide.
pub const WIDE_SHARE: f64 = 0.5;
/// How long any silence may last: a year.
const LONGEST_MS: i64 = 366 * 24 * 60 * 60 * 1000;
/// How many matchers one may have.
const MAX_MATCHERS: usize = 32;
/// How long a comment may be, in bytes.
const MAX_COMMENT: usize = 4096;

/// A muting that an operator made: what fits all of its matchers is not told while it lasts.
#[derive(Debug, Clone)]
pub struct Silence {
    /// What a server's or an alert's labels must hold.
    pub matchers: Vec<Matcher>,
    /// The first moment, in milliseconds since 1970.
    pub from_ms: i64,
    /// The end; not in it any more.
    pub to_ms: i64,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceState {
    /// It begins later.
    Pending,
    /// It mutes.
    Active,
    /// It is over.
    Expired,
}

/// Why a silence is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SilenceError {
    /// It would mute everything there is, and whatever comes.
    #[error("a silence needs a matcher that does not hold for an empty label")]
    Everything,
    /// It ends before it begins, or is over already.
    #[error("a silence ends after it begins, and later than now")]
    Over,
    /// It lasts too long.
    #[error("a silence lasts a year at the most")]
    TooLong,
    /// It lasts too long for what it mutes.
    #[error(
        "a silence of half of the fleet or more lasts a day at the most, with those that ended \
             less than an hour before it"
    )]
    TooWide,
    /// More matchers or words than there may be.
    #[error("a silence has {MAX_MATCHERS} matchers and {MAX_COMMENT} bytes of comment at the most")]
    TooMuch,
}

impl Silence {
    /// Whether it may be made at `now_ms`. `share` of the fleet, from 0 to 1, is what it mutes.
    ///
    /// # Errors
    /// [`SilenceError`] says what to change.
    pub fn check(&self, share: f64, now_ms: i64) -> Result<(), SilenceError> {
        if self.matchers.len() > MAX_MATCHERS || self.comment.len() > MAX_COMMENT {
            return Err(SilenceError::TooMuch);
        }
        if self.matchers.iter().all(|matcher| matcher.holds("")) {
            return Err(SilenceError::Everything);
        }
        if self.to_ms <= self.from_ms || self.to_ms <= now_ms {
            return Err(SilenceError::Over);
        }
        let length = self.to_ms.saturating_sub(self.from_ms.max(now_ms));
        if length > LONGEST_MS {
            return Err(SilenceError::TooLong);
        }
        // From now on: many that follow each other would mute it for ever.
        if share >= WIDE_SHARE && self.to_ms.saturating_sub(now_ms) > WIDEST_MS {
            return Err(SilenceError::TooWide);
        }
        Ok(())
    }

    /// Where it stands at a moment.
    #[must_use]
    pub fn state(&self, at_ms: i64) -> SilenceState {
        match at_ms {
            at if at < self.from_ms => SilenceState::Pending,
            at if at < self.to_ms => SilenceState::Active,
            _ => SilenceState::Expired,
        }
    }

    /// Whether something with `labels` is muted at a moment.
    #[must_use]
    pub fn mutes(&self, labels: &Labels, at_ms: i64) -> bool {
        self.state(at_ms) == SilenceState::Active && self.fits(labels)
    }

    /// Whether it is about something with `labels`, whenever that is.
    #[must_use]
    pub fn fits(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::MatchOp;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn silence(op: MatchOp, value: &str, hours: i64) -> Silence {
        Silence {
            matchers: vec![Matcher::new("role", op, value).unwrap()],
            from_ms: 0,
            to_ms: hours * HOUR,
            author: "ada".to_owned(),
            comment: "new disks".to_owned(),
        }
    }

    #[test]
    fn it_mutes_what_fits_while_it_lasts() {
        let one = silence(MatchOp::Equal, "web", 1);
        let mut web = Labels::new();
        web.insert("role", "web").unwrap();
        assert!(one.mutes(&web, 0) && one.mutes(&web, HOUR - 1));
        assert!(!one.mutes(&web, -1) && !one.mutes(&web, HOUR));
        assert!(!one.mutes(&Labels::new(), 0));
        let states = [-1, 0, HOUR].map(|at| one.state(at));
        assert_eq!(states, [SilenceState::Pending, SilenceState::Active, SilenceState::Expired]);
    }

    #[test]
    fn what_would_mute_too_much_or_for_too_long_is_refused() {
        let equal = MatchOp::Equal;
        for (one, share, expected) in [
            (silence(equal, "web", 24 * 30), 0.1, Ok(())),
            (silence(equal, "web", 24), 1.0, Ok(())),
            (silence(equal, "web", 25), 0.5, Err(SilenceError::TooWide)),
            (silence(equal, "web", 24 * 400), 0.1, Err(SilenceError::TooLong)),
            (silence(MatchOp::Matches, ".*", 1), 0.1, Err(SilenceError::Everything)),
            (silence(MatchOp::NotEqual, "web", 1), 0.1, Err(SilenceError::Everything)),
            (silence(equal, "", 1), 0.1, Err(SilenceError::Everything)),
            (silence(equal, "web", 0), 0.1, Err(SilenceError::Over)),
            (
                Silence { matchers: vec![], ..silence(equal, "web", 1) },
                0.1,
                Err(SilenceError::Everything),
            ),
            (
                Silence { comment: "x".repeat(5000), ..silence(equal, "web", 1) },
                0.1,
                Err(SilenceError::TooMuch),
            ),
        ] {
            assert_eq!(one.check(share, 0), expected, "{one:?}");
        }
        // It is over, and one that goes on is measured from now on.
        assert_eq!(silence(equal, "web", 1).check(0.1, HOUR), Err(SilenceError::Over));
        assert_eq!(silence(equal, "web", 30).check(1.0, 7 * HOUR), Ok(()));
    }
}
