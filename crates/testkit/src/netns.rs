//! Hosts that are network namespaces of this machine, joined by a forwarder
//! that loses, delays, doubles, reorders and blocks what they send each other.
//!
//! Each host has one TUN device with an address of its own; a thread reads
//! every packet, asks the [`Conditions`] of its way what becomes of it, and
//! writes it to the device of the host it is for. Whole programs run on a host
//! with [`Host::start`], and [`Host::inside`] makes sockets there that any
//! thread may use.
//!
//! Nothing of this has a name outside this process: namespaces and devices
//! vanish with the last file and process that uses them, whatever way the test
//! ends. It needs the rights of root, `/dev/net/tun` and the command `ip`.
//!
//! ```no_run
//! use std::time::Duration;
//! use watchfire_testkit::conditions::Conditions;
//! use watchfire_testkit::netns::Namespaces;
//! use watchfire_testkit::process::Program;
//!
//! let Some(net) = Namespaces::or_skip(&["hub", "db-1"], 42) else { return };
//! let hub = net.host("hub").start(Program::new("watchfire").arg("hub"));
//! net.set_between("hub", "db-1", Conditions::clear().loss(0.3));
//! let dark = net.set("db-1", "hub", Conditions::blocked()); // one way only
//! net.plan("db-1", "hub", &[(Duration::from_secs(6), Conditions::clear())]);
//! # drop((hub, dark));
//! ```

use std::fmt;
use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use self::forwarder::Forwarder;
pub use self::space::Host;
use crate::clock;
use crate::conditions::{Conditions, Traffic};
use crate::seeded::Seeded;

mod forwarder;
mod space;

/// Most hosts that one forwarder joins.
pub const MAX_HOSTS: usize = 64;

/// Hosts and the network between them, clear at first. All of it is gone when
/// this is dropped and the programs on the hosts have ended.
#[derive(Debug)]
pub struct Namespaces {
    // Before the hosts: its end takes the devices out of the namespaces.
    forwarder: Forwarder,
    hosts: Vec<Host>,
}

/// Why this machine cannot have network namespaces with a forwarder: one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why(String);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Why {}

impl Namespaces {
    /// Hosts with these names; the seed decides about every loss and delay.
    ///
    /// # Errors
    /// The sentence that says why this machine does not allow it.
    ///
    /// # Panics
    /// With more than [`MAX_HOSTS`] names.
    pub fn try_new(names: &[&str], seed: u64) -> Result<Self, Why> {
        assert!(names.len() <= MAX_HOSTS, "a forwarder joins at most {MAX_HOSTS} hosts");
        let (mut hosts, mut devices) = (Vec::new(), Vec::new());
        for (name, last) in names.iter().zip(1..) {
            let (host, device) = Host::new(name, Ipv4Addr::new(10, 87, 0, last))?;
            hosts.push(host);
            devices.push(device);
        }
        let addresses = hosts.iter().map(Host::address).collect();
        let forwarder = Forwarder::start(devices, addresses, &Seeded::new(seed))?;
        Ok(Self { forwarder, hosts })
    }

    /// Like [`Namespaces::try_new`], but where the machine does not allow it
    /// the word `skipped` and the reason go to standard error, past the
    /// capture of the test runner, and the test should return. Where a skip
    /// would hide something, set `WATCHFIRE_NETNS=must`.
    ///
    /// # Panics
    /// With `WATCHFIRE_NETNS=must` in the environment, instead of a skip.
    #[must_use]
    pub fn or_skip(names: &[&str], seed: u64) -> Option<Self> {
        match Self::try_new(names, seed) {
            Ok(namespaces) => Some(namespaces),
            Err(why) => {
                let must = std::env::var_os("WATCHFIRE_NETNS").is_some_and(|word| word == "must");
                assert!(!must, "network namespaces are asked for: {why}");
                let test = std::thread::current().name().unwrap_or("a test").to_owned();
                // Without standard error there is nobody to tell.
                let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
                None
            }
        }
    }

    /// The host of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn host(&self, name: &str) -> &Host {
        &self.hosts[self.number(name)]
    }

    /// Sets what happens to everything that one host sends another; the other
    /// way stays as it is. The instant (`CLOCK_MONOTONIC`) since which it holds.
    ///
    /// # Panics
    /// When there is no host of such a name; so does all that follows.
    pub fn set(&self, from: &str, to: &str, conditions: Conditions) -> Duration {
        self.forwarder.set(self.way(from, to), conditions);
        clock::monotonic()
    }

    /// Sets both ways between two hosts.
    pub fn set_between(&self, one: &str, other: &str, conditions: Conditions) -> Duration {
        self.set(one, other, conditions);
        self.set(other, one, conditions)
    }

    /// Sets every way. `set_all(Conditions::clear())` heals everything.
    pub fn set_all(&self, conditions: Conditions) -> Duration {
        self.forwarder.set_each(|_, _| Some(conditions));
        clock::monotonic()
    }

    /// Cuts the network in two: nothing passes between these hosts and the
    /// others, within each part all stays as it is.
    pub fn partition(&self, part: &[&str]) -> Duration {
        let part: Vec<usize> = part.iter().map(|name| self.number(name)).collect();
        let cut = |from, to| part.contains(&from) != part.contains(&to);
        self.forwarder.set_each(|from, to| cut(from, to).then(Conditions::blocked));
        clock::monotonic()
    }

    /// Sets one way at each of these times from now on, by the forwarder
    /// itself, so that the test's own lateness does not count. The instant
    /// that the times are counted from.
    pub fn plan(&self, from: &str, to: &str, steps: &[(Duration, Conditions)]) -> Duration {
        let start = clock::monotonic();
        self.forwarder.plan(self.way(from, to), start, steps);
        start
    }

    /// What became of the packets from one host to another so far.
    #[must_use]
    pub fn traffic(&self, from: &str, to: &str) -> Traffic {
        self.forwarder.traffic(self.way(from, to))
    }

    /// Waits until the forwarder has taken this many packets of one way.
    ///
    /// # Panics
    /// After `timeout`.
    pub fn wait_for_sent(&self, from: &str, to: &str, sent: u64, timeout: Duration) {
        let there = self.forwarder.wait_for_sent(self.way(from, to), sent, timeout);
        assert!(there, "{from} did not send {to} {sent} packets: {:?}", self.traffic(from, to));
    }

    fn number(&self, name: &str) -> usize {
        let found = self.hosts.iter().position(|host| host.name() == name);
        found.unwrap_or_else(|| panic!("there is no host {name:?} in this network"))
    }

    fn way(&self, from: &str, to: &str) -> (usize, usize) {
        (self.number(from), self.number(to))
    }
}

#[cfg(test)]
mod tests;
