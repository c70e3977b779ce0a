use watchfire_model::is_absent;

/// Whole numbers from here on may have lost their lowest digit.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[rustfmt::skip]
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
#[rustfmt::skip]
const PARTS: [f64; 13] =
    [1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12];

/// What the whole numbers count that stand for the values of a series.
///
/// Exporters turn the kernel's whole numbers into seconds in different ways,
/// and the results differ in their last bit; so there is a unit for each way.
/// The code is in the format, six bits of it:
///
/// | code | value |
/// |---|---|
/// | 0 | the bit pattern, in an order in which neighbours are near |
/// | 1 to 15 | `n / 10^code` |
/// | 16 to 47 | `n * 2^(code - 16)` |
/// | 48 to 59 | `n * 10^-(code - 47)`, the power rounded first |
/// | 60 | `n / 1000 / 1000` |
/// | 61 | `n / 1000 / 1000 / 1000` |
/// | 62, 63 | as 0 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit(u8);

impl Default for Unit {
    fn default() -> Self {
        Self::WIDEST
    }
}

impl Unit {
    /// Bits of the code.
    pub(crate) const BITS: u32 = 6;
    /// Any bit pattern.
    const PATTERN: Self = Self(0);
    /// Whole numbers.
    const ONES: Self = Self(16);
    /// Where every series starts: the largest power of two.
    pub(crate) const WIDEST: Self = Self(47);
    const FIRST_PRODUCT: u8 = 48;
    const LAST_CODE: u8 = 61;

    pub(crate) fn from_code(code: u8) -> Self {
        Self(if code > Self::LAST_CODE { 0 } else { code })
    }

    pub(crate) fn code(self) -> u8 {
        self.0
    }

    fn twos(self) -> Option<u32> {
        (16..Self::FIRST_PRODUCT).contains(&self.0).then(|| u32::from(self.0) - 16)
    }

    /// The number that stands for `value`, if one gives back its every bit.
    #[inline]
    pub(crate) fn count(self, value: f64) -> Option<i64> {
        if self == Self::PATTERN {
            return (!is_absent(value)).then(|| in_order(value.to_bits()));
        }
        let number = self.number(value);
        let fits = self.value(number).to_bits() == value.to_bits()
            && value.abs() < MOST_WHOLE
            && number.unsigned_abs() < MOST_WHOLE as u64;
        fits.then_some(number)
    }

    /// The number that stands for `value`, of which it is known that the unit counts it.
    #[inline]
    pub(crate) fn number(self, value: f64) -> i64 {
        if self == Self::PATTERN {
            return in_order(value.to_bits());
        }
        match self.twos() {
            Some(twos) => value as i64 >> twos,
            None => {
                let scaled = value * self.per_one();
                (scaled + 0.5_f64.copysign(scaled)) as i64
            }
        }
    }

    /// How many there are in 1, nearly.
    fn per_one(self) -> f64 {
        match self.0 {
            code @ ..=15 => POWERS[usize::from(code)],
            60 => 1e6,
            61 => 1e9,
            code => POWERS[usize::from(code.saturating_sub(Self::FIRST_PRODUCT - 1)) & 15],
        }
    }

    /// The value that `number` stands for.
    #[inline]
    pub(crate) fn value(self, number: i64) -> f64 {
        let wide = number as f64;
        match self.0 {
            0 => f64::from_bits(in_order(number as u64) as u64),
            code @ 1..=15 => wide / POWERS[usize::from(code)],
            code @ 16..=47 => number.wrapping_shl(u32::from(code) - 16) as f64,
            code @ 48..=59 => wide * PARTS[usize::from(code - 47)],
            60 => wide / 1e3 / 1e3,
            _ => wide / 1e3 / 1e3 / 1e3,
        }
    }

    /// This unit, or else the next one in the order in which a writer tries
    /// them that counts `value`: powers of two falling, decimals, products, bit
    /// patterns. `value` is not absent.
    pub(crate) fn widened(self, value: f64) -> Self {
        if self.count(value).is_some() {
            return self;
        }
        if let (Some(twos), Some(whole)) = (self.twos(), Self::ONES.count(value)) {
            return Self(16 + twos.min(whole.trailing_zeros()) as u8);
        }
        let decimals = match self.0 {
            16..=47 => 1..=15,
            code => code..=15,
        };
        let products = match self.0 {
            code @ 48.. => code..=Self::LAST_CODE,
            _ => Self::FIRST_PRODUCT..=Self::LAST_CODE,
        };
        decimals
            .filter(|&code| code != 0)
            .chain(products)
            .filter(|_| self != Self::PATTERN)
            .map(Self)
            .find(|unit| unit.count(value).is_some())
            .unwrap_or(Self::PATTERN)
    }
}

/// Negative values in their order below the positive ones. Its own inverse.
fn in_order(bits: u64) -> i64 {
    let bits = bits as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchfire_model::ABSENT;

    use super::*;

    fn number_in_unit(value: f64) -> (u8, Option<i64>) {
        let unit = Unit::WIDEST.widened(value);
        (unit.code(), unit.count(value))
    }

    #[test]
    fn each_way_to_make_seconds_has_its_unit() {
        assert_eq!(number_in_unit(12345.67), (2, Some(1_234_567)));
        assert_eq!(number_in_unit(1_533_136_896.0), (16 + 20 - 8, Some(374_301)));
        assert_eq!(number_in_unit(-3.0), (16, Some(-3)));
        assert_eq!(number_in_unit(1_234_567.0 * 1e-3), (3, Some(1_234_567)));
        let product = (1..100_000).map(|n| (n, f64::from(n) * 1e-3));
        let (number, odd) = product.clone().find(|&(n, v)| v != f64::from(n) / 1e3).unwrap();
        assert_eq!(number_in_unit(odd), (50, Some(i64::from(number))));
        assert_eq!(number_in_unit(17_097_524.0 / 1e3 / 1e3).1, Some(17_097_524));
        assert_eq!(number_in_unit(-0.0).0, 0);
        assert_eq!(number_in_unit(f64::NAN).0, 0);
    }

    #[test]
    fn the_marker_of_absence_is_no_number() {
        assert!((0..=63).all(|code| Unit::from_code(code).count(ABSENT).is_none()));
    }

    proptest! {
        #[test]
        fn a_number_gives_back_every_bit(bits: u64, code in 0..64_u8) {
            let value = f64::from_bits(bits);
            let unit = Unit::from_code(code);
            if let Some(number) = unit.count(value) {
                prop_assert_eq!(unit.value(number).to_bits(), bits);
                prop_assert_eq!(unit.number(value), number);
            }
        }

        #[test]
        fn widening_ends_with_a_unit_that_counts(values in prop::collection::vec(
            prop_oneof![
                any::<u64>().prop_map(f64::from_bits),
                (any::<i32>(), 0..9_i32).prop_map(|(n, d)| f64::from(n) / 10_f64.powi(d)),
                (any::<i32>(), 0..9_i32).prop_map(|(n, d)| f64::from(n) * 10_f64.powi(-d)),
            ], 1..20)
        ) {
            let mut unit = Unit::WIDEST;
            for value in values.into_iter().filter(|&value| !is_absent(value)) {
                unit = unit.widened(value);
                prop_assert!(unit.count(value).is_some());
            }
        }

        #[test]
        fn any_number_makes_some_value(number: i64, code in 0..64_u8) {
            let _ = Unit::from_code(code).value(number);
        }
    }
}
