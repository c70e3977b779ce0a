/// Numbers from ten to this power on are written with an exponent.
const FIRST_LARGE: i32 = 6;
/// Numbers below ten to this power are.
const LAST_SMALL: i32 = -4;
/// An f64 has at most 17 decimal digits that tell it from its neighbours.
const MAX_DIGITS: usize = 17;

/// Appends a number as Prometheus and node_exporter write it: the fewest digits
/// from which the same f64 is read again, with an exponent of at least two
/// digits below 1e-04 and from 1e+06 on. That is `strconv.FormatFloat(v, 'g',
/// -1, 64)` of Go. Every NaN is `NaN`.
pub fn write_number(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        let word: &[u8] = match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        };
        out.extend_from_slice(word);
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = zmij::Buffer::new();
    let decimal = Decimal::read(buffer.format_finite(value.abs()));
    if (LAST_SMALL..FIRST_LARGE).contains(&decimal.exponent) {
        decimal.write_plain(out);
    } else {
        decimal.write_scientific(out);
    }
}

/// `d.ddd` times ten to the power `exponent`. Zero has no digits.
struct Decimal {
    digits: [u8; MAX_DIGITS],
    count: usize,
    exponent: i32,
}

impl Decimal {
    /// Takes apart what was printed in whichever form: `0.0012`, `12.0`, `1.2e30`.
    fn read(printed: &str) -> Self {
        let (mantissa, power) = printed.split_once('e').unwrap_or((printed, "0"));
        let mut decimal = Self { digits: [0; MAX_DIGITS], count: 0, exponent: 0 };
        let (mut before_point, mut past_point) = (0, false);
        let mut zeros = 0;
        for byte in mantissa.bytes() {
            match byte {
                b'.' => past_point = true,
                b'0' if decimal.count == 0 => before_point -= i32::from(past_point),
                digit => {
                    before_point += i32::from(!past_point);
                    // Zeros count once another digit follows them.
                    if digit == b'0' {
                        zeros += 1;
                    } else {
                        decimal.push_zeros(std::mem::take(&mut zeros));
                        decimal.push(digit);
                    }
                }
            }
        }
        if decimal.count > 0 {
            decimal.exponent = before_point - 1 + power.parse().unwrap_or(0);
        }
        decimal
    }

    fn push(&mut self, digit: u8) {
        if let Some(place) = self.digits.get_mut(self.count) {
            *place = digit;
            self.count += 1;
        }
    }

    fn push_zeros(&mut self, zeros: usize) {
        for _ in 0..zeros {
            self.push(b'0');
        }
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    fn write_plain(&self, out: &mut Vec<u8>) {
        let digits = self.digits();
        let Ok(places) = usize::try_from(self.exponent + 1) else {
            out.extend_from_slice(b"0.");
            let zeros = usize::try_from(-1 - self.exponent).unwrap_or(0);
            out.extend(std::iter::repeat_n(b'0', zeros));
            out.extend_from_slice(digits);
            return;
        };
        if places == 0 {
            out.extend_from_slice(b"0.");
            out.extend_from_slice(digits);
            return;
        }
        let whole = digits.len().min(places);
        out.extend_from_slice(&digits[..whole]);
        out.extend(std::iter::repeat_n(b'0', places - whole));
        if digits.len() > places {
            out.push(b'.');
            out.extend_from_slice(&digits[places..]);
        }
    }

    fn write_scientific(&self, out: &mut Vec<u8>) {
        let digits = self.digits();
        out.extend_from_slice(&digits[..1]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if self.exponent < 0 { b"e-" } else { b"e+" });
        let power = self.exponent.unsigned_abs();
        let digit = |value: u32| b'0' + u8::try_from(value % 10).unwrap_or(0);
        if power >= 100 {
            out.push(digit(power / 100));
        }
        out.extend_from_slice(&[digit(power / 10), digit(power)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut out = Vec::new();
        write_number(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_look_as_go_writes_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (0.25, "0.25"),
            (10.0, "10"),
            (100.0, "100"),
            (105.5, "105.5"),
            (999_999.0, "999999"),
            (123_456.7, "123456.7"),
            (999_999.999_999, "999999.999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1_025_100_000.0, "1.0251e+09"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_123_4, "0.0001234"),
            (0.000_099, "9.9e-05"),
            (1e-5, "1e-05"),
            (1.5e-300, "1.5e-300"),
            (9_007_199_254_740_993.0, "9.007199254740992e+15"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
            (1_795_363_919.123, "1.795363919123e+09"),
            (18_446_744_073_709_551_615.0, "1.8446744073709552e+19"),
            // Halfway between two decimals of that length.
            (130_262_884_938_909.25 / 4.0, "3.2565721234727312e+13"),
        ];
        for (value, text) in cases {
            assert_eq!(written(value), text);
        }
    }

    /// The same layout, from the digits of the standard library. Of two decimals
    /// that are equally near it takes the larger one, and Go the even one.
    fn by_std(value: f64) -> String {
        let text = format!("{value:e}");
        let (mantissa, power) = text.split_once('e').unwrap();
        let power: i32 = power.parse().unwrap();
        if value != 0.0 && !(-4..6).contains(&power) {
            let sign = if power < 0 { '-' } else { '+' };
            return format!("{mantissa}e{sign}{:02}", power.abs());
        }
        format!("{value}")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_same_bits_are_read_again(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let text = written(value);
            if value.is_nan() {
                prop_assert_eq!(text, "NaN");
            } else {
                let again: f64 = text.parse().unwrap();
                prop_assert_eq!(again.to_bits(), bits, "{}", text);
                if value.is_finite() {
                    prop_assert_eq!(text.len(), by_std(value).len(), "{}", text);
                }
            }
        }

        #[test]
        fn whole_numbers_and_fractions_are_read_again(whole in any::<i64>(), power in 0..19_u32) {
            let ten = 10_f64.powi(power.try_into().unwrap());
            for value in [whole as f64, whole as f64 / ten, (whole >> 40) as f64 / ten] {
                let text = written(value);
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
                prop_assert_eq!(text.len(), by_std(value).len(), "{}", text);
            }
        }
    }
}
