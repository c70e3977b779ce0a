use std::time::Duration;

use watchfire_model::Moment;

/// How many looks leave the hub in a second, its own and those that it asks for.
/// More quiet servers are judged by what is seen of them anyway.
const LOOKS_PER_SECOND: u32 = 512;

/// How fast looks may leave.
#[derive(Debug, Default)]
pub(super) struct Rate {
    second: Option<Moment>,
    taken: u32,
    /// Looks that were not allowed.
    pub(super) left_out: u64,
}

impl Rate {
    /// True when one more may leave now.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        if self.second.is_none_or(|began| now.since(began) >= Duration::from_secs(1)) {
            (self.second, self.taken) = (Some(now), 0);
        }
        let may = self.taken < LOOKS_PER_SECOND;
        self.taken += u32::from(may);
        self.left_out += u64::from(!may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_no_storm_of_looks() {
        let (mut rate, start) = (Rate::default(), Moment::default());
        let allowed = (0..2000).filter(|_| rate.take(start)).count();
        assert_eq!((allowed, rate.left_out), (512, 1488));
        assert!(rate.take(start.after(Duration::from_secs(1))));
    }
}
