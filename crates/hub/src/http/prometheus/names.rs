//! Names of labels as paths and old scrapers know them.

use std::fmt::Write;

use super::error::{ApiError, Kind};

/// What a name that was escaped for a path begins with.
const PREFIX: &str = "U__";
/// The largest scalar value of Unicode has so many hexadecimal digits.
const MOST_DIGITS: usize = 6;

/// The name that Prometheus' clients escape as `U__…`: `__` is an underscore and `_2e_` the
/// character with that number. What is not well escaped is taken as it is.
pub(super) fn unescaped(name: &str) -> String {
    name.strip_prefix(PREFIX).and_then(unescape).unwrap_or_else(|| name.to_owned())
}

/// The name as a part of a path that is asked elsewhere.
///
/// # Errors
/// For `.` and `..`, which are ways and no names.
pub(super) fn path_part(name: &str) -> Result<String, ApiError> {
    if matches!(name, "." | "..") {
        return Err(ApiError::new(Kind::BadData, format!("invalid label name: {name:?}")));
    }
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}");
        }
    }
    Ok(part)
}

fn unescape(escaped: &str) -> Option<String> {
    let (mut plain, mut rest) = (String::with_capacity(escaped.len()), escaped);
    while let Some(at) = rest.find('_') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find('_')?;
        if end == 0 {
            plain.push('_');
        } else {
            let digits = &rest[..end];
            let fits = end <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = fits.then(|| u32::from_str_radix(digits, 16).ok())??;
            plain.push(char::from_u32(number)?);
        }
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    Some(plain)
}

/// True for a name that every version of the text format knows; metric names may have colons.
pub(super) fn is_plain(name: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(fits)
}

/// The name with an underscore in place of whatever is not plain, as Prometheus writes it for
/// scrapers that do not ask for more.
pub(super) fn underscored(name: &str, colons: bool) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let replaced = name
        .chars()
        .enumerate()
        .map(|(at, c)| if fits(c) && !(at == 0 && digit_first) { c } else { '_' });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        for (escaped, name) in [
            ("instance", "instance"),
            ("U__no_2e_dot", "no.dot"),
            ("U__a__b", "a_b"),
            ("U___1F525_", "🔥"),
            ("U__http_2e_status:sum", "http.status:sum"),
            // Not well escaped.
            ("U__a_", "U__a_"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_D800_", "U__a_D800_"),
            ("U__a_1234567_", "U__a_1234567_"),
            ("U__a_+2e_", "U__a_+2e_"),
        ] {
            assert_eq!(unescaped(escaped), name, "{escaped}");
        }
    }

    #[test]
    fn no_name_leads_out_of_its_part_of_a_path() {
        for (name, part) in
            [("job", "job"), ("a/../b", "a%2F..%2Fb"), ("a?b#c%", "a%3Fb%23c%25"), ("é", "%C3%A9")]
        {
            assert_eq!(path_part(name), Ok(part.to_owned()));
        }
        assert!(path_part("..").is_err() && path_part(".").is_err());
    }

    #[test]
    fn what_is_not_plain_becomes_an_underscore() {
        assert!(is_plain("a:b_1", true) && !is_plain("a:b_1", false) && !is_plain("1a", true));
        assert_eq!(underscored("http.status", false), "http_status");
        assert_eq!(underscored("1a", false), "_a");
    }
}
