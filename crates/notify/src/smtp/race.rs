//! One connection out of several addresses, without waiting out a dead one.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The head start of each address before the next one (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the addresses in order, each one [`HEAD_START`] after the one
/// before or as soon as one has failed, and takes the first that connects. The
/// others are dropped.
///
/// # Errors
/// The last failure, or `None` when there is no address.
pub(super) async fn first_of<T, E, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(T, SocketAddr), Option<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut coming = addresses.iter().copied();
    let mut running: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut last = None;
    loop {
        let next = coming.next();
        running.extend(next.map(|address| (address, Box::pin(connect(address)))));
        if running.is_empty() {
            return Err(last);
        }
        tokio::select! {
            biased;
            (address, ended) = any(&mut running) => match ended {
                Ok(connected) => return Ok((connected, address)),
                Err(why) => last = Some(why),
            },
            // Once every address is at work there is only their end to wait for.
            () = tokio::time::sleep(HEAD_START), if next.is_some() => {}
        }
    }
}

/// The first of `running` that ends; it is taken out.
async fn any<F: Future>(running: &mut Vec<(SocketAddr, Pin<Box<F>>)>) -> (SocketAddr, F::Output) {
    poll_fn(|context| {
        for at in 0..running.len() {
            if let Poll::Ready(ended) = running[at].1.as_mut().poll(context) {
                let (address, _) = running.remove(at);
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

    use super::*;

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([192, 0, 2, 1], port))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_has_its_head_start_and_the_first_connected_wins() {
        let began = tokio::time::Instant::now();
        let started = RefCell::new(Vec::new());
        let connect = |address: SocketAddr| {
            started.borrow_mut().push((address.port(), began.elapsed().as_millis()));
            async move {
                match address.port() {
                    1 => pending::<Result<&str, &str>>().await,
                    2 => Err("refused"),
                    3 => {
                        tokio::time::sleep(Duration::from_millis(400)).await;
                        Ok("late and first")
                    }
                    _ => pending().await,
                }
            }
        };
        let addresses = addresses(4);
        let won = first_of(&addresses, connect).await;
        assert_eq!(won, Ok(("late and first", addresses[2])));
        // The third begins as soon as the second is refused.
        assert_eq!(*started.borrow(), [(1, 0), (2, 250), (3, 250), (4, 500)]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_the_last_one_says_why() {
        let refused = |address: SocketAddr| async move { Err::<(), u16>(address.port()) };
        assert_eq!(first_of(&addresses(3), refused).await, Err(Some(3)));
        assert_eq!(first_of(&[], refused).await, Err(None));
    }
}
