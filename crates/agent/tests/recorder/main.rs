//! The recorder: nothing that was flushed is forgotten, and nothing that was
//! never written is read.

mod cap;
mod damage;
mod disk;
mod frames;
mod kill;
mod others;
mod power;
mod questions;
mod support;
