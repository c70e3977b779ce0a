//! Sums that keep what rounding loses.

/// A sum by Kahan and Neumaier: the second number is what the first has lost so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

/// What changes no sum when it is added: not even the sign of another zero.
pub(crate) const NOTHING: f64 = -0.0;

impl Default for Sum {
    fn default() -> Self {
        Self { sum: NOTHING, lost: 0.0 }
    }
}

impl Sum {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        (self.sum, self.lost) = added(value, self.sum, self.lost);
    }

    /// The sum of both.
    #[inline]
    pub(crate) fn joined(self, other: Self) -> Self {
        let (sum, lost) = added(other.sum, self.sum, self.lost);
        Self { sum, lost: lost + other.lost }
    }

    /// The sum with what was lost; infinite sums have lost nothing.
    #[inline]
    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// `value` added to a sum and what that sum has lost so far.
#[inline]
pub(crate) fn added(value: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + value;
    let lost = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        lost + ((sum - total) + value)
    } else {
        lost + ((value - total) + sum)
    };
    (total, lost)
}

/// A mean that stays finite where the sum would not: from then on it is kept by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    count: f64,
    /// The sum, or the mean once `by_itself`.
    state: Sum,
    by_itself: bool,
}

impl Mean {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.state.sum = value;
            return;
        }
        if !self.by_itself {
            let (sum, lost) = added(value, self.state.sum, self.state.lost);
            if !sum.is_infinite() {
                self.state = Sum { sum, lost };
                return;
            }
            self.by_itself = true;
            self.state.sum /= self.count - 1.0;
            self.state.lost /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        let Sum { sum, lost } = self.state;
        let (sum, lost) = added(value / self.count, share * sum, share * lost);
        self.state = Sum { sum, lost };
    }

    #[inline]
    pub(crate) fn mean(self) -> f64 {
        let Sum { sum, lost } = self.state;
        if self.by_itself { sum + lost } else { sum / self.count + lost / self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_not_lost_beside_large_ones() {
        let mut sum = Sum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_of_the_largest_numbers_is_finite() {
        let mut mean = Mean::default();
        for _ in 0..4 {
            mean.add(f64::MAX);
        }
        assert!((mean.mean() / f64::MAX - 1.0).abs() < 1e-15);
        mean.add(f64::INFINITY);
        assert_eq!(mean.mean(), f64::INFINITY);
    }
}
