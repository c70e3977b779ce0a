//! Connecting to the first of several addresses that answers (RFC 8305,
//! section 5): a black hole among them must not use up the time of the others.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use watchfire_model::Sight;
use watchfire_runtime::Clock;

use super::{Failed, Tells, own};

/// How long connecting may take, over all addresses of a server.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);
/// When the next address is tried beside those before it.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses that are tried; the last of them still has half a second.
const MAX_TRIED: usize = 5;

/// The first connection that one of `addresses` takes. When none does, the most
/// telling of the failures.
pub(super) async fn connect_first(
    addresses: &[SocketAddr],
    clock: &Clock,
) -> Result<TcpStream, Failed> {
    let mut waiting = alternating(addresses).into_iter().take(MAX_TRIED);
    let mut under_way = FuturesUnordered::new();
    let mut deadline = std::pin::pin!(clock.sleep(CONNECT_LIMIT));
    let mut failed = Failed::new(Tells::Nothing, "there is no address");
    loop {
        match waiting.next() {
            Some(address) => under_way.push(connect_one(address)),
            None if under_way.is_empty() => return Err(failed),
            None => {}
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some(ended) = under_way.next() => match ended {
                Ok(stream) => return Ok(stream),
                Err(other) => failed = more_telling(failed, other),
            },
            () = clock.sleep(STAGGER), if more => {}
            () = deadline.as_mut() => {
                let late = Failed::new(Sight::NoAnswer, "connecting took too long");
                return Err(more_telling(failed, late));
            }
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

async fn connect_one(address: SocketAddr) -> Result<TcpStream, Failed> {
    TcpStream::connect(address).await.map_err(|error| {
        let tells = if own::has_no_way(&error, address) {
            Tells::Saw(Sight::NoRoute)
        } else if own::is_hubs_own(&error) {
            Tells::HubsOwn
        } else {
            Tells::Saw(sight(error.kind()))
        };
        Failed::new(tells, format!("{address}: {error}"))
    })
}

fn sight(kind: ErrorKind) -> Sight {
    match kind {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Sight::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Sight::NoRoute,
        _ => Sight::NoAnswer,
    }
}

fn more_telling(one: Failed, other: Failed) -> Failed {
    if weight(other.tells) > weight(one.tells) { other } else { one }
}

/// A refusal proves a host, whatever the other addresses did. An address that
/// the hub could not try may be the good one, so the others prove nothing. No
/// way to one address of two, mostly for want of IPv6 here, tells the least.
fn weight(tells: Tells) -> u8 {
    match tells {
        Tells::Nothing | Tells::Later => 0,
        Tells::Saw(Sight::NoRoute) => 1,
        Tells::Saw(Sight::Refused) => 4,
        Tells::Saw(_) => 2,
        Tells::HubsOwn => 3,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use watchfire_testkit::hole::black_hole_addr;
    use watchfire_testkit::ports;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_black_hole_before_a_good_address_does_not_hide_it() {
        let (hole, other) = (black_hole_addr(), black_hole_addr());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let good = listener.local_addr().expect("bound");
        let addresses = [hole.addr(), other.addr(), good];
        let stream = connect_first(&addresses, &Clock::system()).await.expect("one is good");
        assert_eq!(stream.peer_addr().expect("connected"), good);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refusal_tells_more_than_a_black_hole_in_either_order() {
        let hole = black_hole_addr();
        let refusing = address(&format!("127.0.0.1:{}", ports::free()));
        for addresses in [[hole.addr(), refusing], [refusing, hole.addr()]] {
            let failed = connect_first(&addresses, &Clock::system()).await.expect_err("none");
            assert_eq!(failed.saw(), Some(Sight::Refused), "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_at_once_after_a_refusal() {
        let (clock, _hand) = crate::testing::manual_clock();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let good = listener.local_addr().expect("bound");
        let refusing = address(&format!("127.0.0.1:{}", ports::free()));
        // The clock stands still, so no pause is ever over.
        connect_first(&[refusing, good], &clock).await.expect("one is good");
    }

    #[test]
    fn the_families_take_turns() {
        let of = |list: &[&str]| list.iter().map(|text| address(text)).collect::<Vec<_>>();
        let given = of(&["[::1]:5", "[::2]:5", "[::3]:5", "1.1.1.1:5", "1.1.1.2:5"]);
        let turns = of(&["[::1]:5", "1.1.1.1:5", "[::2]:5", "1.1.1.2:5", "[::3]:5"]);
        assert_eq!(alternating(&given), turns);
        let alike = of(&["1.1.1.1:5", "1.1.1.2:5"]);
        assert_eq!(alternating(&alike), alike);
        assert!(alternating(&[]).is_empty());
    }

    #[test]
    fn an_address_that_the_hub_could_not_try_leaves_the_others_without_proof() {
        let silent = || Failed::new(Sight::NoAnswer, "");
        let own = || Failed::new(Tells::HubsOwn, "");
        let refused = || Failed::new(Sight::Refused, "");
        assert_eq!(more_telling(silent(), own()).tells, Tells::HubsOwn);
        assert_eq!(more_telling(own(), silent()).tells, Tells::HubsOwn);
        assert_eq!(more_telling(own(), refused()).saw(), Some(Sight::Refused));
        let no_way = Failed::new(Sight::NoRoute, "");
        assert_eq!(more_telling(no_way, silent()).saw(), Some(Sight::NoAnswer));
    }
}
