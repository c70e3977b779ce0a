//! Answers about series, for one user's servers.

use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Samples, Scope, Selection, SeriesSource,
    SourceError, is_absent,
};

use super::Archive;
use super::labels::label_set;
use super::listing::{Least, each_listed};
use super::matching::Matching;
use super::reading::Question;
use super::segment::{Merged, within};

/// The series of the servers in one scope. It blocks: ask it where that may be.
#[derive(Debug, Clone)]
pub(crate) struct ArchiveSource {
    pub(super) archive: Archive,
    pub(super) scope: Scope,
}

impl ArchiveSource {
    pub(super) fn new(archive: Archive, scope: Scope) -> Self {
        Self { archive, scope }
    }
}

impl SeriesSource for ArchiveSource {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let matching = Matching::new(selection.matchers)?;
        let mut question = Question::new(&self.archive, selection, &matching);
        let mut items = Vec::new();
        let inner = &self.archive.0;
        for place in inner.places.of(&inner.fleet, &self.scope) {
            if (selection.out_of_time)() {
                return Err(SourceError::OutOfTime);
            }
            if selection.hint.part.is_some_and(|part| !part.has_instance(place.name().as_str())) {
                continue;
            }
            let held = matching.held_by(&place.labels);
            if !matching.may_fit(held) {
                continue;
            }
            let first = items.len();
            let span = (selection.after_ms, selection.until_ms);
            let found = question.of_server(&place, held)?.into_iter();
            let mut found: Vec<_> = found.flat_map(|merged| with_values(merged, span)).collect();
            // Of two of one label set the same one counts, however each was read.
            found.sort_by_key(|(number, _)| *number);
            for (number, samples) in found {
                if items.len() == selection.max_series {
                    return Err(SourceError::TooManySeries { limit: selection.max_series });
                }
                let labels = label_set(&question.keys.get(number).pairs, &place.labels);
                items.push(FoundSeries { labels, samples });
            }
            each_once(&mut items, first);
        }
        let warnings = warnings(&question);
        let incomplete = question.damaged > 0;
        Ok(Found { incomplete, warnings, ..Found::all(items) })
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        let mut found = Least::new(listing.limit);
        each_listed(self, listing, &mut |key, server| found.add(label_set(key, server)))?;
        Ok(found.found())
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        let mut found = Least::new(listing.limit);
        each_listed(self, listing, &mut |key, server| {
            for (name, _) in key.iter().chain(server) {
                found.add_text(name);
            }
        })?;
        Ok(found.found())
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        let mut found = Least::new(listing.limit);
        each_listed(self, listing, &mut |key, server| {
            let of = |pairs: &[(std::sync::Arc<str>, std::sync::Arc<str>)]| {
                pairs.iter().find(|(name, _)| **name == *label).map(|(_, value)| value.clone())
            };
            if let Some(value) = of(key).or_else(|| of(server)).filter(|value| !value.is_empty()) {
                found.add_text(&value);
            }
        })?;
        Ok(found.found())
    }

    /// Agents do not tell the hub what their metrics mean, so nothing is known of any.
    fn metadata(
        &self,
        _metric: Option<&str>,
        _limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        Ok(Found::all(Vec::new()))
    }
}

/// The series that have a value in that time, with their numbers.
fn with_values(
    merged: Merged,
    (after_ms, until_ms): (i64, i64),
) -> impl Iterator<Item = (usize, Samples)> {
    let Merged { times, places, columns } = merged;
    let range = within(&times, after_ms, until_ms);
    columns.into_iter().filter_map(move |(number, values)| match &places {
        Some(places) => {
            let samples = Samples::picked(times.clone(), places.clone(), values);
            (!range.is_empty()).then_some((number, samples))
        }
        None if values[range.clone()].iter().all(|value| is_absent(*value)) => None,
        None => Some((number, Samples::new(times.clone(), values))),
    })
}

/// Two keys of one server may have one label set, where one has as its own label what the
/// other has from the server. The first counts.
fn each_once(items: &mut Vec<FoundSeries>, first: usize) {
    let mut sorted: Vec<(&LabelSet, usize)> =
        items[first..].iter().map(|item| &item.labels).zip(first..).collect();
    sorted.sort_unstable();
    let same = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let mut doubles: Vec<usize> = same.map(|pair| pair[1].1).collect();
    doubles.sort_unstable();
    doubles.into_iter().rev().for_each(|at| _ = items.remove(at));
}

fn warnings(question: &Question<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if question.damaged > 0 {
        warnings.push(format!(
            "some of what is stored of {} servers is damaged and left out",
            question.damaged
        ));
    }
    if let Some(until_ms) = question.coarse_until_ms {
        warnings.push(format!(
            "up to {}, only minutes or hours are kept and not every tick",
            jiff::Timestamp::from_millisecond(until_ms)
                .map_or_else(|_| until_ms.to_string(), |at| at.to_string())
        ));
    }
    warnings
}
