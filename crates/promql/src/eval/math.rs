//! Arithmetic as Go does it, where Rust's differs.

use std::f64::consts::PI;

/// 1, -1, or the value itself for zero and NaN.
pub(crate) fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

pub(crate) fn degrees(radians: f64) -> f64 {
    radians * 180.0 / PI
}

pub(crate) fn radians(degrees: f64) -> f64 {
    degrees * PI / 180.0
}

/// The larger of two; NaN when either is, unless the other is infinite.
pub(super) fn max(one: f64, other: f64) -> f64 {
    if one == f64::INFINITY || other == f64::INFINITY {
        f64::INFINITY
    } else if one.is_nan() || other.is_nan() {
        f64::NAN
    } else {
        one.max(other)
    }
}

/// The smaller of two; NaN when either is, unless the other is infinite.
pub(super) fn min(one: f64, other: f64) -> f64 {
    -max(-one, -other)
}

/// The nearest multiple of `to`, ties upwards.
pub(super) fn round_to(value: f64, to: f64) -> f64 {
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_treat_nan_as_go_does() {
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(min(f64::NEG_INFINITY, f64::NAN), f64::NEG_INFINITY);
        assert_eq!((max(1.0, 2.0), min(1.0, 2.0)), (2.0, 1.0));
    }

    #[test]
    fn ties_are_rounded_upwards() {
        assert_eq!([2.5, -2.5, 2.4, -2.6].map(|v| round_to(v, 1.0)), [3.0, -2.0, 2.0, -3.0]);
        assert_eq!(round_to(7.0, 5.0), 5.0);
    }
}
