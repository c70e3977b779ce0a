//! What senders push: `POST /api/v1/write`, Prometheus' remote write 1.0 and 2.0.
//!
//! ```text
//! who (401) -> kind (415), size (413) -> room -> body -> turn: unpack, read (400, 413) -> queue
//!                                                                                          |
//! 204, or 400 for what was left out, or 503 "come again" <-------- durable <---------------+
//! ```
//!
//! What may be in memory at a time is bounded before any of it is read: bodies by the room, of which
//! one sender has half at the most, what becomes of them by the turns, and what is read by the
//! queue. A sender that finds no room in time is told to come again, by 503: the word for it
//! would be 429, but Prometheus drops what is answered so.

mod reading;
mod report;
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchfire_api::remote_write::limits::MAX_PACKED;
use watchfire_api::remote_write::{Protocol, RequestError};
use watchfire_runtime::{Clock, task};
use watchfire_store::Pushed;

use crate::dial::Rarely;
use crate::http::{App, AppState};
use crate::pushed::{KnownSender, Outcome, ROOM_KIB};
use reading::Ready;
use report::{Report, busy, stored, with};
pub(super) use who::Sending;

/// How long a request may take in all. It is less than the hub gives any request, because a
/// sender comes again after our answer, and not after that one.
const TIME: Duration = Duration::from_secs(9);
/// How long a request waits for room before its body is read.
const PATIENCE: Duration = Duration::from_secs(2);
/// What the smallest request takes of the room, in KiB: so many bytes or not, each is a
/// connection and a place in the queue.
const LEAST_KIB: usize = 64;
/// Requests that are unpacked and read at a time: at the worst each takes some 200 MB.
const AT_A_TIME: usize = 2;

/// What all requests have in common.
pub(in crate::http) struct Writing {
    /// For bodies, in KiB.
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    told: Told,
}

/// What the log is told, and how often it happened.
#[derive(Default)]
struct Told {
    wrong_token: Rarely,
    busy: Rarely,
    left_out: Rarely,
    full: Rarely,
    renamed: Rarely,
    /// Histograms or exemplars came, which is said once.
    unknown_kinds: AtomicBool,
}

impl Default for Writing {
    fn default() -> Self {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Self { room: semaphore(ROOM_KIB), turns: semaphore(AT_A_TIME), told: Told::default() }
    }
}

/// `POST /api/v1/write`
pub(super) async fn write(
    State(app): State<AppState>,
    Sending(sender): Sending,
    request: Request,
) -> Response {
    let working = app.take_push(&sender, request);
    let report = app.parts.clock.within(TIME, working).await;
    let report = report.unwrap_or_else(|| Err(busy("this took too long")));
    let report = report.unwrap_or_else(|report| report);
    if report.status == StatusCode::SERVICE_UNAVAILABLE
        && let Some(refused) = app.writing.told.busy.note(app.parts.clock.now())
    {
        let why = &report.words;
        tracing::warn!(refused, why, sender = %sender.name, "senders are told to come again");
    }
    report.into_response()
}

impl App {
    async fn take_push(&self, sender: &KnownSender, request: Request) -> Result<Report, Report> {
        let protocol = protocol(request.headers())?;
        let declared = declared(request.headers())?;
        let clock = &self.parts.clock;
        let _held = self.writing.room_for(sender, declared, clock).await?;
        let packed = body(request, declared).await?;
        let ready = self.ready(sender, protocol, packed).await?;
        self.tell_log(sender, &ready);
        if ready.is_empty() {
            return Ok(stored(0, &ready.refused));
        }
        let Ready { push, refused, .. } = ready;
        let waiting = self.parts.pushes.put(push);
        let waiting = waiting.map_err(|_| busy("too much waits for the disk"))?;
        match waiting.await {
            Ok(Outcome::Stored(pushed)) => {
                self.writing.told.tell_full(sender, &pushed, clock);
                Ok(stored(pushed.samples, &with(refused, &pushed)))
            }
            Ok(Outcome::Never(why)) => Err(Report::new(StatusCode::BAD_REQUEST, why)),
            Ok(Outcome::Later) | Err(_) => Err(busy("nothing can be stored now")),
        }
    }

    /// Unpacks and reads a body, beside the threads that serve.
    async fn ready(
        &self,
        sender: &KnownSender,
        protocol: Protocol,
        packed: Bytes,
    ) -> Result<Ready, Report> {
        let fault = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a push failed");
            busy("the hub has a problem; its log says which")
        };
        let turn = self.writing.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|error| fault(&error))?;
        let (fleet, name) = (self.parts.fleet.clone(), sender.name.clone());
        let now_ms = self.parts.clock.now().unix_ms;
        let working = task::blocking("read what was pushed", move || {
            // It is held by the work itself: hanging up must not make room for more of it.
            let _turn = turn;
            reading::ready(&fleet, &name, protocol, &packed, now_ms)
        });
        let read = working.await.map_err(|error| fault(&error))?;
        read.map_err(|error| {
            let status = match error {
                RequestError::Malformed(_) => StatusCode::BAD_REQUEST,
                RequestError::TooMuch { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            };
            Report::new(status, error.to_string())
        })
    }

    fn tell_log(&self, sender: &KnownSender, ready: &Ready) {
        let (told, now, sender) = (&self.writing.told, self.parts.clock.now(), &sender.name);
        if ready.renamed > 0
            && let Some(times) = told.renamed.note(now)
        {
            tracing::warn!(
                times, %sender, series = ready.renamed,
                "a sender speaks in the name of a server: its `instance` is kept as \
                 `exported_instance`"
            );
        }
        if !ready.refused.is_none()
            && let Some(times) = told.left_out.note(now)
        {
            let why = ready.refused.why.as_deref().unwrap_or_default();
            tracing::warn!(times, %sender, why, "some of what senders push is left out");
        }
        let unknown = ready.histograms + ready.exemplars > 0;
        if unknown && !told.unknown_kinds.swap(true, Ordering::Relaxed) {
            let (histograms, exemplars) = (ready.histograms, ready.exemplars);
            tracing::warn!(
                %sender, histograms, exemplars,
                "native histograms and exemplars are not stored; samples are. This is said once"
            );
        }
    }
}

impl Writing {
    /// Waits for room for a body, until the request is over.
    async fn room_for(
        &self,
        sender: &KnownSender,
        declared: Option<usize>,
        clock: &Clock,
    ) -> Result<[OwnedSemaphorePermit; 2], Report> {
        let kib = declared.unwrap_or(MAX_PACKED).div_ceil(1024).max(LEAST_KIB);
        let places = u32::try_from(kib).expect("a body is some MiB at the most");
        let (own, all) = (sender.room.clone(), self.room.clone());
        let acquiring = async {
            let own = own.acquire_many_owned(places).await.ok()?;
            Some([own, all.acquire_many_owned(places).await.ok()?])
        };
        let acquired = clock.within(PATIENCE, acquiring).await.flatten();
        acquired.ok_or_else(|| busy("too much is being pushed at a time"))
    }

    fn tell_wrong_token(&self, clock: &Clock, address: impl std::fmt::Display) {
        if let Some(times) = self.told.wrong_token.note(clock.now()) {
            tracing::warn!(times, %address, "pushes without a sender's token are refused");
        }
    }
}

impl Told {
    fn tell_full(&self, sender: &KnownSender, pushed: &Pushed, clock: &Clock) {
        let Some(why) = pushed.why else { return };
        if let Some(times) = self.full.note(clock.now()) {
            let Pushed { refused_series: series, refused_samples: samples, .. } = pushed;
            let sender = &sender.name;
            tracing::warn!(times, %sender, series, samples, %why, "some of a push is not stored");
        }
    }
}

fn protocol(headers: &HeaderMap) -> Result<Protocol, Report> {
    // What is no text is none of ours either.
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let protocol = Protocol::of(text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING));
    protocol.map_err(|error| Report::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()))
}

/// The length of the body, where the headers say it.
fn declared(headers: &HeaderMap) -> Result<Option<usize>, Report> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<u64> = length.and_then(|length| length.parse().ok());
    match length.map(usize::try_from) {
        Some(Ok(length)) if length <= MAX_PACKED => Ok(Some(length)),
        Some(_) => Err(too_large()),
        None => Ok(None),
    }
}

async fn body(request: Request, declared: Option<usize>) -> Result<Bytes, Report> {
    let most = declared.unwrap_or(MAX_PACKED);
    to_bytes(request.into_body(), most).await.map_err(|error| {
        let too_long =
            std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        match too_long {
            true => too_large(),
            false => Report::new(StatusCode::BAD_REQUEST, "the body did not come in whole"),
        }
    })
}

fn too_large() -> Report {
    let too_much = RequestError::TooMuch { what: "bytes as sent", limit: MAX_PACKED };
    Report::new(StatusCode::PAYLOAD_TOO_LARGE, too_much.to_string())
}
