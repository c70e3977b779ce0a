use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use watchfire_wire::{Message, Runbooks};

use super::Session;
use crate::uplink::relay::Relay;

/// The part of a stream that is about commands: only the hub itself has one.
#[derive(Default)]
pub(super) struct Commands {
    stream: Option<u64>,
    offers: Option<Pin<Box<dyn Future<Output = Runbooks> + Send>>>,
}

impl Commands {
    /// True once the other side showed that it is the hub.
    pub(super) fn are_taken(&self) -> bool {
        self.stream.is_some()
    }

    /// What is to be said of commands. It may be cancelled; nothing is lost then.
    pub(super) async fn next(&mut self, relay: &Relay) -> Message {
        let Some(stream) = self.stream else { return pending().await };
        let Self { offers, .. } = self;
        let offered = async {
            match offers {
                Some(asking) => asking.as_mut().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            message = relay.next(stream) => message,
            runbooks = offered => {
                self.offers = None;
                Message::Runbooks(runbooks)
            }
        }
    }
}

impl Session {
    /// From now on commands are taken on this stream, where the hub is at its other end.
    pub(super) fn take_commands(&mut self) {
        if self.is_with_hub() {
            self.commands.stream = Some(self.up.relay.attach());
            self.ask_offers();
        }
    }

    pub(super) fn take_command(&mut self, message: Message) {
        match message {
            Message::Command(command) => self.up.relay.begin(*command),
            Message::CancelCommand(cancel) => self.up.relay.cancel(cancel.run),
            Message::OutputAck(ack) => self.up.relay.acknowledged(ack),
            Message::Runbooks(_) => self.ask_offers(),
            _ => {}
        }
    }

    /// Where nothing is run nothing is said of it: that is what a hub takes for granted.
    fn ask_offers(&mut self) {
        if !self.up.relay.has_runner() {
            return;
        }
        let relay = Arc::clone(&self.up.relay);
        self.commands.offers = Some(Box::pin(async move { relay.offers().await }));
    }
}
