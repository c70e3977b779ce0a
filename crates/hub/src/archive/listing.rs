//! Which series there are, without their samples.
//!
//! A series counts that the last tick has, or a block of the time, or, of a server whose last
//! tick is not of the time, a chunk. One that came and went within the last minutes on a
//! server that is here shows once it is sealed.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use watchfire_model::{Found, LabelPair, Listing, SourceError, is_absent};
use watchfire_store::History;
use watchfire_store::block::KeyId;

use super::matching::{Labels, Matching};
use super::places::Place;
use super::reading::{each_stretch, unreadable};
use super::schemas::Schemas;
use super::source::ArchiveSource;
use super::walk::{Met, Walk, Wanted};
use super::wanted::WantedKeys;

/// Gives `each` the labels of every listed series, its key's and its server's. Some come more
/// than once.
pub(super) fn each_listed(
    source: &ArchiveSource,
    listing: &Listing<'_>,
    each: &mut dyn FnMut(&[LabelPair], &[LabelPair]),
) -> Result<(), SourceError> {
    let inner = &source.archive.0;
    let places = inner.places.of(&inner.fleet, &source.scope);
    let everything = [Vec::new()];
    let selectors = if listing.selectors.is_empty() { &everything } else { listing.selectors };
    for matchers in selectors {
        let matching = Matching::new(matchers)?;
        let mut keys = WantedKeys::new(&matching);
        for place in &places {
            if (listing.out_of_time)() {
                return Err(SourceError::OutOfTime);
            }
            let held = matching.held_by(&place.labels);
            if matching.may_fit(held) {
                let mut looking = Looking { source, listing, keys: &mut keys, held };
                for number in looking.of_server(place)? {
                    each(&keys.get(number).pairs, &place.labels);
                }
            }
        }
    }
    Ok(())
}

struct Looking<'a, 'm> {
    source: &'a ArchiveSource,
    listing: &'a Listing<'a>,
    keys: &'a mut WantedKeys<'m>,
    held: Labels,
}

impl Looking<'_, '_> {
    /// The numbers of the keys of which the server has a series in that time.
    fn of_server(&mut self, place: &Place) -> Result<HashSet<usize>, SourceError> {
        let mut found = HashSet::new();
        let newest = self.source.archive.newest(place.index);
        let within = self.listing.from_ms..=self.listing.until_ms;
        let live = newest.as_ref().filter(|(_, tick)| within.contains(&tick.at.unix_ms));
        if let Some((schema, tick)) = live {
            for &(at, number) in &*self.keys.of_schema(schema) {
                let is_there = tick.values.get(at).is_some_and(|value| !is_absent(*value));
                if is_there && self.fits(number) {
                    found.insert(number);
                }
            }
        }
        let Some(history) = self.source.archive.history() else { return Ok(found) };
        if live.is_none() {
            self.in_chunks(history, place, &mut found)?;
        }
        self.in_blocks(history, place, &mut found)?;
        Ok(found)
    }

    fn fits(&self, number: usize) -> bool {
        self.keys.get(number).left.are_in(self.held)
    }

    fn in_blocks(
        &mut self,
        history: &History,
        place: &Place,
        found: &mut HashSet<usize>,
    ) -> Result<(), SourceError> {
        let all = self.keys.of_sealed(&*history.keys().map_err(unreadable)?);
        if all.is_empty() {
            return Ok(());
        }
        let (from_ms, until_ms) = (self.listing.from_ms, self.listing.until_ms);
        let has = history.keys_of(&place.key, from_ms, until_ms).map_err(unreadable)?;
        let has: HashSet<KeyId> = has.into_iter().collect();
        let there = all.iter().filter(|(id, number)| has.contains(id) && self.fits(*number));
        found.extend(there.map(|(_, number)| *number));
        Ok(())
    }

    fn in_chunks(
        &mut self,
        history: &History,
        place: &Place,
        found: &mut HashSet<usize>,
    ) -> Result<(), SourceError> {
        let known = &self.source.archive.0.known;
        let live = self.source.archive.newest(place.index).map(|(schema, _)| schema);
        let schemas = Schemas::new(known, history, &place.key, live);
        let mut walk = Walk::new(known, schemas, Wanted::Ticks);
        let (keys, held, listing) = (&mut *self.keys, self.held, self.listing);
        let span = (listing.from_ms.saturating_sub(1), listing.until_ms);
        each_stretch(history, &place.key, span, &mut |stretch| {
            for stored in &stretch.chunks {
                if (listing.out_of_time)() {
                    return Err(SourceError::OutOfTime);
                }
                let fate = walk.chunk(stored, &mut |met| {
                    let Met::Tick(schema, tick) = met else { return ControlFlow::Continue(()) };
                    if span.0 < tick.at.unix_ms && tick.at.unix_ms <= span.1 {
                        let places = keys.of_schema(schema);
                        let there = places.iter().filter(|&&(at, number)| {
                            tick.values.get(at).is_some_and(|value| !is_absent(*value))
                                && keys.get(number).left.are_in(held)
                        });
                        found.extend(there.map(|(_, number)| *number));
                    }
                    ControlFlow::Continue(())
                });
                fate.map_err(unreadable)?;
            }
            Ok(())
        })
    }
}

/// The least items of a listing, as many as are wanted.
pub(crate) struct Least<T> {
    items: BTreeSet<T>,
    limit: usize,
    cut_off: bool,
}

impl<T: Ord> Least<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { items: BTreeSet::new(), limit, cut_off: false }
    }

    pub(crate) fn add(&mut self, item: T) {
        self.items.insert(item);
        if self.items.len() > self.limit {
            self.items.pop_last();
            self.cut_off = true;
        }
    }

    pub(crate) fn found(self) -> Found<T> {
        let Self { items, cut_off, .. } = self;
        Found { cut_off, ..Found::all(items.into_iter().collect()) }
    }
}

impl Least<String> {
    /// Nearly all that come are known already, and need no memory.
    pub(crate) fn add_text(&mut self, text: &str) {
        if !self.items.contains(text) {
            self.add(text.to_owned());
        }
    }
}
