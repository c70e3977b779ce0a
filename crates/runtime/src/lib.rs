//! What any of Watchfire's daemons needs: a clock, tasks with a failure
//! policy, shutdown, layered config with places, logging, backoff.
//!
//! This is the only crate that reads the machine's clock, draws a random
//! number for jitter, or starts a task or thread. Everyone else is handed a
//! [`Clock`] and asks [`task`] to start things, so that a test can hold time
//! still and no failure of a task goes unseen.

pub mod backoff;
pub mod child;
mod clock;
pub mod config;
pub mod datagram;
pub mod http;
pub mod limits;
pub mod log;
pub mod memory;
pub mod net;
pub mod oom;
mod secret;
mod shutdown;
pub mod socket;
pub mod task;
pub mod tls;

pub use clock::{Clock, ManualClock, Wall};
pub use secret::Secret;
pub use shutdown::{Hangups, Shutdown, ShutdownHandle};
