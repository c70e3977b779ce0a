//! Reaching others: the network itself, from a name to addresses, from addresses to
//! a connection, what a failure says of this side, and ranges of addresses.

mod listener;
mod network;
mod own;
mod race;
mod resolve;
mod simulated;
mod stream;
mod system;

pub use listener::Listener;
pub use network::{Network, NetworkError};
pub use own::{has_no_way, is_own_want};
pub use race::{Lost, first_of};
pub use resolve::{Looking, Lookup, Resolver, Unresolved};
pub use simulated::{
    Doing, SimulatedConnection, SimulatedDatagrams, SimulatedListener, SimulatedNet,
};
pub use stream::Stream;
pub use system::Net;
