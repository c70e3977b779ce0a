//! How fast counters and gauges change.

use watchfire_model::ABSENT;

use super::budget::Budget;
use super::table::{self, Table};
use super::windows::{Column, Need};
use super::{Around, Evaluator, Grid};
use crate::QueryError;
use crate::ast::Expr;

/// What the times of a window say about how far its change is carried on. The same for all
/// series that share their times.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Seconds from the first sample to the last.
    sampled: f64,
    /// Seconds before the first that the change is carried on for.
    before: f64,
    /// The same after the last.
    after: f64,
}

/// How counters are known by their names.
const COUNTER_ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// A first or last sample within this share of the usual distance from the end of the window is
/// taken to be the series' neighbour there.
const NEAR: f64 = 1.1;

impl Reach {
    fn of(times: &[i64], end: i64, range_ms: i64) -> Self {
        let (first, last) = (times[0], times[times.len() - 1]);
        let sampled = (last - first) as f64 / 1000.0;
        let between = sampled / (times.len() - 1) as f64;
        let near =
            |distance: f64| if distance >= between * NEAR { between / 2.0 } else { distance };
        Self {
            sampled,
            before: near((first - (end - range_ms)) as f64 / 1000.0),
            after: near((end - last) as f64 / 1000.0),
        }
    }

    /// The factor by which a change between the samples becomes one of the whole window. A
    /// counter that rose by `change` from `first` was at zero not before it began.
    #[inline]
    fn factor(&self, counter: bool, first: f64, change: f64) -> f64 {
        let mut before = self.before;
        if counter && change > 0.0 && first >= 0.0 {
            let to_zero = self.sampled * (first / change);
            if to_zero < before {
                before = to_zero;
            }
        }
        (self.sampled + before + self.after) / self.sampled
    }
}

/// The reach of each window; nothing where there are too few samples.
fn reaches(column: &Column<'_>, into: &mut Vec<Option<Reach>>) {
    into.clear();
    into.extend(column.bounds.iter().zip(column.ends).map(|((start, end), moment)| {
        (end - start >= 2).then(|| Reach::of(&column.times[start..end], *moment, column.range_ms))
    }));
}

/// Where the counter was reset: the places of the first samples after it.
fn resets(column: &Column<'_>) -> Vec<usize> {
    if column.rises {
        return Vec::new();
    }
    let (first, last) = column.within.span();
    let pairs = column.values[first..last].windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[1] < pair[0]).map(|(place, _)| first + place + 1).collect()
}

fn fill(
    column: &Column<'_>,
    reaches: &[Option<Reach>],
    (counter, per_second): (bool, bool),
    budget: &mut Budget<'_>,
    out: &mut [f64],
) -> Result<(), QueryError> {
    let resets = if counter { resets(column) } else { Vec::new() };
    let seconds = column.range_ms as f64 / 1000.0;
    let mut past = 0;
    for ((value, (start, end)), reach) in out.iter_mut().zip(column.within.iter()).zip(reaches) {
        let Some(reach) = reach else { continue };
        let first = column.values[start];
        let mut change = column.values[end - 1] - first;
        if !resets.is_empty() {
            while resets.get(past).is_some_and(|place| *place <= start) {
                past += 1;
            }
            let within = resets[past..].partition_point(|place| *place < end);
            // What is no counter is reset at every other sample, in each window again.
            budget.work(within)?;
            for place in &resets[past..past + within] {
                change += column.values[place - 1];
            }
        }
        let mut factor = reach.factor(counter, first, change);
        if per_second {
            factor /= seconds;
        }
        *value = change * factor;
    }
    Ok(())
}

fn last_change(times: &[i64], values: &[f64], (counter, per_second): (bool, bool)) -> f64 {
    let [.., before, last] = values else { return ABSENT };
    let [.., from, to] = times else { return ABSENT };
    let change = if counter && last < before { *last } else { last - before };
    if per_second { change / ((to - from) as f64 / 1000.0) } else { change }
}

impl Evaluator<'_> {
    /// `rate`, `increase` and `delta`.
    pub(super) fn extrapolated(
        &mut self,
        argument: &Expr,
        kind: (bool, bool),
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let (counter, need) = (kind.0, if kind.0 { Need::Rising } else { Need::Values });
        let windows = self.windows(argument, grid, Around { need, ..around })?;
        let (mut known, mut known_for) = (Vec::new(), None);
        let rows = self.over(windows, grid, need, |own, column, out| {
            if column.shared.is_none() || column.shared != known_for {
                reaches(column, &mut known);
                known_for = column.shared;
            }
            fill(column, &known, kind, &mut own.budget, out)
        })?;
        if counter {
            self.look_at_names(&rows, argument);
        }
        table::nameless(rows)
    }

    /// `irate` and `idelta`.
    pub(super) fn last_change(
        &mut self,
        argument: &Expr,
        kind: (bool, bool),
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let windows = self.windows(argument, grid, around)?;
        let rows = self.over(windows, grid, Need::Values, |own, column, out| {
            column.each(&mut own.budget, out, |_, times, values| last_change(times, values, kind))
        })?;
        table::nameless(rows)
    }

    /// Says when something does not look like a counter.
    fn look_at_names(&mut self, rows: &Table, argument: &Expr) {
        let mut last = "";
        for row in rows {
            let name = row.labels.name();
            if name == last || name.is_empty() {
                continue;
            }
            last = name;
            if !COUNTER_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let what = format!(
                    "metric might not be a counter, name does not end in \
                     _total/_sum/_count/_bucket: {name:?}"
                );
                self.notes.inform(&what, &argument.at);
            }
        }
    }
}
