//! What tests and benchmarks of Watchfire need and no product code may: a mail
//! server and an HTTP server that do as a script says, links that can be cut,
//! hosts that are network namespaces, hosts that are only in memory, a checker
//! of the promises that always hold, holes that never answer, child processes,
//! folders that go with the test, recorded scrapes, free ports and golden files.
//!
//! Everything runs on plain threads and blocks the caller where it waits, so it
//! serves a `#[test]`, a benchmark's `main` and, on the multi-thread runtime, a
//! `#[tokio::test]` alike. Waiting is done on condition variables and ends with
//! a panic that tells what did happen, so no test needs a sleep. Only
//! [`link::stream`], [`link::network`] and [`link::datagrams`] are async: they
//! live in tokio's time, which a test may pause.
//!
//! Instants are `CLOCK_MONOTONIC` as a [`std::time::Duration`] since boot
//! (see [`clock::monotonic`]), which every process of one machine shares.
//! Whatever is random comes from a seed ([`seeded::Seeded`]).
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "threads and clocks are what a test kit is made of; no product code depends on it"
)]

pub mod ask;
pub mod clock;
pub mod conditions;
mod door;
pub mod figures;
pub mod golden;
pub mod hole;
pub mod http;
pub mod invariants;
pub mod link;
pub mod netns;
pub mod ports;
pub mod process;
pub mod scrapes;
pub mod scratch;
pub mod seeded;
pub mod smtp;
mod watch;
