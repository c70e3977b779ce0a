//! Sums that are exact: 0.1 and 0.2 are 0.3, as the numbers of their unit are whole.

use std::ops::Range;

use watchfire_model::{ABSENT, is_absent};

use super::absence;
use super::unit::Unit;

/// Values as whole numbers of a unit, or as they are where no unit counts them all.
struct Exact {
    unit: Unit,
    /// For each value; of no meaning where it is absent.
    numbers: Vec<i64>,
}

impl Exact {
    fn new(values: &[f64]) -> Self {
        let (mut filled, mut numbers) = (Vec::new(), Vec::new());
        if !absence::fill(values, &mut filled) {
            return Self { unit: Unit::PATTERN, numbers };
        }
        let unit = Unit::find(&filled, &mut numbers);
        Self { unit, numbers }
    }

    /// The value of a sum of numbers, if the unit is one of numbers and counts it.
    fn value(&self, sum: i128) -> Option<f64> {
        let sum = i64::try_from(sum).ok().filter(|sum| sum.unsigned_abs() < 1 << 53)?;
        (self.unit != Unit::PATTERN).then(|| self.unit.value(sum))
    }
}

/// The sum of the values in each range, [`ABSENT`] where there is none.
pub(super) fn added(values: &[f64], ranges: &[Range<usize>]) -> Vec<f64> {
    let exact = Exact::new(values);
    let sum = |range: &Range<usize>| {
        let present = || range.clone().filter(|&place| !is_absent(values[place]));
        present().next()?;
        let whole = || present().map(|place| i128::from(exact.numbers[place])).sum();
        let plain = || present().map(|place| values[place]).sum();
        let counted = exact.unit != Unit::PATTERN;
        Some(counted.then(whole).and_then(|sum| exact.value(sum)).unwrap_or_else(plain))
    };
    ranges.iter().map(|range| sum(range).unwrap_or(ABSENT)).collect()
}

/// How far a counter rises from each value to the next.
pub(super) struct Risen<'a> {
    values: &'a [f64],
    before: Option<f64>,
    exact: Exact,
}

impl<'a> Risen<'a> {
    pub(super) fn new(values: &'a [f64], before: Option<f64>) -> Self {
        let before = before.filter(|value| value.is_finite());
        let all: Vec<f64> = before.iter().chain(values).copied().collect();
        Self { values, before, exact: Exact::new(&all) }
    }

    /// The sum of the rises that end in each range, [`ABSENT`] where it has no value.
    pub(super) fn by_window(&self, ranges: &[Range<usize>]) -> Vec<f64> {
        let shift = usize::from(self.before.is_some());
        // The value before, and its number where there are numbers.
        let number = |place: usize| self.exact.numbers.get(place).copied().unwrap_or_default();
        let mut last = self.before.map(|value| (value, number(0)));
        let window = |range: &Range<usize>| {
            let (mut plain, mut whole, mut any) = (0.0, 0_i128, false);
            for place in range.clone().filter(|&place| !is_absent(self.values[place])) {
                any = true;
                let next = (self.values[place], number(place + shift));
                if !next.0.is_finite() {
                    continue;
                }
                if let Some(before) = last {
                    let from = if next.0 < before.0 { (0.0, 0) } else { before };
                    plain += next.0 - from.0;
                    whole += i128::from(next.1) - i128::from(from.1);
                }
                last = Some(next);
            }
            if any { self.exact.value(whole).unwrap_or(plain) } else { ABSENT }
        };
        ranges.iter().map(window).collect()
    }
}
