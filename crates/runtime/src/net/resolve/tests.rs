use std::net::Ipv4Addr;

use futures_util::FutureExt;

use super::*;
use crate::ManualClock;

const LIMIT: Duration = Duration::from_millis(1500);
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Lets every task of this thread come as far as it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// What the stand-in of the machine's resolver does with every name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers(u8),
    Fails,
    Hangs,
}

/// A resolver over a stand-in whose mood the test sets.
struct Rig {
    resolver: Resolver,
    hand: ManualClock,
    mood: watch::Sender<Mood>,
    asked: Arc<AtomicU64>,
}

fn address(last: u8) -> Vec<IpAddr> {
    vec![Ipv4Addr::new(192, 0, 2, last).into()]
}

impl Rig {
    fn new(mood: Mood) -> Self {
        let (clock, hand) = Clock::manual(Moment::default());
        let (mood, moods) = watch::channel(mood);
        let asked = Arc::new(AtomicU64::new(0));
        let counted = asked.clone();
        let lookup: Lookup = Arc::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut moods = moods.clone();
            Box::pin(async move {
                // One that hangs does so until the mood changes, like its thread.
                match *moods.wait_for(|mood| *mood != Mood::Hangs).await.expect("held") {
                    Mood::Answers(last) => Ok(address(last)),
                    _ => Err(io::Error::other("no such name")),
                }
            })
        });
        Self { resolver: Resolver::new(lookup, KEPT, clock), hand, mood, asked }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The answer to a dial that may wait for `wait`.
    async fn within(&self, host: &str, wait: Duration) -> Result<Vec<IpAddr>, Unresolved> {
        let mut asking = Box::pin(self.resolver.addresses(host, LIMIT));
        if let Some(answer) = (&mut asking).now_or_never() {
            return answer;
        }
        settle().await;
        if let Some(answer) = (&mut asking).now_or_never() {
            return answer;
        }
        self.hand.advance(wait);
        settle().await;
        asking.now_or_never().expect("its time is over")
    }
}

#[tokio::test]
async fn an_address_is_not_looked_up() {
    let rig = Rig::new(Mood::Hangs);
    assert_eq!(rig.within("192.0.2.7", Duration::ZERO).await, Ok(address(7)));
    assert!(rig.within("::1", Duration::ZERO).await.is_ok());
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn a_hanging_resolver_holds_eight_threads_and_no_more() {
    let rig = Rig::new(Mood::Hangs);
    let dial = async |number: usize| rig.resolver.addresses(&format!("host-{number}"), LIMIT).await;
    let dials = futures_util::future::join_all((0..110).map(dial));
    let mut dials = std::pin::pin!(dials);
    assert!((&mut dials).now_or_never().is_none());
    settle().await;
    assert_eq!(rig.asked(), 8);
    rig.hand.advance(LIMIT);
    let answers = dials.await;
    assert!(answers.iter().all(|answer| *answer == Err(Unresolved::Slow)), "no name is blamed");
    // The dials are given up, the lookups go on and keep their seats.
    assert_eq!(rig.within("host-109", LIMIT).await, Err(Unresolved::Slow));
    assert_eq!(rig.asked(), 8);
    rig.mood.send_replace(Mood::Answers(3));
    settle().await;
    assert_eq!(rig.within("host-0", Duration::ZERO).await, Ok(address(3)), "it came late");
    assert_eq!(rig.asked(), 8);
    assert_eq!(rig.within("host-109", Duration::ZERO).await, Ok(address(3)), "there is room");
    assert_eq!(lock(&rig.resolver.0.flights).len(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_at_a_time() {
    let rig = Rig::new(Mood::Hangs);
    let mut first = Box::pin(rig.resolver.addresses("web", LIMIT));
    let mut second = Box::pin(rig.resolver.addresses("web", LIMIT));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    settle().await;
    assert_eq!(rig.asked(), 1);
    rig.mood.send_replace(Mood::Answers(1));
    assert_eq!((first.await, second.await), (Ok(address(1)), Ok(address(1))));
    assert_eq!(rig.asked(), 1);
}

#[tokio::test]
async fn the_last_good_addresses_serve_through_an_outage_of_a_day() {
    for trouble in [Mood::Fails, Mood::Hangs] {
        let rig = Rig::new(Mood::Answers(1));
        assert_eq!(rig.within("web", Duration::ZERO).await, Ok(address(1)));
        assert_eq!(rig.within("web", Duration::ZERO).await, Ok(address(1)));
        assert_eq!(rig.asked(), 1, "they are fresh");
        rig.mood.send_replace(trouble);
        rig.hand.advance(Duration::from_secs(23 * 3600));
        assert_eq!(rig.within("web", PATIENCE).await, Ok(address(1)), "{trouble:?}");
        assert_eq!(rig.asked(), 2, "it was tried");
        rig.hand.advance(Duration::from_secs(3601));
        let gone = rig.within("web", LIMIT).await;
        assert!(gone.is_err(), "{trouble:?}: {gone:?}");
    }
}

#[tokio::test]
async fn without_room_the_last_good_addresses_serve_at_once() {
    let rig = Rig::new(Mood::Answers(1));
    assert_eq!(rig.within("web", Duration::ZERO).await, Ok(address(1)));
    rig.mood.send_replace(Mood::Hangs);
    for number in 0..MAX_LOOKUPS {
        let _ = rig.within(&format!("host-{number}"), LIMIT).await;
    }
    rig.hand.advance(FRESH);
    let answer = rig.resolver.addresses("web", LIMIT).now_or_never();
    assert_eq!(answer, Some(Ok(address(1))), "it is not waited for");
}

#[tokio::test]
async fn a_name_that_moved_is_followed() {
    let rig = Rig::new(Mood::Answers(1));
    assert_eq!(rig.within("web", Duration::ZERO).await, Ok(address(1)));
    rig.mood.send_replace(Mood::Answers(2));
    rig.hand.advance(FRESH + Duration::from_millis(1));
    assert_eq!(rig.within("web", Duration::ZERO).await, Ok(address(2)));
}

#[tokio::test]
async fn what_a_failed_lookup_says() {
    let rig = Rig::new(Mood::Fails);
    let unknown = Err(Unresolved::Unknown("no such name".to_owned()));
    assert_eq!(rig.within("web", Duration::ZERO).await, unknown);
    assert!(matches!(judged(Ok(Vec::new())), Err(Unresolved::Unknown(_))));
    let full = rustix::io::Errno::MFILE.into();
    assert!(matches!(judged(Err(full)), Err(Unresolved::Own(_))));
}

#[tokio::test]
async fn the_table_is_bounded() {
    let rig = Rig::new(Mood::Fails);
    let inner = &rig.resolver.0;
    for number in 0..=MAX_NAMES {
        if number == 1 {
            rig.hand.advance(Duration::from_millis(1));
        }
        inner.keep(&format!("host-{number}"), address(1));
    }
    assert_eq!(lock(&inner.names).len(), MAX_NAMES);
    assert!(rig.resolver.known("host-0").is_none(), "the oldest went");
    assert!(rig.resolver.known("host-1").is_some());
    assert_eq!(inner.counters.forgotten.load(Ordering::Relaxed), 1);
}
