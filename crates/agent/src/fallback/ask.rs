//! One agent asks another one, over the certificates that both have of their hub.

use std::net::SocketAddr;
use std::time::Duration;

use watchfire_api::fallback::{Exchange, FALLBACK_PATH, MAX_EXCHANGE_BYTES};
use watchfire_identity::certificate::{AgentId, Peer, agent_name, peer_of};
use watchfire_runtime::Clock;
use watchfire_runtime::net::Net;
use watchfire_runtime::tls::TlsClient;
use watchfire_wire::FallbackMember;

use crate::identity::post;

/// How long all of it may take.
pub(super) const WHOLE_TIME: Duration = Duration::from_secs(4);
const HANDSHAKE_TIME: Duration = Duration::from_secs(3);

/// What the other one says; `None` when it cannot be reached, is another one, or does not answer.
pub(super) async fn ask(
    member: &FallbackMember,
    exchange: &Exchange,
    tls: &TlsClient,
    (clock, net): (&Clock, &Net),
) -> Option<Exchange> {
    let address: SocketAddr = member.address.parse().ok()?;
    let id: AgentId = member.id.parse().ok()?;
    let asked = async {
        let stream = net.connect(address).await.ok()?;
        let name = agent_name(id);
        let stream = tls.connect(stream, &name, HANDSHAKE_TIME, clock).await.ok()?;
        // The name was checked; whose certificate it is as well, like in a probe.
        match stream.peer_certificate().map(peer_of) {
            Some(Ok(Peer::Agent(shown))) if shown == id => {}
            _ => return None,
        }
        let body = serde_json::to_vec(exchange).ok()?;
        let (status, body) = post(stream, &name, FALLBACK_PATH, body).await.ok()?;
        (status == 200 && body.len() <= MAX_EXCHANGE_BYTES).then_some(body)
    };
    let body = clock.within(WHOLE_TIME, asked).await??;
    serde_json::from_slice(&body).ok()
}
