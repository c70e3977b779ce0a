use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::Instant;
use watchfire_model::Moment;

/// Tells the time and waits for it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(watch::Receiver<Moment>),
    Simulated { start: Moment, began: Instant, wall: Wall },
}

/// Moves the wall clock of a simulated [`Clock`]. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wall(Arc<AtomicI64>);

/// Moves a manual [`Clock`]. Time stands still between the calls.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Moment>);

impl Clock {
    /// The machine's clocks: `CLOCK_MONOTONIC` and `CLOCK_REALTIME`.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved by hand.
    #[must_use]
    pub fn manual(start: Moment) -> (Self, ManualClock) {
        let (sender, receiver) = watch::channel(start);
        (Self(Source::Manual(receiver)), ManualClock(sender))
    }

    /// A clock that says `start` now and goes on with the time of the running
    /// tokio runtime. Where that is paused, the time goes from one wait to the
    /// next: a simulation of hours takes seconds, and is the same each time.
    #[must_use]
    pub fn simulated(start: Moment) -> Self {
        Self::simulated_beside(start, Wall::default())
    }

    /// The same with a wall clock that `wall` moves.
    #[must_use]
    pub fn simulated_beside(start: Moment, wall: Wall) -> Self {
        Self(Source::Simulated { start, began: Instant::now(), wall })
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(receiver) => *receiver.borrow(),
            Source::Simulated { start, began, wall } => {
                let now = start.after(began.elapsed());
                let jumped = wall.0.load(Ordering::Relaxed);
                Moment { unix_ms: now.unix_ms.saturating_add(jumped), ..now }
            }
        }
    }

    /// The cpu time of this thread so far, from `CLOCK_THREAD_CPUTIME_ID`: two
    /// readings around a piece of work tell what it cost. Zero on any other clock.
    #[must_use]
    pub fn thread_cpu_time(&self) -> Duration {
        match &self.0 {
            Source::System => duration(clock_gettime(ClockId::ThreadCPUTime)),
            Source::Manual(_) | Source::Simulated { .. } => Duration::ZERO,
        }
    }

    /// Waits until `moment` on the monotonic clock. Returns at once when it is past.
    pub async fn sleep_until(&self, moment: Moment) {
        match &self.0 {
            Source::System | Source::Simulated { .. } => {
                tokio::time::sleep(moment.since(self.now())).await;
            }
            Source::Manual(receiver) => {
                let mut receiver = receiver.clone();
                let reached = receiver.wait_for(|now| now.monotonic >= moment.monotonic);
                if reached.await.is_err() {
                    // Nobody can move this clock any more, so the moment never comes.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now().after(duration)).await;
    }

    /// Runs `work` for at most `limit`; `None` when it took longer and was dropped.
    pub async fn within<F: Future>(&self, limit: Duration, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.sleep(limit) => None,
        }
    }
}

impl Wall {
    /// Moves the wall clock alone, as an operator or a time server would.
    pub fn jump(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl ManualClock {
    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.after(by));
    }

    /// Moves the wall clock alone, as an operator or a time server would.
    pub fn jump_wall(&self, by_ms: i64) {
        self.0.send_modify(|now| now.unix_ms = now.unix_ms.saturating_add(by_ms));
    }
}

fn system_now() -> Moment {
    let monotonic = clock_gettime(ClockId::Monotonic);
    let wall = clock_gettime(ClockId::Realtime);
    Moment {
        monotonic: duration(monotonic),
        unix_ms: wall.tv_sec.saturating_mul(1000).saturating_add(wall.tv_nsec / 1_000_000),
    }
}

fn duration(time: rustix::time::Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_only_by_hand() {
        let start = Moment { monotonic: Duration::from_secs(10), unix_ms: 1000 };
        let (clock, hand) = Clock::manual(start);
        let waiter = {
            let (clock, until) = (clock.clone(), start.after(Duration::from_secs(5)));
            tokio::spawn(async move { clock.sleep_until(until).await })
        };
        hand.advance(Duration::from_millis(4999));
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        hand.jump_wall(3_600_000);
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished(), "a jump of the wall clock must not end a wait");
        hand.advance(Duration::from_millis(1));
        waiter.await.expect("the wait ends");
        assert_eq!(clock.now().unix_ms, 1000 + 3_600_000 + 5000);
    }

    #[tokio::test]
    async fn within_gives_up() {
        let (clock, hand) = Clock::manual(Moment::default());
        let never = std::future::pending::<()>();
        let limited = clock.within(Duration::from_secs(1), never);
        let (answer, ()) = tokio::join!(limited, async { hand.advance(Duration::from_secs(1)) });
        assert_eq!(answer, None);
        assert_eq!(clock.within(Duration::ZERO, async { 7 }).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_goes_from_wait_to_wait() {
        let start = Moment { monotonic: Duration::from_secs(10), unix_ms: 1000 };
        let clock = Clock::simulated(start);
        assert_eq!(clock.now(), start);
        let hour = Duration::from_secs(3600);
        clock.sleep(hour).await;
        assert_eq!(clock.now(), start.after(hour));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_wall_clock_jumps_alone() {
        let wall = Wall::default();
        let clock = Clock::simulated_beside(Moment::default(), wall.clone());
        wall.jump(3_600_000);
        wall.jump(-600_000);
        clock.sleep(Duration::from_secs(1)).await;
        let now = clock.now();
        assert_eq!((now.monotonic, now.unix_ms), (Duration::from_secs(1), 3_001_000));
    }

    #[test]
    fn the_system_clock_goes_forward() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(clock.now().monotonic >= first.monotonic);
        assert!(first.unix_ms > 1_700_000_000_000);
    }

    #[test]
    fn work_takes_cpu_time() {
        let clock = Clock::system();
        let before = clock.thread_cpu_time();
        let sum: u64 = std::hint::black_box((0..1_000_000_u64).map(std::hint::black_box).sum());
        assert!(sum > 0 && clock.thread_cpu_time() > before);
    }
}
