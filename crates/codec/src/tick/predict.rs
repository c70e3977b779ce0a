use crate::coder::length_bits;

/// Ways to guess the next number of a series: the number before; that and the
/// mean step; that and the step of its relative.
pub(crate) const WAYS: usize = 3;
const RELATIVE: usize = 2;

/// Up to this many steps, the mean is learnt faster.
pub(crate) const FAST_STEPS: u8 = 3;

/// `Past::left` is below: 64 bits sixteenfold, and every division rounds down.
pub(crate) const MOST_LEFT: u16 = 1024;

/// What a series did lately, and which way to guess would have served it best.
/// Everything is told as steps from the number before, which the value before holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Past {
    /// The last number less the one before it.
    pub(crate) step: i64,
    /// Sixteenfold mean of the steps.
    pub(crate) mean: i64,
    /// Mean bits that each way left over, sixteenfold: less than [`MOST_LEFT`].
    pub(crate) left: [u16; WAYS],
    /// How many steps there were, up to [`FAST_STEPS`].
    pub(crate) steps: u8,
    /// The last signs of what guesses left over, the newest lowest, set where negative. The
    /// lowest two matter.
    pub(crate) signs: u8,
}

/// The guess and the way that made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    pub(crate) step: i64,
    pub(crate) way: usize,
}

impl Guess {
    /// The number stays as it is.
    pub(crate) const REST: Self = Self { step: 0, way: 0 };
}

impl Past {
    /// All arithmetic wraps: a guess may be far off, but is the same at both ends.
    fn guesses(&self, relative: Option<i64>) -> [i64; WAYS] {
        let drift = self.mean.wrapping_add(8) >> 4;
        [0, drift, relative.unwrap_or(drift)]
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
        Guess { step: self.guesses(relative)[way], way }
    }

    /// Takes the step to the next number into account.
    #[inline]
    pub(crate) fn learn(&mut self, step: i64, relative: Option<i64>) {
        let guesses = self.guesses(relative);
        for (left, guess) in self.left.iter_mut().zip(guesses) {
            let bits = length_bits(step.wrapping_sub(guess).unsigned_abs()) * 16;
            *left = (u32::from(*left) * 7 / 8 + bits / 8) as u16;
        }
        let apart = step.wrapping_mul(16).wrapping_sub(self.mean);
        // The same step twice is the pace from now on.
        let share = if step == self.step { 0 } else { self.steps };
        self.mean = self.mean.wrapping_add(apart >> share);
        self.step = step;
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
        let mut past = Past::default();
        steps.iter().for_each(|step| past.learn(*step, None));
        past
    }

    #[test]
    fn a_steady_counter_is_guessed_exactly() {
        for pace in [1, 3, 100, 123_456_789, -7] {
            assert_eq!(after(&[pace; 12]).guess(None).step, pace);
            let changed = after(&[[pace; 12], [pace * 2; 12]].concat());
            assert_eq!(changed.guess(None).step, pace * 2);
        }
    }

    #[test]
    fn a_value_that_rests_is_guessed_to_rest() {
        let past = after(&[0, 0, 0, 90_000, 0, 0, 0]);
        assert_eq!((past.guess(None).step, past.guess(None).way), (0, 0));
    }

    #[test]
    fn a_relative_is_followed_once_it_is_trusted() {
        let mut past = after(&[4000, -70_000, 12_345, 99]);
        past.trust_relative();
        assert_eq!(past.guess(Some(5)).step, 5);
    }

    #[test]
    fn extremes_wrap() {
        let mut past = Past::default();
        for step in [i64::MAX, i64::MIN, 0, i64::MAX, -1, i64::MIN] {
            past.learn(step, Some(i64::MIN));
            let _ = past.guess(Some(i64::MAX));
            assert!(past.left.iter().all(|left| *left < MOST_LEFT));
        }
        // The bits of a step are 64 at most, and so is their mean.
        let worst = (0..1000).fold(Past::default(), |mut past, _| {
            past.learn(i64::MIN, Some(0));
            past.mean = 0;
            past
        });
        assert!(worst.left.iter().all(|left| *left < MOST_LEFT));
    }
}
