use std::fmt;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType};
use watchfire_model::Moment;
use zeroize::Zeroizing;

use super::template::{self, SELF_SIGNED_LIVES};
use super::{AgentId, CertificateError, Fingerprint, agent_name};

/// Signing needs nothing but random bytes, and going on without them would be
/// worse than ending.
pub(super) const SIGNS: &str =
    "a key that was loaded signs as long as the kernel gives random bytes";

/// The private key of an agent or a hub, ECDSA P-256. Its `Debug` form does
/// not show it.
pub struct MachineKey(KeyPair);

impl MachineKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect(SIGNS))
    }

    /// Reads a key that [`pem`](Self::pem) wrote.
    ///
    /// # Errors
    /// [`CertificateError::NotAKey`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|_| CertificateError::NotAKey)
    }

    /// The key itself as PKCS#8 in PEM, to be kept in a file that only its
    /// owner can read.
    #[must_use]
    pub fn pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// Who the agent with this key is.
    #[must_use]
    pub fn id(&self) -> AgentId {
        AgentId::of_public_key(&self.public_key_der())
    }

    /// The fingerprint of the public key (of its SubjectPublicKeyInfo), by
    /// which an invitation is known.
    #[must_use]
    pub fn public_key_fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.public_key_der())
    }

    /// A request for a certificate (PKCS#10 in PEM). It is signed by the key,
    /// which proves that its sender has it.
    #[must_use]
    pub fn signing_request(&self) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = template::called(&self.id().to_string());
        let request = params.serialize_request(&self.0).expect(SIGNS);
        request.pem().expect("PEM can be made of any bytes")
    }

    /// A certificate that the key signed itself, in PEM. An agent that waits
    /// to be adopted shows it; what the hub trusts is the key's fingerprint.
    #[must_use]
    pub fn self_signed(&self, now: Moment) -> String {
        let name = agent_name(self.id()).try_into().expect("hexadecimal digits and dots are ASCII");
        let (mut params, _) = template::leaf(vec![SanType::DnsName(name)], now, SELF_SIGNED_LIVES);
        params.distinguished_name = template::called(&self.id().to_string());
        params.self_signed(&self.0).expect(SIGNS).pem()
    }

    pub(super) fn public_key_der(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl fmt::Debug for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineKey(of {})", self.id())
    }
}
