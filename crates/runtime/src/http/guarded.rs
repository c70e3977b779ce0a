use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection whose writing fails when the peer takes nothing for some time.
/// It holds for answers and streams alike: whoever stops reading is let go.
pub(super) struct Guarded<T> {
    inner: T,
    clock: Clock,
    stall: Duration,
    deadline: Option<Deadline>,
}

impl<T> Guarded<T> {
    pub(super) fn new(inner: T, clock: Clock, stall: Duration) -> Self {
        Self { inner, clock, stall, deadline: None }
    }

    /// Passes on what came of a try to write, and turns waiting into an error
    /// once it took too long.
    fn judge<R>(
        &mut self,
        context: &mut Context<'_>,
        tried: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if tried.is_ready() {
            self.deadline = None;
            return tried;
        }
        let (clock, stall) = (&self.clock, self.stall);
        let deadline = self.deadline.get_or_insert_with(|| {
            let clock = clock.clone();
            Box::pin(async move { clock.sleep(stall).await })
        });
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, tried)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(context, tried)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.inner).poll_shutdown(context);
        self.judge(context, tried)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.judge(context, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use watchfire_model::Moment;

    use super::*;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_let_go() {
        let (clock, hand) = Clock::manual(Moment::default());
        let stall = Duration::from_secs(10);
        let (near, mut far) = duplex(8);
        let mut guarded = Guarded::new(near, clock, stall);
        guarded.write_all(b"12345678").await.expect("there is room");
        // Eight seconds of waiting, then some progress, then eight more: no stall.
        let (written, ()) = tokio::join!(guarded.write_all(b"abcdefghijkl"), async {
            tokio::task::yield_now().await;
            hand.advance(Duration::from_secs(8));
            far.read_exact(&mut [0; 8]).await.expect("bytes");
            tokio::task::yield_now().await;
            hand.advance(Duration::from_secs(8));
            far.read_exact(&mut [0; 8]).await.expect("bytes");
        });
        written.expect("the peer took something in time");
        let (written, ()) = tokio::join!(guarded.write_all(b"0123456789"), async {
            tokio::task::yield_now().await;
            hand.advance(stall);
        });
        assert_eq!(written.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
    }
}
