//! What changes of a run, and what servers say, as it comes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use watchfire_identity::Action;

use crate::http::AppState;
use crate::http::guard::Caller;
use crate::http::reply::Refusal;
use crate::runs::{Spoken, said_of};

/// A comment now and then keeps proxies from closing a quiet stream.
const PING: Duration = Duration::from_secs(10);
/// How often a quiet stream looks whether its session has ended.
const LOOK: Duration = Duration::from_millis(500);

/// Somebody who watches a run.
struct Watch {
    app: AppState,
    caller: Caller,
    id: String,
    changes: Option<watch::Receiver<u64>>,
    spoken: Option<broadcast::Receiver<Spoken>>,
    /// The last change that was sent.
    since: u64,
    /// What is to be sent.
    ready: std::collections::VecDeque<Sent>,
    is_over: bool,
}

/// `GET /api/runs/{id}/stream`: the run with its servers as `run`, each that changes as `target`,
/// what it says as `output`, and the run once more as `end`. Each is checked against the caller's
/// scope as it is sent.
pub(in crate::http) async fn stream(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Refusal> {
    caller.may(Action::Run)?;
    let place = caller.session.stream_place().ok_or_else(|| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many live pages of this session are open")
    })?;
    // First of all, so that nothing between is missed.
    let (changes, spoken) = (app.parts.runs.changes(&id), app.parts.runs.spoken(&id));
    let row = app.parts.runs.one(&caller.session.account.scope, &id).await?;
    let since = row.changes;
    let first = Sent::default().event("run").json_data(row).map_err(Refusal::fault)?;
    let ready = [first].into();
    let watch = Watch { app, caller, id, changes, spoken, since, ready, is_over: false };
    let events = futures_util::stream::unfold((watch, place), |(mut watch, place)| async move {
        watch.next().await.map(|sent| (Ok(sent), (watch, place)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING)))
}

impl Watch {
    async fn next(&mut self) -> Option<Sent> {
        loop {
            let now = self.app.parts.clock.now();
            let ended = self.app.sessions.find(&self.caller.session_id, now).is_none();
            if self.app.parts.shutdown.is_requested() || ended {
                return None;
            }
            if let Some(sent) = self.ready.pop_front() {
                return Some(sent);
            }
            if self.is_over {
                return None;
            }
            self.gather().await;
        }
    }

    /// Waits for something to send, or for a while.
    async fn gather(&mut self) {
        let (Some(changes), Some(spoken)) = (&mut self.changes, &mut self.spoken) else {
            return self.end().await;
        };
        let clock = self.app.parts.clock.clone();
        tokio::select! {
            biased;
            said = spoken.recv() => match said {
                Ok(said) => self.say(&said),
                // What was missed is read from `output`.
                Err(RecvError::Lagged(_)) => self.ready.push_back(Sent::default().event("lagged").data("{}")),
                Err(RecvError::Closed) => self.changes = None,
            },
            changed = changes.changed() => match changed {
                Ok(()) => self.tell_changes(),
                Err(_) => self.changes = None,
            },
            () = clock.sleep(LOOK) => {}
        }
    }

    fn say(&mut self, said: &Spoken) {
        let account = &self.caller.session.account;
        if !self.app.parts.runs.sees(&account.scope, &said.server) {
            return;
        }
        let bytes = said_of(said.piece.bytes.clone());
        let stream = if said.piece.stream == 1 { "stdout" } else { "stderr" };
        let data = json!({
            "server": said.server.as_str(),
            "stream": stream,
            "offset": said.piece.start,
            "text": bytes.text,
            "base64": bytes.base64,
        });
        self.ready.extend(Sent::default().event("output").json_data(data).ok());
    }

    fn tell_changes(&mut self) {
        let scope = &self.caller.session.account.scope;
        let Some((until, rows)) = self.app.parts.runs.changed(scope, &self.id, self.since) else {
            return self.changes = None;
        };
        self.since = until;
        let rows = rows.into_iter();
        self.ready
            .extend(rows.filter_map(|row| Sent::default().event("target").json_data(row).ok()));
    }

    /// All is stored: what it came to.
    async fn end(&mut self) {
        self.is_over = true;
        let scope = self.caller.session.account.scope.clone();
        if let Ok(row) = self.app.parts.runs.one(&scope, &self.id).await {
            self.ready.extend(Sent::default().event("end").json_data(row).ok());
        }
    }
}
