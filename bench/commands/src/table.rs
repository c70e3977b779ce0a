//! Figures as text.

use watchfire_testkit::figures::percentile;

/// The median and the most, in milliseconds.
pub(crate) fn spread_ms(seconds: &[f64]) -> String {
    let of = |share| percentile(seconds, share).map_or(f64::NAN, |value| value * 1e3);
    format!("{:.1} | {:.1} | {:.1}", of(0.5), of(0.99), of(1.0))
}

/// The median.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5).unwrap_or(f64::NAN)
}
