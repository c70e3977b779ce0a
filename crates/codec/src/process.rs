//! Process tables: rows as differences by process, each text once a chain.

mod cells;
mod chain;
mod columns;
mod decode;
mod encode;
mod link;
mod order;
mod rows;
mod sections;
mod texts;

pub use chain::{KeptTable, TableChain};
pub(crate) use decode::ProcessDecoder;
pub use encode::ProcessEncoder;
pub(crate) use link::TableLink;
