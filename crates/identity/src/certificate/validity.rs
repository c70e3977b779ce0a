use std::time::Duration;

use watchfire_model::Moment;

use super::CertificateError;
use super::der::{self, Reader, Value};

/// How long before its end a certificate is renewed. It lives for
/// [`CERTIFICATE_LIVES`](super::CERTIFICATE_LIVES), so an agent may be away for
/// a month and still come back as itself.
pub const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// The end of a certificate, in milliseconds since 1970 (RFC 5280 section
/// 4.1.2.5).
///
/// # Errors
/// [`CertificateError::NotACertificate`] when the bytes are none.
pub fn not_after(certificate_der: &[u8]) -> Result<i64, CertificateError> {
    end_of(certificate_der).ok_or(CertificateError::NotACertificate)
}

/// True when a certificate that ends then is to be renewed now.
#[must_use]
pub fn needs_renewal(not_after_ms: i64, now: Moment) -> bool {
    let ahead = i64::try_from(RENEW_BEFORE.as_millis()).unwrap_or(i64::MAX);
    now.unix_ms >= not_after_ms.saturating_sub(ahead)
}

fn end_of(certificate: &[u8]) -> Option<i64> {
    let mut outer = Reader::new(der::only(der::SEQUENCE, certificate)?.content);
    let mut inner = Reader::new(outer.expect(der::SEQUENCE)?.content);
    inner.expect(der::CONTEXT_0)?;
    inner.expect(der::INTEGER)?;
    inner.expect(der::SEQUENCE)?;
    inner.expect(der::SEQUENCE)?;
    let mut validity = Reader::new(inner.expect(der::SEQUENCE)?.content);
    validity.next()?;
    let end = validity.next()?;
    validity.end()?;
    unix_ms(end)
}

/// Both forms of time end in `Z`; the short one has no century.
fn unix_ms(time: Value<'_>) -> Option<i64> {
    let digits = time.content.strip_suffix(b"Z")?;
    let (year, rest) = match (time.tag, digits.len()) {
        (der::UTC_TIME, 12) => {
            let year = number(&digits[..2])?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (der::GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let mut parts = rest.chunks_exact(2).map(number);
    let mut part = |least, most| parts.next()?.filter(|part| (least..=most).contains(part));
    let (month, day) = (part(1, 12)?, part(1, 31)?);
    let (hour, minute, second) = (part(0, 23)?, part(0, 59)?, part(0, 59)?);
    let days = days_since_1970(year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

fn number(digits: &[u8]) -> Option<i64> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// Days in the Gregorian calendar. A year is counted from March here, so that
/// the day that some years have more comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_year = (153 * months_since_march + 2) / 5 + day - 1;
    // 719,468 days lie between March of the year 0 and January of 1970.
    year * 365 + leap_days + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Option<i64> {
        unix_ms(Value { tag, content: text.as_bytes(), whole: &[] })
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(read(der::UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(read(der::UTC_TIME, "000229235959Z"), Some(951_868_799_000));
        assert_eq!(read(der::UTC_TIME, "491231235959Z"), Some(2_524_607_999_000));
        assert_eq!(read(der::UTC_TIME, "500101000000Z"), Some(-631_152_000_000));
        assert_eq!(read(der::GENERALIZED_TIME, "20561123010203Z"), Some(2_742_166_923_000));
        for (tag, bad) in [
            (der::UTC_TIME, "20000101000000Z"),
            (der::GENERALIZED_TIME, "000101000000Z"),
            (der::UTC_TIME, "000101000000"),
            (der::UTC_TIME, "001301000000Z"),
            (der::UTC_TIME, "000100000000Z"),
            (der::UTC_TIME, "000101240000Z"),
            (der::UTC_TIME, "0001010000+0Z"),
            (der::INTEGER, "000101000000Z"),
        ] {
            assert_eq!(read(tag, bad), None, "{bad}");
        }
    }

    #[test]
    fn renewal_begins_thirty_days_before_the_end() {
        let now = |unix_ms| Moment { unix_ms, ..Moment::default() };
        let month = 30 * 86_400_000;
        assert!(!needs_renewal(month + 1, now(0)));
        assert!(needs_renewal(month, now(0)));
        assert!(needs_renewal(0, now(1)));
    }
}
