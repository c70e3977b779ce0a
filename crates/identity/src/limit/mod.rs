//! How often somebody may try to log in.
//!
//! Only failed tries count. They are counted for a user at an address, so that
//! nobody can lock a user out from elsewhere, and for the address alone, so
//! that trying many users does not help.

mod table;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use watchfire_model::Moment;

use table::Table;

/// Failed tries count for this long.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many failed tries in [`WINDOW`] a user has at one address.
pub const TRIES_PER_USER: usize = 5;
/// How many failed tries in [`WINDOW`] an address has for all users together.
pub const TRIES_PER_ADDRESS: usize = 30;
/// How many users at addresses, and how many addresses, are remembered. When
/// there are more, the one whose last try is the longest ago is forgotten.
pub const MAX_REMEMBERED: usize = 4096;

/// Decides who may try to log in, and remembers who failed.
///
/// [`check`](Self::check) counts the try at once as a failed one: otherwise
/// many tries sent together would all pass before the first is known to have
/// failed. [`succeeded`](Self::succeeded) takes it back.
#[derive(Debug, Default)]
pub struct LoginLimiter {
    users: Table<(Prefix, u64)>,
    addresses: Table<Prefix>,
    hasher: RandomState,
    refused: u64,
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits,
/// because whoever has one of its addresses has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Prefix(IpAddr);

impl LoginLimiter {
    /// A limiter that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks whether `user` may try to log in from `address`, and counts the try.
    ///
    /// # Errors
    /// How long to wait before the next try, when there were too many.
    pub fn check(&mut self, now: Moment, address: IpAddr, user: &str) -> Result<(), Duration> {
        let (address, user) = self.keys(address, user);
        let wait = self.users.wait(now, &user, TRIES_PER_USER).max(self.addresses.wait(
            now,
            &address,
            TRIES_PER_ADDRESS,
        ));
        if let Some(wait) = wait {
            self.refused = self.refused.saturating_add(1);
            return Err(wait);
        }
        self.users.add(now, user, TRIES_PER_USER);
        self.addresses.add(now, address, TRIES_PER_ADDRESS);
        Ok(())
    }

    /// The try that [`check`](Self::check) let through was wrong. It stays
    /// counted, from `now` on, because the answer is what the guesser waits for.
    pub fn failed(&mut self, now: Moment, address: IpAddr, user: &str) {
        let (address, user) = self.keys(address, user);
        self.users.renew(now, &user);
        self.addresses.renew(now, &address);
    }

    /// The try that [`check`](Self::check) let through was right: the user's
    /// failed tries at that address are forgotten, the address' others are not,
    /// or else one known password would let its owner guess the others.
    pub fn succeeded(&mut self, _now: Moment, address: IpAddr, user: &str) {
        let (address, user) = self.keys(address, user);
        self.users.forget(&user);
        self.addresses.take_back(&address);
    }

    /// How many tries were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many entries were forgotten before their time because there were
    /// more than [`MAX_REMEMBERED`].
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.users.evicted().saturating_add(self.addresses.evicted())
    }

    /// Names are kept as a keyed hash, so that long ones take no memory.
    fn keys(&self, address: IpAddr, user: &str) -> (Prefix, (Prefix, u64)) {
        let address = Prefix::of(address);
        (address, (address, self.hasher.hash_one(user)))
    }
}

impl Prefix {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
