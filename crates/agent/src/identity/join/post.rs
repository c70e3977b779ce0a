use std::future::poll_fn;
use std::task::Poll;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use watchfire_api::enrol::MAX_BODY_BYTES;
use watchfire_runtime::tls::{TlsError, TlsStream};

use super::JoinError;

/// Sends one request over a connection of its own and takes its answer:
/// status and body.
pub(crate) async fn post(
    stream: TlsStream,
    hub: &str,
    path: &str,
    body: Vec<u8>,
) -> Result<(u16, Bytes), JoinError> {
    let broken = |error: hyper::Error| broken(hub, &error);
    let (mut sender, connection) =
        http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::post(path)
        .header(header::HOST, hub)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Body::from(body))
        .map_err(|error| JoinError::Unclear(error.to_string()))?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), MAX_BODY_BYTES).await;
        body.map(|body| (status, body)).map_err(|error| JoinError::Unclear(error.to_string()))
    };
    let (mut asking, mut connection) = (std::pin::pin!(asking), std::pin::pin!(connection));
    let mut driven = true;
    poll_fn(|context| {
        // The connection does the work; that it is over is told by the answer.
        if driven && connection.as_mut().poll(context).is_ready() {
            driven = false;
        }
        match asking.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A connection that broke may have been refused by TLS.
fn broken(hub: &str, error: &hyper::Error) -> JoinError {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return JoinError::of_tls(hub, TlsError::of(io));
        }
        source = cause.source();
    }
    JoinError::NotReached { hub: hub.to_owned(), why: error.to_string() }
}
