use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use watchfire_model::Moment;
use webpki::ring::ECDSA_P256_SHA256;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::CertificateError;

/// The DER form of the first certificate in a PEM text.
///
/// # Errors
/// [`CertificateError::NotACertificate`] when there is none.
pub fn certificate_der(pem: &str) -> Result<Vec<u8>, CertificateError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes());
    der.map(|der| der.to_vec()).map_err(|_| CertificateError::NotACertificate)
}

/// True when the authority with the certificate `ca_der` signed this one, and
/// it holds at `now` for whoever dials. Handshakes check it as well; this is
/// for who was just given a certificate and is about to keep it.
///
/// # Errors
/// [`CertificateError::NotACertificate`] when one of the two is none.
pub fn is_issued_by(
    certificate_der: &[u8],
    ca_der: &[u8],
    now: Moment,
) -> Result<bool, CertificateError> {
    let broken = |_| CertificateError::NotACertificate;
    let (leaf, ca) = (CertificateDer::from(certificate_der), CertificateDer::from(ca_der));
    let leaf = EndEntityCert::try_from(&leaf).map_err(broken)?;
    let anchors = [anchor_from_trusted_cert(&ca).map_err(broken)?];
    let at = Duration::from_millis(now.unix_ms.max(0).unsigned_abs());
    let verified = leaf.verify_for_usage(
        &[ECDSA_P256_SHA256],
        &anchors,
        &[],
        UnixTime::since_unix_epoch(at),
        KeyUsage::client_auth(),
        None,
        None,
    );
    Ok(verified.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::{Authority, MachineKey};

    #[test]
    fn only_its_own_authority_and_its_own_days_count() {
        let now = Moment { unix_ms: 1_795_392_000_000, ..Moment::default() };
        let (authority, other) = (Authority::generate(now), Authority::generate(now));
        let issued = authority.issue_agent(&MachineKey::generate().signing_request(), now);
        let leaf = certificate_der(&issued.expect("is issued").certificate_pem).expect("PEM");
        let der = |authority: &Authority| certificate_der(authority.certificate_pem());
        let (ca, foreign) = (der(&authority).expect("PEM"), der(&other).expect("PEM"));
        assert_eq!(is_issued_by(&leaf, &ca, now), Ok(true));
        assert_eq!(is_issued_by(&leaf, &foreign, now), Ok(false));
        let later = Moment { unix_ms: now.unix_ms + 91 * 86_400_000, ..now };
        let earlier = Moment { unix_ms: now.unix_ms - 2 * 86_400_000, ..now };
        assert_eq!(is_issued_by(&leaf, &ca, later), Ok(false));
        assert_eq!(is_issued_by(&leaf, &ca, earlier), Ok(false));
        assert_eq!(is_issued_by(&leaf, b"", now), Err(CertificateError::NotACertificate));
        assert_eq!(certificate_der("no PEM"), Err(CertificateError::NotACertificate));
    }
}
