use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use watchfire_identity::Scope;
use watchfire_identity::certificate::{self, AgentId, peer_of};

use super::auth::{Place, authorise};
use super::reply::{self, Refusal};
use super::{App, Peer};

/// Whom TLS says a caller to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody: a person, a program, a hub that logs in, one that adopts.
    Stranger,
    /// The hub that this agent belongs to, with the key of its pulses.
    Hub {
        /// Of this TLS session.
        pulse_key: [u8; 32],
    },
    /// Somebody else of the same hub: a neighbour that looks whether this agent
    /// answers, or asks what this one sees of the hub. The handshake was its answer; there is
    /// nothing more for it, but for those that the hub named to look after it together.
    Neighbour(Option<AgentId>),
}

/// Who opens a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opener {
    /// The hub that this agent belongs to, by its certificate.
    Hub {
        /// The key of the session's pulses.
        pulse_key: [u8; 32],
    },
    /// A hub that logged in, by the token of this user.
    User(String),
}

/// Reads the certificate of whoever is at the other end. The handshake has
/// verified it: it is of the agent's own hub's authority.
pub(super) fn caller(peer: &Peer) -> Caller {
    let Some(tls) = &peer.tls else { return Caller::Stranger };
    let Some(shown) = &tls.certificate else { return Caller::Stranger };
    match peer_of(shown) {
        Ok(certificate::Peer::Hub) => Caller::Hub { pulse_key: tls.pulse_key },
        Ok(certificate::Peer::Agent(agent)) => Caller::Neighbour(Some(agent)),
        // One that names nobody was issued by mistake, and opens nothing either.
        Err(_) => Caller::Neighbour(None),
    }
}

/// Who opens a stream with this request.
///
/// # Errors
/// As [`authorise`] for whoever is not the hub.
pub(super) fn opener(app: &App, peer: &Peer, request: &Parts) -> Result<Opener, Refusal> {
    if let Caller::Hub { pulse_key } = caller(peer) {
        return Ok(Opener::Hub { pulse_key });
    }
    let claims = authorise(app, request, Place::Header, &[Scope::Stream])?;
    Ok(Opener::User(claims.user))
}

/// What a neighbour hears, whatever it asks.
pub(super) fn nothing_for_neighbours() -> Response<Body> {
    let words = "this certificate opens nothing here";
    reply::closing(StatusCode::FORBIDDEN, words)
}
