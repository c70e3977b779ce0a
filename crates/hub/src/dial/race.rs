//! Connecting to an agent by whichever of its addresses answers, and what the
//! failures of the others tell together.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use watchfire_model::Sight;
use watchfire_runtime::Clock;
use watchfire_runtime::net::{Net, Stream, first_of, has_no_way, is_own_want};

use super::{Failed, PATIENCE, Tells};

/// How long connecting may take, over all addresses of a server.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);
/// The pause between two quick tries beside a slow one.
const KNOCK_PAUSE: Duration = Duration::from_millis(500);

/// The first connection that one of `addresses` takes. When none does, the most
/// telling of the failures.
pub(super) async fn connect_first(
    addresses: &[SocketAddr],
    clock: &Clock,
    net: &Net,
) -> Result<Stream, Failed> {
    let connect = |address| connect_one(net, address);
    let lost = match first_of(addresses, CONNECT_LIMIT, clock, connect).await {
        Ok((stream, _)) => return Ok(stream),
        Err(lost) => lost,
    };
    let late = lost.late.then(|| Failed::new(Sight::NoAnswer, "connecting took too long"));
    let failures = lost.failures.into_iter().chain(late);
    let most = failures.reduce(more_telling);
    Err(most.unwrap_or_else(|| Failed::new(Tells::Nothing, "there is no address")))
}

/// Waits for one of `addresses`, the one whose `turn` it is, and tries all of them anew
/// meanwhile, one after the other: a server that is back has to be noticed soon. There
/// are never more than two connections under way. `told` is called for each try that got
/// no answer.
pub(super) async fn connect_slowly(
    addresses: &[SocketAddr],
    turn: usize,
    (clock, net): (&Clock, &Net),
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<Stream, Failed> {
    let Some(awaited) = addresses.get(turn % addresses.len().max(1)) else {
        return Err(Failed::new(Tells::Nothing, "there is no address"));
    };
    let late = || Err(Failed::new(Sight::NoAnswer, "connecting took too long"));
    tokio::select! {
        biased;
        slow = clock.within(PATIENCE, connect_one(net, *awaited)) => slow.unwrap_or_else(late),
        quick = knock(addresses, (clock, net), told) => quick,
    }
}

/// Tries one address after the other, again and again, until one of them says something.
async fn knock(
    addresses: &[SocketAddr],
    (clock, net): (&Clock, &Net),
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<Stream, Failed> {
    for address in addresses.iter().cycle() {
        clock.sleep(KNOCK_PAUSE).await;
        match clock.within(CONNECT_LIMIT, connect_one(net, *address)).await {
            Some(Ok(stream)) => return Ok(stream),
            // That there is no way to one of several says nothing of the others.
            Some(Err(failed)) if addresses.len() > 1 && failed.saw() == Some(Sight::NoRoute) => {}
            Some(Err(failed)) if failed.saw() != Some(Sight::NoAnswer) => return Err(failed),
            Some(Err(_)) | None => told(Sight::NoAnswer),
        }
    }
    std::future::pending().await
}

async fn connect_one(net: &Net, address: SocketAddr) -> Result<Stream, Failed> {
    net.connect(address).await.map_err(|error| {
        let tells = if has_no_way(&error, address) {
            Tells::Saw(Sight::NoRoute)
        } else if is_own_want(&error) {
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
        Tells::Nothing => 0,
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
        let stream =
            connect_first(&addresses, &Clock::system(), &Net::system()).await.expect("one is good");
        assert_eq!(stream.peer_addr().expect("connected"), good);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refusal_tells_more_than_a_black_hole_in_either_order() {
        let hole = black_hole_addr();
        let refusing = address(&format!("127.0.0.1:{}", ports::free()));
        for addresses in [[hole.addr(), refusing], [refusing, hole.addr()]] {
            let failed = connect_first(&addresses, &Clock::system(), &Net::system())
                .await
                .expect_err("none");
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
        connect_first(&[refusing, good], &clock, &Net::system()).await.expect("one is good");
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
