use crate::{ABSENT, Moment, Tick, is_absent};

/// Where one of the values is that a status is made of; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Default for Place {
    fn default() -> Self {
        Self::NONE
    }
}

impl Place {
    const NONE: Self = Self(u32::MAX);

    fn get(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// The series of all places, and their values at the tick before: a status is
/// made of a part of a tick only.
#[derive(Debug, Default)]
pub(super) struct Places {
    series: Vec<u32>,
    /// Those that came after the tick before are missing at the end.
    before: Vec<f64>,
    before_at: Option<(u64, Moment)>,
}

impl Places {
    /// Lets `place` be that of `series`.
    pub(super) fn set(&mut self, place: &mut Place, series: u32) {
        match place.get() {
            Some(at) => {
                self.series[at] = series;
                if let Some(before) = self.before.get_mut(at) {
                    *before = ABSENT;
                }
            }
            None => {
                // There are fewer than series, of which the number fits.
                *place = Place(self.series.len() as u32);
                self.series.push(series);
            }
        }
    }

    pub(super) fn trim(&mut self) {
        self.series.shrink_to_fit();
    }

    /// Keeps the values of `tick` for the next one.
    pub(super) fn remember(&mut self, tick: &Tick) {
        self.before.clear();
        self.before.reserve_exact(self.series.len());
        let value = |series: &u32| tick.value(*series as usize).unwrap_or(ABSENT);
        self.before.extend(self.series.iter().map(value));
        self.before_at = Some((tick.generation, tick.at));
    }

    /// `now` and the tick before, if that is of the same generation.
    pub(super) fn pair<'a>(&'a self, now: &'a Tick) -> Pair<'a> {
        let before = self.before_at.filter(|(generation, _)| *generation == now.generation);
        let before = before.map(|(_, at)| (at, &*self.before));
        Pair { now, series: &self.series, before }
    }
}

/// A tick and the one before it.
pub(super) struct Pair<'a> {
    pub(super) now: &'a Tick,
    series: &'a [u32],
    before: Option<(Moment, &'a [f64])>,
}

impl Pair<'_> {
    pub(super) fn value(&self, place: Place) -> Option<f64> {
        self.now.value(self.series[place.get()?] as usize)
    }

    /// Values of ticks that count bytes or things. What is no number of things is 0.
    pub(super) fn whole(&self, place: Place) -> Option<u64> {
        self.value(place).map(super::as_u64)
    }

    /// How much a counter grew; `None` when it went back or was not there.
    pub(super) fn grown(&self, place: Place) -> Option<f64> {
        let before = *self.before?.1.get(place.get()?)?;
        let grown = self.value(place)? - Some(before).filter(|value| !is_absent(*value))?;
        (grown >= 0.0 && grown.is_finite()).then_some(grown)
    }

    pub(super) fn rate(&self, place: Place) -> Option<f64> {
        let seconds = self.now.at.since(self.before?.0).as_secs_f64();
        let grown = self.grown(place)?;
        (seconds > 0.0).then(|| grown / seconds)
    }
}
