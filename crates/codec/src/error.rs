/// Why bytes are no frame, or a frame that cannot be used now.
///
/// After any of them the decoder has forgotten the chain that it was in; see
/// [`Decoder::skip_to_chain_start`](crate::Decoder::skip_to_chain_start) for how to go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The first byte begins no frame.
    #[error("byte {0:#04x} begins no frame")]
    NoFrame(u8),
    /// The frame is of another major version of the format.
    #[error("the frame has version {found} of the format, and this program reads version {known}")]
    Version {
        /// Of the frame.
        found: u8,
        /// What this program reads.
        known: u8,
    },
    /// The frame is whole, but what it says goes on after its end.
    #[error("the frame ends within {what}")]
    Truncated {
        /// Where.
        what: &'static str,
    },
    /// The bytes of the frame were changed, or a frame before it in its chain
    /// is missing, or came twice or in another order.
    #[error("wrong checksum: the frame was changed, or it does not follow the frame before it")]
    Checksum,
    /// A difference came where no chain was begun.
    #[error("a difference came without the tick or table that it builds on")]
    ChainBroken,
    /// The keys of a tick, or those that a schema frame adds to, are not known.
    #[error(
        "generation {generation} with {keys} keys is needed, and generation {known_generation} \
         with {known_keys} keys is known"
    )]
    UnknownSchema {
        /// The generation that is needed.
        generation: u64,
        /// How many of its keys.
        keys: usize,
        /// The generation that is known.
        known_generation: u64,
        /// How many of its keys.
        known_keys: usize,
    },
    /// Something is above its limit.
    #[error("{what}: {found} is above the limit of {limit}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How much it is.
        found: u64,
        /// How much it may be.
        limit: u64,
    },
    /// The checksum is right and the content is none.
    #[error("bad frame: {0}")]
    Malformed(&'static str),
}

impl CodecError {
    /// `found`, when it is at most `limit`.
    pub(crate) fn limit(what: &'static str, found: u64, limit: usize) -> Result<usize, Self> {
        match usize::try_from(found) {
            Ok(size) if size <= limit => Ok(size),
            _ => Err(Self::TooLarge { what, found, limit: limit as u64 }),
        }
    }
}
