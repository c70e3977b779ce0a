//! Tasks that must not wait for others: signs of life and the timers that judge them.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::{Process, Task, counted};

/// A thread with a runtime of its own. However much the others have to do, the
/// kernel lets it work when something comes for it. Its tasks do little at a time
/// and never block. Ends, with its tasks, when this is dropped; in a simulated
/// [`Process`] there are no threads, and its tasks are tasks like all others.
#[derive(Debug)]
pub struct Apart(Option<Running>);

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Its drop ends the thread.
    _end: oneshot::Sender<()>,
}

impl Apart {
    /// Starts the thread, with a name of at most 15 bytes. Where the system gives
    /// none, its tasks share the threads of all others.
    #[must_use]
    pub fn start(name: &str) -> Self {
        if Process::current().is_some() {
            return Self(None);
        }
        let running = run(name).inspect_err(|error| {
            tracing::warn!(%error, name, "there is no thread of its own for it");
        });
        Self(running.ok())
    }

    /// Starts a task there. A panic in it is logged and counted, and ends nothing else.
    pub fn spawn<T, F>(&self, name: &'static str, future: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        match &self.0 {
            None => super::spawn(name, future),
            Some(running) => {
                Task { name, handle: Some(running.handle.spawn(counted(name, future))) }
            }
        }
    }
}

fn run(name: &str) -> io::Result<Running> {
    let (end, ended) = oneshot::channel::<()>();
    let (tell, told) = mpsc::sync_channel(1);
    let work = move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        if tell.send(Ok(runtime.handle().clone())).is_ok() {
            // It ends when the other side is dropped.
            let _ = runtime.block_on(ended);
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    let handle = told.recv().map_err(|_| io::Error::other("its thread ended at once"))??;
    Ok(Running { handle, _end: end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_tasks_go_on_while_everything_else_is_busy() {
        let apart = Apart::start("apart");
        let (ask, asked) = oneshot::channel();
        let (answer, answered) = mpsc::sync_channel(1);
        let _task = apart.spawn("answer", async move {
            let number: u32 = asked.await.expect("it is asked");
            answer.send(number + 1).expect("somebody waits");
        });
        ask.send(1).expect("it listens");
        // The only thread of this test's runtime is held up here.
        assert_eq!(answered.recv(), Ok(2));
    }

    #[tokio::test]
    async fn its_tasks_end_with_it() {
        let apart = Apart::start("apart");
        let (held, released) = oneshot::channel::<()>();
        apart
            .spawn("held", async move {
                let _held = held;
                std::future::pending::<()>().await;
            })
            .detach();
        drop(apart);
        released.await.expect_err("what the task held is dropped with it");
    }

    #[tokio::test]
    async fn in_a_simulated_process_its_tasks_belong_to_that() {
        let process = Process::new(1);
        let task = process.spawn("main", async {
            let apart = Apart::start("apart");
            apart.spawn("part", async { Process::current().is_some() }).join().await
        });
        assert_eq!(task.join().await, Ok(Ok(true)));
    }
}
