/// Seconds since 1970 of a time in the form of `allowed_signers`: `20261231Z`, `202612312359Z`
/// or `20261231235959Z`.
///
/// OpenSSH takes one without a `Z` as well and reads it by the zone of the machine. Here it is
/// refused, so that one file means one thing on every server.
pub(super) fn unix_s(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, count: usize| -> i64 {
        digits.get(from..from + count).and_then(|part| part.parse().ok()).unwrap_or(0)
    };
    let (year, month, day) = (part(0, 4), part(4, 2), part(6, 2));
    let (hour, minute, second) = (part(8, 2), part(10, 2), part(12, 2));
    let fits = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    fits.then(|| days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - 477;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    (year - 1970) * 365 + leaps + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, expected) in [
            ("19700101Z", 0),
            ("20000229Z", 951_782_400),
            ("202611232240Z", 1_795_473_600),
            ("20261123224042Z", 1_795_473_642),
            ("99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(unix_s(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_means_two_things_or_none_is_refused() {
        for text in [
            "",
            "Z",
            "20261123",
            "2026-11-23Z",
            "20261323Z",
            "20260229Z",
            "202611232460Z",
            "2026112322404Z",
            "20261123224060Z",
            "20261123z",
            "+2261123Z",
            "19691231Z",
            "２０２６Z",
        ] {
            assert_eq!(unix_s(text), None, "{text}");
        }
    }
}
