//! The protocol between agent and hub: messages, framing, versions.
//!
//! One binary WebSocket frame holds one [`Message`]; a datagram beside the
//! stream holds one [`pulse`]. This crate turns both into bytes and back; it
//! opens no socket, reads no clock, does no cryptography and starts nothing, and
//! nothing in it depends on who dialed whom. `PROTOCOL.md` beside this crate
//! lists the numbers.
//!
//! [`encode`] and [`decode`] take each frame for itself. A [`StreamEncoder`] and
//! a [`StreamDecoder`] remember one record of a stream, which makes the live
//! records that follow it smaller.
//!
//! What comes in is hostile until [`decode`] has taken it: a frame is measured
//! before anything is allocated for it, every list and text has a named limit
//! in [`limits`], and every value is checked.

mod builder;
mod convert;
mod error;
mod frame;
pub mod limits;
mod message;
mod packed;
mod proto;
pub mod pulse;
mod shape;
mod stream;
mod version;

pub use builder::RecordsBuilder;
pub use error::WireError;
pub use frame::{decode, encode};
pub use limits::MAX_FRAME_BYTES;
pub use message::{
    Ack, Alive, Backfill, BackfillEnd, CancelCommand, Command, CommandRefused, CommandStarted,
    Exit, Fallback, FallbackBox, FallbackHeard, FallbackMember, FallbackSeat, FallbackTold,
    GoodbyeReason, Hello, Message, OpenWork, Output, OutputAck, OutputStream, Probe, ProbeResult,
    ProbeSaw, Record, RecordKind, Records, Renew, Renewed, RingState, RunPolicy, Runbook,
    RunbookParam, RunbookWork, Runbooks, SignedWork, Work,
};
pub use stream::{StreamDecoder, StreamEncoder};
pub use version::{PROTOCOL, Version};
