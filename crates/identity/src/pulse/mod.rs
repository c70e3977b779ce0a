//! What makes a pulse a sign of life of its sender and of nobody else: the
//! tag on it, and the memory of those that were seen.

mod key;
mod replay;

pub use key::{PulseKey, TAG_BYTES};
pub use replay::{REPLAY_WINDOW, ReplayWindow};
