use jiff::tz::TimeZone;
use watchfire_model::{Labels, Scope};

use super::Hours;

/// A time in which some servers are worked on, so that nobody is told of their trouble.
#[derive(Debug, Clone)]
pub struct Maintenance {
    /// What it is called.
    pub name: String,
    /// Of which servers.
    pub scope: Scope,
    /// When.
    pub window: Window,
}

/// When maintenance is.
#[derive(Debug, Clone)]
pub enum Window {
    /// Once, in milliseconds since 1970; the second is not in it any more.
    Once(i64, i64),
    /// Each day or week, on the clock of a time zone.
    Each(Hours, TimeZone),
}

impl Maintenance {
    /// Whether a server with `labels` is worked on at `at_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn holds(&self, labels: &Labels, at_ms: i64) -> bool {
        self.window.holds(at_ms) && self.scope.holds(labels)
    }
}

impl Window {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, at_ms: i64) -> bool {
        match self {
            Self::Once(from, to) => (*from..*to).contains(&at_ms),
            Self::Each(hours, zone) => hours.holds(at_ms, zone),
        }
    }

    /// When it ends, of a moment in it; `None` outside of it and for one that never ends.
    #[must_use]
    pub fn ends(&self, at_ms: i64) -> Option<i64> {
        match self {
            _ if !self.holds(at_ms) => None,
            Self::Once(_, to) => Some(*to),
            Self::Each(hours, zone) => hours.next(at_ms, false, zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::Selector;

    use super::*;

    #[test]
    fn servers_are_worked_on_in_the_window_and_nowhere_else() {
        let mut web = Labels::new();
        web.insert("role", "web").unwrap();
        let hours = Hours::parse("thu 02:00-04:00").unwrap();
        let one = |window| Maintenance {
            name: "disks".to_owned(),
            scope: Scope::new(vec![Selector::parse("role=\"web\"").unwrap()]),
            window,
        };
        let hour = 3_600_000;
        // The first day of 1970 was a Thursday.
        for window in [Window::Once(2 * hour, 4 * hour), Window::Each(hours, TimeZone::UTC)] {
            let one = one(window);
            let inside = [hour, 2 * hour, 4 * hour - 1, 4 * hour].map(|at| one.holds(&web, at));
            assert_eq!(inside, [false, true, true, false]);
            assert!(!one.holds(&Labels::new(), 3 * hour));
            assert_eq!(one.window.ends(3 * hour), Some(4 * hour));
            assert_eq!(one.window.ends(hour), None);
        }
    }
}
