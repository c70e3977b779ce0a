//! Sums over windows that overlap, without adding the same samples again for each.

use super::budget::Budget;
use super::windows::Column;
use crate::QueryError;
use crate::kahan::Sum;

/// Windows must overlap so many times before the bookkeeping costs less than adding again.
const OVERLAP: usize = 4;

/// True when windows overlap so much that [`sums`] is faster than window after window.
pub(super) fn pays(column: &Column<'_>) -> bool {
    let visits: usize = column.bounds.iter().map(|(start, end)| end - start).sum();
    let (first, last) = column.bounds.span();
    visits > OVERLAP * (last - first)
}

/// Puts what `by` makes of the samples and the sum of each window into `out`.
///
/// A window is a front part and a back part. Of the front part the sums of all its endings are
/// known, of the back part its whole sum. Samples that come are added to the back; once all of
/// the front has left, the whole window becomes the front. So each sample is added twice at
/// most, none is ever subtracted, and what lies outside of a window cannot spoil its sum.
pub(super) fn sums(
    column: &Column<'_>,
    budget: &mut Budget<'_>,
    out: &mut [f64],
    by: impl Fn(&[f64], Sum) -> f64,
) -> Result<(), QueryError> {
    let values = column.values;
    // The sums of the endings of `..front_end`, the shortest first.
    let mut endings: Vec<Sum> = Vec::new();
    let (mut front_end, mut back, mut next) = (0, Sum::default(), 0);
    for (value, (start, end)) in out.iter_mut().zip(column.bounds.iter()) {
        if start == end {
            continue;
        }
        if start >= front_end {
            budget.work(end - start)?;
            endings.clear();
            endings.extend(values[start..end].iter().rev().scan(Sum::default(), |sum, value| {
                sum.add(*value);
                Some(*sum)
            }));
            (front_end, back) = (end, Sum::default());
        } else {
            budget.work(end - next)?;
            values[next..end].iter().for_each(|value| back.add(*value));
        }
        next = end;
        *value = by(&values[start..end], endings[front_end - start - 1].joined(back));
    }
    Ok(())
}
