//! Rules: when each group is evaluated, what of, and who hears of it.
//!
//! ```text
//! engine (start, reload) --one task a group--> runner: turn (schedule, 2 at a time)
//!                                                |
//!   board (API, /metrics) <----- snapshot -------+---- evaluation, on a thread of its own
//!                                                |
//!     series --> pushed::Pushes                  +--> sink: what fires (a whole round)
//!     alerts --> store (rule_state)
//!
//! made (page, CLI) --> store (rule_file) --nudge--> engine: what changed stops and starts
//! ```
//!
//! What fails alone: a rule (its alerts stand as they were), an evaluation that takes too long, a group's
//! task (it is started again with its last snapshot), a file that is read anew and is bad (the rules
//! before go on). A turn that was missed is counted and skipped. Presence has no part in any of this,
//! and does not wait for it.

mod board;
mod engine;
mod evaluation;
mod keep;
mod made;
mod runner;
mod schedule;
mod sink;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use board::Files;
pub(crate) use board::{Board, Reloads, Snapshot, Timed, Watched};
pub(crate) use engine::Engine;
pub(crate) use evaluation::SourceOf;
#[cfg(test)]
use made::Nudges;
pub(crate) use made::{Expected, Made, MadeFile, NoFile};
pub(crate) use runner::Parts;
#[cfg(test)]
use sink::AlertSink;
