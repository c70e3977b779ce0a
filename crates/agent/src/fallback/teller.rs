//! One message to a fallback: to the first target that takes it, and to it alone.
//!
//! A target that may have taken it, as one that answers too late, is not told again at once, or a
//! slow one gets it again and again. All others hear that it was told, and this agent tries a few
//! more times, far apart.

use std::fmt;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::Clock;

use super::{Letter, NotSent, Post};

/// How long one target may take.
const TARGET_TIME: Duration = Duration::from_secs(30);
/// How long new tries are begun. With the last one's time it is less than two minutes:
/// others wait for one that is telling, and not for ever.
const TELL_TIME: Duration = Duration::from_secs(85);
/// The pause before those that did not take it are tried again.
const TELL_AGAIN: Duration = Duration::from_secs(5);
/// The pauses before the further tries, where it is not clear whether it arrived.
const FURTHER: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(300)];
/// More targets are left out.
const MAX_TARGETS: usize = 16;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// One took it.
    Taken,
    /// One may have taken it, and none did for sure.
    Unclear,
    /// None took it.
    Not,
}

pub(super) struct Teller {
    post: Box<dyn Post>,
    letter: Letter,
    /// The targets that did not refuse it.
    open: Vec<usize>,
    /// How many further tries there were.
    further: usize,
    due: Option<Moment>,
}

impl Teller {
    pub(super) fn new(post: Box<dyn Post>, letter: Letter) -> Self {
        let open = (0..post.targets().min(MAX_TARGETS)).collect();
        Self { post, letter, open, further: 0, due: None }
    }

    /// Tells it. Where that is unclear, [`Teller::again`] tries once more.
    pub(super) async fn tell(&mut self, clock: &Clock) -> Sent {
        let until = clock.now().after(TELL_TIME);
        let mut sent = self.round(clock, until).await;
        while sent == Sent::Not && !self.open.is_empty() && is_before(clock.now(), until) {
            clock.sleep(TELL_AGAIN).await;
            sent = self.round(clock, until).await;
        }
        self.due = (sent == Sent::Unclear).then(|| clock.now().after(FURTHER[0]));
        sent
    }

    /// True when it is time to try once more.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.due.is_some_and(|due| !is_before(now, due))
    }

    /// Tries once more. True when that is the end of it.
    pub(super) async fn again(&mut self, clock: &Clock) -> bool {
        let sent = self.round(clock, clock.now().after(TELL_TIME)).await;
        self.further += 1;
        let pause = FURTHER.get(self.further).filter(|_| sent != Sent::Taken);
        self.due = pause.map(|pause| clock.now().after(*pause));
        match (sent, self.due) {
            (Sent::Taken, _) => tracing::warn!("the fallback took it now"),
            (_, None) => tracing::error!("it stays unclear whether the fallback took it"),
            _ => {}
        }
        self.due.is_none()
    }

    /// One target after the other until one takes it; none is begun after `until`.
    async fn round(&mut self, clock: &Clock, until: Moment) -> Sent {
        let mut all = Sent::Not;
        for target in self.open.clone() {
            if !is_before(clock.now(), until) {
                break;
            }
            let sending = self.post.send(target, &self.letter);
            match clock.within(TARGET_TIME, sending).await {
                Some(Ok(())) => return Sent::Taken,
                Some(Err(NotSent::Refused(why))) => {
                    tracing::warn!(target, why, "a fallback refuses it");
                    self.open.retain(|one| *one != target);
                }
                Some(Err(NotSent::NotNow(why))) => {
                    tracing::warn!(target, why, "a fallback does not take it now");
                }
                Some(Err(NotSent::Unclear(why))) => {
                    tracing::warn!(target, why, "a fallback may have taken it");
                    all = Sent::Unclear;
                }
                None => {
                    tracing::warn!(target, "a fallback does not answer");
                    all = Sent::Unclear;
                }
            }
        }
        all
    }
}

/// A secret may be in it.
impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").field("further", &self.further).finish_non_exhaustive()
    }
}

fn is_before(now: Moment, then: Moment) -> bool {
    now.monotonic < then.monotonic
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::{Arc, Mutex};

    use super::super::Sending;
    use super::*;

    type Answer = Option<Result<(), NotSent>>;

    /// Answers as it was told to, or never, and counts.
    #[derive(Clone)]
    struct Targets {
        answers: Vec<Answer>,
        got: Arc<Mutex<Vec<usize>>>,
    }

    impl Targets {
        fn new(answers: &[Answer]) -> Self {
            Self { answers: answers.to_vec(), got: Arc::default() }
        }

        fn got(&self, target: usize) -> usize {
            self.got.lock().expect("whole").iter().filter(|one| **one == target).count()
        }
    }

    impl Post for Targets {
        fn targets(&self) -> usize {
            self.answers.len()
        }

        fn send<'a>(&'a self, target: usize, _: &'a Letter) -> Sending<'a> {
            Box::pin(async move {
                self.got.lock().expect("whole").push(target);
                match self.answers[target].clone() {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            })
        }
    }

    /// What comes of telling these targets, and of half a day after it in which it is tried
    /// again whenever that is due.
    async fn told(targets: &Targets) -> (Sent, Duration) {
        let (clock, hand) = Clock::manual(Moment::default());
        let letter = Letter { subject: String::new(), text: String::new() };
        let mut teller = Teller::new(Box::new(targets.clone()), letter);
        let mut took = Duration::ZERO;
        let sent = {
            let mut telling = pin!(teller.tell(&clock));
            loop {
                tokio::select! {
                    biased;
                    sent = &mut telling => break sent,
                    () = tokio::task::yield_now() => {
                        took += Duration::from_secs(1);
                        hand.advance(Duration::from_secs(1));
                    }
                }
            }
        };
        for _ in 0..43_200 {
            hand.advance(Duration::from_secs(1));
            if teller.is_due(clock.now()) {
                let mut again = pin!(teller.again(&clock));
                loop {
                    tokio::select! {
                        biased;
                        _ = &mut again => break,
                        () = tokio::task::yield_now() => hand.advance(Duration::from_secs(1)),
                    }
                }
            }
        }
        (sent, took)
    }

    fn no(why: fn(String) -> NotSent) -> Answer {
        Some(Err(why("why".to_owned())))
    }

    #[tokio::test]
    async fn the_first_that_takes_it_gets_it_and_no_other() {
        let targets = Targets::new(&[no(NotSent::NotNow), Some(Ok(())), Some(Ok(()))]);
        assert_eq!(told(&targets).await.0, Sent::Taken);
        assert_eq!([0, 1, 2].map(|one| targets.got(one)), [1, 1, 0]);
    }

    #[tokio::test]
    async fn one_that_may_have_taken_it_gets_it_a_few_times_at_the_most() {
        for slow in [None, no(NotSent::Unclear)] {
            let targets = Targets::new(&[slow.clone(), no(NotSent::NotNow)]);
            assert_eq!(told(&targets).await.0, Sent::Unclear);
            assert_eq!([0, 1].map(|one| targets.got(one)), [3, 3], "{slow:?}");
            let targets = Targets::new(&[slow, Some(Ok(()))]);
            assert_eq!(told(&targets).await.0, Sent::Taken);
            assert_eq!([0, 1].map(|one| targets.got(one)), [1, 1]);
        }
    }

    #[tokio::test]
    async fn one_that_did_not_take_it_is_tried_again_and_one_that_refuses_is_not() {
        let targets = Targets::new(&[no(NotSent::Refused), no(NotSent::NotNow)]);
        assert_eq!(told(&targets).await.0, Sent::Not);
        assert_eq!(targets.got(0), 1);
        assert!((10..20).contains(&targets.got(1)), "{}", targets.got(1));
        assert_eq!(told(&Targets::new(&[])).await.0, Sent::Not);
    }

    #[tokio::test]
    async fn it_ends_before_the_others_wait_no_longer() {
        let (sent, took) = told(&Targets::new(&[None, None, None, None, None])).await;
        assert_eq!(sent, Sent::Unclear);
        assert!(took < Duration::from_secs(118), "{took:?}");
    }
}
