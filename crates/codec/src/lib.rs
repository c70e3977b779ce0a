//! Ticks and process tables to bytes and back: the one encoding used on the
//! wire, in the agent's recorder and in the hub's head.
//!
//! A [`TickEncoder`] writes the ticks of one server as a stream of frames, a
//! [`ProcessEncoder`] its process tables; a [`Decoder`] reads any mix of both.
//! [`peek`] tells what a frame is without decoding it, and a [`Checker`] whether
//! it is sound, for those who store and relay bytes as they are. A [`TableChain`] keeps
//! process tables so, and reads them when asked. Who has decoders of many servers gives them one [`KeyPool`]. `FORMAT.md` beside this crate's manifest describes
//! every byte.
//!
//! This crate does no I/O, reads no clock, and takes no memory that its input
//! or the [`limits`] do not justify.

mod checker;
mod checksum;
mod clock;
mod coder;
mod decoder;
mod error;
mod frame;
pub mod limits;
mod process;
mod schema;
mod tick;
mod varint;

pub use checker::{Checked, Checker, check};
pub use decoder::{Decoder, Frame};
pub use error::CodecError;
pub use frame::{FrameHead, FrameKind, VERSION, peek};
pub use limits::{MAX_CHAIN_TABLES, MAX_CHAIN_TICKS, MAX_FRAME_BYTES, MAX_KEPT_CHAIN_BYTES};
pub use process::{KeptTable, ProcessEncoder, TableChain};
pub use tick::TickEncoder;
pub use watchfire_model::{KeyPool, PoolCounts};

/// What an encoder wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encoded {
    /// A key tick or key table: a reader can begin here.
    pub key: bool,
    /// A schema frame, before it.
    pub schema: bool,
    /// How many keys, values or rows were left out because they are above a
    /// limit or have no key.
    pub left_out: u32,
}
