//! One way of a connection: bytes, when they arrive, and who waits for them.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::SOCKET_BUFFER;
use crate::conditions::{Conditions, FIRST_RETRANSMISSION, LONGEST_RETRANSMISSION, Way};

/// One way of a connection.
#[derive(Debug)]
pub(in crate::link) struct Pipe {
    epoch: Instant,
    state: Mutex<State>,
    /// Counts what is read, with that of other pipes.
    tally: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    way: Way,
    pieces: VecDeque<Piece>,
    /// Bytes in `pieces`.
    held: usize,
    delivered: u64,
    /// Nothing arrives; what came before can still be read.
    dark: bool,
    /// No change of conditions mends the darkness.
    silenced: bool,
    finished: bool,
    abandoned: bool,
    reader_reset: bool,
    writer_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Piece {
    sent: Duration,
    due: Duration,
    /// It met a dark way and waits for light.
    stuck: bool,
    /// `None` is the end of the stream.
    bytes: Option<VecDeque<u8>>,
}

/// What came of a try to read.
pub(super) enum Read {
    Done(io::Result<()>),
    /// Somebody will wake the reader.
    Wait,
    /// Something arrives then.
    Until(Instant),
}

impl Pipe {
    pub(in crate::link) fn new(way: Way, epoch: Instant) -> Self {
        let state = State {
            dark: way.conditions.blocked,
            way,
            pieces: VecDeque::new(),
            held: 0,
            delivered: 0,
            silenced: false,
            finished: false,
            abandoned: false,
            reader_reset: false,
            writer_reset: false,
            reader: None,
            writer: None,
        };
        Self { epoch, state: Mutex::new(state), tally: Arc::default() }
    }

    /// The same that counts here what is read.
    pub(in crate::link) fn tallied(self, tally: Arc<AtomicU64>) -> Self {
        Self { tally, ..self }
    }

    /// Changes what happens to everything that is written from now on; a way
    /// that becomes free lets go of what it held.
    pub(in crate::link) fn set(&self, conditions: Conditions) {
        let now = self.now();
        self.change(|state| {
            state.way.set(conditions);
            state.darken_or_let_go(now);
        });
    }

    pub(super) fn block(&self, blocked: bool) {
        let conditions = self.lock().way.conditions;
        self.set(Conditions { blocked, ..conditions });
    }

    pub(super) fn silence(&self) {
        let now = self.now();
        self.change(|state| {
            state.silenced = true;
            state.darken_or_let_go(now);
        });
    }

    pub(super) fn reset_reader(&self) {
        self.change(|state| state.reader_reset = true);
    }

    pub(super) fn reset_writer(&self) {
        self.change(|state| state.writer_reset = true);
    }

    /// Both sides see a reset.
    pub(in crate::link) fn cut(&self) {
        self.reset_reader();
        self.reset_writer();
    }

    pub(super) fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    pub(in crate::link) fn is_over(&self) -> bool {
        let state = self.lock();
        state.reader_reset || state.writer_reset || state.finished || state.abandoned
    }

    /// The writer has said its last: the reader comes to the end.
    pub(super) fn finish(&self) {
        let now = self.now();
        self.change(|state| {
            if !std::mem::replace(&mut state.finished, true) {
                state.send(now, None);
            }
        });
    }

    /// Nobody reads any more: what is written is refused.
    pub(super) fn abandon(&self) {
        self.change(|state| {
            state.abandoned = true;
            state.pieces.clear();
            state.held = 0;
        });
    }

    pub(super) fn write(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.now();
        let mut state = self.lock();
        if state.writer_reset || (state.abandoned && !state.dark) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let taken = bytes.len().min(SOCKET_BUFFER - state.held);
        if taken == 0 && !bytes.is_empty() {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.send(now, Some(bytes[..taken].iter().copied().collect()));
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(taken))
    }

    pub(super) fn read(&self, context: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Read {
        let now = self.now();
        let mut state = self.lock();
        if state.reader_reset {
            return Read::Done(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if buffer.remaining() == 0 {
            return Read::Done(Ok(()));
        }
        // Whatever changes while the reader waits must wake it, the alarm too.
        state.reader = Some(context.waker().clone());
        let arrives = |piece: &&Piece| !piece.stuck;
        let Some(piece) = state.pieces.front().filter(arrives) else { return Read::Wait };
        if piece.due > now {
            return Read::Until(self.epoch + piece.due);
        }
        let taken = state.take(now, buffer);
        let writer = state.writer.take();
        drop(state);
        self.tally.fetch_add(taken as u64, Ordering::Relaxed);
        if taken > 0 {
            writer.into_iter().for_each(Waker::wake);
        }
        Read::Done(Ok(()))
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, by: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        by(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl State {
    fn darken_or_let_go(&mut self, now: Duration) {
        let dark = self.silenced || self.way.conditions.blocked;
        if dark && !self.dark {
            self.pieces.iter_mut().for_each(|piece| piece.stuck = piece.due > now);
        } else if self.dark && !dark {
            self.let_go(now);
        }
        self.dark = dark;
    }

    fn send(&mut self, now: Duration, bytes: Option<VecDeque<u8>>) {
        self.held += bytes.as_ref().map_or(0, VecDeque::len);
        let due = self.way.segment(now);
        self.pieces.push_back(Piece { sent: now, due, stuck: self.dark, bytes });
    }

    /// Moves bytes that have arrived into the buffer; how many.
    fn take(&mut self, now: Duration, buffer: &mut ReadBuf<'_>) -> usize {
        let before = buffer.filled().len();
        while let Some(piece) = self.pieces.front_mut() {
            // The end stays, so that every later read sees it as well.
            let Some(bytes) = piece.bytes.as_mut().filter(|_| !piece.stuck && piece.due <= now)
            else {
                break;
            };
            let (run, _) = bytes.as_slices();
            let taken = run.len().min(buffer.remaining());
            buffer.put_slice(&run[..taken]);
            bytes.drain(..taken);
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
            if buffer.remaining() == 0 {
                break;
            }
        }
        let taken = buffer.filled().len() - before;
        self.held -= taken;
        self.delivered += taken as u64;
        taken
    }

    /// The way is free again: what had not arrived before goes on when TCP,
    /// whose waits have doubled all the while, tries the first piece again.
    fn let_go(&mut self, now: Duration) {
        let delay = self.way.conditions.delay;
        let mut held = self.pieces.iter_mut().filter(|piece| piece.stuck).peekable();
        let Some(first) = held.peek() else { return };
        let (mut again, mut wait) = (first.sent, FIRST_RETRANSMISSION);
        while again < now {
            again += wait;
            wait = (2 * wait).min(LONGEST_RETRANSMISSION);
        }
        for piece in held {
            piece.due = piece.due.max(again + delay);
            piece.stuck = false;
        }
    }
}
