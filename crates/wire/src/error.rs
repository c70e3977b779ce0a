use crate::{Version, limits::MAX_FRAME_BYTES};

/// Why a frame was refused, on its way in or out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame is larger than [`MAX_FRAME_BYTES`].
    #[error("a frame has {bytes} bytes, and the limit is {MAX_FRAME_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The frame is empty.
    #[error("a frame without a message came in")]
    Empty,
    /// The bytes are no protobuf message of ours.
    #[error("a frame came in that is not of this protocol: {why}")]
    Malformed {
        /// What the decoder met.
        why: String,
    },
    /// A message that may come once in a frame came again.
    #[error("a frame holds its {what} twice")]
    Twice {
        /// What was repeated.
        what: &'static str,
    },
    /// A list is longer than its limit.
    #[error("a frame holds more than {most} {what}")]
    TooMany {
        /// What the list holds.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A text is longer than its limit.
    #[error("the {what} in a frame has more than {most} bytes")]
    TooLong {
        /// What the text is.
        what: &'static str,
        /// The limit in bytes.
        most: usize,
    },
    /// A value cannot be.
    #[error("the {what} in a frame has an impossible value")]
    BadValue {
        /// What the value is.
        what: &'static str,
    },
    /// Live records go on from others that did not come on this stream. Frames
    /// were lost or read out of order, or each was read for itself, without the
    /// stream's [`StreamDecoder`](crate::StreamDecoder).
    #[error(
        "the records in a frame go on from a record that did not come: the stream must begin anew"
    )]
    OutOfStep,
    /// The other side speaks another major version.
    #[error(
        "the other side speaks protocol {theirs} and this one {ours}: \
         bring both to the same release of watchfire"
    )]
    OtherMajor {
        /// What this side speaks.
        ours: Version,
        /// What the other side said it speaks.
        theirs: Version,
    },
}
