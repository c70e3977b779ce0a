use rusqlite::Connection;

use crate::channels::Channels;
use crate::store::Counters;

/// One transaction under way. What is written through it becomes durable, all
/// of it or none, when [`Store::write`](crate::Store::write) returns.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) counters: &'a Counters,
    pub(crate) channels: &'a Channels,
}
