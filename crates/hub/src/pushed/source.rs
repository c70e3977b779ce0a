//! Answers about pushed series, for one user's senders.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, Matcher, MetricFacts, Samples, Selection, SeriesSource,
    SourceError, is_absent,
};
use watchfire_store::{History, PushedId, PushedSpan};

use super::in_own_name;
use super::senders::KnownSender;
use crate::archive::{EXPORTED, INSTANCE, Least, unreadable};
use crate::fleet::Fleet;

/// The series of some senders. It blocks: ask it where that may be.
#[derive(Debug, Clone)]
pub(crate) struct PushedSource {
    pub(super) history: Option<History>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) senders: Vec<Arc<KnownSender>>,
}

/// Samples of one series from one sender, in rising time.
type Columns = (Vec<i64>, Vec<f64>);

/// Takes some of the series of one sender that fit.
type OnFound<'a> =
    dyn FnMut(&History, &KnownSender, Vec<(PushedId, LabelSet)>) -> Result<(), SourceError> + 'a;

impl PushedSource {
    pub(crate) fn new(
        history: Option<History>,
        fleet: Arc<Fleet>,
        senders: Vec<Arc<KnownSender>>,
    ) -> Self {
        Self { history, fleet, senders }
    }

    /// Gives `each` the series of each sender that fit and have samples in that time, some
    /// hundred at a time.
    fn each_part(
        &self,
        matchers: &[Matcher],
        span: &PushedSpan<'_>,
        each: &mut OnFound<'_>,
    ) -> Result<(), SourceError> {
        let Some(history) = &self.history else { return Ok(()) };
        let of_senders = before_renaming(matchers);
        for sender in &self.senders {
            let speaks_for_servers = sender.speaks_for_servers;
            let asked = if speaks_for_servers { matchers } else { &of_senders };
            let mut problem = None;
            let told =
                history.pushed_series(sender.name.as_str(), asked, span, &mut |mut found| {
                    if !speaks_for_servers {
                        self.show(&mut found, matchers, asked.len() == matchers.len());
                    }
                    match each(history, sender, found) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(error) => {
                            problem = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                });
            if told.map_err(unreadable)?.is_break() {
                return Err(problem.unwrap_or(SourceError::OutOfTime));
            }
        }
        Ok(())
    }

    /// Gives series the labels that they are shown with, and keeps those that fit with them: a
    /// server may have come to the fleet after a series was stored with its name.
    fn show(&self, found: &mut Vec<(PushedId, LabelSet)>, matchers: &[Matcher], all_asked: bool) {
        found.retain_mut(|(_, labels)| {
            let (own, was_changed) = in_own_name(&self.fleet, labels.clone());
            *labels = own;
            (all_asked && !was_changed) || labels.fits(matchers)
        });
    }

    fn each_listed(
        &self,
        listing: &Listing<'_>,
        each: &mut dyn FnMut(LabelSet),
    ) -> Result<(), SourceError> {
        let everything = [Vec::new()];
        let selectors = if listing.selectors.is_empty() { &everything } else { listing.selectors };
        let Listing { from_ms, until_ms: to_ms, out_of_time, .. } = *listing;
        let span = PushedSpan { from_ms, to_ms, out_of_time };
        for matchers in selectors {
            self.each_part(matchers, &span, &mut |_, _, found| {
                found.into_iter().for_each(|(_, labels)| each(labels));
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The matchers that hold for labels as they are stored wherever all hold for them as they are
/// shown: the two differ where `instance` is shown as `exported_instance`.
fn before_renaming(matchers: &[Matcher]) -> Vec<Matcher> {
    let concerns = |matcher: &Matcher| {
        matcher.label().starts_with(EXPORTED) || (matcher.label() == INSTANCE && matcher.holds(""))
    };
    if !matchers.iter().any(concerns) {
        return matchers.to_vec();
    }
    let other =
        |matcher: &&Matcher| matcher.label() != INSTANCE && !matcher.label().starts_with(EXPORTED);
    matchers.iter().filter(other).cloned().collect()
}

impl SeriesSource for PushedSource {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let Selection { matchers, after_ms, until_ms: to_ms, out_of_time, .. } = *selection;
        let span = PushedSpan { from_ms: after_ms.saturating_add(1), to_ms, out_of_time };
        let mut gathering = Gathering::new(selection);
        self.each_part(matchers, &span, &mut |history, sender, mut found| {
            if let Some(part) = selection.hint.part {
                found.retain(|(_, labels)| part.has(labels));
            }
            gathering.of_some(history, sender, found, &span)
        })?;
        Ok(gathering.done())
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        let mut found = Least::new(listing.limit);
        self.each_listed(listing, &mut |labels| found.add(labels))?;
        Ok(found.found())
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        let mut found = Least::new(listing.limit);
        self.each_listed(listing, &mut |labels| {
            labels.iter().for_each(|(name, _)| found.add_text(name));
        })?;
        Ok(found.found())
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        let mut found = Least::new(listing.limit);
        self.each_listed(listing, &mut |labels| {
            let value = labels.get(label);
            if !value.is_empty() {
                found.add_text(value);
            }
        })?;
        Ok(found.found())
    }

    fn metadata(
        &self,
        metric: Option<&str>,
        limit: usize,
    ) -> Result<Found<MetricFacts>, SourceError> {
        let Some(history) = &self.history else { return Ok(Found::all(Vec::new())) };
        let senders: Vec<&str> = self.senders.iter().map(|sender| sender.name.as_str()).collect();
        // Of a metric of which senders say different things, the first one's words are told.
        let facts = history.pushed_facts(&senders, metric, limit).map_err(unreadable)?;
        let mut facts: Vec<MetricFacts> = facts;
        facts.dedup_by(|one, before| one.name == before.name);
        Ok(Found::all(facts))
    }
}

/// A question for samples, while it is being answered.
struct Gathering<'a> {
    selection: &'a Selection<'a>,
    items: Vec<(LabelSet, Columns)>,
    /// Where each label set is: senders may have one in common, such as a pair that watches the
    /// same for safety.
    places: HashMap<LabelSet, usize>,
    /// How many samples may still be found.
    left: usize,
    warnings: Vec<String>,
}

impl<'a> Gathering<'a> {
    fn new(selection: &'a Selection<'a>) -> Self {
        let left = selection.max_samples;
        Self { selection, items: Vec::new(), places: HashMap::new(), left, warnings: Vec::new() }
    }

    /// Reads some series of a sender.
    fn of_some(
        &mut self,
        history: &History,
        sender: &KnownSender,
        found: Vec<(PushedId, LabelSet)>,
        span: &PushedSpan<'_>,
    ) -> Result<(), SourceError> {
        let (ids, labels): (Vec<PushedId>, Vec<LabelSet>) = found.into_iter().unzip();
        let mut columns: BTreeMap<usize, Columns> = BTreeMap::new();
        let mut problem = None;
        let told = history.pushed_samples(&ids, span, &mut |at, times, values| {
            if let Err(error) = self.take(times.len()) {
                problem = Some(error);
                return ControlFlow::Break(());
            }
            let (all_times, all_values) = columns.entry(at).or_default();
            all_times.extend(times);
            all_values.extend(values);
            ControlFlow::Continue(())
        });
        let told = told.map_err(unreadable)?;
        if told.cut {
            return Err(problem.unwrap_or(SourceError::OutOfTime));
        }
        if !told.gaps.is_empty() {
            let what = format!("some of what {} pushed is damaged and left out", sender.name);
            if self.warnings.last() != Some(&what) {
                self.warnings.push(what);
            }
        }
        for (at, columns) in columns {
            self.add(&labels[at], columns)?;
        }
        Ok(())
    }

    fn take(&mut self, samples: usize) -> Result<(), SourceError> {
        let limit = self.selection.max_samples;
        let left = self.left.checked_sub(samples);
        self.left = left.ok_or(SourceError::TooManySamples { limit })?;
        Ok(())
    }

    fn add(&mut self, labels: &LabelSet, columns: Columns) -> Result<(), SourceError> {
        if columns.1.iter().all(|value| is_absent(*value)) {
            return Ok(());
        }
        if let Some(at) = self.places.get(labels) {
            let known = &mut self.items[*at].1;
            *known = woven(std::mem::take(known), columns);
            return Ok(());
        }
        if self.items.len() == self.selection.max_series {
            return Err(SourceError::TooManySeries { limit: self.selection.max_series });
        }
        self.places.insert(labels.clone(), self.items.len());
        self.items.push((labels.clone(), columns));
        Ok(())
    }

    fn done(self) -> Found<FoundSeries> {
        let items = self.items.into_iter().map(|(labels, (times, values))| FoundSeries {
            labels,
            samples: Samples::new(times.into(), values.into()),
        });
        let incomplete = !self.warnings.is_empty();
        Found { incomplete, warnings: self.warnings, ..Found::all(items.collect()) }
    }
}

/// Both in rising time; of two samples of one time the first one's counts.
fn woven(one: Columns, other: Columns) -> Columns {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let of = |(times, values): Columns| times.into_iter().zip(values).peekable();
    let (mut one, mut other) = (of(one), of(other));
    loop {
        let first = match (one.peek(), other.peek()) {
            (Some((mine, _)), Some((theirs, _))) if mine == theirs => {
                other.next();
                one.next()
            }
            (Some((mine, _)), Some((theirs, _))) if mine > theirs => other.next(),
            (Some(_), _) => one.next(),
            (None, _) => other.next(),
        };
        let Some((time, value)) = first else { return (times, values) };
        times.push(time);
        values.push(value);
    }
}

#[cfg(test)]
mod tests;
