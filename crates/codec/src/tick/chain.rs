use super::model::Model;
use super::series::{Condition, Neighbour, Place, Relative, Series};
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
    series: Vec<Series>,
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
        self.series.capacity() + self.places.capacity()
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
        self.series.resize(count, Series::default());
        values.resize(count, 0.0);
        let mut neighbour = Neighbour::default();
        for (at, slot) in values.iter_mut().enumerate() {
            let relative = self.relative_step(at);
            let series = &mut self.series[at];
            let place = &mut Place { coder: &mut *coder, model: &mut self.model, neighbour };
            *slot = if series.condition == Condition::Fresh {
                series.first(place, value(at), wanted(at, series.unit))
            } else {
                series.next(place, relative, *slot, value(at), |unit| wanted(at, unit))
            };
            neighbour = neighbour.passed(series);
            self.find_relative(at, relative);
        }
    }

    /// The step that the relative of the series made in this tick, turned its way.
    #[inline]
    fn relative_step(&self, at: usize) -> Option<i64> {
        let (other, opposite) = self.series[at].relative.get()?;
        let step = self.series[other].past.step;
        Some(if opposite { step.wrapping_neg() } else { step })
    }

    /// Looks for an earlier series that made the same step or the opposite one.
    #[inline]
    fn find_relative(&mut self, at: usize, used: Option<i64>) {
        let series = &self.series[at];
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
        let other = self.series[found].past.step;
        if other.unsigned_abs() == size {
            self.series[at].relative = Relative::new(found as u16, other != step);
            self.series[at].past.trust_relative();
        }
    }
}
