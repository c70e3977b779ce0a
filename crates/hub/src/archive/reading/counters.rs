//! Series of which the ends of windows are enough, unless they turn out to fall.

use std::collections::HashSet;
use std::ops::ControlFlow;

use watchfire_model::{Schema, SourceError, Tick};
use watchfire_store::block::KeyId;

use super::super::columns::Segment;
use super::super::counters::AtEnds;
use super::super::matching::Labels;
use super::super::places::Place;
use super::super::segment::{Merged, merged};
use super::sealed::NEAR_MS;
use super::{Question, Span, unreadable};

impl Question<'_> {
    /// The counters of one server at the ends of windows, and with all their samples the series
    /// for which that is not enough.
    pub(super) fn of_counters(
        &mut self,
        place: &Place,
        newest: Option<(Schema, Tick)>,
        live: Option<Segment>,
        held: Labels,
    ) -> Result<Vec<Merged>, SourceError> {
        let span = (self.selection.after_ms, self.selection.until_ms);
        let (until_ms, mut later) = self.unsealed(place, newest, held, span)?;
        let last = later.iter().filter_map(|segment| segment.times.last()).max().copied();
        later.extend(live.filter(|live| last < live.times.last().copied()));
        let counted = self.counted(place, held, (span.0, until_ms), &later)?;
        let (counters, rest) = match counted {
            Some((counters, rest)) => (counters, Some(rest)),
            None => (Merged::default(), None),
        };
        if rest.as_ref().is_some_and(HashSet::is_empty) {
            return Ok(vec![counters]);
        }
        let mut segments = self.sealed(place, held, (span.0, until_ms), rest.as_ref())?;
        segments.extend(later.into_iter().map(|mut segment| {
            segment.columns.retain(|(number, _)| rest.as_ref().is_none_or(|r| r.contains(number)));
            segment
        }));
        Ok(vec![counters, merged(segments)])
    }

    /// What is known at the ends of windows, and the numbers of the series that need more;
    /// nothing where that would need a closer look.
    fn counted(
        &mut self,
        place: &Place,
        held: Labels,
        span: Span,
        later: &[Segment],
    ) -> Result<Option<(Merged, HashSet<usize>)>, SourceError> {
        let hint = self.selection.hint;
        let mut counters = AtEnds::new(hint.ends, hint.range_ms);
        if !self.sealed_counters(place, held, span, &mut counters)? {
            return Ok(None);
        }
        let follow = later.iter().all(|segment| counters.add_segment(segment));
        Ok(follow.then(|| counters.told()))
    }

    /// Takes in what is sealed. False where something is damaged, or not there by the tick.
    fn sealed_counters(
        &mut self,
        place: &Place,
        held: Labels,
        span: Span,
        counters: &mut AtEnds<'_>,
    ) -> Result<bool, SourceError> {
        let Some(history) = self.archive.history().filter(|_| span.0 < span.1) else {
            return Ok(true);
        };
        let wanted = self.sealed_keys(history, place, held, span)?;
        if wanted.is_empty() {
            return Ok(true);
        }
        let ids: Vec<KeyId> = wanted.iter().map(|(id, _)| *id).collect();
        let (out_of_time, left) = (self.selection.out_of_time, self.left);
        let counters = std::cell::RefCell::new(counters);
        let pick = &mut |times: &[i64], ticks: &mut Vec<usize>| {
            let mut counters = counters.borrow_mut();
            let near = counters.first().or(times.first().copied());
            let near = near.is_some_and(|first| first.saturating_sub(span.0) <= NEAR_MS);
            let goes_on = near && counters.samples() <= left && !out_of_time();
            if goes_on && counters.begin(times) {
                ticks.extend_from_slice(counters.ticks());
            }
        };
        let found = &mut |picked: &watchfire_store::Picked<'_>| {
            let mut counters = counters.borrow_mut();
            counters.add(wanted[picked.key].1, picked.values, picked.rises);
            let goes_on = counters.samples() <= left && !out_of_time();
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let (from_ms, to_ms) = (span.0.saturating_add(1), span.1);
        let told = history.picked(&place.key, &ids, (from_ms, to_ms), pick, found);
        let told = told.map_err(unreadable)?;
        if out_of_time() {
            return Err(SourceError::OutOfTime);
        }
        if counters.borrow().samples() > left {
            return Err(SourceError::TooManySamples { limit: self.selection.max_samples });
        }
        let whole = told.is_some_and(|told| told.gaps.is_empty() && !told.cut);
        Ok(whole && counters.borrow().first().is_some())
    }
}
