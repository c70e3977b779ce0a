use crate::frame::{decode_after, encode_after};
use crate::packed::Base;
use crate::{Message, Records, WireError};

/// Writes the frames of one stream, in the order in which they are sent.
///
/// It remembers the last live record, and says of the next one what has
/// changed: its place and its moment take three or four bytes, not fifteen.
/// Every frame that it gives must be sent, on the stream that it was made for.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    live: Option<Base>,
}

impl StreamEncoder {
    /// For a stream on which nothing was sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of the next frame; only a [`StreamDecoder`] can read those
    /// that hold live records.
    ///
    /// # Errors
    /// Those of [`encode`](crate::encode). The message was not remembered then,
    /// and another one can be sent.
    pub fn encode(&mut self, message: &Message) -> Result<Vec<u8>, WireError> {
        let bytes = encode_after(message, self.live)?;
        self.live = last_live(message).or(self.live);
        Ok(bytes)
    }
}

/// Reads the frames of one stream, in the order in which they came. It reads
/// those that were made with [`encode`](crate::encode) as well.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    live: Option<Base>,
}

impl StreamDecoder {
    /// For a stream on which nothing came yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The message in the next frame; `None` for a message of a newer minor
    /// version, which is to be skipped.
    ///
    /// # Errors
    /// Those of [`decode`](crate::decode), and [`WireError::OutOfStep`]. After
    /// an error the stream is to be ended.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Option<Message>, WireError> {
        let message = decode_after(bytes, self.live)?;
        self.live = message.as_ref().and_then(last_live).or(self.live);
        Ok(message)
    }
}

fn last_live(message: &Message) -> Option<Base> {
    match message {
        Message::Records(Records { request: 0, records, .. }) => records.last().map(Base::of),
        _ => None,
    }
}
