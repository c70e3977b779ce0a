//! Ticks: what their values look like, and their frames.

mod chain;
mod decode;
mod distance;
mod encode;
mod model;
mod predict;
mod series;
mod unit;

pub(crate) use decode::TickDecoder;
pub use encode::TickEncoder;
pub(crate) use unit::Unit;
