//! The bits below a tick: an adaptive binary arithmetic coder, and plain bits
//! beside it.
//!
//! What a value looks like is described once, in `tick::series`, over the
//! trait [`Coder`]. The same description writes and reads, so the two cannot
//! drift apart.

mod arithmetic;
mod bits;
mod probability;
mod tree;

pub(crate) use arithmetic::{Reader, Scratch, Writer};
pub(crate) use probability::Probability;
pub(crate) use tree::{length_bits, number};

/// Writes what it is given, or gives what it reads.
pub(crate) trait Coder {
    /// True when the arguments are written, false when they are ignored and the results are read.
    const WRITES: bool;

    /// One bit that is guessed with `probability`, which learns from it.
    fn bit(&mut self, bit: bool, probability: &mut Probability) -> bool;

    /// The lowest `count` bits (at most 64) of `value`, which nothing can guess.
    fn plain(&mut self, value: u64, count: u32) -> u64;
}
