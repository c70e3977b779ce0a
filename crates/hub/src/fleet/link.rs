//! What is known of the link to a server, beside its presence.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Event, Moment};

use crate::pulses::Quality;

/// How many of the kernel's events of a server are at hand.
const MAX_EVENTS: usize = 16;

/// The link to one server.
#[derive(Debug, Default)]
pub(super) struct LinkState {
    /// How many sessions there are; two while one takes the other's place.
    pub(super) sessions: usize,
    /// Where its agent was last seen from here.
    pub(super) remote: Option<SocketAddr>,
    /// The boot of its last hello.
    pub(super) boot: Option<String>,
    /// What all greetings since the last trouble began say of a new start together;
    /// `None` before the first of them.
    rebooted: Option<Option<bool>>,
    /// Its wall clock less the hub's.
    pub(super) skew_ms: Option<i64>,
    pub(super) quality: Option<Arc<Quality>>,
    /// When the last pulse came, with a stream or without.
    pub(super) last_pulse: Option<Moment>,
    /// Since when there is no stream; `None` while there is one, and before the first.
    pub(super) stream_lost: Option<Moment>,
    /// Set when it came back from trouble, until its session has asked.
    pub(super) returned: Option<Return>,
    /// When two agents were last seen with its key.
    pub(super) twins: Option<Moment>,
    /// When it last told more than is taken of one server, and when the log said so.
    pub(super) over_quota: Option<Moment>,
    pub(super) over_quota_told: Option<Moment>,
    pub(super) events: VecDeque<Event>,
}

/// Pulses that came within this time still come.
const PULSES_COME: Duration = Duration::from_secs(3);

/// A server came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Return {
    /// When it was heard again.
    pub(crate) back: Moment,
    /// Its last sign before that, if the hub had one since its start.
    pub(crate) last_sign: Option<Moment>,
}

/// What an agent says of itself when its stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) boot: String,
    pub(crate) skew_ms: i64,
}

impl LinkState {
    /// Since when the server lives without a stream: its pulses come.
    pub(super) fn stream_missing(&self, now: Moment) -> Option<Moment> {
        let come = self.last_pulse.is_some_and(|last| now.since(last) < PULSES_COME);
        self.stream_lost.filter(|_| come)
    }

    pub(super) fn note(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The server is in trouble: what it says next is about this silence.
    pub(super) fn trouble_begins(&mut self) {
        self.rebooted = None;
    }

    /// Whether the machine was started anew since the last greeting before the last
    /// trouble; `None` when one of both boots is not known. A first stream after the
    /// trouble may be over at once, and the second one must say the same.
    pub(super) fn greet(&mut self, greeting: Greeting) -> Option<bool> {
        let since_last = self.since_last(greeting);
        let all = match (self.rebooted, since_last) {
            (Some(Some(true)), _) | (_, Some(true)) => Some(true),
            (Some(None), _) => None,
            (None | Some(Some(false)), word) => word,
        };
        self.rebooted = Some(all);
        all
    }

    fn since_last(&mut self, greeting: Greeting) -> Option<bool> {
        self.skew_ms = Some(greeting.skew_ms);
        let known = (!greeting.boot.is_empty()).then_some(greeting.boot)?;
        let before = self.boot.replace(known.clone())?;
        Some(before != known)
    }
}

/// True for an address of this machine: what is there is heard through any cut
/// of the hub's own link.
pub(super) fn is_own(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || source_towards(ip).is_ok_and(|source| source == ip)
}

/// The address from which this machine reaches another one; that itself for one of
/// its own. Nothing is sent. Whether an address can be bound would prove nothing:
/// `net.ipv4.ip_nonlocal_bind` allows all (ip(7)), and the hub would be sure of itself
/// however many fell silent.
fn source_towards(ip: IpAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Any port will do.
    socket.connect((ip, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// The IP address of a configured `host:port`, when it is written as one.
pub(super) fn literal(address: &str) -> Option<IpAddr> {
    address.parse::<SocketAddr>().ok().map(|address| address.ip())
}
