//! Reaching others: from a name to addresses, from addresses to a connection,
//! what a failure says of this side, and ranges of addresses.

mod network;
mod own;
mod race;
mod resolve;

pub use network::{Network, NetworkError};
pub use own::{has_no_way, is_own_want};
pub use race::{Lost, first_of};
pub use resolve::{Looking, Lookup, Resolver, Unresolved};
