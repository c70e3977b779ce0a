//! A process of a simulation: a group of tasks that can be frozen and killed as the
//! kernel does it with a real one.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;

use super::{Task, counted};

tokio::task_local! {
    static CURRENT: Process;
}

/// How many tasks are kept before those that have ended are forgotten; it grows
/// with those that have not.
const FORGET_FROM: usize = 64;

/// One simulated process: all tasks that it starts, and those that they start,
/// belong to it. Several live on one thread of a runtime whose time is paused.
///
/// Within it [`task::blocking`](super::blocking) does its work at once and
/// [`backoff::jitter`](crate::backoff::jitter) follows the seed, so that a run with
/// the same seed is the same run. Cheap to clone.
#[derive(Clone)]
pub struct Process(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    tasks: Vec<AbortHandle>,
    forget_at: usize,
    frozen: bool,
    dead: bool,
    /// Who wanted to work while it was frozen.
    waiting: Vec<Waker>,
    dice: u64,
}

impl Process {
    /// A process without tasks.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            tasks: Vec::new(),
            forget_at: FORGET_FROM,
            frozen: false,
            dead: false,
            waiting: Vec::new(),
            dice: seed,
        })))
    }

    /// Starts a task in it. Nothing is done in a process that was killed.
    pub fn spawn<T, F>(&self, name: &'static str, future: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let held = Held { process: self.clone(), inner: Box::pin(counted(name, future)) };
        let handle = tokio::spawn(CURRENT.scope(self.clone(), held));
        let abort = handle.abort_handle();
        let mut state = self.lock();
        if state.dead {
            abort.abort();
        } else {
            if state.tasks.len() >= state.forget_at {
                state.tasks.retain(|task| !task.is_finished());
                state.forget_at = FORGET_FROM.max(2 * state.tasks.len());
            }
            state.tasks.push(abort);
        }
        Task { name, handle: Some(handle) }
    }

    /// Stops it, as SIGSTOP does: none of its tasks does anything, and the world goes
    /// on around it.
    pub fn freeze(&self) {
        self.lock().frozen = true;
    }

    /// Lets it go on, as SIGCONT does.
    pub fn thaw(&self) {
        let mut state = self.lock();
        state.frozen = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ends all its tasks where they are, as SIGKILL does.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.dead = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// The process that the running task belongs to.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The next random number from 0 up to, and without, 1 (splitmix64 of Steele, Lea
    /// and Flood, 2014).
    pub(crate) fn jitter(&self) -> f64 {
        let mut state = self.lock();
        state.dice = state.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state.dice ^ (state.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True when the task that asks has to wait. It is woken then.
    fn holds(&self, task: &Waker) -> bool {
        let mut state = self.lock();
        if state.frozen && !state.waiting.iter().any(|waiting| waiting.will_wake(task)) {
            state.waiting.push(task.clone());
        }
        state.frozen
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

/// A future that does nothing while its process is frozen.
struct Held<F> {
    process: Process,
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Held<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.process.holds(context.waker()) {
            return Poll::Pending;
        }
        self.inner.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::backoff::jitter;
    use crate::task;

    const SECOND: Duration = Duration::from_secs(1);

    /// Counts seconds in a task of a task.
    fn counting(process: &Process) -> Arc<AtomicU64> {
        let count = Arc::<AtomicU64>::default();
        let counts = Arc::clone(&count);
        let outer = async {
            let inner = async move {
                loop {
                    tokio::time::sleep(SECOND).await;
                    counts.fetch_add(1, Ordering::Relaxed);
                }
            };
            task::spawn("inner", inner).detach();
        };
        process.spawn("outer", outer).detach();
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_process_does_nothing_and_goes_on_where_it_was() {
        let process = Process::new(1);
        let count = counting(&process);
        tokio::time::sleep(SECOND * 5 / 2).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        process.freeze();
        tokio::time::sleep(SECOND * 10).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        process.thaw();
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(count.load(Ordering::Relaxed), 3, "its timer was over long ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_killed_process_ends_with_all_that_it_started() {
        let process = Process::new(1);
        let count = counting(&process);
        tokio::time::sleep(SECOND * 5 / 2).await;
        process.kill();
        let late = process.spawn("late", async { 7 });
        tokio::time::sleep(SECOND * 10).await;
        assert_eq!((count.load(Ordering::Relaxed), Arc::strong_count(&count)), (2, 1));
        assert!(late.join().await.is_err());
    }

    #[tokio::test]
    async fn blocking_work_is_done_at_once_and_its_panic_is_told() {
        let process = Process::new(1);
        let thread = std::thread::current().id();
        let work = async move {
            let there = task::blocking("here", || std::thread::current().id()).await;
            let boom = task::blocking("boom", || panic!("boom")).await;
            (there, boom)
        };
        let (there, boom) = process.spawn("work", work).join().await.expect("it ends");
        assert_eq!(there, Ok(thread));
        assert_eq!(boom.expect_err("it panicked").to_string(), "the task \"boom\" panicked");
    }

    #[tokio::test]
    async fn a_seed_repeats_its_jitter() {
        let draw = |seed| Process::new(seed).spawn("draw", async { (jitter(), jitter()) }).join();
        let (one, again, other) = tokio::join!(draw(1), draw(1), draw(2));
        let (first, second) = one.expect("it ends");
        assert_eq!(again, Ok((first, second)));
        assert_ne!(other, Ok((first, second)));
        assert!((0.0..1.0).contains(&first) && first != second);
    }
}
