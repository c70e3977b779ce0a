use watchfire_identity::certificate::{AgentId, needs_renewal};
use watchfire_model::Moment;
use watchfire_runtime::tls::{Credentials, TlsClient};

/// An agent that a hub has vouched for. It does not change: a renewal makes
/// another one.
#[derive(Debug, Clone)]
pub(crate) struct Enrolment {
    /// Who the agent is.
    pub(crate) id: AgentId,
    /// Where the agent dials its hub, `host:port`; `None` when the hub dials.
    pub(crate) hub: Option<String>,
    /// What the hub called this server when they met. The hub may have renamed
    /// it since.
    pub(crate) name: String,
    /// The fingerprint of the hub's authority, 64 hexadecimal digits.
    pub(crate) hub_id: String,
    /// Certificate, key and authority.
    pub(crate) credentials: Credentials,
    /// What dials the hub and the neighbours as this agent.
    pub(crate) client: TlsClient,
    /// The end of the certificate, in milliseconds since 1970.
    pub(crate) not_after_ms: i64,
}

impl Enrolment {
    /// True when it is time for another certificate.
    pub(crate) fn needs_renewal(&self, now: Moment) -> bool {
        needs_renewal(self.not_after_ms, now)
    }

    /// True when the certificate has ended: nobody believes it any more.
    pub(crate) fn has_ended(&self, now: Moment) -> bool {
        now.unix_ms >= self.not_after_ms
    }
}
