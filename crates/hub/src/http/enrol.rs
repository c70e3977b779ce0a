use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use watchfire_api::enrol::{EnrolReply, EnrolRequest};
use watchfire_runtime::http::Peer;

use super::AppState;
use super::guard::same_origin;
use super::reply::Refusal;
use crate::enrolment::EnrolError;

/// `POST /enrol`: an agent shows the secret of a token and gets its certificate.
/// It is the one path by which somebody unknown becomes known.
pub(super) async fn enrol(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<Json<EnrolReply>, Refusal> {
    if peer.tls.is_none() {
        return Err(Refusal::tls_only());
    }
    same_origin(&headers)?;
    // What stood in the body may be a secret, so it is not repeated.
    let Json(request) = body.map_err(|error| {
        let message = "this is no enrolment: use `watchfire join` of this version";
        Refusal::new(error.status(), message)
    })?;
    let enrolled = app.parts.enrolment.enrol(peer.remote.ip(), request).await;
    enrolled.map(Json).map_err(refusal)
}

fn refusal(error: EnrolError) -> Refusal {
    let status = match &error {
        EnrolError::Limited(wait) => {
            let seconds = wait.as_secs() + 1;
            return Refusal::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
                .retry_after(seconds);
        }
        EnrolError::Name(_) | EnrolError::Labels(_) | EnrolError::Request(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        EnrolError::Unknown | EnrolError::Expired | EnrolError::Used | EnrolError::Removed => {
            StatusCode::UNAUTHORIZED
        }
        EnrolError::NameTaken(_) | EnrolError::HasLogin(_) => StatusCode::CONFLICT,
        EnrolError::Store(_) | EnrolError::Failed(_) => return Refusal::fault(error),
    };
    Refusal::new(status, error.to_string())
}
