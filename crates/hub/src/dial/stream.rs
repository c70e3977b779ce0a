use std::net::SocketAddr;
use std::time::Duration;

use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, header};
use watchfire_identity::certificate::{AgentId, Peer, agent_name, peer_of};
use watchfire_identity::pulse::PulseKey;
use watchfire_model::Sight;
use watchfire_runtime::Secret;
use watchfire_runtime::net::Stream;
use watchfire_runtime::socket::{Socket, SocketError};
use watchfire_runtime::tls::{PULSE_LABEL, TlsClient, TlsError, TlsStream};

use super::{Dialer, Failed, PATIENCE, Tells, answer};
use crate::session::SOCKET_LIMITS;

/// How long the TLS handshake of a look may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_millis(1500);

/// Opens `ws://address/stream` with an agent's token, and says where it is. `told` is
/// called when that takes long.
pub(crate) async fn open_stream(
    dialer: &Dialer,
    address: &str,
    token: &Secret,
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<(Socket, SocketAddr), Failed> {
    let stream = dialer.connect_patiently(address, told).await?;
    let remote = remote_of(stream.peer_addr())?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_| Failed::new(Sight::NotAnAgent, "the token is no text"))?;
    bearer.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
    let opening = Socket::dial(stream, address, "/stream", headers, SOCKET_LIMITS);
    let opened = answer(dialer.clock(), opening, told).await?;
    Ok((opened.map_err(|error| refused(&error))?, remote))
}

/// Opens the stream of the agent with that id over mutual TLS, and gives the key of
/// its pulses.
pub(crate) async fn open_tls_stream(
    dialer: &Dialer,
    address: &str,
    agent: AgentId,
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<(Socket, SocketAddr, PulseKey), Failed> {
    let client = client_of(dialer)?;
    let stream = dialer.connect_patiently(address, told).await?;
    // It is waited for no longer than for any answer.
    let shaking = shake(&client, stream, (agent, 2 * PATIENCE), dialer);
    let stream = answer(dialer.clock(), shaking, told).await??;
    let remote = remote_of(stream.tcp().peer_addr())?;
    let key = PulseKey::from_exported(stream.export(PULSE_LABEL));
    let opening = Socket::dial(stream, address, "/stream", HeaderMap::new(), SOCKET_LIMITS);
    let opened = answer(dialer.clock(), opening, told).await?;
    Ok((opened.map_err(|error| refused(&error))?, remote, key))
}

/// Looks whether the agent with that id, and no other, can be reached at once.
pub(crate) async fn connect_tls(
    dialer: &Dialer,
    address: &str,
    agent: AgentId,
) -> Result<TlsStream, Failed> {
    let client = client_of(dialer)?;
    let stream = dialer.connect(address).await?;
    shake(&client, stream, (agent, HANDSHAKE_LIMIT), dialer).await
}

fn client_of(dialer: &Dialer) -> Result<TlsClient, Failed> {
    let own = || Failed::new(Tells::HubsOwn, "the hub has no certificate to dial with");
    dialer.tls().ok_or_else(own)
}

async fn shake(
    client: &TlsClient,
    stream: Stream,
    (agent, limit): (AgentId, Duration),
    dialer: &Dialer,
) -> Result<TlsStream, Failed> {
    let name = agent_name(agent);
    let connecting = client.connect(stream, &name, limit, dialer.clock());
    let stream = connecting.await.map_err(|error| not_opened(&error))?;
    // The name was checked by the handshake; the key behind it is checked here.
    match stream.peer_certificate().map(peer_of) {
        Some(Ok(Peer::Agent(found))) if found == agent => Ok(stream),
        _ => Err(Failed::new(Sight::NotAnAgent, "another one answers there")),
    }
}

fn remote_of(remote: std::io::Result<SocketAddr>) -> Result<SocketAddr, Failed> {
    remote.map_err(|error| Failed::new(Sight::StreamClosed, error.to_string()))
}

fn not_opened(error: &TlsError) -> Failed {
    let saw = match error {
        TlsError::Timeout => Sight::Silent,
        TlsError::Io(_) => Sight::StreamClosed,
        TlsError::PeerRefusedUs(_) => Sight::LoginRefused,
        TlsError::BadName(_) => Sight::NameUnknown,
        TlsError::OtherIdentity(_)
        | TlsError::NotTrusted(_)
        | TlsError::NotTls
        | TlsError::Incompatible(_) => Sight::NotAnAgent,
    };
    Failed::new(saw, error.to_string())
}

fn refused(error: &SocketError) -> Failed {
    let saw = match error {
        SocketError::Refused(429) => Sight::LoginLimited,
        SocketError::Refused(401 | 403) => Sight::LoginRefused,
        SocketError::Closed(_) | SocketError::Broken(_) => Sight::StreamClosed,
        SocketError::Refused(_) | SocketError::Protocol(_) | SocketError::Text => Sight::NotAnAgent,
    };
    Failed::new(saw, error.to_string())
}
