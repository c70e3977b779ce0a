//! Quantiles and shares of classic histograms: counters of what is at most so much.

use std::collections::HashMap;
use std::ops::Range;

use watchfire_model::{ABSENT, LabelSet, NAME_LABEL, is_absent};

use super::table::{Row, Table};
use super::{Around, Evaluator, Grid, nothing};
use crate::QueryError;
use crate::ast::Expr;

/// The label that says up to what a bucket counts.
const BOUND_LABEL: &str = "le";

/// A difference of neighbours that is a smaller share of them comes from rounding.
const ROUNDING: f64 = 1e-12;

/// What is counted up to a bound.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The buckets of one histogram as rows of a table, with their bounds.
struct Histogram {
    labels: LabelSet,
    name: String,
    buckets: Vec<(f64, usize)>,
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantile(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let quantiles = self.scalar(&arguments[0], grid)?;
        self.check_quantiles(&quantiles, &arguments[0]);
        let table = self.vector(&arguments[1], grid, around)?;
        let histograms = self.histograms(&table, &arguments[1].at);
        let mut rows = Vec::with_capacity(histograms.len());
        for histogram in histograms {
            let mut repaired = false;
            let values = self.each_histogram(&histogram, &table, grid, |number, buckets| {
                let (value, forced) = quantile(quantiles[number], buckets);
                repaired |= forced;
                value
            })?;
            if repaired {
                let what = format!(
                    "input to histogram_quantile needed to be fixed for monotonicity (see \
                     https://prometheus.io/docs/prometheus/latest/querying/functions/\
                     #histogram_quantile){}",
                    of_metric(&histogram.name)
                );
                self.notes.inform(&what, &arguments[1].at);
            }
            rows.push(Row { labels: histogram.labels, values });
        }
        rows.retain(|row| !row.is_void());
        Ok(rows)
    }

    pub(super) fn histogram_fraction(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let lower = self.scalar(&arguments[0], grid)?;
        let upper = self.scalar(&arguments[1], grid)?;
        let table = self.vector(&arguments[2], grid, around)?;
        let histograms = self.histograms(&table, &arguments[2].at);
        let mut rows = Vec::with_capacity(histograms.len());
        for histogram in histograms {
            let values = self.each_histogram(&histogram, &table, grid, |number, buckets| {
                fraction(lower[number], upper[number], buckets)
            })?;
            rows.push(Row { labels: histogram.labels, values });
        }
        rows.retain(|row| !row.is_void());
        Ok(rows)
    }

    /// Finds which rows are buckets of one histogram.
    fn histograms(&mut self, table: &Table, at: &Range<usize>) -> Vec<Histogram> {
        let mut places: HashMap<LabelSet, usize> = HashMap::new();
        let mut found: Vec<Histogram> = Vec::new();
        for (number, row) in table.iter().enumerate() {
            let (bound, name) = (row.labels.get(BOUND_LABEL), row.labels.name());
            let Ok(bound) = bound.parse::<f64>() else {
                let what = format!(
                    "bucket label \"le\" is missing or has a malformed value of {bound:?}{}",
                    of_metric(name)
                );
                self.notes.warn(&what, at);
                continue;
            };
            let labels = row.labels.filtered(|label| label != BOUND_LABEL && label != NAME_LABEL);
            let place = *places.entry(labels.clone()).or_insert(found.len());
            if place == found.len() {
                found.push(Histogram { labels, name: name.to_owned(), buckets: Vec::new() });
            }
            found[place].buckets.push((bound, number));
        }
        for histogram in &mut found {
            histogram.buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        }
        found
    }

    fn each_histogram(
        &mut self,
        histogram: &Histogram,
        table: &Table,
        grid: Grid,
        mut by: impl FnMut(usize, &mut Vec<Bucket>) -> f64,
    ) -> Result<Vec<f64>, QueryError> {
        self.budget.take(grid.count)?;
        self.budget.work(histogram.buckets.len() * grid.count)?;
        let mut values = nothing(grid.count);
        let mut buckets = Vec::with_capacity(histogram.buckets.len());
        for (number, value) in values.iter_mut().enumerate() {
            buckets.clear();
            for &(bound, row) in &histogram.buckets {
                let count = table[row].values[number];
                if !is_absent(count) {
                    add(&mut buckets, Bucket { bound, count });
                }
            }
            *value = if buckets.is_empty() { ABSENT } else { by(number, &mut buckets) };
        }
        Ok(values)
    }
}

/// Names the metric in a warning, when it still has its name.
fn of_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") }
}

/// Adds a bucket to those with lower bounds; one with the same bound joins the last.
fn add(buckets: &mut Vec<Bucket>, new: Bucket) {
    match buckets.last_mut() {
        Some(last) if last.bound == new.bound => last.count += new.count,
        _ => buckets.push(new),
    }
}

/// Makes counts that fall from one bucket to the next as large as the one before. True when
/// one fell by more than rounding does.
fn repair(buckets: &mut [Bucket]) -> bool {
    let (mut before, mut forced) = (buckets[0].count, false);
    for bucket in &mut buckets[1..] {
        let now = bucket.count;
        let near = nearly_equal(before, now);
        forced |= now < before && !near;
        if near || now < before {
            bucket.count = before;
        } else {
            before = now;
        }
    }
    forced
}

fn nearly_equal(one: f64, other: f64) -> bool {
    if one == other {
        return true;
    }
    let (size, difference) = (one.abs() + other.abs(), (one - other).abs());
    if one == 0.0 || other == 0.0 || size < f64::MIN_POSITIVE {
        return difference < ROUNDING * f64::MIN_POSITIVE;
    }
    difference / size.min(f64::MAX) < ROUNDING
}

/// The quantile, and whether counts had to be repaired. Linear within a bucket; the lowest begins
/// at zero unless its bound is below.
fn quantile(q: f64, buckets: &mut [Bucket]) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, false);
    }
    let last = buckets.len() - 1;
    if buckets[last].bound != f64::INFINITY {
        return (f64::NAN, false);
    }
    let forced = repair(buckets);
    if last == 0 || buckets[last].count == 0.0 || buckets[last].count.is_nan() {
        return (f64::NAN, forced);
    }
    let mut rank = q * buckets[last].count;
    let reached = |bucket: &Bucket| bucket.count >= rank;
    let place = buckets[..last].partition_point(|bucket| !reached(bucket));
    let Bucket { bound, mut count } = buckets[place];
    if place == last {
        return (buckets[last - 1].bound, forced);
    }
    if place == 0 && bound <= 0.0 {
        return (bound, forced);
    }
    let mut from = 0.0;
    if place > 0 {
        from = buckets[place - 1].bound;
        count -= buckets[place - 1].count;
        rank -= buckets[place - 1].count;
    }
    (from + (bound - from) * (rank / count), forced)
}

/// The share of what was counted that lies between two values.
fn fraction(lower: f64, upper: f64, buckets: &mut [Bucket]) -> f64 {
    let last = buckets.len() - 1;
    let all = buckets[last].count;
    if buckets[last].bound != f64::INFINITY || all == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    repair(buckets);
    (rank(upper, buckets) - rank(lower, buckets)) / all
}

/// How many are at most `value`. Linear within a bucket; one without an end counts as a whole.
fn rank(value: f64, buckets: &[Bucket]) -> f64 {
    let mut below = Bucket { bound: f64::NEG_INFINITY, count: 0.0 };
    if buckets[0].bound > 0.0 {
        below.bound = 0.0;
    }
    for bucket in buckets {
        if value <= below.bound {
            return below.count;
        }
        if value < bucket.bound {
            let known = below.bound.is_finite() && bucket.bound.is_finite();
            let share = (value - below.bound) / (bucket.bound - below.bound);
            let within = if known { (bucket.count - below.count) * share } else { 0.0 };
            return below.count + within;
        }
        below = *bucket;
    }
    below.count
}
