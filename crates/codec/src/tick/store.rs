//! What a chain keeps of its series from tick to tick. A hub keeps it for each
//! of thousands of servers, so it is packed: nearly all steps are small, and
//! nearly all that is known of a series has few bits.

use super::predict::{FAST_STEPS, Guess, MOST_LEFT, Past, WAYS};
use super::series::{Condition, Relative, Series, row};
use super::unit::Unit;

/// Room is made for so many more, so that a schema that grows by single keys is
/// not copied each time, and one that does not grow wastes little.
const ROOM: usize = 64;

const LEFT_BITS: u32 = MOST_LEFT.ilog2();
const STEPS_SHIFT: u32 = LEFT_BITS * WAYS as u32;

const CONDITION: u8 = 0b011;
const PRESENT: u8 = 2;
/// In `Packed::state`: `step` is a place in `Store::wide`.
const WIDE: u8 = 0b100;
const SIGNS_SHIFT: u8 = 3;

/// The series of a chain, by number.
#[derive(Debug, Default)]
pub(crate) struct Store {
    series: Vec<Packed>,
    /// What does not fit the packed form. Who has a place here keeps it until the chain ends.
    wide: Vec<Wide>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Packed {
    step: i32,
    mean: i32,
    /// `Past::left`, and in the two highest bits `Past::steps`.
    left: u32,
    level: u16,
    relative: Relative,
    unit: Unit,
    /// The condition, [`WIDE`], and the last two signs.
    state: u8,
    misses: u8,
    calm: u8,
}

const _: () = assert!(size_of::<Packed>() == 20, "ten thousand servers have five million of these");
const _: () = assert!(STEPS_SHIFT + 2 <= u32::BITS, "three ways and the count of steps");

#[derive(Debug, Clone, Copy, Default)]
struct Wide {
    step: i64,
    mean: i64,
    gone: i64,
}

/// A resting series. Nine of ten ticks of most series are this, and all that is
/// done then is done here, on the packed form: it comes to the same as
/// [`Series::next`] with the guess [`Guess::REST`].
pub(crate) struct Resting<'a> {
    packed: &'a mut Packed,
}

impl Resting<'_> {
    /// The row of `Model::hit`.
    #[inline]
    pub(crate) fn row(&self) -> usize {
        row(self.packed.misses, self.packed.calm, Guess::REST.way)
    }

    pub(crate) fn unit(&self) -> Unit {
        self.packed.unit
    }

    /// It rested.
    #[inline]
    pub(crate) fn rest(self) {
        let packed = self.packed;
        packed.misses <<= 1;
        packed.calm = packed.calm.saturating_add(1);
        if packed.left >> STEPS_SHIFT < u32::from(FAST_STEPS) {
            packed.left += 1 << STEPS_SHIFT;
        }
    }
}

impl Store {
    /// Forgets all series.
    pub(crate) fn clear(&mut self) {
        self.series.clear();
        self.wide.clear();
    }

    /// Has `count` series from now on; new ones are fresh.
    pub(crate) fn resize(&mut self, count: usize) {
        let fewer = count < self.series.len();
        resize(&mut self.series, count, Packed::default());
        if fewer {
            self.free_places();
        }
    }

    /// Without those of series that are gone: an endless chain could gather them.
    fn free_places(&mut self) {
        let old = std::mem::take(&mut self.wide);
        for packed in &mut self.series {
            if let Some(place) = packed.place() {
                packed.step = self.wide.len() as i32;
                self.wide.push(old[place]);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.series.capacity() + self.wide.capacity()
    }

    /// The step that a series made last.
    #[inline]
    pub(crate) fn step(&self, at: usize) -> i64 {
        let packed = &self.series[at];
        match packed.place() {
            None => i64::from(packed.step),
            Some(place) => self.wide[place].step,
        }
    }

    /// The number of the series' relative, and whether its steps are opposite.
    #[inline]
    pub(crate) fn relative(&self, at: usize) -> Option<(usize, bool)> {
        self.series[at].relative.get()
    }

    /// A series that did nothing but rest for long, and is guessed to go on so.
    #[inline]
    pub(crate) fn resting(&mut self, at: usize) -> Option<Resting<'_>> {
        let packed = &mut self.series[at];
        let left = packed.left << (u32::BITS - STEPS_SHIFT);
        let plain = packed.state & (CONDITION | WIDE) == PRESENT && packed.relative.is_none();
        (plain && packed.step == 0 && packed.mean == 0 && left == 0).then_some(Resting { packed })
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Series {
        let packed = &self.series[at];
        let wide = match packed.place() {
            None => Wide { step: packed.step.into(), mean: packed.mean.into(), gone: 0 },
            Some(place) => self.wide[place],
        };
        packed.open(wide)
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize, series: &Series) {
        let Past { step, mean, .. } = series.past;
        // Only an absent series is asked for the number that it had.
        let gone = if series.condition == Condition::Absent { series.gone } else { 0 };
        let mut packed = Packed::close(series);
        let fits = i64::from(packed.step) == step && i64::from(packed.mean) == mean && gone == 0;
        let place = self.series[at].place();
        if !fits || place.is_some() {
            let place = place.unwrap_or_else(|| self.new_place());
            self.wide[place] = Wide { step, mean, gone };
            packed.state |= WIDE;
            packed.step = place as i32;
        }
        self.series[at] = packed;
    }

    #[cold]
    fn new_place(&mut self) -> usize {
        self.wide.push(Wide::default());
        self.wide.len() - 1
    }
}

impl Packed {
    #[inline]
    fn place(&self) -> Option<usize> {
        (self.state & WIDE != 0).then_some(self.step as usize)
    }

    #[inline]
    fn open(&self, wide: Wide) -> Series {
        let left = |way| (self.left >> (way * LEFT_BITS)) as u16 & (MOST_LEFT - 1);
        let past = Past {
            step: wide.step,
            mean: wide.mean,
            left: [left(0), left(1), left(2)],
            steps: (self.left >> STEPS_SHIFT) as u8,
            signs: self.state >> SIGNS_SHIFT & 3,
        };
        Series {
            past,
            gone: wide.gone,
            level: self.level,
            relative: self.relative,
            unit: self.unit,
            condition: match self.state & CONDITION {
                0 => Condition::Fresh,
                1 => Condition::Absent,
                _ => Condition::Present,
            },
            misses: self.misses,
            calm: self.calm,
        }
    }

    /// With the low bits of what may not fit.
    #[inline]
    fn close(series: &Series) -> Self {
        let Past { step, mean, left, steps, signs } = series.past;
        let left = u32::from(left[0])
            | u32::from(left[1]) << LEFT_BITS
            | u32::from(left[2]) << (2 * LEFT_BITS);
        let condition = match series.condition {
            Condition::Fresh => 0,
            Condition::Absent => 1,
            Condition::Present => PRESENT,
        };
        Self {
            step: step as i32,
            mean: mean as i32,
            left: left | u32::from(steps) << STEPS_SHIFT,
            level: series.level,
            relative: series.relative,
            unit: series.unit,
            state: condition | (signs & 3) << SIGNS_SHIFT,
            misses: series.misses,
            calm: series.calm,
        }
    }
}

/// Makes a list `count` long without much room to spare, also where it was far longer.
pub(crate) fn resize<T: Clone>(list: &mut Vec<T>, count: usize, new: T) {
    let room = count.next_multiple_of(ROOM);
    if list.capacity() > 2 * room {
        list.truncate(count);
        list.shrink_to(room);
    } else if list.capacity() < count {
        list.reserve_exact(room - list.len());
    }
    list.resize(count, new);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from), -9..9_i64, Just(0)]
    }

    fn series() -> impl Strategy<Value = Series> {
        let past = (number(), number(), prop::array::uniform3(0..MOST_LEFT), 0..4_u8, 0..4_u8);
        let past = past.prop_map(|(step, mean, left, steps, signs)| Past {
            step,
            mean,
            left,
            steps,
            signs,
        });
        let rest = (number(), 0..=1024_u16, 0..0x8000_u16, any::<bool>(), 0..62_u8, 0..3_u8);
        (past, rest, any::<[u8; 2]>()).prop_map(|(past, rest, [misses, calm])| {
            let (gone, level, relative, opposite, unit, condition) = rest;
            let (gone, condition) = match condition {
                0 => (0, Condition::Fresh),
                1 => (gone, Condition::Absent),
                _ => (0, Condition::Present),
            };
            let (relative, unit) = (Relative::new(relative, opposite), Unit::from_code(unit));
            Series { past, gone, level, relative, unit, condition, misses, calm }
        })
    }

    proptest! {
        #[test]
        fn series_come_back(steps in prop::collection::vec((0..20_usize, series()), 1..200)) {
            let mut store = Store::default();
            store.resize(20);
            let mut truth = [Series::default(); 20];
            for (at, series) in steps {
                store.set(at, &series);
                truth[at] = series;
                for (at, series) in truth.iter().enumerate() {
                    prop_assert_eq!(store.get(at), *series);
                    prop_assert_eq!(store.step(at), series.past.step);
                }
            }
            prop_assert!(store.wide.len() <= 20);
        }

        #[test]
        fn resting_is_what_a_right_guess_does(mut series in series(), plain in any::<bool>()) {
            if plain {
                let Past { steps, signs, .. } = series.past;
                series.past = Past { steps, signs, ..Past::default() };
                (series.relative, series.gone) = (Relative::default(), 0);
                series.condition = Condition::Present;
            }
            let mut store = Store::default();
            store.resize(1);
            store.set(0, &series);
            let Some(resting) = store.resting(0) else {
                prop_assert!(!plain);
                return Ok(());
            };
            let guess = series.past.guess(None);
            prop_assert_eq!((guess.step, guess.way, resting.unit()), (0, 0, series.unit));
            prop_assert_eq!(resting.row(), row(series.misses, series.calm, guess.way));
            resting.rest();
            series.past.learn(0, None);
            (series.misses, series.calm) = (series.misses << 1, series.calm.saturating_add(1));
            prop_assert_eq!(store.get(0), series);
        }
    }

    #[test]
    fn places_of_series_that_are_gone_are_free() {
        let past = |step| Past { step, ..Past::default() };
        let wide = |at: i64| Series { past: past(i64::MAX - at), ..Series::default() };
        let mut store = Store::default();
        for _ in 0..50 {
            store.resize(9);
            (0..9).for_each(|at| store.set(at, &wide(at as i64)));
            store.resize(4);
            assert_eq!(store.wide.len(), 4);
            (0..4).for_each(|at| assert_eq!(store.get(at), wide(at as i64)));
        }
    }

    #[test]
    fn a_list_has_little_room_to_spare() {
        let mut list = Vec::new();
        for count in [505, 506, 700, 40_000, 10, 0, 3] {
            resize(&mut list, count, 1_u8);
            assert_eq!(list.len(), count);
            assert!(list.capacity() <= 2 * count.next_multiple_of(ROOM).max(512), "{count}");
        }
    }
}
