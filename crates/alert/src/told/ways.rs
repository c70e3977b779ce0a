use std::fmt;

use jiff::tz::TimeZone;
use watchfire_model::{Channel, Labels, Scope, Severity};

use super::Hours;

/// Other channels for some news.
#[derive(Debug, Clone)]
pub struct Way {
    /// Of which servers; `None` is all of the user's.
    pub scope: Option<Scope>,
    /// Of which severity at least.
    pub severity: Severity,
    /// When; `None` is always.
    pub during: Option<Hours>,
    /// Where to; without any, such news are not told.
    pub channels: Vec<Channel>,
}

/// When a user can be told of anything, and not only of what cannot wait.
#[derive(Debug, Clone, Default)]
pub struct Awake {
    /// Working hours: what can wait waits for them.
    pub working: Option<Hours>,
    /// Hours of rest: what can wait waits for their end.
    pub quiet: Option<Hours>,
    /// What cannot wait: `critical` unless set.
    pub wakes: Option<Severity>,
}

/// Something to tell.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// The labels of what it is about: those of the server, and an alert's own.
    pub labels: &'a Labels,
    /// How bad it is.
    pub severity: Severity,
}

/// Whether, when and how a user is told. It can be shown as the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling<'a> {
    /// By these channels, not before that moment in milliseconds since 1970, if there is one.
    Told {
        /// Preferred first.
        channels: &'a [Channel],
        /// The number of the way that fits, from 1; `None` for the user's own channels.
        way: Option<usize>,
        /// `None` is at once.
        not_before_ms: Option<i64>,
    },
    /// It is none of the servers whose news the user gets.
    NotTheirs,
    /// That way says not to, by its number from 1.
    Muted(usize),
    /// There is no channel.
    Unreachable,
}

impl Way {
    /// Whether it is the way for some news at a moment.
    pub(super) fn fits(&self, news: &News<'_>, at_ms: i64, zone: &TimeZone) -> bool {
        news.severity >= self.severity
            && self.scope.as_ref().is_none_or(|scope| scope.holds(news.labels))
            && self.during.as_ref().is_none_or(|during| during.holds(at_ms, zone))
    }
}

impl Awake {
    /// Until when news of a severity wait; `None` when they do not. Where working and quiet
    /// hours leave no common time within a week, nothing waits: it would never be told.
    #[must_use]
    pub fn waits_until(&self, severity: Severity, at_ms: i64, zone: &TimeZone) -> Option<i64> {
        /// So many times one of the two may end while the other begins.
        const TURNS: usize = 64;
        if severity >= self.wakes.unwrap_or(Severity::Critical) {
            return None;
        }
        let mut until = at_ms;
        for _ in 0..TURNS {
            let before = until;
            until = self.working.as_ref().map_or(Some(until), |h| h.next(until, true, zone))?;
            until = self.quiet.as_ref().map_or(Some(until), |h| h.next(until, false, zone))?;
            if until == before {
                return (until > at_ms).then_some(until);
            }
        }
        None
    }
}

impl fmt::Display for Telling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTheirs => f.write_str("not told: none of this user's servers"),
            Self::Muted(way) => write!(f, "not told: way {way} has no channels"),
            Self::Unreachable => f.write_str("not told: this user has no channel"),
            Self::Told { way, not_before_ms, .. } => {
                f.write_str(if not_before_ms.is_some() { "told later" } else { "told at once" })?;
                match way {
                    Some(way) => write!(f, " by way {way}"),
                    None => f.write_str(" by the user's channels"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;

    use super::*;

    fn hours(text: &str) -> Option<Hours> {
        Some(Hours::parse(text).unwrap())
    }

    fn at(text: &str) -> i64 {
        let civil: DateTime = text.parse().unwrap();
        civil.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn what_would_never_be_told_is_told_at_once() {
        let awake = |working: &str, quiet: &str| Awake {
            working: hours(working),
            quiet: hours(quiet),
            wakes: None,
        };
        let waits = |awake: Awake, severity| {
            awake.waits_until(severity, at("2026-11-23T03:00"), &TimeZone::UTC)
        };
        assert_eq!(waits(awake("08:00-18:00", "07:00-19:00"), Severity::Info), None);
        assert_eq!(waits(awake("08:00-18:00", "mon-sun"), Severity::Info), None);
        let both = awake("08:00-18:00", "mon 00:00-10:00");
        assert_eq!(waits(both.clone(), Severity::Warning), Some(at("2026-11-23T10:00")));
        assert_eq!(waits(both.clone(), Severity::Critical), None);
        let light = Awake { wakes: Some(Severity::Warning), ..both };
        assert_eq!(waits(light, Severity::Warning), None);
    }
}
