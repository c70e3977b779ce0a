//! Network paths that can be cut.
//!
//! [`Link`] is a real TCP path on 127.0.0.1 in front of one target, for whole
//! processes. The rest lives in memory and in tokio's time, which a test may
//! pause, so hours of trouble pass in moments and repeat with a seed:
//! [`stream::pair`] is one connection, and [`network::Network`] is many hosts
//! that connect and send datagrams to each other.

pub mod datagrams;
mod host;
pub mod network;
pub mod stream;
mod tcp;

pub use tcp::{Counts, Link};
