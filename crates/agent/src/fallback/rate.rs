use std::time::Duration;

use watchfire_model::Moment;

/// How often a member may ask in [`WINDOW`]. One that follows the rules asks every five seconds.
const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Who asked how often of late, by the place in the list of members.
#[derive(Debug, Default)]
pub(super) struct Rate(Vec<(Moment, u32)>);

impl Rate {
    /// True when this member may ask once more now.
    pub(super) fn may(&mut self, member: usize, now: Moment) -> bool {
        if self.0.len() <= member {
            self.0.resize(member + 1, (now, 0));
        }
        let (began, times) = &mut self.0[member];
        if now.since(*began) >= WINDOW {
            (*began, *times) = (now, 0);
        }
        *times = times.saturating_add(1);
        *times <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_asks_too_much_keeps_no_other_from_asking() {
        let (mut rate, start) = (Rate::default(), Moment::default());
        assert_eq!((0..100).filter(|_| rate.may(3, start)).count(), 20);
        assert!(rate.may(1, start));
        assert!(rate.may(3, start.after(WINDOW)));
    }
}
