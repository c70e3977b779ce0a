use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::BoxFuture;
use watchfire_identity::certificate::{AgentId, Peer as Whose, peer_of};
use watchfire_runtime::http::Peer;
use watchfire_runtime::socket::{CloseReason, Socket, upgrade};
use watchfire_runtime::task;

use super::reply::Refusal;
use super::{App, AppState};
use crate::session::SOCKET_LIMITS;

/// How long a stream may stay after its agent was removed, and until it has heard so.
const FAREWELL_TIME: Duration = Duration::from_secs(3);

/// A stream that an agent of this hub opened.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    /// The agent's place in the fleet.
    pub(crate) index: usize,
    pub(crate) agent: AgentId,
    /// The key of the pulses beside this stream.
    pub(crate) pulse_key: [u8; 32],
    pub(crate) remote: std::net::SocketAddr,
}

/// Talks to the agent until the stream is over.
pub(crate) type OnStream = Arc<dyn Fn(Accepted) -> BoxFuture<'static, ()> + Send + Sync>;

/// `GET /stream`: for agents that dial the hub. Who comes is known by the
/// certificate alone, and must still belong to the hub.
pub(super) async fn stream(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Refusal> {
    let (agent, pulse_key) = agent_of(&peer)?;
    let index = app.parts.agents.index_of(agent);
    let no_upgrade = |error| Refusal::new(StatusCode::UPGRADE_REQUIRED, format!("{error}"));
    let (response, opening) = upgrade(request, SOCKET_LIMITS).map_err(no_upgrade)?;
    let on_stream = app.parts.on_stream.clone();
    let talk = async move {
        let mut socket = match opening.await {
            Ok(socket) => socket,
            Err(error) => return tracing::debug!(%agent, %error, "a stream did not open"),
        };
        let Some(index) = index else {
            app.tell_removed(agent, &peer);
            let closing = async {
                socket.close(CloseReason::Forbidden).await;
                socket.linger().await;
            };
            let _ = app.parts.clock.within(FAREWELL_TIME, closing).await;
            return;
        };
        let accepted = Accepted { socket, index, agent, pulse_key, remote: peer.remote };
        // A session that was told to end and does not is dropped.
        tokio::select! {
            biased;
            () = removed(&app, agent, index) => {}
            () = on_stream(accepted) => {}
        }
    };
    task::spawn("agent's stream", talk).detach();
    Ok(response)
}

impl App {
    /// It comes again every few seconds until somebody stops it.
    fn tell_removed(&self, agent: AgentId, peer: &Peer) {
        if let Some(refused) = self.removed.note(self.parts.clock.now()) {
            let remote = peer.remote;
            tracing::warn!(%agent, %remote, refused, "an agent is refused that was removed");
        }
    }
}

async fn removed(app: &AppState, agent: AgentId, index: usize) {
    app.parts.agents.gone(agent, index).await;
    app.parts.clock.sleep(FAREWELL_TIME).await;
}

fn agent_of(peer: &Peer) -> Result<(AgentId, [u8; 32]), Refusal> {
    let enrol_first = || {
        let message = "a stream needs an agent's certificate: enrol with `watchfire join`";
        Refusal::new(StatusCode::UNAUTHORIZED, message)
    };
    let tls = peer.tls.as_ref().ok_or_else(enrol_first)?;
    let certificate = tls.certificate.as_deref().ok_or_else(enrol_first)?;
    match peer_of(certificate) {
        Ok(Whose::Agent(id)) => Ok((id, tls.pulse_key)),
        Ok(Whose::Hub) | Err(_) => Err(enrol_first()),
    }
}
