//! Many servers down at once are one notification.

use std::time::Duration;

use watchfire_model::Moment;

/// The longest that a letter about an outage waits for others.
pub const STORM_WAIT: Duration = Duration::from_secs(2);
/// How long a verdict may take from where it falls to where letters are written. A
/// letter that went out in between would leave the last one of its storm behind.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// What becomes of a user's verdicts that are not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gather {
    /// They are told now, as one letter.
    Now,
    /// Others may join them until then; ask again at that moment, or as soon as a
    /// server that was late is judged or heard.
    Until(Moment),
}

/// Whether a user's letter is sent, or waits for the servers that are about to be
/// judged too.
///
/// `first` is the moment of the oldest verdict that the user was not told of.
/// `late_due` is when each `late` server whose news the user gets would be judged
/// (`PresenceMachine::next_check`). Where no other server is late, nothing waits, so
/// a single outage is never delayed; and nothing waits longer than [`STORM_WAIT`].
#[must_use]
pub fn gather(first: Moment, late_due: impl IntoIterator<Item = Moment>, now: Moment) -> Gather {
    let last = first.after(STORM_WAIT);
    let waits_for = |due: &Moment| due.monotonic <= last.monotonic;
    let newest = late_due.into_iter().filter(waits_for).max_by_key(|due| due.monotonic);
    match newest {
        // A verdict that is overdue falls at the hub's next look; the wait has its end all the same.
        Some(due) if now.monotonic < last.monotonic => {
            let there = due.after(ON_ITS_WAY);
            let is_overdue = due.monotonic <= now.monotonic;
            let is_late = is_overdue || there.monotonic > last.monotonic;
            Gather::Until(if is_late { last } else { there })
        }
        _ => Gather::Now,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::moment;

    #[test]
    fn a_letter_waits_only_for_those_that_are_about_to_fall() {
        for (name, late, now, expected) in [
            ("alone", vec![], 0, Gather::Now),
            ("one more in a moment", vec![300], 0, Gather::Until(moment(350))),
            ("the last of them counts", vec![300, 1900, 400], 0, Gather::Until(moment(1950))),
            ("one that falls much later", vec![2001], 0, Gather::Now),
            ("at the end of the wait", vec![2000], 0, Gather::Until(moment(2000))),
            ("the wait is over", vec![2000], 2000, Gather::Now),
            ("the hub came late", vec![300], 9000, Gather::Now),
            ("due, and not judged yet", vec![300], 300, Gather::Until(moment(2000))),
            ("all were judged or heard", vec![], 300, Gather::Now),
        ] {
            let late = late.into_iter().map(moment);
            assert_eq!(gather(moment(0), late, moment(now)), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_waits_past_its_limit(
            late in proptest::collection::vec(0_i64..5000, 0..20),
            now in 0_i64..4000,
        ) {
            let told = gather(moment(0), late.iter().copied().map(moment), moment(now));
            match told {
                Gather::Until(until) => {
                    prop_assert!(!late.is_empty());
                    prop_assert!(until.monotonic > moment(now).monotonic);
                    prop_assert!(until.monotonic <= moment(0).after(STORM_WAIT).monotonic);
                }
                Gather::Now => {
                    let joins = late.iter().any(|due| *due <= 2000);
                    prop_assert!(!joins || now >= 2000);
                }
            }
        }
    }
}
