//! What costs too much to ask of every process, asked of few.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::sync::Semaphore;
use watchfire_api::agent::ProcessRow;
use watchfire_collect::ProcessDetail;
use watchfire_runtime::task;

use super::{App, reply};

/// The most processes of one answer that are asked for details.
pub(super) const MAX_DETAILED: usize = 100;
/// How long the kernel may take over it. A process that is stuck in the kernel
/// can hold its memory map, and with it whoever asks.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets one answer at a time ask for details, so that processes that are stuck
/// hold one thread of the agent and not all.
#[derive(Debug)]
pub(super) struct Details(Arc<Semaphore>);

impl Default for Details {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// Fills the details of `rows`, which are named by pid and start time. What is
/// gone or may not be seen stays empty.
pub(super) async fn fill(
    app: &App,
    mut rows: Vec<(ProcessRow, i64)>,
) -> Result<Vec<ProcessRow>, Response<Body>> {
    let busy = || reply::message(StatusCode::SERVICE_UNAVAILABLE, "details of processes take long");
    let Some(detail) = app.samples.detail.get().cloned() else { return Ok(plain(rows)) };
    let Ok(place) = Arc::clone(&app.details.0).try_acquire_owned() else { return Err(busy()) };
    let work = task::blocking("details of processes", move || {
        rows.iter_mut().for_each(|(row, start)| fill_one(&detail, row, *start));
        drop(place);
        plain(rows)
    });
    match app.clock.within(PATIENCE, work).await {
        Some(Ok(rows)) => Ok(rows),
        Some(Err(_)) | None => Err(busy()),
    }
}

fn fill_one(detail: &ProcessDetail, row: &mut ProcessRow, start_time_ms: i64) {
    row.pss_bytes = detail.pss_bytes(row.pid, start_time_ms).ok();
    row.open_files = detail.open_files(row.pid, start_time_ms).ok();
}

fn plain(rows: Vec<(ProcessRow, i64)>) -> Vec<ProcessRow> {
    rows.into_iter().map(|(row, _)| row).collect()
}
