use tokio::sync::{mpsc, oneshot};
use watchfire_runtime::socket::CloseReason;
use watchfire_wire::{Message, Probe, ProbeResult};

/// How many orders may wait for a session. More are refused.
pub(super) const MAX_ORDERS: usize = 32;

/// What others want of a session.
#[derive(Debug)]
pub(super) enum Order {
    /// Ask the agent what it sees of another server. The id is given on the way.
    Probe(Probe, oneshot::Sender<ProbeResult>),
    /// Tell the agent something.
    Say(Box<Message>),
    /// End it.
    Close(CloseReason),
}

/// A session, for those who want something of its agent. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SessionHandle {
    /// The orders are boxed: the channel has room for many at once, and each session one.
    pub(super) orders: mpsc::Sender<Box<Order>>,
}

impl SessionHandle {
    /// Asks the agent what it sees of a server. The answer does not come when the
    /// session ends first or is busy; the caller keeps the limit of time.
    pub(crate) fn probe(&self, probe: Probe) -> oneshot::Receiver<ProbeResult> {
        let (sender, receiver) = oneshot::channel();
        // What has no room is as good as no answer.
        let _ = self.orders.try_send(Box::new(Order::Probe(probe, sender)));
        receiver
    }

    /// Tells the agent something. False when the session is too busy for it.
    pub(crate) fn say(&self, message: Message) -> bool {
        self.orders.try_send(Box::new(Order::Say(Box::new(message)))).is_ok()
    }

    /// Ends the session. False when it is too busy to be told.
    pub(crate) fn close(&self, why: CloseReason) -> bool {
        self.orders.try_send(Box::new(Order::Close(why))).is_ok()
    }
}
