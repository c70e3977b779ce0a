//! Series from the source.

use watchfire_model::{ABSENT, FoundSeries, Hint, Selection, is_absent};

use super::table::{Row, Table};
use super::windows::{Bounds, Need};
use super::{Around, Evaluator, Grid, nothing};
use crate::QueryError;
use crate::ast::Selector;

impl Evaluator<'_> {
    /// The last value of each series before each moment. `times` gives the moment at which it
    /// was taken instead, in seconds.
    pub(super) fn last_values(
        &mut self,
        selector: &Selector,
        grid: Grid,
        around: Around<'_>,
        times: bool,
    ) -> Result<Table, QueryError> {
        let ends = grid.shifted(selector.shift, self.whole);
        let lookback = self.limits.lookback_ms;
        let found = self.select(selector, &ends, lookback, grid, around, 0)?;
        let mut rows = Vec::with_capacity(found.len());
        let mut bounds = Bounds::default();
        for FoundSeries { labels, samples } in found {
            self.budget.take(grid.count)?;
            bounds.follow(&samples, &ends, lookback);
            let mut values = nothing(grid.count);
            for (value, (start, end)) in values.iter_mut().zip(bounds.iter()) {
                if start < end {
                    let last = samples.values()[end - 1];
                    let taken = samples.times()[end - 1] as f64 / 1000.0;
                    let there = !is_absent(last);
                    *value = if !there {
                        ABSENT
                    } else if times {
                        taken
                    } else {
                        last
                    };
                }
            }
            let row = Row { labels, values };
            if !row.is_void() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The series of a selector from `back` before the first of `ends` to the last of them.
    pub(super) fn select(
        &mut self,
        selector: &Selector,
        ends: &[i64],
        back: i64,
        grid: Grid,
        around: Around<'_>,
        range_ms: i64,
    ) -> Result<Vec<FoundSeries>, QueryError> {
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
            return Ok(Vec::new());
        };
        let grouping = around.grouping;
        let selection = Selection {
            matchers: &selector.matchers,
            after_ms: first - back,
            until_ms: *last,
            hint: Hint {
                step_ms: if grid.count > 1 { grid.step } else { 0 },
                range_ms,
                function: around.function,
                grouping: grouping.map_or(&[], |grouping| &grouping.labels),
                by: grouping.is_some_and(|grouping| !grouping.without),
                ends: if around.need == Need::Rising { ends } else { &[] },
                part: None,
            },
            max_series: self.limits.series,
            max_samples: self.budget.left(),
            out_of_time: self.budget.clock(),
        };
        let found = self.source.select(&selection).map_err(|error| match error {
            // The source was told what is left; the asker knows the whole.
            watchfire_model::SourceError::TooManySamples { .. } => {
                QueryError::TooManySamples { limit: self.limits.samples }
            }
            other => other.into(),
        })?;
        if found.items.len() > self.limits.series {
            return Err(QueryError::TooManySeries { limit: self.limits.series });
        }
        self.notes.incomplete |= found.incomplete;
        found.warnings.into_iter().for_each(|warning| self.notes.pass_on(warning));
        let mut before: Option<(&FoundSeries, usize)> = None;
        for series in &found.items {
            // Most series share their times with the one before.
            let known = before.filter(|(one, _)| one.samples.shares_times_with(&series.samples));
            let count = known.map_or_else(
                || within(series.samples.times(), first - back, *last),
                |(_, count)| count,
            );
            self.budget.take(count)?;
            before = Some((series, count));
        }
        Ok(found.items)
    }
}

/// How many of `times` are later than `after` and not later than `until`.
fn within(times: &[i64], after: i64, until: i64) -> usize {
    let upto = |moment: i64| times.partition_point(|time| *time <= moment);
    upto(until).saturating_sub(upto(after))
}
