use std::time::Duration;

use watchfire_alert::HubTime;
use watchfire_wire::{Backfill, Record};

/// An answer that brings nothing for this long is given up.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Likewise one that brings fewer bytes a second, once it had this time: others wait.
const LEAST_RATE: u64 = 4 << 10;
const LEAST_AFTER: Duration = Duration::from_secs(60);
/// The most that one answer may bring, in bytes: the largest recorder of an agent.
const MAX_BYTES: u64 = 4 << 30;

/// An answer that comes in parts.
#[derive(Debug)]
pub(crate) struct Answer {
    open: Backfill,
    began: HubTime,
    last: HubTime,
    /// The newest sequence that came: an agent gives each record once, in their
    /// order, so that it cannot send for ever.
    newest: u64,
    bytes: u64,
    /// It looked stuck when it was last looked at.
    doubted: bool,
}

impl Answer {
    pub(super) fn new(open: Backfill, now: HubTime) -> Self {
        // It begins where the chain of the first one does, which may lie before `from`.
        Self { open, began: now, last: now, newest: 0, bytes: 0, doubted: false }
    }

    pub(super) fn request(&self) -> u64 {
        self.open.request
    }

    /// Takes a part of it.
    ///
    /// # Errors
    /// In words, for records that were not asked for.
    pub(crate) fn take(&mut self, records: &[Record], now: HubTime) -> Result<(), &'static str> {
        self.last = now;
        for record in records {
            if record.sequence <= self.newest {
                return Err("it answers a record twice");
            }
            self.newest = record.sequence;
            self.bytes += record.bytes.len() as u64;
        }
        if self.newest > self.open.to && !records.is_empty() {
            return Err("it answers more than it was asked");
        }
        if self.bytes > MAX_BYTES {
            return Err("it answers more than a recorder holds");
        }
        Ok(())
    }

    /// Looks whether it is worth waiting for: false when it is stuck and was so the last
    /// time. Behind a standstill of the hub its parts wait in the socket, and the
    /// standstill itself may not be known of yet.
    pub(super) fn look(&mut self, now: HubTime) -> bool {
        let stuck = self.is_stuck(now);
        let was_stuck = std::mem::replace(&mut self.doubted, stuck);
        !(stuck && was_stuck)
    }

    fn is_stuck(&self, now: HubTime) -> bool {
        let took = awake(self.began, now);
        let slow = took >= LEAST_AFTER && self.bytes / took.as_secs().max(1) < LEAST_RATE;
        slow || awake(self.last, now) >= ANSWER_LIMIT
    }
}

/// How long the hub was awake between the two.
fn awake(from: HubTime, to: HubTime) -> Duration {
    to.at.since(from.at).saturating_sub(to.stalled.saturating_sub(from.stalled))
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::*;

    fn at(seconds: u64) -> HubTime {
        stalled(seconds, 0)
    }

    fn stalled(seconds: u64, stalled: u64) -> HubTime {
        let at = Moment::default().after(Duration::from_secs(1000 + seconds));
        HubTime { at, stalled: Duration::from_secs(stalled) }
    }

    fn records(sequences: impl IntoIterator<Item = u64>, bytes: usize) -> Vec<Record> {
        let record = |sequence| Record { sequence, bytes: vec![0; bytes], ..Record::default() };
        sequences.into_iter().map(record).collect()
    }

    #[test]
    fn each_record_that_was_asked_for_comes_once() {
        let open = Backfill { request: 1, from: 10, to: 20 };
        let begun = || Answer::new(open, at(0));
        let mut good = begun();
        assert_eq!(good.take(&records([10, 12], 9), at(0)), Ok(()));
        assert_eq!(good.take(&[], at(0)), Ok(()));
        assert_eq!(good.take(&records([13, 20], 9), at(0)), Ok(()));
        for wrong in [9, 12, 20, 21] {
            assert!(good.take(&records([wrong], 9), at(0)).is_err(), "{wrong}");
        }
        assert!(begun().take(&records([9], 9), at(0)).is_ok(), "its chain begins before it");
        assert!(begun().take(&records([11, 11], 9), at(0)).is_err());
    }

    #[test]
    fn an_answer_has_to_go_on() {
        let mut answer = Answer::new(Backfill { request: 1, from: 1, to: u64::MAX }, at(0));
        assert!(!answer.is_stuck(at(9)) && answer.is_stuck(at(10)));
        for second in 1..=60 {
            answer.take(&records([second], 1000), at(second)).expect("it was asked for");
        }
        assert!(answer.is_stuck(at(60)), "1 kB a second is too slow");
        answer.take(&records([61], 200_000), at(60)).expect("it was asked for");
        assert!(!answer.is_stuck(at(60)));
    }

    #[test]
    fn a_standstill_of_the_hub_is_not_held_against_it() {
        let ask = Backfill { request: 1, from: 1, to: u64::MAX };
        let mut answer = Answer::new(ask, stalled(0, 3));
        assert!(!answer.is_stuck(stalled(100, 94)) && answer.is_stuck(stalled(100, 93)));
        // It is not given up at the first look, and not when something came meanwhile.
        assert!(answer.look(at(100)));
        answer.take(&records([1], 1 << 20), at(100)).expect("it was asked for");
        assert!(answer.look(at(101)) && answer.look(at(110)));
        assert!(!answer.look(at(111)));
    }
}
