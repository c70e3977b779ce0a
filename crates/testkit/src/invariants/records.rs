//! I4: what was acknowledged is stored.

use std::collections::BTreeMap;

use super::{Event, Invariant, Verdict};

/// By server, the records that were acknowledged and those that are stored.
#[derive(Debug, Default)]
pub(super) struct Records {
    acknowledged: BTreeMap<String, Ranges>,
    stored: BTreeMap<String, Ranges>,
}

/// Sequences as ranges: from the first to the last, both included, that
/// neither touch nor overlap.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Records {
    pub(super) fn feed(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Acknowledged { server, from, to } => {
                self.acknowledged.entry(server.clone()).or_default().add(*from, *to);
            }
            Event::Stored { server, from, to } => {
                self.stored.entry(server.clone()).or_default().add(*from, *to);
            }
            Event::Crashed => self.stored.clear(),
            Event::Recovered => return self.all_stored(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn all_stored(&self) -> Verdict {
        for (server, acknowledged) in &self.acknowledged {
            let nothing = Ranges::default();
            let stored = self.stored.get(server).unwrap_or(&nothing);
            if let Some(first) = acknowledged.first_missing_in(stored) {
                let what = format!("record {first} of {server} was acknowledged and is not stored");
                return Err((Invariant::I4, what));
            }
        }
        Ok(())
    }
}

impl Ranges {
    fn add(&mut self, from: u64, to: u64) {
        let (mut from, mut to) = (from, to);
        // Each neighbour that it touches becomes part of it.
        while let Some((&first, &last)) = self.0.range(..=to.saturating_add(1)).next_back() {
            if last.saturating_add(1) < from {
                break;
            }
            self.0.remove(&first);
            (from, to) = (from.min(first), to.max(last));
        }
        self.0.insert(from, to);
    }

    /// The first sequence that is here and not there.
    fn first_missing_in(&self, other: &Self) -> Option<u64> {
        self.0.iter().find_map(|(&from, &to)| {
            let around = other.0.range(..=from).next_back().map(|(_, last)| *last);
            match around.filter(|last| *last >= from) {
                Some(last) if last >= to => None,
                Some(last) => Some(last + 1),
                None => Some(from),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together_and_holes_are_found() {
        let mut ranges = Ranges::default();
        for (from, to) in [(10, 12), (1, 3), (5, 6), (4, 4), (20, u64::MAX), (11, 15)] {
            ranges.add(from, to);
        }
        let all: Vec<_> = ranges.0.iter().map(|(from, to)| (*from, *to)).collect();
        assert_eq!(all, [(1, 6), (10, 15), (20, u64::MAX)]);
        let one = |from, to| Ranges([(from, to)].into());
        assert_eq!(one(2, 6).first_missing_in(&ranges), None);
        assert_eq!(one(2, 7).first_missing_in(&ranges), Some(7));
        assert_eq!(one(8, 12).first_missing_in(&ranges), Some(8));
        assert_eq!(one(1, 1).first_missing_in(&Ranges::default()), Some(1));
    }
}
