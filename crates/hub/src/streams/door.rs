use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use watchfire_identity::pulse::PulseKey;
use watchfire_runtime::socket::CloseReason;
use watchfire_runtime::{Clock, Shutdown};

use crate::http::{Accepted, OnStream};
use crate::session::{Peer, Sessions};

/// How long a session may take to tell its agent that the hub ends.
pub(crate) const FAREWELL: Duration = Duration::from_millis(1500);

/// Where the streams come in that agents open. When the hub ends, it ends them in
/// order: agents then know that they are not cut off, and come back by and by.
pub(crate) struct Door {
    sessions: Sessions,
    clock: Clock,
    shutdown: Shutdown,
    inside: watch::Sender<usize>,
}

/// One stream that came in; it is counted until this is dropped.
struct Inside<'a>(&'a watch::Sender<usize>);

impl Door {
    pub(crate) fn new(sessions: Sessions, clock: Clock, shutdown: Shutdown) -> Arc<Self> {
        let (inside, _) = watch::channel(0);
        Arc::new(Self { sessions, clock, shutdown, inside })
    }

    /// What is done with each stream.
    pub(crate) fn on_stream(self: &Arc<Self>) -> OnStream {
        let door = self.clone();
        Arc::new(move |accepted| {
            let door = door.clone();
            Box::pin(async move { door.accept(accepted).await })
        })
    }

    async fn accept(&self, accepted: Accepted) {
        let _inside = Inside::enter(&self.inside);
        let pulse_key = Some(PulseKey::from_exported(accepted.pulse_key));
        let Accepted { socket, index, agent, remote, .. } = accepted;
        let peer = Peer { index, agent: Some(agent), pulse_key, remote };
        let mut talk = std::pin::pin!(self.sessions.accept(socket, peer));
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = talk.as_mut() => return,
        }
        self.sessions.close(index, CloseReason::Away);
        // Whoever does not hear it finds the connection closed.
        let _ = self.clock.within(FAREWELL, talk).await;
    }

    /// Returns once no stream is left.
    pub(crate) async fn all_left(&self) {
        // The sender lives as long as `self`.
        let _ = self.inside.subscribe().wait_for(|inside| *inside == 0).await;
    }
}

impl<'a> Inside<'a> {
    fn enter(inside: &'a watch::Sender<usize>) -> Self {
        inside.send_modify(|count| *count += 1);
        Self(inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
