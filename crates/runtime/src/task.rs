//! Starting things: the only place that spawns, so that every task has a name
//! and a failure policy, and no panic goes unseen.

mod apart;
mod process;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::{Clock, ShutdownHandle, backoff::Backoff};

pub use apart::Apart;
pub use process::Process;

/// How many tasks have panicked since the program started.
static PANICS: AtomicU64 = AtomicU64::new(0);
const PANICKED: &str = "panicked";

/// A running task. It is ended when this is dropped, unless it was detached.
#[must_use = "a task ends when its handle is dropped"]
#[derive(Debug)]
pub struct Task<T> {
    name: &'static str,
    handle: Option<JoinHandle<T>>,
}

/// A task ended without a result: it panicked or was ended from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task {name:?} {how}")]
pub struct TaskFailed {
    /// The task's name.
    pub name: &'static str,
    how: &'static str,
}

/// Starts a task. A panic in it is logged and counted, and ends nothing else.
pub fn spawn<T, F>(name: &'static str, future: F) -> Task<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    match Process::current() {
        None => Task { name, handle: Some(tokio::spawn(counted(name, future))) },
        Some(process) => process.spawn(name, future),
    }
}

/// Nobody may wait for a task, so its panic is told where it happens.
async fn counted<F: Future>(name: &'static str, future: F) -> F::Output {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let _ = panicked(name);
            resume_unwind(panic)
        }
    }
}

/// Starts a task that the program cannot do without: when it ends with an
/// error or panics, the program is asked to end, and the supervisor of the
/// machine starts it anew.
pub fn spawn_critical<E, F>(name: &'static str, end: ShutdownHandle, future: F) -> Task<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    critical(name, end, spawn(name, future))
}

/// The same for a task that runs already, as on a thread [`Apart`].
pub fn critical<E>(name: &'static str, end: ShutdownHandle, inner: Task<Result<(), E>>) -> Task<()>
where
    E: std::fmt::Display + Send + 'static,
{
    spawn(name, async move {
        match inner.join().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(task = name, %error, "a critical task failed"),
            Err(error) => tracing::error!(task = name, %error, "a critical task failed"),
        }
        end.request();
    })
}

/// Starts a task that is started again, with growing pauses, whenever it panics.
/// It is over when it returns.
pub fn spawn_restarting<F>(
    name: &'static str,
    clock: Clock,
    mut make: impl FnMut() -> F + Send + 'static,
) -> Task<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    spawn(name, async move {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        while spawn(name, make()).join().await.is_err() {
            clock.sleep(backoff.next_pause()).await;
        }
    })
}

/// Runs blocking work on a thread of its own and waits for it. In a simulated
/// [`Process`] it is done at once, because threads have no order.
///
/// # Errors
/// [`TaskFailed`] when the work panicked.
pub async fn blocking<T, F>(name: &'static str, work: F) -> Result<T, TaskFailed>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let counted = move || catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked(name));
    if Process::current().is_some() {
        return counted();
    }
    let handle = tokio::task::spawn_blocking(counted);
    Task { name, handle: Some(handle) }.join().await?
}

/// How many tasks have panicked since the program started.
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

fn panicked(name: &'static str) -> TaskFailed {
    PANICS.fetch_add(1, Ordering::Relaxed);
    tracing::error!(task = name, "a task panicked");
    TaskFailed { name, how: PANICKED }
}

impl<T> Task<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// [`TaskFailed`] when the task panicked or was ended.
    pub async fn join(mut self) -> Result<T, TaskFailed> {
        let name = self.name;
        let Some(handle) = self.handle.as_mut() else {
            return Err(TaskFailed { name, how: "was detached" });
        };
        let result = handle.await;
        self.handle = None;
        let how = |panicked| if panicked { PANICKED } else { "was ended" };
        result.map_err(|error| TaskFailed { name, how: how(error.is_panic()) })
    }

    /// Lets the task go on by itself until it returns.
    pub fn detach(mut self) {
        self.handle = None;
    }

    /// True when it has returned, panicked or been ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shutdown;

    #[tokio::test]
    async fn a_panic_is_counted_and_told() {
        let before = panics();
        let failed: Result<(), _> = spawn("boom", async { panic!("boom") }).join().await;
        let failed = failed.expect_err("it panicked");
        assert_eq!(failed.to_string(), "the task \"boom\" panicked");
        assert!(panics() > before);
    }

    #[tokio::test]
    async fn a_panic_that_nobody_waits_for_is_counted() {
        for process in [None, Some(Process::new(1))] {
            let before = panics();
            let boom = async { panic!("boom") };
            match process {
                None => spawn("boom", boom).detach(),
                Some(process) => process.spawn("boom", boom).detach(),
            }
            tokio::task::yield_now().await;
            assert!(panics() > before);
        }
    }

    #[tokio::test]
    async fn a_critical_failure_ends_the_program() {
        let (shutdown, handle) = Shutdown::new();
        let _task = spawn_critical("critical", handle, async { Err::<(), _>("no disk") });
        shutdown.requested().await;
    }

    #[tokio::test]
    async fn a_restarting_task_comes_back() {
        let (clock, hand) = Clock::manual(watchfire_model::Moment::default());
        let (sender, mut runs) = tokio::sync::mpsc::channel(4);
        let mut count = 0;
        let task = spawn_restarting("phoenix", clock, move || {
            count += 1;
            let (sender, run) = (sender.clone(), count);
            async move {
                sender.send(run).await.expect("somebody listens");
                assert!(run == 2, "the first run fails");
            }
        });
        assert_eq!(runs.recv().await, Some(1));
        let mut second = Box::pin(runs.recv());
        let second = loop {
            tokio::select! {
                biased;
                run = &mut second => break run,
                () = tokio::task::yield_now() => hand.advance(Duration::from_secs(1)),
            }
        };
        assert_eq!(second, Some(2));
        assert_eq!(task.join().await, Ok(()));
    }

    #[tokio::test]
    async fn a_dropped_task_ends() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let task = spawn("held", async move {
            let _held = sender;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(receiver.await.is_err(), "what the task held is dropped with it");
    }
}
