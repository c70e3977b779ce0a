use std::fmt;
use std::net::IpAddr;

use rcgen::{CertificateParams, Issuer, PublicKeyData, SanType};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName};
use watchfire_model::Moment;
use webpki::EndEntityCert;
use zeroize::Zeroizing;

use super::machine_key::SIGNS;
use super::peer::OWN_SUFFIX;
use super::template::{self, CERTIFICATE_LIVES};
use super::{AgentId, CertificateError, Fingerprint, HUB_NAME, MachineKey, agent_name, request};

/// The hub's own certificate authority. Its `Debug` form does not show its key.
pub struct Authority {
    key: MachineKey,
    certificate_pem: String,
    fingerprint: Fingerprint,
    /// What its signatures name it by.
    params: CertificateParams,
}

/// A certificate that the authority gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Of whose key it is; a hub has such an id as well, and it means nothing.
    pub id: AgentId,
    /// The fingerprint of its public key.
    pub public_key: Fingerprint,
    /// The certificate.
    pub certificate_pem: String,
    /// Its end, in milliseconds since 1970.
    pub not_after: i64,
}

impl Authority {
    /// A new authority with a new key.
    #[must_use]
    pub fn generate(now: Moment) -> Self {
        let key = MachineKey::generate();
        let params = template::authority(&name(&key), now);
        let certificate = params.self_signed(key.pair()).expect(SIGNS);
        let fingerprint = Fingerprint::of(certificate.der());
        Self { key, certificate_pem: certificate.pem(), fingerprint, params }
    }

    /// The authority that was kept.
    ///
    /// # Errors
    /// [`CertificateError::NotAKey`] and [`CertificateError::NotACertificate`]
    /// for files that are neither, [`CertificateError::NotOnePair`] when one of
    /// the two was replaced.
    pub fn from_pem(key_pem: &str, certificate_pem: &str) -> Result<Self, CertificateError> {
        let key = MachineKey::from_pem(key_pem)?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| CertificateError::NotACertificate)?;
        let kept = EndEntityCert::try_from(&der).map_err(|_| CertificateError::NotACertificate)?;
        let params = template::authority(&name(&key), Moment::default());
        let again = params.self_signed(key.pair()).expect(SIGNS);
        let again = EndEntityCert::try_from(again.der()).expect("what was just made can be read");
        let same_key = kept.subject_public_key_info() == again.subject_public_key_info();
        if !same_key || kept.subject() != again.subject() {
            return Err(CertificateError::NotOnePair);
        }
        let (fingerprint, certificate_pem) = (Fingerprint::of(&der), certificate_pem.to_owned());
        Ok(Self { key, certificate_pem, fingerprint, params })
    }

    /// The authority's key as PKCS#8 in PEM: whoever has it is the hub to all
    /// agents.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.key.pem()
    }

    /// The authority's certificate, which is no secret.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The fingerprint of the authority's certificate, by which agents know it
    /// before they have it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Gives a certificate to the agent that made this request. Its one name
    /// is made from its key; whatever else the request asks for is ignored.
    ///
    /// # Errors
    /// [`CertificateError`] for what is no request, is of another kind of key,
    /// or is not signed by the key in it.
    pub fn issue_agent(&self, csr_pem: &str, now: Moment) -> Result<Issued, CertificateError> {
        let key = request::read(csr_pem)?;
        let id = AgentId::of_public_key(&key.public_key_der);
        let san = san(&agent_name(id))?;
        Ok(self.issue(id, &key, vec![san], now))
    }

    /// Gives the hub its certificate. `names` are its public host names and
    /// addresses, for browsers and scripts.
    ///
    /// # Errors
    /// [`CertificateError::BadName`] for a name that no certificate can carry,
    /// [`CertificateError::ReservedName`] for one that would make the hub
    /// somebody else.
    pub fn issue_hub(
        &self,
        key: &MachineKey,
        names: &[String],
        now: Moment,
    ) -> Result<Issued, CertificateError> {
        let mut sans = vec![san(HUB_NAME)?];
        for name in names {
            let san = san(name)?;
            if name.to_ascii_lowercase().ends_with(OWN_SUFFIX) && name != HUB_NAME {
                return Err(CertificateError::ReservedName(name.clone()));
            }
            if !sans.contains(&san) {
                sans.push(san);
            }
        }
        Ok(self.issue(key.id(), key.pair(), sans, now))
    }

    fn issue(
        &self,
        id: AgentId,
        key: &impl PublicKeyData,
        names: Vec<SanType>,
        now: Moment,
    ) -> Issued {
        let (mut params, not_after) = template::leaf(names, now, CERTIFICATE_LIVES);
        params.distinguished_name = template::called(&id.to_string());
        let issuer = Issuer::from_params(&self.params, self.key.pair());
        let certificate_pem = params.signed_by(key, &issuer).expect(SIGNS).pem();
        let public_key = Fingerprint::of(&key.subject_public_key_info());
        Issued { id, public_key, certificate_pem, not_after }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.fingerprint)
    }
}

/// Two hubs' authorities have different names, so that a browser which trusts
/// both does not mix them up.
fn name(key: &MachineKey) -> String {
    format!("Watchfire CA {:.8}", key.public_key_fingerprint().to_string())
}

fn san(name: &str) -> Result<SanType, CertificateError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || CertificateError::BadName(name.to_owned());
    DnsName::try_from(name).map_err(|_| bad())?;
    name.try_into().map(SanType::DnsName).map_err(|_| bad())
}
