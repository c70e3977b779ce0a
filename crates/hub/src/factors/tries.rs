use std::collections::HashMap;
use std::time::Duration;

use watchfire_model::Moment;

/// How many wrong codes a user may have in [`WINDOW`]: at three codes of a million that are right
/// at a time, a guesser who knows the password needs two years for an even chance.
pub(super) const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_secs(3600);

/// Wrong codes of each user, from wherever they came: one entry a user who has a second factor,
/// and so there are few.
#[derive(Default)]
pub(super) struct Tries(HashMap<String, Counted>);

struct Counted {
    since: Moment,
    tries: u32,
}

impl Tries {
    /// Counts a try as a wrong one, or says how long to wait for the next.
    pub(super) fn admit(&mut self, user: &str, now: Moment) -> Result<(), Duration> {
        self.0.retain(|_, counted| now.since(counted.since) < WINDOW);
        let counted = self.0.entry(user.to_owned()).or_insert(Counted { since: now, tries: 0 });
        if counted.tries >= MOST {
            return Err(WINDOW.saturating_sub(now.since(counted.since)));
        }
        counted.tries += 1;
        Ok(())
    }

    /// Forgets those of a user whose code was right.
    pub(super) fn forget(&mut self, user: &str) {
        self.0.remove(user);
    }
}
