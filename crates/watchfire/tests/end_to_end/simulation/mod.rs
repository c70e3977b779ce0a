//! The whole in one thread: a real hub and real agents with all that they have, over
//! mutual TLS in a network in memory, in simulated time. Everything random comes from
//! a seed, so that a failure is seen again.
//!
//! What is not real: sockets, time, the machine that an agent reads, and the mail
//! server. Threads are none: blocking work is done at once
//! (`watchfire_runtime::task::Process`), which also freezes and kills a hub or an
//! agent as SIGSTOP and SIGKILL do.

mod fallback;
mod house;
mod machine;
mod post;
mod records;
mod rights;
mod scenarios;
mod script;
mod seeds;
mod template;
mod truth;
mod units;
mod world;
