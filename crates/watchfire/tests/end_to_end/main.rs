//! The whole binary, as a user runs it: real agents, a real hub, a real SMTP
//! exchange, real processes that are killed and frozen.
//!
//! Nothing here asserts on this process's own clock. What happened when is read
//! from the hub's monotonic records, and the only slack a bound has beside the
//! promise is written out: the hub's own standstill, which it records, and the
//! lateness of this machine, which [`fixture::Lateness`] measures beside it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends with a panic")]

mod acknowledging;
mod adoption;
mod alertmanagers;
mod asking;
mod auditing;
mod bare;
mod commanding;
mod crash;
mod crowd;
mod enrolment;
mod fallback;
mod fixture;
mod fleet_commands;
mod frozen_hub;
mod handing_over;
mod installing;
mod mail_trouble;
mod mailgun;
mod membership;
mod metrics;
mod network;
mod people;
mod pushing;
mod rules;
mod ruling;
mod seed_calls;
mod silencing;
mod simulation;
mod telling;
mod three_ways;
mod time_travel;
mod tls;
mod up;
mod ways;
mod words;
