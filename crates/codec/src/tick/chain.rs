use super::model::Model;
use super::predict::Guess;
use super::series::{Condition, Neighbour, Place, Relative, Series};
use super::store::{self, Store};
use super::unit::Unit;
use crate::coder::Coder;

/// Places in the table of steps that were just made; a power of two.
const PLACES: usize = 512;
/// Smaller steps are alike by chance.
const LEAST_STEP: u64 = 32;

/// Spreads sizes over the places: 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What both ends know within a chain.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    series: Store,
    model: Box<Model>,
    /// By the size of the step: the series that made it last.
    places: Vec<u16>,
}

impl Chain {
    /// Forgets all: the next tick is a key tick.
    pub(crate) fn begin(&mut self) {
        self.series.clear();
        *self.model = Model::default();
        self.places.clear();
        self.places.resize(PLACES, 0);
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.series.room() + self.places.capacity()
    }

    /// Describes a tick of `count` values. `values` holds those of the tick
    /// before and gets those of this one. A writer is given them by `value`, and
    /// by `wanted` the unit for a series whose unit does not serve any more.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        values: &mut Vec<f64>,
        count: usize,
        value: impl Fn(usize) -> f64,
        wanted: impl Fn(usize, Unit) -> Unit,
    ) {
        self.series.resize(count);
        store::resize(values, count, 0.0);
        let mut neighbour = Neighbour::default();
        for (at, slot) in values.iter_mut().enumerate() {
            let place = &mut Place { coder: &mut *coder, model: &mut self.model, neighbour };
            let resting = self.series.resting(at);
            let rests = resting.is_some();
            if let Some(resting) = resting {
                let hit = &mut place.model.hit[resting.row()][usize::from(neighbour.misses)];
                let same = C::WRITES && value(at).to_bits() == slot.to_bits();
                if place.coder.bit(same, hit) {
                    neighbour = neighbour.rested(resting.unit(), *slot);
                    resting.rest();
                    continue;
                }
            }
            let mut series = self.series.get(at);
            let relative = if rests { None } else { self.relative_step(at) };
            let place = &mut Place { coder: &mut *coder, model: &mut self.model, neighbour };
            let wanted = |unit| wanted(at, unit);
            *slot = if rests {
                series.missed(place, (Guess::REST, None), (*slot, value(at)), wanted)
            } else if series.condition == Condition::Fresh {
                series.first(place, value(at), wanted(series.unit))
            } else {
                series.next(place, relative, *slot, value(at), wanted)
            };
            neighbour = neighbour.passed(&series, *slot);
            self.find_relative(at, &mut series, relative);
            self.series.set(at, &series);
        }
    }

    /// The step that the relative of the series made in this tick, turned its way.
    #[inline]
    fn relative_step(&self, at: usize) -> Option<i64> {
        let (other, opposite) = self.series.relative(at)?;
        let step = self.series.step(other);
        Some(if opposite { step.wrapping_neg() } else { step })
    }

    /// Looks for an earlier series that made the same step or the opposite one.
    #[inline]
    fn find_relative(&mut self, at: usize, series: &mut Series, used: Option<i64>) {
        let step = series.past.step;
        let size = step.unsigned_abs();
        if size < LEAST_STEP || series.condition != Condition::Present {
            return;
        }
        let place = (size.wrapping_mul(SPREAD) >> (64 - PLACES.ilog2())) as usize;
        let found = usize::from(self.places[place]);
        self.places[place] = at as u16;
        if used == Some(step) || found == 0 || found >= at {
            return;
        }
        let other = self.series.step(found);
        if other.unsigned_abs() == size {
            series.relative = Relative::new(found as u16, other != step);
            series.past.trust_relative();
        }
    }
}
