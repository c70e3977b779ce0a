use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use watchfire_api::enrol::{AdoptReply, AdoptRequest, MAX_BODY_BYTES};
use watchfire_identity::limit::Admission;
use watchfire_model::ServerName;

use super::reply::{self, Refusal};
use super::{App, Peer};
use crate::identity::{Adoption, AdoptionRefused, Offer};

/// The name under which wrong secrets count in the limit on logins. No user
/// can have it, because of the colon.
const LIMITED_AS: &str = ":adopt";

/// The words to everybody who has no open invitation, whatever is missing.
const NOT_INVITED: &str =
    "this agent has no such invitation: make one with `watchfire invite` on the server";

/// `POST /adopt`: a hub comes with an invitation. Only over TLS, because the
/// hub knows by the key of the handshake whom it gives the secret to.
pub(super) async fn adopt(
    app: Arc<App>,
    peer: Peer,
    request: Request<Body>,
) -> Result<Response<Body>, Refusal> {
    if peer.tls.is_none() {
        let words = "adoption goes over TLS alone";
        return Err(reply::closing(StatusCode::FORBIDDEN, words).into());
    }
    if request.method() != Method::POST {
        return Err(reply::wrong_method("POST").into());
    }
    let body = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| {
        let words = format!("an adoption has at most {MAX_BODY_BYTES} bytes");
        Refusal::from(reply::closing(StatusCode::PAYLOAD_TOO_LARGE, words))
    })?;
    let AdoptRequest { secret, certificate, ca, hub_id, name } = read(&body)?;
    let offer = match (certificate, ca) {
        (None, None) => None,
        (Some(certificate_pem), Some(ca_pem)) => {
            let name = name.unwrap_or_else(|| app.about.server.clone());
            if ServerName::new(&name).is_err() {
                return Err(bad("no server can have that name"));
            }
            Some(Offer { certificate_pem, ca_pem, hub_id, name })
        }
        _ => return Err(bad("send certificate and ca together")),
    };
    let step = limited(&app, &peer, secret, offer).await?;
    tracing::info!(peer = %peer.remote, done = matches!(step, Adoption::Done), "a hub adopts");
    Ok(match step {
        Adoption::Request(csr) => Json(AdoptReply {
            csr,
            name: app.about.server.clone(),
            labels: owned(&app.about.labels),
        })
        .into_response(),
        Adoption::Done => Json(serde_json::json!({})).into_response(),
    })
}

/// Takes the step unless too many wrong secrets came from that address.
async fn limited(
    app: &App,
    peer: &Peer,
    secret: String,
    offer: Option<Offer>,
) -> Result<Adoption, Refusal> {
    let address = peer.remote.ip();
    let admission = app.limiter().admit(app.clock.now(), address, LIMITED_AS, false);
    if let Admission::Refused(wait) | Admission::Quiet(wait) = admission {
        app.counters.adoptions_refused.add(1);
        return Err(reply::too_many("too many wrong invitations: wait", wait).into());
    }
    let step = app.identity.adopt(secret, offer).await;
    let right = !matches!(step, Err(AdoptionRefused::NotInvited));
    app.limiter().settle(app.clock.now(), address, LIMITED_AS, admission, right);
    step.map_err(|refused| {
        app.counters.adoptions_refused.add(1);
        let (status, words) = match refused {
            AdoptionRefused::NotInvited => (StatusCode::UNAUTHORIZED, NOT_INVITED.to_owned()),
            AdoptionRefused::Bad(why) => (StatusCode::BAD_REQUEST, why),
            AdoptionRefused::Failed(error) => {
                tracing::error!(error, "an adoption fails here");
                let words = "the agent cannot be adopted: its log says why".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, words)
            }
        };
        tracing::warn!(peer = %peer.remote, words, "an adoption is refused");
        reply::message(status, words).into()
    })
}

fn read(body: &Bytes) -> Result<AdoptRequest, Refusal> {
    serde_json::from_slice(body).map_err(|_| bad("send JSON: {\"secret\": \"…\"}"))
}

fn bad(words: &str) -> Refusal {
    reply::message(StatusCode::BAD_REQUEST, words).into()
}

fn owned(labels: &watchfire_model::Labels) -> std::collections::BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
