use crate::coder::length_bits;

/// Ways to guess the next number of a series: the number before; that and the
/// mean step; that and the step of its relative.
pub(crate) const WAYS: usize = 3;
const RELATIVE: usize = 2;

/// Up to this many steps, the mean is learnt faster.
const FAST_STEPS: u8 = 3;

/// What a series did lately, and which way to guess would have served it best.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Past {
    /// The number before.
    pub(crate) last: i64,
    /// Its difference from the one before it.
    pub(crate) step: i64,
    /// Sixteenfold mean of the steps.
    mean: i64,
    /// Mean bits that each way left over, sixteenfold.
    left: [u16; WAYS],
    steps: u8,
    /// The last signs of what guesses left over, the newest lowest, set where negative.
    pub(crate) signs: u8,
}

/// The guess and the way that made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    pub(crate) number: i64,
    pub(crate) way: usize,
}

impl Past {
    pub(crate) fn begin(number: i64) -> Self {
        Self { last: number, ..Self::default() }
    }

    /// All arithmetic wraps: a guess may be far off, but is the same at both ends.
    fn guesses(&self, relative: Option<i64>) -> [i64; WAYS] {
        let drift = self.mean.wrapping_add(8) >> 4;
        [0, drift, relative.unwrap_or(drift)].map(|step| self.last.wrapping_add(step))
    }

    /// `relative` is the step that the related series just made. The first of
    /// the best ways is taken.
    #[inline]
    pub(crate) fn guess(&self, relative: Option<i64>) -> Guess {
        let mut way = 0;
        for other in 1..WAYS {
            if self.left[other] < self.left[way] {
                way = other;
            }
        }
        Guess { number: self.guesses(relative)[way], way }
    }

    /// Takes the number into account.
    #[inline]
    pub(crate) fn learn(&mut self, number: i64, relative: Option<i64>) {
        let guesses = self.guesses(relative);
        for (left, guess) in self.left.iter_mut().zip(guesses) {
            let bits = length_bits(number.wrapping_sub(guess).unsigned_abs()) * 16;
            *left = (u32::from(*left) * 7 / 8 + bits / 8) as u16;
        }
        let step = number.wrapping_sub(self.last);
        let apart = step.wrapping_mul(16).wrapping_sub(self.mean);
        // The same step twice is the pace from now on.
        let share = if step == self.step { 0 } else { self.steps };
        self.mean = self.mean.wrapping_add(apart >> share);
        (self.last, self.step) = (number, step);
        self.steps = (self.steps + 1).min(FAST_STEPS);
    }

    /// A new relative was found: its way starts as if it had always been right.
    pub(crate) fn trust_relative(&mut self) {
        self.left[RELATIVE] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[i64]) -> Past {
        let mut past = Past::begin(1000);
        for step in steps {
            past.learn(past.last.wrapping_add(*step), None);
        }
        past
    }

    #[test]
    fn a_steady_counter_is_guessed_exactly() {
        for pace in [1, 3, 100, 123_456_789, -7] {
            let past = after(&[pace; 12]);
            assert_eq!(past.guess(None).number, past.last + pace);
            let changed = after(&[[pace; 12], [pace * 2; 12]].concat());
            assert_eq!(changed.guess(None).number, changed.last + pace * 2);
        }
    }

    #[test]
    fn a_value_that_rests_is_guessed_to_rest() {
        let past = after(&[0, 0, 0, 90_000, 0, 0, 0]);
        assert_eq!((past.guess(None).number, past.guess(None).way), (past.last, 0));
    }

    #[test]
    fn a_relative_is_followed_once_it_is_trusted() {
        let mut past = after(&[4000, -70_000, 12_345, 99]);
        past.trust_relative();
        assert_eq!(past.guess(Some(5)).number, past.last + 5);
    }

    #[test]
    fn extremes_wrap() {
        let mut past = Past::begin(i64::MIN);
        for number in [i64::MAX, i64::MIN, 0, i64::MAX, -1, i64::MIN] {
            past.learn(number, Some(i64::MIN));
            let _ = past.guess(Some(i64::MAX));
        }
    }
}
