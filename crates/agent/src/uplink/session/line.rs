use watchfire_runtime::Clock;
use watchfire_runtime::socket::{CloseReason, Socket, SocketError};
use watchfire_wire::{Message, StreamDecoder, StreamEncoder};

use super::End;
use crate::uplink::SEND_TIME;

/// How long the last words may take to leave.
const FAREWELL_TIME: std::time::Duration = std::time::Duration::from_secs(1);

/// The socket, and what both directions of it remember.
pub(super) struct Line {
    socket: Socket,
    encoder: StreamEncoder,
    decoder: StreamDecoder,
    clock: Clock,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Heard {
    Message(Box<Message>),
    /// A message that only a newer version knows.
    Unknown,
}

impl Line {
    pub(super) fn new(socket: Socket, clock: Clock) -> Self {
        let (encoder, decoder) = (StreamEncoder::new(), StreamDecoder::new());
        Self { socket, encoder, decoder, clock }
    }

    pub(super) async fn send(&mut self, message: &Message) -> Result<(), End> {
        let frame = match self.encoder.encode(message) {
            Ok(frame) => frame,
            Err(error) => {
                // What we make fits; if it does not, the hub must not wait for it.
                tracing::error!(%error, "a message cannot be sent");
                return Err(End::Broken);
            }
        };
        match self.clock.within(SEND_TIME, self.socket.send(frame)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                tracing::debug!(%error, "a stream cannot be written to");
                Err(End::Broken)
            }
            None => {
                tracing::info!("the hub does not read");
                Err(End::Broken)
            }
        }
    }

    /// The next message. It may be cancelled; nothing is lost then.
    pub(super) async fn hear(&mut self) -> Result<Heard, End> {
        let frame = match self.socket.recv().await {
            Ok(frame) => frame,
            Err(SocketError::Closed(why)) => return Err(closed(why)),
            Err(SocketError::Text) => {
                self.close(CloseReason::Unsupported).await;
                return Err(End::NotUnderstood);
            }
            Err(SocketError::Protocol(why)) => return self.not_understood(&why).await,
            Err(error) => {
                tracing::debug!(%error, "a stream cannot be read");
                return Err(End::Broken);
            }
        };
        match self.decoder.decode(&frame) {
            Ok(Some(message)) => Ok(Heard::Message(Box::new(message))),
            Ok(None) => Ok(Heard::Unknown),
            Err(error) => self.not_understood(&error.to_string()).await,
        }
    }

    async fn not_understood<T>(&mut self, why: &str) -> Result<T, End> {
        tracing::warn!(why, "the hub is not understood");
        self.close(CloseReason::Protocol).await;
        Err(End::NotUnderstood)
    }

    pub(super) async fn close(&mut self, why: CloseReason) {
        // Whether it arrives changes nothing any more.
        let _ = self.clock.within(FAREWELL_TIME, self.socket.close(why)).await;
    }
}

fn closed(why: Option<CloseReason>) -> End {
    match why {
        Some(CloseReason::Away) => End::HubAway,
        Some(CloseReason::Forbidden) => End::Removed,
        Some(CloseReason::Older) => End::Older,
        Some(CloseReason::Replaced) => End::Replaced,
        _ => End::Closed,
    }
}
