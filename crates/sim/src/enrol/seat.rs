use std::net::SocketAddr;
use std::sync::OnceLock;

use watchfire_identity::enrol::EnrolToken;
use watchfire_runtime::Clock;

use super::ask;
use crate::machine::Host;
use crate::{Member, SimError};

/// A place in the fleet, for a server that is enrolled or will be when it dials
/// the hub for the first time.
#[derive(Debug)]
pub(crate) struct Seat {
    host: Host,
    token: Option<EnrolToken>,
    member: OnceLock<Member>,
}

impl Seat {
    /// Of a server that is enrolled.
    pub(crate) fn enrolled(seed: u64, number: u64, member: Member) -> Self {
        let mut host = Host::of(seed, number);
        host.name.clone_from(&member.name);
        Self { host, token: None, member: OnceLock::from(member) }
    }

    /// Of a server that has a token yet.
    pub(crate) fn with_token(seed: u64, number: u64, token: EnrolToken) -> Self {
        Self { host: Host::of(seed, number), token: Some(token), member: OnceLock::new() }
    }

    /// Who the server is.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// True until the server has enrolled.
    pub(crate) fn is_to_enrol(&self) -> bool {
        self.member.get().is_none()
    }

    /// What the hub knows the server by. The second value is true when that was
    /// settled just now.
    pub(crate) async fn member(
        &self,
        hub: SocketAddr,
        clock: &Clock,
    ) -> Result<(&Member, bool), SimError> {
        if let (None, Some(token)) = (self.member.get(), &self.token) {
            let member = ask::member(hub, &self.host, token, clock).await?;
            return Ok((self.member.get_or_init(|| member), true));
        }
        Ok((self.member.get().expect("a seat without a token has a member"), false))
    }
}
