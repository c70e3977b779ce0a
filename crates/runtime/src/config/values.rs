use std::net::SocketAddr;
use std::time::Duration;

use super::{Located, Problem};

/// Reads `5s`, `500ms`, `1m30s`, `2h` or `1d`.
///
/// # Errors
/// A [`Problem`] with an example.
pub fn duration(value: &Located<String>) -> Result<Duration, Problem> {
    parse_duration(value.value.trim()).ok_or_else(|| {
        value
            .problem(format!("{:?} is no duration", value.value))
            .hint("write a number with its unit: 500ms, 5s, 1m30s, 2h or 1d")
    })
}

/// Reads `127.0.0.1:5000` or `[::1]:5000`.
///
/// # Errors
/// A [`Problem`] with an example.
pub fn socket_address(value: &Located<String>) -> Result<SocketAddr, Problem> {
    value.value.trim().parse().map_err(|_| {
        value
            .problem(format!("{:?} is no address to listen on", value.value))
            .hint("write an IP address and a port: 127.0.0.1:5000, 0.0.0.0:5000 or [::]:5000")
    })
}

/// Reads a time of day, `08:00`, as minutes since midnight.
///
/// # Errors
/// A [`Problem`] with an example.
pub fn time_of_day(value: &Located<String>) -> Result<u16, Problem> {
    let read = || {
        let (hours, minutes) = value.value.trim().split_once(':')?;
        let number = |text: &str, limit: u16| {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten().filter(|n| *n < limit)
        };
        Some(number(hours, 24)? * 60 + number(minutes, 60)?)
    };
    read().ok_or_else(|| {
        value
            .problem(format!("{:?} is no time of day", value.value))
            .hint("write hours and minutes from 00:00 to 23:59: \"08:00\"")
    })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(number)?)?;
        rest = &rest[letters..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(text: &str) -> Located<String> {
        Located::default_value(text.to_owned())
    }

    #[test]
    fn durations_have_units() {
        for (text, millis) in
            [("500ms", 500), ("5s", 5000), ("1m30s", 90_000), ("2h", 7_200_000), ("0s", 0)]
        {
            let read = duration(&located(text)).expect(text);
            assert_eq!(read, Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "5", "s", "5 s", "-1s", "1.5s", "5sec", "99999999999s"] {
            assert!(duration(&located(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_of_day_are_strict() {
        assert_eq!(time_of_day(&located("08:00")), Ok(480));
        assert_eq!(time_of_day(&located("23:59")), Ok(1439));
        for bad in ["8:00", "24:00", "12:60", "noon", "12", "+1:00"] {
            assert!(time_of_day(&located(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn listen_addresses_need_a_port() {
        assert!(socket_address(&located("[::1]:5000")).is_ok());
        for bad in ["localhost:5000", "127.0.0.1", ":5000", "127.0.0.1:99999"] {
            assert!(socket_address(&located(bad)).is_err(), "{bad}");
        }
    }
}
