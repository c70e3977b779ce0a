//! How often somebody may try to log in.
//!
//! Only failed tries count. They are counted for a user at an address, so that
//! nobody can lock a user out from elsewhere, and for the address alone, so
//! that trying many users does not help.
//!
//! Many share an address: everybody on one machine, or behind one gateway. So
//! that one of them cannot lock the others out, a refused try of a user who
//! exists is still checked now and then, *quietly*: the right password is let
//! in, and a wrong one is answered as if nothing had been checked. What a
//! stranger sees depends on names and addresses alone, never on who exists.

mod table;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use watchfire_model::Moment;

use table::Table;

/// Failed tries count for this long.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many failed tries in [`WINDOW`] a user has at one address.
pub const TRIES_PER_USER: usize = 5;
/// How many failed tries in [`WINDOW`] an address has for all users together.
pub const TRIES_PER_ADDRESS: usize = 30;
/// How many failed tries in [`WINDOW`], quiet ones included, a user has at an
/// address from which the same user logged in within [`TRUST`]. It is more than
/// [`TRIES_PER_USER`], so that whoever guesses a name from the address of its
/// owner does not at once keep the owner out.
pub const TRIES_PER_TRUSTED: usize = 30;
/// How long a login makes its address a trusted one for its user.
pub const TRUST: Duration = Duration::from_secs(24 * 3600);
/// How many users at addresses, and how many addresses, are remembered. When
/// there are more, the one whose last try is the longest ago is forgotten.
pub const MAX_REMEMBERED: usize = 4096;
/// After this time, counted from the request, a try that is not let in by
/// [`Admission::Quiet`] or [`Admission::Refused`] is to be answered. Answered
/// at once, the time would tell whether a password was checked, and so whether
/// the user exists. It is longer than the check of a password takes.
pub const HOLD: Duration = Duration::from_secs(1);

/// Decides who may try to log in, and remembers who failed.
///
/// [`admit`](Self::admit) counts the try at once as a failed one: otherwise
/// many tries sent together would all pass before the first is known to have
/// failed. [`settle`](Self::settle) takes it back when it was right.
#[derive(Debug)]
pub struct LoginLimiter {
    /// What everybody can see, by user at address and by address.
    users: Table<Pair>,
    addresses: Table<Prefix>,
    /// Quiet tries; only users who exist are in here.
    quiet: Table<Pair>,
    /// Who logged in and from where; only the right password leads in here.
    trusted: Table<Pair>,
    hasher: RandomState,
    refused: u64,
}

/// What is to be done with a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// Check the password, and say whether it is right.
    Open,
    /// Check the password. When it is wrong, answer as to
    /// [`Refused`](Self::Refused), with the same words, wait and time.
    Quiet(Duration),
    /// Check nothing. [`HOLD`] after the request came, answer that there were
    /// too many tries and how long to wait before the next one.
    Refused(Duration),
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits,
/// because whoever has one of its addresses has all of them. So it is with the
/// IPv4 addresses of loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Prefix(IpAddr);

/// A user at an address. Names are kept as a keyed hash, so that long ones take
/// no memory.
type Pair = (Prefix, u64);

impl Default for LoginLimiter {
    fn default() -> Self {
        Self {
            users: Table::new(WINDOW),
            addresses: Table::new(WINDOW),
            quiet: Table::new(WINDOW),
            trusted: Table::new(TRUST),
            hasher: RandomState::new(),
            refused: 0,
        }
    }
}

impl LoginLimiter {
    /// A limiter that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks whether `user` may try to log in from `address`, and counts the
    /// try. `exists` says whether there is such a user at all; it decides only
    /// between [`Admission::Quiet`] and [`Admission::Refused`].
    pub fn admit(&mut self, now: Moment, address: IpAddr, user: &str, exists: bool) -> Admission {
        let pair = self.pair(address, user);
        let Some(wait) = self.wait(now, &pair) else {
            self.users.add(now, pair, TRIES_PER_USER);
            self.addresses.add(now, pair.0, TRIES_PER_ADDRESS);
            return Admission::Open;
        };
        let most = if self.trusts(now, &pair) { TRIES_PER_TRUSTED } else { TRIES_PER_USER };
        let tries = self.users.count(now, &pair) + self.quiet.count(now, &pair);
        if exists && tries < most {
            self.quiet.add(now, pair, TRIES_PER_TRUSTED);
            return Admission::Quiet(wait);
        }
        self.refused = self.refused.saturating_add(1);
        Admission::Refused(wait)
    }

    /// Says whether the try that [`admit`](Self::admit) let through was right.
    ///
    /// A wrong one stays counted, from `now` on, because the answer is what the
    /// guesser waits for. After a right one the user's failed tries at that
    /// address are forgotten; the address' others are not, or else one known
    /// password would let its owner guess the others.
    pub fn settle(
        &mut self,
        now: Moment,
        address: IpAddr,
        user: &str,
        admission: Admission,
        right: bool,
    ) {
        let pair = self.pair(address, user);
        match (admission, right) {
            (Admission::Open, true) => {
                self.users.forget(&pair);
                self.addresses.take_back(&pair.0);
            }
            (Admission::Open, false) => {
                self.users.renew(now, &pair);
                self.addresses.renew(now, &pair.0);
            }
            // The tables that show stay as they are, or they would show it.
            (Admission::Quiet(_), false) => self.quiet.renew(now, &pair),
            (Admission::Quiet(_), true) => {}
            (Admission::Refused(_), _) => return,
        }
        if right {
            self.quiet.forget(&pair);
            self.trusted.add(now, pair, 1);
        }
    }

    /// How many tries were refused without a check.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many entries were forgotten before their time because there were
    /// more than [`MAX_REMEMBERED`].
    #[must_use]
    pub fn evicted(&self) -> u64 {
        let tables = [&self.users, &self.quiet, &self.trusted].map(Table::evicted);
        tables.into_iter().fold(self.addresses.evicted(), u64::saturating_add)
    }

    /// How long the next try must wait, as far as everybody may see.
    fn wait(&self, now: Moment, pair: &Pair) -> Option<Duration> {
        let address = self.addresses.wait(now, &pair.0, TRIES_PER_ADDRESS);
        self.users.wait(now, pair, TRIES_PER_USER).max(address)
    }

    fn trusts(&self, now: Moment, pair: &Pair) -> bool {
        self.trusted.count(now, pair) > 0
    }

    fn pair(&self, address: IpAddr, user: &str) -> Pair {
        (Prefix::of(address), self.hasher.hash_one(user))
    }
}

impl Prefix {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) if address.is_loopback() => Self(Ipv4Addr::LOCALHOST.into()),
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
