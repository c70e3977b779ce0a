//! How one value is described: the one place that says so, for both directions.

use watchfire_model::{ABSENT, is_absent};

use super::distance;
use super::model::Model;
use super::predict::Past;
use super::unit::Unit;
use crate::coder::{Coder, length_bits};

/// Rows of `Model::hit`: 48 for series that were missed lately and 4 for calm
/// ones, each with and without a guess that moves.
pub(crate) const CALM_ROWS: usize = 2 * (48 + 4);

/// What is known of one series within a chain.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Series {
    pub(crate) past: Past,
    /// Mean bits of what guesses left over, sixteenfold.
    level: u16,
    /// The number of the series whose steps were like this one's.
    pub(crate) relative: Relative,
    pub(crate) unit: Unit,
    pub(crate) condition: Condition,
    /// The last eight ticks, the newest lowest: set where the guess was wrong.
    misses: u8,
    /// Rightly guessed ticks in a row.
    calm: u8,
}

/// Whether a series has a number that guesses can build on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Condition {
    /// Not seen in this chain.
    #[default]
    Fresh,
    /// It had no value in the tick before.
    Absent,
    /// It had one.
    Present,
}

/// A series whose steps were the same, or the opposite: its number, and in the
/// highest bit which of the two. 0 stands for none; series 0 is no one's relative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Relative(u16);

impl Relative {
    pub(crate) fn new(number: u16, opposite: bool) -> Self {
        Self(number & 0x7fff | u16::from(opposite) << 15)
    }

    /// The number, and whether the steps are opposite.
    pub(crate) fn get(self) -> Option<(usize, bool)> {
        (self.0 != 0).then(|| (usize::from(self.0 & 0x7fff), self.0 >> 15 == 1))
    }
}

/// What the series before this one did in this tick.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Neighbour {
    unit: Unit,
    last: i64,
    /// The two before, the nearer lowest: set where the guess was wrong.
    misses: u8,
}

impl Neighbour {
    /// `series` after its value was described.
    pub(crate) fn passed(self, series: &Series) -> Self {
        let misses = (self.misses << 1 | series.misses & 1) & 3;
        Self { unit: series.unit, last: series.past.last, misses }
    }
}

/// Where a value is described: what it is written to or read from, what is
/// learnt of all series, and the series before this one.
pub(crate) struct Place<'a, C> {
    pub(crate) coder: &'a mut C,
    pub(crate) model: &'a mut Model,
    pub(crate) neighbour: Neighbour,
}

impl Series {
    /// Describes the first value of the series in a chain, the first after an
    /// absence, or one that the unit did not count. The unit matters to a
    /// writer only, and counts the value.
    pub(crate) fn first<C: Coder>(
        &mut self,
        place: &mut Place<'_, C>,
        value: f64,
        unit: Unit,
    ) -> f64 {
        let Place { coder, model, neighbour } = place;
        if coder.bit(is_absent(value), &mut model.absent[0]) {
            self.condition = Condition::Absent;
            return ABSENT;
        }
        let count = if C::WRITES { unit.count(value).unwrap_or_default() } else { 0 };
        let same_unit = coder.bit(unit == neighbour.unit, &mut model.same_unit);
        let unit = if same_unit {
            neighbour.unit
        } else {
            Unit::from_code(coder.plain(u64::from(unit.code()), Unit::BITS) as u8)
        };
        let same = same_unit && coder.bit(count == neighbour.last, &mut model.same_number);
        let count = if same { neighbour.last } else { distance::first(*coder, model, count) };
        self.past = Past::begin(count);
        (self.unit, self.condition) = (unit, Condition::Present);
        unit.value(count)
    }

    /// Describes a value after `before`. `relative` is the step that the
    /// related series just made, `wanted` gives the unit where another is needed.
    #[inline]
    pub(crate) fn next<C: Coder>(
        &mut self,
        place: &mut Place<'_, C>,
        relative: Option<i64>,
        before: f64,
        value: f64,
        wanted: impl FnOnce(Unit) -> Unit,
    ) -> f64 {
        let Place { coder, model, neighbour } = place;
        if self.condition == Condition::Absent {
            if coder.bit(is_absent(value), &mut model.absent[1]) {
                return ABSENT;
            }
            return self.first(place, value, wanted(self.unit));
        }
        let count = if C::WRITES { self.count(before, value) } else { None };
        let guess = self.past.guess(relative);
        let hit = &mut model.hit[self.row(guess.way)][usize::from(neighbour.misses)];
        if coder.bit(count == Some(guess.number), hit) {
            let rests = guess.number == self.past.last;
            self.settle(0);
            self.past.learn(guess.number, relative);
            return if rests { before } else { self.unit.value(guess.number) };
        }
        if coder.bit(count.is_none(), &mut model.escape) {
            self.settle(0);
            self.misses |= 1;
            return self.first(place, value, wanted(self.unit));
        }
        let left = count.unwrap_or_default().wrapping_sub(guess.number);
        let count = guess.number.wrapping_add(self.miss(place, guess.way, left));
        self.past.learn(count, relative);
        self.unit.value(count)
    }

    /// Describes what a guess left over.
    fn miss<C: Coder>(&mut self, place: &mut Place<'_, C>, way: usize, left: i64) -> i64 {
        let signs = way * 4 + usize::from(self.past.signs & 3);
        let row = Model::level(self.level);
        let left = distance::left_over(place.coder, place.model, row, signs, left);
        self.settle(length_bits(left.unsigned_abs()));
        self.past.signs = self.past.signs << 1 | u8::from(left < 0);
        left
    }

    fn count(&self, before: f64, value: f64) -> Option<i64> {
        if value.to_bits() == before.to_bits() {
            return Some(self.past.last);
        }
        self.unit.count(value)
    }

    /// How often guesses failed lately, as a row of `Model::hit`.
    fn row(&self, way: usize) -> usize {
        let history = if self.misses == 0 {
            let calm = match self.calm {
                0..=7 => 0,
                8..=15 => 1,
                16..=31 => 2,
                _ => 3,
            };
            48 + calm
        } else {
            usize::from(self.misses & 7) * 6 + (self.misses >> 3).count_ones() as usize
        };
        history * 2 + usize::from(way != 0)
    }

    /// A guess left `bits` over.
    fn settle(&mut self, bits: u32) {
        self.misses = self.misses << 1 | u8::from(bits > 0);
        self.calm = if bits == 0 { self.calm.saturating_add(1) } else { 0 };
        if bits > 0 {
            let sixteenfold = bits as u16 * 16;
            let known = self.level > 0;
            self.level = if known { (self.level * 3 + sixteenfold) / 4 } else { sixteenfold };
        }
    }
}
