use std::time::Duration;

use watchfire_model::Moment;

/// How many are told in a minute.
const MOST: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// Lets a few a minute through and counts the others.
#[derive(Debug, Default)]
pub(super) struct Pace {
    began: Option<Moment>,
    told: u32,
    left_out: u64,
}

impl Pace {
    /// How many were left out before this one; `None` when this one is left out as well.
    pub(super) fn take(&mut self, now: Moment) -> Option<u64> {
        self.take_of(MOST, now)
    }

    /// The same where there are `most` in a minute.
    pub(super) fn take_of(&mut self, most: u32, now: Moment) -> Option<u64> {
        if self.began.is_none_or(|began| now.since(began) >= MINUTE) {
            self.began = Some(now);
            self.told = 0;
        }
        if self.told >= most {
            self.left_out += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}
