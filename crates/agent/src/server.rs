//! Serves [`crate::http`] until the shutdown, and lets the streams say goodbye.

use std::sync::Arc;

use watchfire_runtime::Shutdown;
use watchfire_runtime::http::{END_TIME, HttpLimits, Plain, Transport, serve as listen};
use watchfire_runtime::net::Listener;

use crate::http::{App, handle};

/// Serves until the shutdown is asked for and requests and streams have ended,
/// or their time is over.
pub(crate) async fn serve(
    listener: impl Into<Listener>,
    app: Arc<App>,
    plain: Plain,
    shutdown: Shutdown,
    limits: HttpLimits,
) {
    let answer = {
        let app = Arc::clone(&app);
        move |peer, request| handle(Arc::clone(&app), peer, request)
    };
    let counters = Arc::clone(&app.counters.http);
    let (transport, clock) =
        (Transport { tls: Some(app.identity.server()), plain }, app.clock.clone());
    let serving = listen(listener, transport, answer, limits, counters, clock, shutdown.clone());
    let goodbyes = async {
        shutdown.requested().await;
        app.clock.within(END_TIME, app.streams_ended()).await
    };
    if let ((), None) = tokio::join!(serving, goodbyes) {
        tracing::debug!("some streams did not end in time and are cut");
    }
}

#[cfg(test)]
mod tests;
