//! What the whole numbers count that stand for the values of a column.

/// The unit of a column: its values are whole numbers of it, and the number
/// gives back every bit of the value.
///
/// Exporters turn the kernel's whole numbers into seconds in different ways,
/// and the results differ in their last bit; so there is a unit for each way.
/// The code is in the format:
///
/// | code | value |
/// |---|---|
/// | 0 | the bit pattern, in an order in which neighbours are near |
/// | 1 to 15 | `n / 10^code` |
/// | 16 to 79 | `n * 2^(code - 48)` |
/// | 80 to 91 | `n * 10^-(code - 79)`, the power rounded first |
/// | 92 | `n / 1000 / 1000` |
/// | 93 | `n / 1000 / 1000 / 1000` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit(u8);

#[rustfmt::skip]
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
#[rustfmt::skip]
const PARTS: [f64; 13] =
    [1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12];

/// The smallest power of two among the units: 2^-32.
const LEAST_TWOS: i32 = -32;
/// The code of 2^0.
const ONE: u8 = 48;

impl Unit {
    /// Any bit pattern.
    pub(super) const PATTERN: Self = Self(0);
    /// Whole numbers.
    pub(super) const ONES: Self = Self(ONE);
    const LAST_CODE: u8 = 93;

    pub(super) fn from_code(code: u8) -> Option<Self> {
        (code <= Self::LAST_CODE).then_some(Self(code))
    }

    pub(super) fn code(self) -> u8 {
        self.0
    }

    /// Whether none of some numbers that never fall stands for a NaN, so that their values never
    /// fall either: bit patterns of NaNs are beyond those of all numbers.
    pub(super) fn are_numbers(self, rising: &[i64]) -> bool {
        let ends = [rising.first(), rising.last()];
        let is_nan = |number: &i64| self.value(*number).is_nan();
        self != Self::PATTERN || !ends.into_iter().flatten().any(is_nan)
    }

    /// The number that stands for `value`, if the unit counts it.
    #[inline]
    fn number(self, value: f64) -> i64 {
        match self.0 {
            0 => in_order(value.to_bits() as i64),
            code @ 16..=79 => {
                let twos = i32::from(code) - i32::from(ONE);
                if twos >= 0 { value as i64 >> twos } else { (value * two_to(-twos)) as i64 }
            }
            code => {
                let scaled = value * per_one(code);
                (scaled + 0.5_f64.copysign(scaled)) as i64
            }
        }
    }

    /// The value that `number` stands for.
    #[inline]
    pub(super) fn value(self, number: i64) -> f64 {
        let wide = number as f64;
        match self.0 {
            0 => f64::from_bits(in_order(number) as u64),
            code @ 1..=15 => wide / POWERS[usize::from(code)],
            code @ 16..=79 => {
                let twos = i32::from(code) - i32::from(ONE);
                if twos >= 0 {
                    number.wrapping_shl(twos as u32) as f64
                } else {
                    wide / two_to(-twos)
                }
            }
            code @ 80..=91 => wide * PARTS[usize::from(code - 79)],
            92 => wide / 1e3 / 1e3,
            _ => wide / 1e3 / 1e3 / 1e3,
        }
    }

    /// Writes the values that `numbers` stand for. One loop for each way, so
    /// that the way is chosen once a column.
    pub(super) fn values(self, numbers: &[i64], out: &mut Vec<f64>) {
        match self.0 {
            ONE => out.extend(numbers.iter().map(|&number| number as f64)),
            code @ 1..=15 => {
                let power = POWERS[usize::from(code)];
                out.extend(numbers.iter().map(|&number| number as f64 / power));
            }
            code @ 49..=79 => {
                let twos = u32::from(code - ONE);
                out.extend(numbers.iter().map(|&number| number.wrapping_shl(twos) as f64));
            }
            code @ 80..=91 => {
                let part = PARTS[usize::from(code - 79)];
                out.extend(numbers.iter().map(|&number| number as f64 * part));
            }
            _ => out.extend(numbers.iter().map(|&number| self.value(number))),
        }
    }

    /// The coarsest unit that counts all of `values`, with the numbers in `numbers`.
    pub(super) fn find(values: &[f64], numbers: &mut Vec<i64>) -> Self {
        let tried = std::iter::once(ONE).chain(1..=9).chain(80..=88).chain([92, 93]);
        let tried = tried.chain(10..=12).chain(89..=91).chain([16]);
        for unit in tried.map(Self) {
            if unit.count(values, numbers) {
                return unit.coarsest(numbers);
            }
        }
        numbers.clear();
        numbers.extend(values.iter().map(|&value| Self::PATTERN.number(value)));
        Self::PATTERN
    }

    fn count(self, values: &[f64], numbers: &mut Vec<i64>) -> bool {
        numbers.clear();
        for &value in values {
            let number = self.number(value);
            if self.value(number).to_bits() != value.to_bits() {
                return false;
            }
            numbers.push(number);
        }
        true
    }

    /// The same values in a unit that is larger by the twos that all numbers share.
    fn coarsest(self, numbers: &mut [i64]) -> Self {
        let all = numbers.iter().fold(0, |all, &number| all | number);
        if !(16..=ONE).contains(&self.0) || all == 0 {
            return if (16..=ONE).contains(&self.0) { Self::ONES } else { self };
        }
        let most = i64::from(79 - self.0).min(31 - i64::from(LEAST_TWOS)) as u32;
        let twos = all.trailing_zeros().min(most);
        numbers.iter_mut().for_each(|number| *number >>= twos);
        Self(self.0 + twos as u8)
    }
}

/// How many there are in 1, nearly.
fn per_one(code: u8) -> f64 {
    match code {
        code @ ..=15 => POWERS[usize::from(code)],
        92 => 1e6,
        93 => 1e9,
        code => POWERS[usize::from(code.saturating_sub(79)) & 15],
    }
}

/// 2^`twos`, of 1 to 32.
fn two_to(twos: i32) -> f64 {
    (1_u64 << twos) as f64
}

/// Bit patterns as numbers: greater values are greater numbers. Its own inverse.
fn in_order(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(values: &[f64]) -> (u8, Vec<i64>) {
        let mut numbers = Vec::new();
        let unit = Unit::find(values, &mut numbers);
        let mut back = Vec::new();
        unit.values(&numbers, &mut back);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values), "unit {}", unit.code());
        (unit.code(), numbers)
    }

    #[test]
    fn the_coarsest_unit_is_found() {
        assert_eq!(found(&[3.0, -5.0]), (48, vec![3, -5]));
        assert_eq!(found(&[8192.0, 4096.0, 0.0]), (60, vec![2, 1, 0]));
        assert_eq!(found(&[0.0, 0.0]), (48, vec![0, 0]));
        assert_eq!(found(&[0.25, 1.5]).0, 2);
        assert_eq!(found(&[0.07, 12.34]), (2, vec![7, 1234]));
        // 3 * 0.1 is not 3 / 10 in the last bit.
        assert_eq!(found(&[3.0 * 0.1, 7.0 * 0.1]), (80, vec![3, 7]));
        assert_eq!(found(&[3.0 + 2_f64.powi(-30), 5.0]), (18, vec![(3 << 30) + 1, 5 << 30]));
        for odd in [-0.0, f64::NAN, f64::INFINITY, 5e-324, f64::from_bits(0xfff0_0000_0000_0001)] {
            assert_eq!(found(&[1.0, odd]).0, 0);
        }
        assert_eq!(found(&[9_223_372_036_854_775_808.0]).0, 48);
        assert_eq!(found(&[-9_223_372_036_854_775_808.0]).0, 79);
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(bits: Vec<u64>, unit in 0..94_u8, numbers: Vec<i32>) {
            found(&bits.iter().map(|&bits| f64::from_bits(bits)).collect::<Vec<_>>());
            let unit = Unit::from_code(unit).expect("a code that is known");
            let values: Vec<f64> = numbers.iter().map(|&n| unit.value(i64::from(n))).collect();
            found(&values);
        }
    }
}
