//! What stands in our certificates beside names and keys (RFC 5280 section 4).

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use watchfire_model::Moment;

use crate::{Randomness, SystemRandomness};

/// How long a certificate of the authority lives.
pub const CERTIFICATE_LIVES: Duration = Duration::from_secs(90 * 86_400);
/// How long the authority itself lives. Nobody renews it, so it outlives the
/// machines.
pub const AUTHORITY_LIVES: Duration = Duration::from_secs(30 * 365 * 86_400);
/// How long an agent's own certificate lives, which it has until it is adopted.
pub const SELF_SIGNED_LIVES: Duration = Duration::from_secs(86_400);
/// How far back a certificate begins, so that a machine whose clock is wrong
/// by a time zone, and a little, can still be enrolled.
pub const BACKDATED: Duration = Duration::from_secs(25 * 3600);

/// The last moment that is taken from a clock, in the year 2200: a clock that
/// says more is broken, and the dates of a certificate end with the year 9999.
const LAST_MS: i64 = 7_258_118_400_000;
/// RFC 5280 section 4.1.2.2 allows 20 bytes.
const SERIAL_BYTES: usize = 16;

/// A certificate for `names`, and the end of its life in milliseconds since 1970.
pub(super) fn leaf(names: Vec<SanType>, now: Moment, lives: Duration) -> (CertificateParams, i64) {
    let (mut params, end) = dated(now, lives);
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Either side of a stream may be the one that dials.
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    (params, end)
}

/// The authority's own certificate.
pub(super) fn authority(name: &str, now: Moment) -> CertificateParams {
    let (mut params, _) = dated(now, AUTHORITY_LIVES);
    params.distinguished_name = called(name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params
}

/// A subject with one common name.
pub(super) fn called(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn dated(now: Moment, lives: Duration) -> (CertificateParams, i64) {
    // Certificates know no milliseconds.
    let begin = Duration::from_secs(now.unix_ms.clamp(0, LAST_MS).unsigned_abs() / 1000);
    let end = begin + lives;
    let mut params = CertificateParams::default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + begin.saturating_sub(BACKDATED);
    params.not_after = epoch + end;
    params.serial_number = Some(serial().into());
    (params, i64::try_from(end.as_millis()).unwrap_or(i64::MAX))
}

fn serial() -> Vec<u8> {
    let mut serial = vec![0; SERIAL_BYTES];
    SystemRandomness.fill(&mut serial);
    // A serial number is positive and has no leading zeros.
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}
