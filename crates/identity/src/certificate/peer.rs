use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::{AgentId, CertificateError};

/// The name in the hub's certificate, and in no other.
pub const HUB_NAME: &str = "hub.watchfire.internal";
/// What follows the id in an agent's name.
const AGENT_SUFFIX: &str = ".agent.watchfire.internal";
/// The end of all names that only we give.
pub(super) const OWN_SUFFIX: &str = ".watchfire.internal";

/// Whom a certificate of the authority is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The hub.
    Hub,
    /// This agent.
    Agent(AgentId),
}

/// The one name in an agent's certificate.
#[must_use]
pub fn agent_name(id: AgentId) -> String {
    format!("{id}{AGENT_SUFFIX}")
}

/// Reads whom a certificate is of. That the authority signed it and that it
/// holds today was checked by the handshake; here an agent's name and key are
/// held against each other, so that not even a wrongly issued certificate
/// makes one agent another.
///
/// # Errors
/// [`CertificateError`] for what is no certificate, names nobody or several,
/// or names an agent and holds another one's key.
pub fn peer_of(certificate_der: &[u8]) -> Result<Peer, CertificateError> {
    let der = CertificateDer::from(certificate_der);
    let certificate =
        EndEntityCert::try_from(&der).map_err(|_| CertificateError::NotACertificate)?;
    let ours = certificate.valid_dns_names().filter(|name| name.ends_with(OWN_SUFFIX));
    let ours: Vec<_> = ours.collect();
    let [name] = ours[..] else {
        return Err(CertificateError::Nobody);
    };
    if name == HUB_NAME {
        return Ok(Peer::Hub);
    }
    let named = name.strip_suffix(AGENT_SUFFIX).and_then(|id| id.parse::<AgentId>().ok());
    let named = named.ok_or(CertificateError::Nobody)?;
    let is = AgentId::of_public_key(&certificate.subject_public_key_info());
    if named == is { Ok(Peer::Agent(is)) } else { Err(CertificateError::OtherKey { named, is }) }
}
