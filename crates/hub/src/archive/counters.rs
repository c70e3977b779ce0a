//! Counters of one server at the ends of windows: all that how far they rose depends on, where
//! they never fall. Of an hour asked for at every quarter of a minute that is an eighth.

use super::columns::Segment;
use super::segment::Merged;
use std::collections::{HashMap, HashSet};

/// What is known of counters at the ends of windows, piece by piece in the order of time.
#[derive(Debug)]
pub(super) struct AtEnds<'a> {
    /// Where windows end, and how long they are.
    windows: (&'a [i64], i64),
    times: Vec<i64>,
    /// The places in `times` at which values are known.
    places: Vec<usize>,
    columns: Vec<Column>,
    /// Where in `columns` each of the caller's numbers is.
    place_of: HashMap<usize, usize>,
    /// How many values a column must have before the last piece, and that piece's ticks.
    before: usize,
    ticks: Vec<usize>,
}

#[derive(Debug)]
struct Column {
    number: usize,
    values: Vec<f64>,
    /// It has a number at each tick and never fell.
    rises: bool,
}

impl<'a> AtEnds<'a> {
    /// Nothing yet, for windows that end at `ends`, which never fall.
    pub(super) fn new(ends: &'a [i64], range_ms: i64) -> Self {
        let (times, places, columns, ticks) = Default::default();
        let windows = (ends, range_ms);
        Self { windows, times, places, columns, place_of: HashMap::new(), before: 0, ticks }
    }

    /// The first of the times that are known.
    pub(super) fn first(&self) -> Option<i64> {
        self.times.first().copied()
    }

    /// Goes on with a piece of these times, and picks its ticks: the first and the last one of
    /// the piece, and what it has of the first and last ones of windows. False, and nothing is
    /// changed, when it does not lie after what is known.
    pub(super) fn begin(&mut self, times: &[i64]) -> bool {
        let (Some(first), Some(last)) = (times.first(), times.len().checked_sub(1)) else {
            return false;
        };
        if self.times.last().is_some_and(|known| known >= first) {
            return false;
        }
        self.ticks.clear();
        self.ticks.extend([0, last]);
        ends_within(times, self.windows, &mut self.ticks);
        self.ticks.sort_unstable();
        self.ticks.dedup();
        self.before = self.places.len();
        let earlier = self.times.len();
        self.times.extend_from_slice(times);
        self.places.extend(self.ticks.iter().map(|tick| tick + earlier));
        true
    }

    /// What was picked of the last piece.
    pub(super) fn ticks(&self) -> &[usize] {
        &self.ticks
    }

    /// How many samples all of it stands for, as they count against a question's limit.
    pub(super) fn samples(&self) -> usize {
        self.times.len().saturating_mul(self.columns.len())
    }

    /// Takes a series' values at those ticks, and whether it has a number at each tick of the
    /// piece and never falls in it.
    pub(super) fn add(&mut self, number: usize, values: &[f64], rises: bool) {
        let place = *self.place_of.entry(number).or_insert_with(|| {
            self.columns.push(Column { number, values: Vec::new(), rises: true });
            self.columns.len() - 1
        });
        let column = &mut self.columns[place];
        let goes_on = column.values.len() == self.before
            && column.values.last().is_none_or(|last| *last <= values[0]);
        column.rises &= rises && goes_on;
        if column.rises {
            column.values.extend_from_slice(values);
        }
    }

    /// Takes a piece of which all values are known. False as [`begin`](Self::begin) says.
    pub(super) fn add_segment(&mut self, segment: &Segment) -> bool {
        if segment.times.is_empty() {
            return true;
        }
        if !self.begin(&segment.times) {
            return false;
        }
        let mut picked = Vec::with_capacity(self.ticks.len());
        for (number, values) in &segment.columns {
            picked.clear();
            picked.extend(self.ticks.iter().map(|tick| values[*tick]));
            self.add(*number, &picked, never_fall(values));
        }
        true
    }

    /// The counters that never fell, and the numbers of the other series.
    pub(super) fn told(self) -> (Merged, HashSet<usize>) {
        let whole = |column: &Column| column.rises && column.values.len() == self.places.len();
        let (whole, rest): (Vec<Column>, Vec<Column>) = self.columns.into_iter().partition(whole);
        let columns = whole.into_iter().map(|column| (column.number, column.values.into()));
        let merged = Merged {
            times: self.times.into(),
            places: Some(self.places.into()),
            columns: columns.collect(),
        };
        (merged, rest.into_iter().map(|column| column.number).collect())
    }
}

/// Adds the first and the last tick of each window that has any.
fn ends_within(times: &[i64], (ends, range_ms): (&[i64], i64), ticks: &mut Vec<usize>) {
    let (first, last) = (times[0], times[times.len() - 1]);
    let from = ends.partition_point(|end| *end < first);
    let until = ends.partition_point(|end| end.saturating_sub(range_ms) < last);
    let (mut begin, mut end) = (0, 0);
    let mut known = (None, None);
    for &moment in &ends[from..until.max(from)] {
        let start = moment.saturating_sub(range_ms);
        begin += times[begin..].iter().take_while(|time| **time <= start).count();
        end += times[end..].iter().take_while(|time| **time <= moment).count();
        if begin < end {
            // Very many windows may begin or end at one tick.
            if known.0.replace(begin) != Some(begin) {
                ticks.push(begin);
            }
            if known.1.replace(end) != Some(end) {
                ticks.push(end - 1);
            }
        }
    }
}

/// True when all are numbers and none is less than the one before it.
fn never_fall(values: &[f64]) -> bool {
    let rise = |pair: &[f64]| pair[0] <= pair[1];
    !values.iter().any(|value| value.is_nan()) && values.windows(2).all(rise)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn segment(times: &[i64], columns: &[(usize, &[f64])]) -> Segment {
        let columns = columns.iter().map(|(number, values)| (*number, values.to_vec())).collect();
        Segment { times: times.to_vec(), columns }
    }

    #[test]
    fn the_ends_of_windows_and_pieces_are_picked() {
        let ends = [10, 20, 30];
        let mut counters = AtEnds::new(&ends, 15);
        assert!(counters.begin(&[1, 4, 6, 9, 10, 11]));
        // Of (-5, 10] the first and the one at 10, of (5, 20] the one at 6; 11 is the last one.
        assert_eq!(counters.ticks(), [0, 2, 4, 5]);
        assert!(counters.begin(&[14, 15, 16, 21, 22, 28]));
        assert_eq!(counters.ticks(), [0, 2, 5]);
        assert!(!counters.begin(&[28, 29]) && !counters.begin(&[]));
        assert!(counters.begin(&[40, 50]));
        assert_eq!(counters.ticks(), [0, 1]);
        let (merged, _) = counters.told();
        assert_eq!(merged.places.as_deref(), Some(&[0, 2, 4, 5, 6, 8, 11, 12, 13][..]));
        assert_eq!(merged.times.len(), 14);
    }

    #[test]
    fn what_falls_is_absent_or_comes_later_is_left_to_others() {
        let nan = f64::NAN;
        let mut counters = AtEnds::new(&[4], 4);
        assert!(counters.add_segment(&segment(
            &[1, 2, 3],
            &[
                (0, &[1.0, 1.0, 2.0]),
                (1, &[1.0, 3.0, 2.0]),
                (2, &[1.0, nan, 2.0]),
                (3, &[1.0, 2.0, 3.0]),
                (4, &[1.0, 2.0, 3.0]),
            ]
        )));
        assert!(counters.add_segment(&segment(&[], &[])));
        assert!(counters.add_segment(&segment(
            &[4, 5],
            &[
                (0, &[2.0, 3.0]),
                (1, &[5.0, 6.0]),
                (2, &[5.0, 6.0]),
                (3, &[2.0, 3.0]),
                (5, &[1.0, 2.0]),
            ]
        )));
        assert!(!counters.add_segment(&segment(&[5, 6], &[])));
        let (merged, rest) = counters.told();
        assert_eq!(merged.columns, [(0, Arc::new(vec![1.0, 2.0, 2.0, 3.0]))]);
        let mut rest: Vec<usize> = rest.into_iter().collect();
        rest.sort_unstable();
        assert_eq!(rest, [1, 2, 3, 4, 5]);
    }
}
