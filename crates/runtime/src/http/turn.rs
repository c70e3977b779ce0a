//! One request's turn on a connection. Its seat may be taken from it until the
//! request has come in whole, and not again until the answer has gone out
//! whole: who only begins a request holds no place, and a live stream keeps its.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::seats::{Busy, Seat};

/// Shared by a request's body and its answer's.
pub(super) struct Turn {
    seat: Arc<Seat>,
    busy: OnceLock<Busy>,
}

/// A body that knows of the turn.
struct InTurn<B> {
    inner: B,
    turn: Arc<Turn>,
    begins: bool,
}

impl Turn {
    pub(super) fn new(seat: &Arc<Seat>) -> Arc<Self> {
        Arc::new(Self { seat: Arc::clone(seat), busy: OnceLock::new() })
    }

    /// The request's body; the turn begins when it has come in whole.
    pub(super) fn arriving(self: &Arc<Self>, body: Incoming) -> Body {
        if body.is_end_stream() {
            self.begin();
            return Body::empty();
        }
        Body::new(InTurn { inner: body, turn: Arc::clone(self), begins: true })
    }

    /// The answer's body; the turn ends when it is gone.
    pub(super) fn leaving(self: &Arc<Self>, body: Body) -> Body {
        self.begin();
        Body::new(InTurn { inner: body, turn: Arc::clone(self), begins: false })
    }

    fn begin(&self) {
        self.busy.get_or_init(|| self.seat.busy());
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for InTurn<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if self.begins && (frame.is_none() || self.inner.is_end_stream()) {
            self.turn.begin();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
