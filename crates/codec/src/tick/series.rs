//! How one value is described: the one place that says so, for both directions.

use watchfire_model::{ABSENT, is_absent};

use super::distance;
use super::model::Model;
use super::predict::{Guess, Past};
use super::unit::Unit;
use crate::coder::{Coder, length_bits};

/// Rows of `Model::hit`: 48 for series that were missed lately and 4 for calm
/// ones, each with and without a guess that moves.
pub(crate) const CALM_ROWS: usize = 2 * (48 + 4);

/// What is known of one series within a chain, as it is worked with;
/// [`Store`](super::store::Store) keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Series {
    pub(crate) past: Past,
    /// The number before an absence.
    pub(crate) gone: i64,
    /// Mean bits of what guesses left over, sixteenfold: up to 1,024.
    pub(crate) level: u16,
    /// The number of the series whose steps were like this one's.
    pub(crate) relative: Relative,
    pub(crate) unit: Unit,
    pub(crate) condition: Condition,
    /// The last eight ticks, the newest lowest: set where the guess was wrong.
    pub(crate) misses: u8,
    /// Rightly guessed ticks in a row.
    pub(crate) calm: u8,
}

/// How often guesses failed lately, as a row of `Model::hit`.
#[inline]
pub(crate) fn row(misses: u8, calm: u8, way: usize) -> usize {
    let history = if misses == 0 {
        let calm = match calm {
            0..=7 => 0,
            8..=15 => 1,
            16..=31 => 2,
            _ => 3,
        };
        48 + calm
    } else {
        usize::from(misses & 7) * 6 + (misses >> 3).count_ones() as usize
    };
    history * 2 + usize::from(way != 0)
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

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
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
    /// Its value, if it has one.
    value: Option<f64>,
    /// Its number, where it has no value.
    gone: i64,
    /// The two before, the nearer lowest: set where the guess was wrong.
    pub(crate) misses: u8,
}

impl Neighbour {
    /// A series that went on as it was guessed, to `value`.
    #[inline]
    pub(crate) fn rested(self, unit: Unit, value: f64) -> Self {
        Self { unit, value: Some(value), gone: 0, misses: self.misses << 1 & 3 }
    }

    /// `series` after its value was described.
    #[inline]
    pub(crate) fn passed(self, series: &Series, value: f64) -> Self {
        let misses = (self.misses << 1 | series.misses & 1) & 3;
        let value = (series.condition == Condition::Present).then_some(value);
        Self { unit: series.unit, value, gone: series.gone, misses }
    }

    fn number(&self) -> i64 {
        self.value.map_or(self.gone, |value| self.unit.number(value))
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
        let before = if same_unit { neighbour.number() } else { 0 };
        let same = same_unit && coder.bit(count == before, &mut model.same_number);
        let count = if same { before } else { distance::first(*coder, model, count) };
        self.past = Past::default();
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
        let step = if C::WRITES { self.step(before, value) } else { None };
        let guess = self.past.guess(relative);
        let row = row(self.misses, self.calm, guess.way);
        let hit = &mut model.hit[row][usize::from(neighbour.misses)];
        if coder.bit(step == Some(guess.step), hit) {
            self.settle(0);
            self.past.learn(guess.step, relative);
            return self.moved(before, guess.step);
        }
        self.missed(place, (guess, relative), (before, value), wanted)
    }

    /// Describes a value after `before` that is not what was guessed.
    pub(crate) fn missed<C: Coder>(
        &mut self,
        place: &mut Place<'_, C>,
        (guess, relative): (Guess, Option<i64>),
        (before, value): (f64, f64),
        wanted: impl FnOnce(Unit) -> Unit,
    ) -> f64 {
        let step = if C::WRITES { self.step(before, value) } else { None };
        if place.coder.bit(step.is_none(), &mut place.model.escape) {
            self.settle(0);
            self.misses |= 1;
            self.gone = self.unit.number(before);
            return self.first(place, value, wanted(self.unit));
        }
        let left = step.unwrap_or_default().wrapping_sub(guess.step);
        let step = guess.step.wrapping_add(self.miss(place, guess.way, left));
        self.past.learn(step, relative);
        self.moved(before, step)
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

    /// How far it is from `before` to `value`, if the unit counts it.
    fn step(&self, before: f64, value: f64) -> Option<i64> {
        if value.to_bits() == before.to_bits() {
            return Some(0);
        }
        Some(self.unit.count(value)?.wrapping_sub(self.unit.number(before)))
    }

    /// The value that is `step` from `before`.
    #[inline]
    fn moved(&self, before: f64, step: i64) -> f64 {
        if step == 0 {
            before
        } else {
            self.unit.value(self.unit.number(before).wrapping_add(step))
        }
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
