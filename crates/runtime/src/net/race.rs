//! Connecting to the first of several addresses that answers (RFC 8305,
//! section 5): a black hole among them must not use up the time of the others.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::Clock;

/// When the next address is tried beside those before it.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses that are tried: the last of them begins one second after the first.
const MAX_TRIED: usize = 5;

/// Why no address connected.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost<E> {
    /// What came of the addresses that failed, in the order of their failing.
    pub failures: Vec<E>,
    /// True when the limit was over while an address was still being tried.
    pub late: bool,
}

/// An address that is being tried.
type Try<F> = (SocketAddr, Pin<Box<F>>);

/// Tries `addresses`, at most five and the two families by turns, each a quarter
/// of a second after the one before or as soon as one has failed. It gives the
/// first connection and its address; the other tries are dropped.
///
/// # Errors
/// [`Lost`] when every address failed or `limit` is over. Without an address
/// there is no failure in it and it is not late.
pub async fn first_of<T, E, F>(
    addresses: &[SocketAddr],
    limit: Duration,
    clock: &Clock,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(T, SocketAddr), Lost<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = alternating(addresses).into_iter().take(MAX_TRIED);
    let mut under_way: Vec<Try<F>> = Vec::with_capacity(waiting.len());
    let mut deadline = pin!(clock.sleep(limit));
    let mut failures = Vec::new();
    loop {
        under_way.extend(waiting.next().map(|address| (address, Box::pin(connect(address)))));
        if under_way.is_empty() {
            return Err(Lost { failures, late: false });
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            (address, ended) = any(&mut under_way) => match ended {
                Ok(connected) => return Ok((connected, address)),
                Err(why) => failures.push(why),
            },
            () = deadline.as_mut() => return Err(Lost { failures, late: true }),
            () = clock.sleep(STAGGER), if more => {}
        }
    }
}

/// The addresses in their order, the two families by turns: one of them may
/// not work here at all.
fn alternating(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address: &SocketAddr| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

/// The first of `under_way` that ends; it is taken out.
async fn any<F: Future>(under_way: &mut Vec<Try<F>>) -> (SocketAddr, F::Output) {
    poll_fn(|context| {
        for at in 0..under_way.len() {
            if let Poll::Ready(ended) = under_way[at].1.as_mut().poll(context) {
                let (address, _) = under_way.remove(at);
                return Poll::Ready((address, ended));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;

    use futures_util::FutureExt;
    use watchfire_model::Moment;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(1500);

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect()
    }

    #[tokio::test]
    async fn each_address_has_its_head_start_and_the_first_connected_wins() {
        let (clock, hand) = Clock::manual(Moment::default());
        let started = RefCell::new(Vec::new());
        let connect = |address: SocketAddr| {
            started.borrow_mut().push((address.port(), clock.now().monotonic.as_millis()));
            let clock = clock.clone();
            async move {
                match address.port() {
                    1 => pending::<Result<&str, &str>>().await,
                    2 => Err("refused"),
                    3 => {
                        clock.sleep(Duration::from_millis(400)).await;
                        Ok("late and first")
                    }
                    _ => pending().await,
                }
            }
        };
        let addresses = addresses(4);
        let mut racing = pin!(first_of(&addresses, LIMIT, &clock, connect));
        for _ in 0..65 {
            assert!(racing.as_mut().now_or_never().is_none());
            hand.advance(Duration::from_millis(10));
        }
        let won = racing.now_or_never().expect("the third has connected");
        assert_eq!(won, Ok(("late and first", addresses[2])));
        // The third begins as soon as the second is refused.
        assert_eq!(*started.borrow(), [(1, 0), (2, 250), (3, 250), (4, 500)]);
    }

    #[tokio::test]
    async fn every_failure_is_told_and_no_more_than_five_are_made() {
        let (clock, _hand) = Clock::manual(Moment::default());
        let refused = |address: SocketAddr| async move { Err::<(), u16>(address.port()) };
        // The clock stands still, so no head start is ever over.
        let lost = first_of(&addresses(9), LIMIT, &clock, refused).await;
        assert_eq!(lost, Err(Lost { failures: vec![1, 2, 3, 4, 5], late: false }));
        let none = first_of(&[], LIMIT, &clock, refused).await;
        assert_eq!(none, Err(Lost { failures: vec![], late: false }));
    }

    #[tokio::test]
    async fn the_limit_holds_over_all_addresses_and_keeps_what_was_seen() {
        let (clock, hand) = Clock::manual(Moment::default());
        let connect = |address: SocketAddr| async move {
            if address.port() == 2 { Err("refused") } else { pending::<Result<(), _>>().await }
        };
        let addresses = addresses(3);
        let mut racing = pin!(first_of(&addresses, LIMIT, &clock, connect));
        for _ in 0..15 {
            assert!(racing.as_mut().now_or_never().is_none());
            hand.advance(Duration::from_millis(100));
        }
        let lost = racing.now_or_never().expect("the limit is over");
        assert_eq!(lost, Err(Lost { failures: vec!["refused"], late: true }));
    }

    #[test]
    fn the_families_take_turns() {
        let of = |list: &[&str]| {
            list.iter().map(|text| text.parse().expect("an address")).collect::<Vec<SocketAddr>>()
        };
        let given = of(&["[::1]:5", "[::2]:5", "[::3]:5", "1.1.1.1:5", "1.1.1.2:5"]);
        let turns = of(&["[::1]:5", "1.1.1.1:5", "[::2]:5", "1.1.1.2:5", "[::3]:5"]);
        assert_eq!(alternating(&given), turns);
        let alike = of(&["1.1.1.1:5", "1.1.1.2:5"]);
        assert_eq!(alternating(&alike), alike);
        assert!(alternating(&[]).is_empty());
    }
}
