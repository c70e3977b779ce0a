use jiff::tz::TimeZone;
use watchfire_model::{Channel, Scope};

use super::{Awake, News, Telling, Way};

/// A user as far as being told is concerned.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The user's name.
    pub name: String,
    /// Whose news the user gets.
    pub scope: Scope,
    /// The ways to reach the user where no way says otherwise, preferred first.
    pub channels: Vec<Channel>,
    /// Other channels for some news; the first one that fits decides.
    pub ways: Vec<Way>,
    /// The channels by which escalations reach the user besides.
    pub escalated: Vec<Channel>,
    /// When the user can be told of anything.
    pub awake: Awake,
    /// The zone in which the user reads times, and on whose clock hours are.
    pub time_zone: TimeZone,
}

impl Recipient {
    /// What becomes of `news` at `at_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn telling(&self, news: &News<'_>, at_ms: i64) -> Telling<'_> {
        if !self.scope.holds(news.labels) {
            return Telling::NotTheirs;
        }
        let (channels, way) = self.channels_for(news, at_ms);
        match (channels.is_empty(), way) {
            (true, Some(way)) => Telling::Muted(way),
            (true, None) => Telling::Unreachable,
            (false, way) => {
                let not_before_ms = self.waits_until(news, at_ms);
                Telling::Told { channels, way, not_before_ms }
            }
        }
    }

    /// The channels for `news`, whosever they are, and the number of the way that has them, from 1.
    #[must_use]
    pub fn channels_for(&self, news: &News<'_>, at_ms: i64) -> (&[Channel], Option<usize>) {
        match self.ways.iter().position(|way| way.fits(news, at_ms, &self.time_zone)) {
            Some(at) => (&self.ways[at].channels, Some(at + 1)),
            None => (&self.channels, None),
        }
    }

    /// Until when `news` wait for the user to be awake; `None` when they do not.
    #[must_use]
    pub fn waits_until(&self, news: &News<'_>, at_ms: i64) -> Option<i64> {
        self.awake.waits_until(news.severity, at_ms, &self.time_zone)
    }

    /// Whether the user is told of anything by `channel`, as things are now.
    #[must_use]
    pub fn uses(&self, channel: &Channel) -> bool {
        let of_ways = self.ways.iter().flat_map(|way| &way.channels);
        let all = self.channels.iter().chain(of_ways).chain(&self.escalated);
        all.into_iter().any(|known| known == channel)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use watchfire_model::{Labels, Selector, Severity};

    use super::*;
    use crate::told::Hours;

    fn scope(selector: &str) -> Scope {
        Scope::new(vec![Selector::parse(selector).unwrap()])
    }

    fn hours(text: &str) -> Option<Hours> {
        Some(Hours::parse(text).unwrap())
    }

    fn channels(urls: &[&str]) -> Vec<Channel> {
        urls.iter().map(|url| Channel::new(url)).collect()
    }

    fn at(text: &str) -> i64 {
        let civil: DateTime = text.parse().unwrap();
        civil.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond()
    }

    /// Ada cares for `role="web"`, is called for what is critical at night, hears nothing of
    /// tests, and works from eight to six.
    fn ada() -> Recipient {
        let all = Severity::Info;
        Recipient {
            name: "ada".to_owned(),
            scope: scope("role=\"web\""),
            channels: channels(&["mailto:ada@example.org"]),
            ways: vec![
                Way {
                    scope: Some(scope("stage=\"test\"")),
                    severity: all,
                    during: None,
                    channels: vec![],
                },
                Way {
                    scope: None,
                    severity: Severity::Critical,
                    during: hours("18:00-08:00"),
                    channels: channels(&["sms:1"]),
                },
            ],
            escalated: Vec::new(),
            awake: Awake { working: hours("mon-fri 08:00-18:00"), quiet: None, wakes: None },
            time_zone: TimeZone::UTC,
        }
    }

    #[test]
    fn the_first_way_that_fits_decides_and_what_can_wait_waits() {
        let ada = ada();
        let (mail, sms) = (channels(&["mailto:ada@example.org"]), channels(&["sms:1"]));
        let told = |channels, way, not_before: Option<&str>| Telling::Told {
            channels,
            way,
            not_before_ms: not_before.map(at),
        };
        let web = [("role", "web")].as_slice();
        // The 23rd of November 2026 is a Monday.
        for (labels, severity, moment, expected) in [
            (&[("role", "db")][..], Severity::Critical, "2026-11-23T12:00", Telling::NotTheirs),
            (
                &[("role", "web"), ("stage", "test")],
                Severity::Critical,
                "2026-11-23T12:00",
                Telling::Muted(1),
            ),
            (web, Severity::Critical, "2026-11-23T12:00", told(&mail, None, None)),
            (web, Severity::Critical, "2026-11-23T03:00", told(&sms, Some(2), None)),
            (web, Severity::Warning, "2026-11-23T12:00", told(&mail, None, None)),
            (
                web,
                Severity::Warning,
                "2026-11-23T03:00",
                told(&mail, None, Some("2026-11-23T08:00")),
            ),
            (web, Severity::Info, "2026-11-27T18:00", told(&mail, None, Some("2026-11-30T08:00"))),
        ] {
            let mut own = Labels::new();
            labels.iter().for_each(|(name, value)| own.insert(name, value).unwrap());
            let news = News { labels: &own, severity };
            assert_eq!(ada.telling(&news, at(moment)), expected, "{labels:?} at {moment}");
        }
    }
}
