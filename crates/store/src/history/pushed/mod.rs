//! What senders pushed, which are no agents: samples of any time and in any order.
//!
//! A push is on the disk as *batches*, rows that are written as they come. Their samples are in
//! memory too, so no reader looks at them. Upkeep *folds* them into *runs*: samples of one
//! series that rise in time and do not overlap with another run's. Samples that come late make
//! the run anew in which they lie.

mod admission;
mod batch;
pub(super) mod doctor;
mod facts;
mod fold;
mod head;
mod labels;
mod left_out;
mod load;
mod memory;
mod new_rows;
mod overlay;
mod plan;
pub(super) mod prune;
mod push;
mod reading;
pub(super) mod remove;
mod run;
mod sweep;
#[cfg(test)]
mod testing;
mod told;
pub(super) mod verify;
mod weight;

pub use left_out::LeftOut;
pub use told::{
    MAX_PUSHED_FACTS, MAX_PUSHED_LABEL_BYTES, MAX_PUSHED_MEMORY, MAX_PUSHED_MEMORY_IN_ALL,
    MAX_PUSHED_SERIES, MAX_PUSHED_SERIES_IN_ALL, MAX_SENDERS, OnPushed, OnPushedSeries, Push,
    Pushed, PushedId, PushedSamples, PushedSpan,
};

pub(super) use memory::State;
