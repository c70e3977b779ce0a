//! A fleet that is not there: servers that speak the real protocol to a real
//! hub, for demonstrations, benchmarks and tests.
//!
//! ```text
//! recording -> machine (one a server) -> recorder -> ring -> session -> hub
//! script -> director -> episodes -> server (its task) ---^
//! pulses: one socket and one wheel for all sessions
//! ```
//!
//! Everything that is drawn is drawn from one seed, so that a run can be
//! repeated: the same servers with the same values, and the same trouble at the
//! same times. What is not simulated: the servers listen nowhere, so nobody can
//! probe them, and they decline to probe others.
//!
//! Limits: the rings of all servers together take a fixed amount of memory, the
//! oldest records make room; so many servers dial at a time; a server that is
//! late by seconds leaves ticks out and counts them.

mod commands;
mod counters;
mod dial;
mod enrol;
mod episode;
mod error;
mod fleet;
mod machine;
mod member;
mod pulses;
mod recorder;
mod recording;
mod ring;
pub mod script;
mod seeded;
mod server;
mod session;
mod trouble;
mod workload;

pub use counters::Counts;
pub use enrol::read_tokens;
pub use error::SimError;
pub use fleet::{Fleet, Happening, Progress, Settings, Told};
pub use member::{MAX_SERVERS, Member, Members};
pub use script::{Script, ScriptError};
pub use trouble::Trouble;
