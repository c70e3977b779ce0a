//! A connection in memory that can be slow, stalled, cut and half cut.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
//! # .expect("a runtime").block_on(async {
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use watchfire_testkit::link::stream::{Side, pair};
//!
//! let (mut left, mut right, control) = pair(42);
//! left.write_all(b"hello").await?;
//! control.stall(Side::Left); // what the left side writes waits
//! control.resume(Side::Left);
//! let mut word = [0; 5];
//! right.read_exact(&mut word).await?;
//! control.cut(); // both sides see a reset
//! assert!(right.read_u8().await.is_err());
//! # std::io::Result::Ok(()) }).expect("no error");
//! ```

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

pub(super) use self::pipe::Pipe;
use crate::conditions::{Conditions, Way};
use crate::seeded::Seeded;

mod pipe;

/// How many bytes one way holds that were written and not read yet, like the
/// socket buffers of a connection; a writer waits when they are full.
pub const SOCKET_BUFFER: usize = 64 * 1024;

/// One of the two sides of a connection. A way is named by the side that
/// writes into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first that [`pair`] returns; on a network the one that connected.
    Left,
    /// The second that [`pair`] returns; on a network the one that accepted.
    Right,
}

/// One end of a connection. Dropping it closes it: the other side reads what
/// is on its way, then the end.
#[derive(Debug)]
pub struct End {
    reads: Arc<Pipe>,
    writes: Arc<Pipe>,
    alarm: Pin<Box<Sleep>>,
}

/// Decides what happens to a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    from_left: Arc<Pipe>,
    from_right: Arc<Pipe>,
}

/// A connection whose two ways are clear.
///
/// # Panics
/// Outside a tokio runtime with time.
#[must_use]
pub fn pair(seed: u64) -> (End, End, Control) {
    let (dice, epoch) = (Seeded::new(seed), Instant::now());
    let pipe = |name| Arc::new(Pipe::new(Way::new(dice.part(name)), epoch));
    joined(pipe("left"), pipe("right"))
}

/// A connection over these two ways.
pub(super) fn joined(from_left: Arc<Pipe>, from_right: Arc<Pipe>) -> (End, End, Control) {
    let end = |reads: &Arc<Pipe>, writes: &Arc<Pipe>| End {
        reads: reads.clone(),
        writes: writes.clone(),
        alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
    };
    let (left, right) = (end(&from_right, &from_left), end(&from_left, &from_right));
    (left, right, Control { from_left, from_right })
}

impl Control {
    /// Sets what happens to what this side writes. Delay, jitter, loss and
    /// blocking count: a lost piece is late by its retransmission, as in TCP.
    pub fn set(&self, from: Side, conditions: Conditions) {
        self.way(from).set(conditions);
    }

    /// Sets both ways.
    pub fn set_both(&self, conditions: Conditions) {
        self.set(Side::Left, conditions);
        self.set(Side::Right, conditions);
    }

    /// Nothing that this side writes arrives until [`Control::resume`]; it is
    /// kept, and the writer waits once the buffer is full. Nobody is told.
    pub fn stall(&self, from: Side) {
        self.way(from).block(true);
    }

    /// What was kept goes on, when TCP would try it again.
    pub fn resume(&self, from: Side) {
        self.way(from).block(false);
    }

    /// The connection is reset: both sides see it at once, and what was on its
    /// way is gone.
    pub fn cut(&self) {
        self.from_left.cut();
        self.from_right.cut();
    }

    /// One side sees the connection reset, the other one is told nothing and
    /// hears nothing any more: a connection that is half open.
    pub fn half_cut(&self, sees_it: Side) {
        let other = if sees_it == Side::Left { Side::Right } else { Side::Left };
        self.way(sees_it).reset_writer();
        self.way(sees_it).silence();
        self.way(other).reset_reader();
        self.way(other).silence();
    }

    /// Bytes that this side wrote and the other has read.
    #[must_use]
    pub fn delivered(&self, from: Side) -> u64 {
        self.way(from).delivered()
    }

    /// True when the connection was cut or an end of it was dropped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.from_left.is_over() || self.from_right.is_over()
    }

    fn way(&self, from: Side) -> &Pipe {
        match from {
            Side::Left => &self.from_left,
            Side::Right => &self.from_right,
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = self.get_mut();
        loop {
            match end.reads.read(context, buffer) {
                pipe::Read::Done(result) => return Poll::Ready(result),
                pipe::Read::Wait => return Poll::Pending,
                pipe::Read::Until(due) => {
                    // A rounded alarm may ring just before the piece is due.
                    end.alarm.as_mut().reset(due);
                    ready!(end.alarm.as_mut().poll(context));
                }
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Written bytes are on their way; nothing gathers them.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.finish();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.writes.finish();
        self.reads.abandon();
    }
}

#[cfg(test)]
mod tests;
