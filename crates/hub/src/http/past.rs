//! Questions about the past of servers. They read the disk, so few run at a time, each has
//! its time, and a reader who is not served soon is told to come again.

mod events;
mod processes;
mod range;
mod runs;
mod stats;
mod thin;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Semaphore;
use watchfire_api::when::{WHEN_HINT, read_moment};
use watchfire_model::{ProcessTable, Scope, ServerName, SourceError, Status};
use watchfire_runtime::{Clock, task};

pub(super) use events::events;
pub(super) use processes::processes;
pub(super) use range::range;
pub(super) use runs::runs;
pub(super) use stats::stats;

use super::reply::Refusal;
use crate::session::RecordedEvent;

/// Questions that are worked on at a time.
const MAX_AT_ONCE: usize = 2;
/// Questions that wait for their turn; further ones are told to come again.
const MAX_WAITING: usize = 64;
/// How long one question may read.
const READING_TIME: Duration = Duration::from_secs(5);
/// How long one waits for its turn.
const WAITING_TIME: Duration = Duration::from_secs(4);

/// What is kept of the past. Its calls read the disk.
pub(crate) trait Recorded: Send + Sync {
    /// The last status of the server that was read at `at_ms` or before it.
    fn status_at(&self, server: &ServerName, at_ms: i64) -> Result<Option<Status>, SourceError>;

    /// The last process table of the server that was read at `at_ms` or before it.
    fn processes_at(
        &self,
        server: &ServerName,
        at_ms: i64,
    ) -> Result<Option<ProcessTable>, SourceError>;

    /// When processes of a name ran, on the servers in `scope` alone, newest first.
    fn runs_of(&self, scope: &Scope, asked: &RunsAsked) -> Result<Vec<Ran>, SourceError>;

    /// What the server's kernel told, newest first. `out_of_time` says when to give up.
    fn events_of(
        &self,
        server: &ServerName,
        asked: &EventsAsked,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<HeardEvents, SourceError>;
}

/// Which runs are wanted.
#[derive(Debug, Clone)]
pub(crate) struct RunsAsked {
    /// The process's short name.
    pub(crate) name: String,
    /// From when on.
    pub(crate) from_ms: i64,
    /// Up to when.
    pub(crate) to_ms: i64,
    /// How many at most.
    pub(crate) limit: usize,
}

/// A time in which a process ran on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The server.
    pub(crate) server: ServerName,
    /// The first table that shows it.
    pub(crate) from_ms: i64,
    /// The last table that shows it.
    pub(crate) to_ms: i64,
    /// The ids of its processes.
    pub(crate) pids: Vec<u32>,
    /// How many there were.
    pub(crate) processes: usize,
}

/// Which events of a server are wanted.
#[derive(Debug, Clone)]
pub(crate) struct EventsAsked {
    /// From when on, by the server's clock.
    pub(crate) from_ms: i64,
    /// Up to when, that moment included.
    pub(crate) to_ms: i64,
    /// How many at most.
    pub(crate) limit: usize,
}

/// What the kernel of a server told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HeardEvents {
    /// Newest first, each once.
    pub(crate) events: Vec<Heard>,
    /// Where something was stored that cannot be read, in the order of time.
    pub(crate) gaps: Vec<(i64, i64)>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// When, by the server's clock.
    pub(crate) at_ms: i64,
    /// What it is.
    pub(crate) event: RecordedEvent,
}

/// Answers questions about the past, a few at a time.
#[derive(Clone)]
pub(crate) struct Past {
    recorded: Arc<dyn Recorded>,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    clock: Clock,
}

impl Past {
    pub(crate) fn new(recorded: Arc<dyn Recorded>, clock: Clock) -> Self {
        let (turns, waiting) = (Semaphore::new(MAX_AT_ONCE), Semaphore::new(MAX_WAITING));
        Self { recorded, turns: Arc::new(turns), waiting: Arc::new(waiting), clock }
    }

    /// Does `read` off the threads that serve. Its second argument says when its time is
    /// over. The turn is held by the work itself: who hangs up makes no room for more.
    async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Recorded, &dyn Fn() -> bool) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.clock.within(WAITING_TIME, self.turns.clone().acquire_owned()).await;
        let turn = turn.ok_or_else(busy)?.map_err(Refusal::fault)?;
        drop(place);
        let (recorded, clock) = (self.recorded.clone(), self.clock.clone());
        let until = clock.now().after(READING_TIME).monotonic;
        let read = task::blocking("read the past", move || {
            let found = read(&*recorded, &|| clock.now().monotonic >= until);
            drop(turn);
            found
        });
        read.await.map_err(Refusal::fault)?.map_err(refusal)
    }
}

fn busy() -> Refusal {
    let message = "too many questions about the past are being answered; try again";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).retry_after(1)
}

/// A question that is too large is the asker's to mend.
fn refusal(error: SourceError) -> Refusal {
    match error {
        SourceError::Unreadable(why) => Refusal::fault(why),
        too_much => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, too_much.to_string()),
    }
}

/// Reads the moment that the parameter `key` names.
fn moment(key: &str, text: &str, now_ms: i64) -> Result<i64, Refusal> {
    read_moment(text, now_ms)
        .ok_or_else(|| bad(format!("{key}={text:?} is no moment: {WHEN_HINT}")))
}

/// Reads `from` and `to`, in milliseconds since 1970.
fn span(
    from: Option<&str>,
    to: Option<&str>,
    usual: Duration,
    now_ms: i64,
) -> Result<(i64, i64), Refusal> {
    let to = to.map_or(Ok(now_ms), |text| moment("to", text, now_ms))?;
    let usual_ms = i64::try_from(usual.as_millis()).unwrap_or(i64::MAX);
    let before = || Ok(to.saturating_sub(usual_ms));
    let from = from.map_or_else(before, |text| moment("from", text, now_ms))?;
    if from >= to {
        return Err(bad("from is not before to: use the earlier moment as from".to_owned()));
    }
    Ok((from, to))
}

fn bad(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}

/// For a server of which nothing is recorded then.
fn nothing_then(server: &ServerName) -> Refusal {
    let message = format!("nothing is recorded of {server} at that moment");
    Refusal::new(StatusCode::NOT_FOUND, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{manual_clock, name};

    struct Empty;

    impl Recorded for Empty {
        fn status_at(&self, _: &ServerName, _: i64) -> Result<Option<Status>, SourceError> {
            Ok(None)
        }

        fn processes_at(
            &self,
            _: &ServerName,
            _: i64,
        ) -> Result<Option<ProcessTable>, SourceError> {
            Ok(None)
        }

        fn runs_of(&self, _: &Scope, _: &RunsAsked) -> Result<Vec<Ran>, SourceError> {
            Err(SourceError::Unreadable("a disk that is secret".to_owned()))
        }

        fn events_of(
            &self,
            _: &ServerName,
            _: &EventsAsked,
            _: &dyn Fn() -> bool,
        ) -> Result<HeardEvents, SourceError> {
            Ok(HeardEvents::default())
        }
    }

    fn past() -> (Past, watchfire_runtime::ManualClock) {
        let (clock, hand) = manual_clock();
        (Past::new(Arc::new(Empty), clock), hand)
    }

    fn status(refused: Refusal) -> StatusCode {
        axum::response::IntoResponse::into_response(refused).status()
    }

    #[tokio::test]
    async fn a_full_house_is_told_to_come_again() {
        let (past, hand) = past();
        let turns: Vec<_> = (0..MAX_AT_ONCE)
            .map(|_| past.turns.clone().try_acquire_owned().expect("it is free"))
            .collect();
        let ask = || past.ask(|recorded, _| recorded.status_at(&name("a-1"), 0));
        let (answer, ()) = tokio::join!(ask(), async { hand.advance(WAITING_TIME) });
        assert_eq!(status(answer.expect_err("no turn came")), StatusCode::SERVICE_UNAVAILABLE);
        drop(turns);
        assert_eq!(ask().await.expect("a turn is free"), None);
        let places: Vec<_> = (0..MAX_WAITING)
            .map(|_| past.waiting.clone().try_acquire_owned().expect("it is free"))
            .collect();
        let answer = ask().await;
        assert_eq!(status(answer.expect_err("no place")), StatusCode::SERVICE_UNAVAILABLE);
        drop(places);
        assert!(ask().await.is_ok());
    }

    #[tokio::test]
    async fn the_time_of_a_question_ends_and_a_fault_is_kept_from_strangers() {
        let (past, hand) = past();
        let over = past.ask(move |_, over| {
            let before = over();
            hand.advance(READING_TIME);
            Ok((before, over()))
        });
        assert_eq!(over.await.expect("an answer"), (false, true));
        let asked = RunsAsked { name: "x".to_owned(), from_ms: 0, to_ms: 1, limit: 1 };
        let fault =
            past.ask(move |recorded, _| recorded.runs_of(&Scope::everything(), &asked)).await;
        let fault = fault.expect_err("a fault");
        assert!(!format!("{fault:?}").contains("secret"), "{fault:?}");
        assert_eq!(status(fault), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
