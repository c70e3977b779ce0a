use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures_util::Stream;
use tokio::sync::broadcast::error::RecvError;
use watchfire_api::hub::IncidentRow;
use watchfire_identity::Action;

use super::guard::Caller;
use super::reply::Refusal;
use super::{AppState, rows};
use crate::events::Event;

/// A comment now and then keeps proxies from closing a quiet stream.
const PING: Duration = Duration::from_secs(10);
/// How often a quiet stream looks whether its session has ended.
const LOOK: Duration = Duration::from_millis(500);

/// `GET /api/events`: server rows and incidents as they change, as server-sent
/// events. Each one is checked against the caller's scope as it is sent.
pub(super) async fn stream(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Refusal> {
    caller.may(Action::ViewFleet)?;
    let place = caller.session.stream_place().ok_or_else(|| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many live pages of this session are open")
    })?;
    let listening = app.parts.events.listen();
    let state = (app, caller, place, listening, true);
    let events = futures_util::stream::unfold(state, |mut state| async move {
        let (app, caller, _, listening, greet) = &mut state;
        if std::mem::take(greet) {
            return Some((Ok(hello()), state));
        }
        loop {
            let ended = || app.sessions.find(&caller.session_id, app.parts.clock.now()).is_none();
            if app.parts.shutdown.is_requested() || ended() {
                return None;
            }
            let Some(event) = app.parts.clock.within(LOOK, listening.recv()).await else {
                continue;
            };
            let sent = match event {
                Ok(event) => show(app, caller, &event),
                // Who lagged behind loads everything anew.
                Err(RecvError::Lagged(_)) => Some(hello()),
                Err(RecvError::Closed) => return None,
            };
            if let Some(sent) = sent.filter(|_| !ended()) {
                return Some((Ok(sent), state));
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING)))
}

/// What the page answers by loading everything.
fn hello() -> Sent {
    Sent::default().event("hello").data("{}")
}

fn show(app: &AppState, caller: &Caller, event: &Event) -> Option<Sent> {
    let fleet = &app.parts.fleet;
    match event {
        Event::Server(index) if !fleet.is_in(*index) => {
            let config = fleet.config(*index);
            let name = config.server.name.as_str();
            caller.sees(&config.server.labels).then(|| Sent::default().event("gone").data(name))
        }
        Event::Server(index) => {
            let seen = caller.sees(&fleet.config(*index).server.labels);
            let row = seen.then(|| rows::row(fleet, &caller.reader(fleet), *index))?;
            Sent::default().event("server").json_data(row).ok()
        }
        Event::Incident(server, row) => {
            let index = fleet.index(server)?;
            caller.sees(&fleet.config(index).server.labels).then(|| incident(app, caller, row))?
        }
        Event::FleetWide(labels, row) => caller.sees(labels).then(|| incident(app, caller, row))?,
    }
}

fn incident(app: &AppState, caller: &Caller, row: &IncidentRow) -> Option<Sent> {
    let cause = caller.reader(&app.parts.fleet).words(&row.cause);
    let row = IncidentRow { cause, ..row.clone() };
    Sent::default().event("incident").json_data(row).ok()
}
