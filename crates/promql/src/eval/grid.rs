//! The moments at which an expression is evaluated.

use crate::QueryError;
use crate::ast::{At, Shift};

/// Moments at equal distances, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) count: usize,
    /// What was asked for; the last moment may be earlier.
    pub(crate) end: i64,
}

/// Moments are within this many milliseconds of 1970, some 30,000 years, so that sums of them
/// cannot overflow.
const FARTHEST_MS: i64 = 1_000_000_000_000_000;

impl Grid {
    pub(crate) fn one(at: i64) -> Result<Self, QueryError> {
        Self::new(at, at, 1, 1)
    }

    pub(crate) fn new(start: i64, end: i64, step: i64, limit: usize) -> Result<Self, QueryError> {
        let wrong = |why: &str| Err(QueryError::BadRange(why.to_owned()));
        if !(-FARTHEST_MS..=FARTHEST_MS).contains(&start)
            || !(-FARTHEST_MS..=FARTHEST_MS).contains(&end)
        {
            return wrong("the time is too far from now");
        }
        if end < start {
            return wrong("end timestamp must not be before start time");
        }
        if step <= 0 {
            return wrong(
                "zero or negative query resolution step widths are not accepted: try a positive \
                 step",
            );
        }
        let steps = (end - start).unsigned_abs() / step.unsigned_abs() + 1;
        match usize::try_from(steps) {
            Ok(count) if count <= limit => Ok(Self { start, step, count, end }),
            _ => Err(QueryError::TooManySteps { steps, limit }),
        }
    }

    pub(crate) fn time(self, number: usize) -> i64 {
        self.start + self.step * i64::try_from(number).expect("a grid has few moments")
    }

    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |number| self.time(number))
    }

    /// Only the first moment.
    pub(crate) fn first_only(self) -> Self {
        Self { count: 1, end: self.start, ..self }
    }

    /// Where a selector with `shift` looks at each moment. `whole` is the grid of the question,
    /// which `start()` and `end()` name. Never goes backwards.
    pub(crate) fn shifted(self, shift: Shift, whole: Self) -> Vec<i64> {
        let fixed = shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => whole.start,
            At::End => whole.end,
        });
        self.times().map(|time| fixed.unwrap_or(time) - shift.offset_ms()).collect()
    }

    /// The moments of a subquery that looks `range` back from all of `ends`: multiples of `step`,
    /// later than the range's first moment.
    pub(crate) fn inner(ends: &[i64], range: i64, step: i64, limit: usize) -> Option<Self> {
        let after = ends.first()? - range;
        let last = *ends.last()?;
        let mut start = step * (after / step);
        if start <= after {
            start += step;
        }
        if last < start {
            return None;
        }
        let count = usize::try_from((last - start) / step + 1).unwrap_or(usize::MAX);
        Some(Self { start, step, count: count.min(limit.saturating_add(1)), end: last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_moment_counts_when_it_is_hit() {
        assert_eq!(Grid::new(0, 10, 5, 3).unwrap().count, 3);
        assert_eq!(Grid::new(0, 9, 5, 3).unwrap().count, 2);
        assert!(matches!(Grid::new(0, 9, 1, 3), Err(QueryError::TooManySteps { steps: 10, .. })));
        assert!(Grid::new(1, 0, 5, 3).is_err() && Grid::new(0, 1, 0, 3).is_err());
        assert!(Grid::new(i64::MIN, i64::MAX, 1, 3).is_err());
    }

    #[test]
    fn subqueries_stand_on_multiples_of_their_step() {
        let inner = |ends: &[i64], range, step| {
            let grid = Grid::inner(ends, range, step, 100)?;
            Some((grid.start, grid.time(grid.count - 1)))
        };
        // The first moment of the range does not count.
        assert_eq!(inner(&[100], 50, 10), Some((60, 100)));
        assert_eq!(inner(&[105, 125], 50, 10), Some((60, 120)));
        assert_eq!(inner(&[5], 3, 10), None);
        assert_eq!(inner(&[-15], 20, 10), Some((-30, -20)));
    }
}
