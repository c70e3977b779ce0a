//! Words and numbers for a terminal.

use std::io::{self, Write};
use std::time::Duration;

/// Writes to stdout. A reader that leaves early, as `head` does, is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Bytes in the largest unit that leaves at least one: `1.5G`, `820K`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    // One digit behind the point, kept in whole numbers so that it is never 1024.0.
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths >= 1000 {
        return format!("{}{}", tenths / 10, UNITS[unit]);
    }
    format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A share, or a dash where it is not known.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1}%"))
}

/// The two largest units of a length of time: `3d 4h`, `12m 5s`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// At most `width` characters, with a sign that there were more.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('+');
    cut
}

/// A rate without its fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(rate: f64) -> u64 {
    rate as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_short_names() {
        for (number, expected) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1_048_575, "1023K"),
            (1_048_576, "1.0M"),
            (25_276_514_304, "23.5G"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn spans_have_two_units() {
        let shown = [5, 65, 3665, 90_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(shown, ["5s", "1m 5s", "1h 1m", "1d 1h"]);
    }

    #[test]
    fn long_words_are_cut_with_a_sign() {
        assert_eq!((fit("short", 5).as_str(), fit("longer", 5).as_str()), ("short", "long+"));
    }
}
