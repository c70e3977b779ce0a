//! Ticks one below the other, each as what changed in it: most series rest in most ticks.

use watchfire_model::ABSENT;

/// Values that share a word of marks.
const WORD: usize = u64::BITS as usize;

#[derive(Debug, Default)]
pub(super) struct Rows {
    times: Vec<i64>,
    /// The values of the last tick; as many in every tick.
    last: Vec<f64>,
    /// Tick after tick, word after word: which values are others than in the tick before.
    changed: Vec<Word>,
    /// Those values.
    values: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    marks: u64,
    /// Where in `values` the first of them is.
    first: u32,
}

impl Word {
    /// Where the value of a place in this word is, if it changed.
    fn at(self, place: usize) -> Option<usize> {
        let mark = 1 << (place % WORD);
        let before = (self.marks & (mark - 1)).count_ones();
        (self.marks & mark != 0).then_some((self.first + before) as usize)
    }
}

impl Rows {
    pub(super) fn ticks(&self) -> usize {
        self.times.len()
    }

    /// How many values a tick has.
    pub(super) fn width(&self) -> usize {
        self.last.len()
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    pub(super) fn bytes(&self) -> usize {
        (self.times.capacity() + self.last.capacity() + self.values.capacity()) * size_of::<f64>()
            + self.changed.capacity() * size_of::<Word>()
    }

    /// Takes a tick. The first one says how many values there are, and none has more.
    pub(super) fn push(&mut self, at_ms: i64, values: &[f64]) {
        let is_first = self.times.is_empty();
        if is_first {
            self.last.resize(values.len(), 0.0);
        }
        self.times.push(at_ms);
        let padded: Vec<f64>;
        let values = if values.len() == self.width() {
            values
        } else {
            let nothing = std::iter::repeat(&ABSENT);
            padded = values.iter().chain(nothing).take(self.width()).copied().collect();
            &padded
        };
        for (last, values) in self.last.chunks_mut(WORD).zip(values.chunks(WORD)) {
            let differs = |(last, value): (&f64, &f64)| last.to_bits() != value.to_bits();
            let pairs = last.iter().zip(values).enumerate();
            let marks = pairs.fold(0, |marks, (at, pair)| marks | u64::from(differs(pair)) << at);
            // The first tick is told whole.
            let marks = if is_first { u64::MAX >> (WORD - last.len()) } else { marks };
            self.changed.push(Word { marks, first: self.values.len() as u32 });
            let mut left = marks;
            while left != 0 {
                self.values.push(values[left.trailing_zeros() as usize]);
                left &= left - 1;
            }
            last.copy_from_slice(values);
        }
    }

    /// The value of a place in the first tick.
    pub(super) fn first(&self, place: usize) -> f64 {
        self.words(place)
            .next()
            .and_then(|word| word.at(place))
            .map_or(ABSENT, |at| self.values[at])
    }

    /// Whether the value of a place is the same in all ticks.
    pub(super) fn rests(&self, place: usize) -> bool {
        self.words(place).skip(1).all(|word| word.at(place).is_none())
    }

    /// Appends a value for each tick.
    pub(super) fn column(&self, place: usize, column: &mut Vec<f64>) {
        if place >= self.width() {
            column.resize(column.len() + self.ticks(), ABSENT);
            return;
        }
        let mut value = 0.0;
        column.extend(self.words(place).map(|word| {
            if let Some(at) = word.at(place) {
                value = self.values[at];
            }
            value
        }));
    }

    /// Forgets the ticks, and keeps their memory for the next ones.
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.last.clear();
        self.changed.clear();
        self.values.clear();
    }

    /// The word of a place in each tick.
    fn words(&self, place: usize) -> impl Iterator<Item = Word> {
        let words = self.width().div_ceil(WORD).max(1);
        self.changed.chunks_exact(words).map(move |tick| tick[place / WORD])
    }
}
