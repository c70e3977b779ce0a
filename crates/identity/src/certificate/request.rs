use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use webpki::ring::ECDSA_P256_SHA256;

use super::CertificateError;
use super::der::{self, Reader};

/// The longest signing request that is looked at, in bytes of PEM. Ours have
/// about 400.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// An uncompressed point of P-256 (SEC 1 section 2.3.3): 4, then x and y.
const POINT_BYTES: usize = 65;

/// The public key of a signing request whose maker was shown to have the
/// private one.
#[derive(Debug)]
pub(super) struct RequestedKey {
    point: Vec<u8>,
    pub(super) public_key_der: Vec<u8>,
}

/// Reads a request (PKCS#10, RFC 2986 section 4) and checks its signature.
/// Whatever it asks for beside the key is not even read.
pub(super) fn read(pem: &str) -> Result<RequestedKey, CertificateError> {
    if pem.len() > MAX_REQUEST_BYTES {
        return Err(CertificateError::NotARequest);
    }
    let request = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| CertificateError::NotARequest)?;
    let parts = Parts::of(request.as_ref()).ok_or(CertificateError::NotARequest)?;
    let ours = parts.signature_algorithm == ECDSA_P256_SHA256.signature_alg_id().as_ref()
        && parts.key_algorithm == ECDSA_P256_SHA256.public_key_alg_id().as_ref();
    if !ours || parts.point.len() != POINT_BYTES {
        return Err(CertificateError::OtherKindOfKey);
    }
    ECDSA_P256_SHA256
        .verify_signature(parts.point, parts.signed, parts.signature)
        .map_err(|_| CertificateError::NotSigned)?;
    let (point, public_key_der) = (parts.point.to_vec(), parts.public_key.to_vec());
    Ok(RequestedKey { point, public_key_der })
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

struct Parts<'a> {
    /// What the signature is over.
    signed: &'a [u8],
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
    public_key: &'a [u8],
    key_algorithm: &'a [u8],
    point: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(request: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der::only(der::SEQUENCE, request)?.content);
        let info = outer.expect(der::SEQUENCE)?;
        let signature_algorithm = outer.expect(der::SEQUENCE)?.content;
        let signature = der::whole_bytes(outer.expect(der::BIT_STRING)?)?;
        outer.end()?;

        let mut inner = Reader::new(info.content);
        inner.expect(der::INTEGER)?;
        inner.expect(der::SEQUENCE)?;
        let public_key = inner.expect(der::SEQUENCE)?;
        inner.expect(der::CONTEXT_0)?;
        inner.end()?;

        let mut key = Reader::new(public_key.content);
        let key_algorithm = key.expect(der::SEQUENCE)?.content;
        let point = der::whole_bytes(key.expect(der::BIT_STRING)?)?;
        key.end()?;
        let (signed, public_key) = (info.whole, public_key.whole);
        Some(Self { signed, signature_algorithm, signature, public_key, key_algorithm, point })
    }
}
