//! The protocol between agent and hub: messages, framing, versions.
//!
//! One binary WebSocket frame holds one [`Message`]. This crate turns messages
//! into bytes and back; it opens no socket, reads no clock and starts nothing,
//! and nothing in it depends on who dialed whom. `PROTOCOL.md` beside this
//! crate lists the numbers.
//!
//! What comes in is hostile until [`decode`] has taken it: a frame is measured
//! before anything is allocated for it, every list and text has a named limit
//! in [`limits`], and every value is checked.

mod convert;
mod error;
mod frame;
pub mod limits;
mod message;
mod proto;
mod shape;
mod version;

pub use error::WireError;
pub use frame::{decode, encode};
pub use limits::MAX_FRAME_BYTES;
pub use message::{Alive, GoodbyeReason, Hello, Message};
pub use version::{PROTOCOL, Version};
