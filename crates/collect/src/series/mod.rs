//! From what collectors read to ticks: which series there are, and their
//! values now.

mod family;
mod ledger;
mod page;

pub use family::Family;
pub(crate) use ledger::Ledger;
pub use ledger::MAX_SERIES;
