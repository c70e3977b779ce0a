use std::time::Duration;

/// How fast a counter grew, per second. `None` when it went back (the device
/// or the machine began anew) or when no time passed.
pub(crate) fn per_second(before: u64, after: u64, interval: Duration) -> Option<f64> {
    let grown = after.checked_sub(before)?;
    let seconds = interval.as_secs_f64();
    (seconds > 0.0).then(|| as_f64(grown) / seconds)
}

/// `value` as a float; above 2^53 the last digits are lost, which no rate shows.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
#[must_use]
pub(crate) fn as_f64(value: u64) -> f64 {
    value as f64
}

/// `value` as a whole number, cut off at both ends of `u64`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
#[must_use]
pub(crate) fn as_u64(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_never_negative() {
        let interval = Duration::from_millis(500);
        assert_eq!(per_second(100, 150, interval), Some(100.0));
        assert_eq!(per_second(150, 100, interval), None);
        assert_eq!(per_second(100, 150, Duration::ZERO), None);
    }
}
