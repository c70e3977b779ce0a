//! Which samples lie in the window before each moment.

use std::sync::Arc;

use watchfire_model::{FoundSeries, LabelSet, Samples, is_absent};

use super::budget::Budget;
use super::table::{Row, Table};
use super::{Around, Evaluator, Grid, nothing};
use crate::ast::{Expr, Kind, Subquery};
use crate::{QueryError, Series};

/// For each moment the samples `start..end` in the window before it, left-open. Neither ever
/// goes backwards, so that one walk over the times finds all.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    starts: Vec<usize>,
    ends: Vec<usize>,
    /// How many different bounds there have been.
    number: usize,
    /// What the bounds were found for: most series share their times with the one before.
    of: Option<Samples>,
}

/// One series with its windows.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) labels: &'a LabelSet,
    pub(super) times: &'a [i64],
    /// All are there: markers of staleness are left out. Of a counter that never falls there may
    /// be only those that are the first or the last one of a window.
    pub(super) values: &'a [f64],
    pub(super) bounds: &'a Bounds,
    /// Where in `values` the windows are: the same, unless only some values are here.
    pub(super) within: &'a Bounds,
    /// The moment at which each window ends.
    pub(super) ends: &'a [i64],
    /// How long each window is.
    pub(super) range_ms: i64,
    /// The moments that are evaluated: windows may end elsewhere.
    pub(super) grid: Grid,
    /// True when no value in a window is less than the one before it, or none.
    pub(super) rises: bool,
    /// The same number for series with the same bounds; none for bounds of this series alone.
    pub(super) shared: Option<usize>,
}

/// The series of an argument, and where its windows are.
pub(super) struct Windows {
    found: Vec<FoundSeries>,
    ends: Vec<i64>,
    range_ms: i64,
}

/// What a function asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Need {
    /// All values.
    #[default]
    Values,
    /// Whether counters never fall, and then the first and the last value of each window alone.
    Rising,
}

impl Bounds {
    /// Finds the bounds of `samples`, unless they are those of the series before. True when they
    /// are others.
    pub(super) fn follow(&mut self, samples: &Samples, ends: &[i64], range: i64) -> bool {
        let same = self.of.as_ref().is_some_and(|of| of.shares_times_with(samples));
        if !same {
            self.find(samples.times(), ends, range);
            self.of = Some(samples.clone());
            self.number += 1;
        }
        !same
    }

    /// Makes these the same windows as `all`, counted in samples at `places` alone.
    fn count(&mut self, all: &Self, places: &[usize]) {
        let counted = |bounds: &[usize], into: &mut Vec<usize>| {
            let mut before = 0;
            into.clear();
            into.extend(bounds.iter().map(|bound| {
                before += places[before..].iter().take_while(|place| *place < bound).count();
                before
            }));
        };
        counted(&all.starts, &mut self.starts);
        counted(&all.ends, &mut self.ends);
    }

    fn find(&mut self, times: &[i64], ends: &[i64], range: i64) {
        self.starts.clear();
        self.ends.clear();
        let (mut start, mut end) = (0, 0);
        for &moment in ends {
            end = first_after(times, end, moment);
            start = first_after(times, start, moment - range);
            self.starts.push(start);
            self.ends.push(end);
        }
        self.of = None;
    }

    /// `start..end` of each window.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.starts.iter().copied().zip(self.ends.iter().copied())
    }

    /// From the first sample of any window to the last.
    pub(super) fn span(&self) -> (usize, usize) {
        let first = self.starts.first().copied().unwrap_or(0);
        (first, self.ends.last().copied().unwrap_or(0).max(first))
    }
}

/// The first of `times` later than `moment`, when all before `from` are not. Doubles its steps,
/// so that near ones cost little and far ones not much.
fn first_after(times: &[i64], from: usize, moment: i64) -> usize {
    let (mut low, mut step) = (from, 1);
    while low + step <= times.len() && times[low + step - 1] <= moment {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(times.len());
    low + times[low..high].partition_point(|time| *time <= moment)
}

/// True when all are numbers and none is less than the one before it.
fn rises(values: &[f64]) -> bool {
    const CHUNK: usize = 512;
    if values.first().is_some_and(|value| value.is_nan()) {
        return false;
    }
    let (mut from, last) = (1, values.len());
    while from < last {
        let to = last.min(from + CHUNK);
        // Without a branch within, so that the compiler compares several at once.
        let falls = values[from - 1..to - 1]
            .iter()
            .zip(&values[from..to])
            .fold(false, |falls, (before, value)| falls | (value < before) | value.is_nan());
        if falls {
            return false;
        }
        from = to;
    }
    true
}

fn has_markers(values: &[f64]) -> bool {
    values.chunks(512).any(|chunk| chunk.iter().fold(false, |any, value| any | is_absent(*value)))
}

/// The samples without markers of staleness.
fn without_markers(samples: &Samples) -> (Vec<i64>, Vec<f64>) {
    let pairs = samples.times().iter().zip(samples.values());
    pairs.filter(|(_, value)| !is_absent(**value)).map(|(time, value)| (*time, *value)).unzip()
}

impl Column<'_> {
    /// Puts what `by` makes of the times and values of each window that has a sample into `out`.
    /// Windows that overlap are walked over again and again, so the time is asked for in between.
    pub(super) fn each(
        &self,
        budget: &mut Budget<'_>,
        out: &mut [f64],
        mut by: impl FnMut(usize, &[i64], &[f64]) -> f64,
    ) -> Result<(), QueryError> {
        for (number, (start, end)) in self.bounds.iter().enumerate() {
            if start < end {
                budget.work(end - start)?;
                out[number] = by(number, &self.times[start..end], &self.values[start..end]);
            }
        }
        Ok(())
    }
}

impl Evaluator<'_> {
    /// The series and windows of an argument that the parser knows to have them.
    pub(super) fn windows(
        &mut self,
        argument: &Expr,
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Windows, QueryError> {
        match &argument.bare().kind {
            Kind::Window { selector, range_ms } => {
                let ends = grid.shifted(selector.shift, self.whole);
                let found = self.select(selector, &ends, *range_ms, grid, around, *range_ms)?;
                Ok(Windows { found, ends, range_ms: *range_ms })
            }
            Kind::Subquery(subquery) => self.subquery(subquery, grid),
            _ => Err(QueryError::Execution("a range vector was expected".to_owned())),
        }
    }

    fn subquery(&mut self, subquery: &Subquery, grid: Grid) -> Result<Windows, QueryError> {
        let range_ms = subquery.range_ms;
        let ends = grid.shifted(subquery.shift, self.whole);
        let step = subquery.step_ms.unwrap_or(self.limits.subquery_step_ms).max(1);
        let Some(inner) = Grid::inner(&ends, range_ms, step, self.limits.samples) else {
            return Ok(Windows { found: Vec::new(), ends, range_ms });
        };
        if inner.count > self.budget.left() {
            return Err(QueryError::TooManySamples { limit: self.limits.samples });
        }
        let rows = self.vector(&subquery.of, inner, Around::default())?;
        let times: Arc<[i64]> = inner.times().collect();
        let found = rows.into_iter().map(|Row { labels, values }| {
            let samples = Samples::new(Arc::clone(&times), values.into());
            FoundSeries { labels, samples }
        });
        Ok(Windows { found: found.collect(), ends, range_ms })
    }

    /// Gives each series with its windows to `by`, which fills one value a moment.
    pub(super) fn over(
        &mut self,
        windows: Windows,
        grid: Grid,
        need: Need,
        mut by: impl FnMut(&mut Self, &Column<'_>, &mut [f64]) -> Result<(), QueryError>,
    ) -> Result<Table, QueryError> {
        let Windows { found, ends, range_ms } = windows;
        let [mut shared, mut few, mut own] = <[Bounds; 3]>::default();
        let mut rows = Vec::with_capacity(found.len());
        for FoundSeries { labels, samples } in found {
            self.budget.take(grid.count)?;
            let other = shared.follow(&samples, &ends, range_ms);
            let within = match samples.places() {
                Some(places) => {
                    if other {
                        few.count(&shared, places);
                    }
                    &few
                }
                None => &shared,
            };
            let (from, to) = within.span();
            let part = &samples.values()[from..to];
            self.budget.work(part.len())?;
            let rises = samples.rises() || (need == Need::Rising && rises(part));
            let mut column = Column {
                labels: &labels,
                times: samples.times(),
                values: samples.values(),
                bounds: &shared,
                within,
                ends: &ends,
                range_ms,
                grid,
                rises,
                shared: Some(shared.number),
            };
            let kept;
            if !rises && has_markers(part) {
                kept = without_markers(&samples);
                own.find(&kept.0, &ends, range_ms);
                column = Column {
                    times: &kept.0,
                    values: &kept.1,
                    bounds: &own,
                    within: &own,
                    shared: None,
                    ..column
                };
            }
            let mut values = nothing(grid.count);
            by(self, &column, &mut values)?;
            let row = Row { labels, values };
            if !row.is_void() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The samples of an argument themselves, as they lie in the window before the one moment.
    pub(super) fn raw_samples(&mut self, expr: &Expr) -> Result<Vec<Series>, QueryError> {
        let windows = self.windows(expr, self.whole, Around::default())?;
        let mut series = Vec::with_capacity(windows.found.len());
        self.over(windows, self.whole, Need::Values, |_, column, _| {
            let (start, end) = column.bounds.span();
            if start < end {
                let times = column.times[start..end].to_vec();
                let values = column.values[start..end].to_vec();
                series.push(Series { labels: column.labels.clone(), times, values });
            }
            Ok(())
        })?;
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(series)
    }
}
