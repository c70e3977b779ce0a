//! What the kernel of a server told, wherever it is: in chunks that are not sealed, or sealed.
//! Chunks are read first: what is sealed in between is met twice, and never missed. Each counts once.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use watchfire_model::SourceError;
use watchfire_store::{Gap, History, StoredEvent, Stretch};

use super::Archive;
use super::places::Place;
use super::reading::{each_stretch, unreadable};
use super::schemas::Schemas;
use super::walk::{Met, Walk, Wanted};
use crate::http::{EventsAsked, Heard, HeardEvents};
use crate::session::recorded_event;

/// The most gaps of one answer. Further ones are told as one.
const MAX_GAPS: usize = 100;

impl Archive {
    /// What the kernel of the server at `index` told, newest first.
    ///
    /// # Errors
    /// [`SourceError`] when the history cannot be read, or not in time.
    pub(super) fn events(
        &self,
        index: usize,
        asked: &EventsAsked,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<HeardEvents, SourceError> {
        let Some(history) = self.history() else { return Ok(HeardEvents::default()) };
        let place = self.0.places.one(&self.0.fleet, index);
        let mut newest = Newest { asked, events: BTreeSet::new(), gaps: Vec::new() };
        self.unsealed_events(history, &place, &mut newest, out_of_time)?;
        let EventsAsked { from_ms, to_ms, limit } = *asked;
        let sealed = history.events(&place.key, from_ms, to_ms, limit).map_err(unreadable)?;
        sealed.events.into_iter().for_each(|event| newest.add(event));
        newest.gaps.extend(sealed.gaps.iter().map(span_of));
        Ok(newest.told())
    }

    fn unsealed_events(
        &self,
        history: &History,
        place: &Place,
        newest: &mut Newest<'_>,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<(), SourceError> {
        let known = &self.0.known;
        let schemas = Schemas::new(known, history, &place.key, None);
        let mut walk = Walk::new(known, schemas, Wanted::Events);
        let span = (newest.asked.from_ms.saturating_sub(1), newest.asked.to_ms);
        each_stretch(history, &place.key, span, &mut |stretch: &Stretch| {
            newest.gaps.extend(stretch.gaps.iter().map(span_of));
            for stored in &stretch.chunks {
                if out_of_time() {
                    return Err(SourceError::OutOfTime);
                }
                let met = walk.chunk(stored, &mut |met| {
                    if let Met::Event(record) = met {
                        let bytes = record.bytes.clone();
                        newest.add(StoredEvent { at_ms: record.unix_ms, bytes });
                    }
                    ControlFlow::Continue(())
                });
                met.map_err(unreadable)?;
            }
            Ok(())
        })
    }
}

/// The newest events of those that were added, each once.
struct Newest<'a> {
    asked: &'a EventsAsked,
    events: BTreeSet<StoredEvent>,
    gaps: Vec<(i64, i64)>,
}

impl Newest<'_> {
    fn add(&mut self, event: StoredEvent) {
        let EventsAsked { from_ms, to_ms, limit } = *self.asked;
        if (from_ms..=to_ms).contains(&event.at_ms) {
            self.events.insert(event);
        }
        if self.events.len() > limit {
            self.events.pop_first();
        }
    }

    /// What no event can be read of is a gap as well.
    fn told(self) -> HeardEvents {
        let Self { events, mut gaps, .. } = self;
        let mut heard = Vec::with_capacity(events.len());
        for StoredEvent { at_ms, bytes } in events.into_iter().rev() {
            match recorded_event(&bytes) {
                Some(event) => heard.push(Heard { at_ms, event }),
                None => gaps.push((at_ms, at_ms)),
            }
        }
        HeardEvents { events: heard, gaps: joined(gaps) }
    }
}

fn span_of(gap: &Gap) -> (i64, i64) {
    (gap.from_ms, gap.to_ms)
}

/// Gaps in the order of time; those that touch are one.
fn joined(mut gaps: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    gaps.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from_ms, to_ms) in gaps {
        let full = joined.len() == MAX_GAPS;
        match joined.last_mut() {
            Some(last) if full || from_ms <= last.1 => last.1 = last.1.max(to_ms),
            _ => joined.push((from_ms, to_ms)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_that_touch_are_one_and_there_are_never_many() {
        assert_eq!(joined(vec![(5, 9), (1, 2), (2, 3), (6, 7), (9, 9)]), [(1, 3), (5, 9)]);
        let many = joined((0..1000).map(|n| (2 * n, 2 * n)).collect());
        assert_eq!((many.len(), many[0], many[MAX_GAPS - 1]), (MAX_GAPS, (0, 0), (198, 1998)));
    }

    #[test]
    fn what_is_no_event_is_a_gap() {
        let asked = EventsAsked { from_ms: 1, to_ms: 9, limit: 3 };
        let mut newest = Newest { asked: &asked, events: BTreeSet::new(), gaps: Vec::new() };
        for at_ms in [0, 4, 2, 5, 4, 10, 3] {
            let text = if at_ms == 4 { "{}" } else { r#"{"kind":"new_kind","text":"x"}"# };
            newest.add(StoredEvent { at_ms, bytes: text.as_bytes().to_vec() });
        }
        let told = newest.told();
        let times: Vec<i64> = told.events.iter().map(|heard| heard.at_ms).collect();
        assert_eq!((times, told.gaps), (vec![5, 3], vec![(4, 4)]), "the newest three, each once");
    }
}
