//! The archive against a naive model: real encoders, a real history file, and the same
//! questions to both.

mod around;
mod events;
mod measure;
mod overlap;
mod promql;
pub(crate) mod room;
mod sealing;
mod select;

use room::{Room, START_MS};
