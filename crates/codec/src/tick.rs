//! Ticks: what their values look like, and their frames.

mod chain;
mod decode;
mod distance;
mod encode;
mod link;
mod model;
mod predict;
mod series;
mod store;
mod unit;

pub(crate) use decode::TickDecoder;
pub use encode::TickEncoder;
pub(crate) use link::TickLink;
pub(crate) use unit::Unit;
