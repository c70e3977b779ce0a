//! Blocks from outside: what is sealed comes back bit by bit, what is damaged is
//! an error, and what an earlier release wrote still opens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod golden;
mod limits;
mod made;
mod merging;
mod parts;
mod round_trip;
mod tiers;
