//! The good neighbour: on a hub's request the agent looks whether another
//! server can be reached, and answers within 800 ms.
//!
//! It looks at nothing but the one address that the hub names, which must be an
//! IP address and a port where agents listen: their usual one, or this agent's own. It
//! says nothing there but a TLS handshake. A hub that asks too much is declined, so
//! that nobody makes a scanner of an agent.

mod ping;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use watchfire_identity::certificate::{AgentId, HUB_NAME, Peer, agent_name, peer_of};
use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::net::{Net, Stream, has_no_way, is_own_want};
use watchfire_runtime::tls::{TlsClient, TlsError};
use watchfire_wire::{Probe, ProbeResult, ProbeSaw};

use super::UplinkCounters;
use crate::config::USUAL_PORT;
use crate::identity::Enrolment;

/// How many probes are made in [`RATE_TIME`], whoever asks.
const RATE: usize = 10;
const RATE_TIME: Duration = Duration::from_secs(10);
/// Probes at the same time.
const AT_ONCE: usize = 4;
/// How long a host may take to answer a connection: longer ones would need a
/// second packet, which comes after a second.
const CONNECT_TIME: Duration = Duration::from_millis(500);
/// How long all of it may take.
const WHOLE_TIME: Duration = Duration::from_millis(760);

/// Makes probes.
#[derive(Debug)]
pub(crate) struct Prober {
    clock: Clock,
    net: Net,
    me: Option<watch::Receiver<Option<Arc<Enrolment>>>>,
    counters: Arc<UplinkCounters>,
    made: Mutex<VecDeque<Moment>>,
    seats: Semaphore,
    /// Where this agent listens: a fleet that moved its agents moved all of them.
    own_port: AtomicU16,
}

/// What a probe is about, once it was found to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Target {
    address: SocketAddr,
    key: Option<AgentId>,
}

impl Prober {
    pub(crate) fn new(
        clock: Clock,
        me: Option<watch::Receiver<Option<Arc<Enrolment>>>>,
        counters: Arc<UplinkCounters>,
    ) -> Self {
        let (made, seats) = (Mutex::default(), Semaphore::new(AT_ONCE));
        let own_port = AtomicU16::new(USUAL_PORT);
        Self { clock, net: Net::system(), me, counters, made, seats, own_port }
    }

    /// The same over this network.
    pub(crate) fn over(self, net: Net) -> Self {
        Self { net, ..self }
    }

    /// Says where this agent listens.
    pub(crate) fn listens(&self, port: u16) {
        self.own_port.store(port, Ordering::Relaxed);
    }

    /// Looks, and says what was seen.
    pub(crate) async fn probe(&self, probe: &Probe) -> ProbeResult {
        let begun = self.clock.now();
        let seat = self.seats.try_acquire();
        let target = Target::read(probe).filter(|target| self.is_an_agents(target.address.port()));
        let target = target.filter(|_| seat.is_ok() && self.may(begun));
        let saw = match target {
            Some(target) => {
                self.counters.probes.add(1);
                self.look(target, begun).await
            }
            None => ProbeSaw::Declined,
        };
        if saw == ProbeSaw::Declined {
            self.counters.probes_declined.add(1);
        }
        let took_ms = u32::try_from(self.clock.now().since(begun).as_millis()).unwrap_or(u32::MAX);
        ProbeResult { id: probe.id, saw, took_ms }
    }

    fn is_an_agents(&self, port: u16) -> bool {
        port == USUAL_PORT || port == self.own_port.load(Ordering::Relaxed)
    }

    /// True when not too many were made of late.
    fn may(&self, now: Moment) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.front().is_some_and(|first| now.since(*first) >= RATE_TIME) {
            made.pop_front();
        }
        let may = made.len() < RATE;
        if may {
            made.push_back(now);
        }
        may
    }

    async fn look(&self, target: Target, begun: Moment) -> ProbeSaw {
        let connecting = self.clock.within(CONNECT_TIME, self.net.connect(target.address));
        let pinging =
            self.clock.within(CONNECT_TIME, ping::answers(target.address.ip(), &self.net));
        tokio::pin!(connecting, pinging);
        // A ping is of interest only when nothing else answers.
        let (mut connected, mut pinged) = (None, None);
        while connected.is_none() {
            tokio::select! {
                biased;
                ended = &mut connecting => connected = Some(ended),
                ended = &mut pinging, if pinged.is_none() => pinged = Some(ended == Some(true)),
            }
        }
        let saw = match connected.flatten() {
            None => ProbeSaw::NoAnswer,
            Some(Ok(stream)) => return self.shake(stream, target, begun).await,
            Some(Err(error)) => judged(&error, target.address),
        };
        if saw != ProbeSaw::NoAnswer {
            return saw;
        }
        let answers = match pinged {
            Some(answers) => answers,
            None => pinging.await == Some(true),
        };
        if answers { ProbeSaw::PingAnswered } else { saw }
    }

    /// The host took the connection; now the agent is to show who it is.
    async fn shake(&self, stream: Stream, target: Target, begun: Moment) -> ProbeSaw {
        let me = self.me.as_ref().and_then(|me| me.borrow().clone());
        let Some(me) = me else {
            // Without a certificate nobody there can be known.
            return ProbeSaw::Silent;
        };
        let rest = WHOLE_TIME.saturating_sub(self.clock.now().since(begun));
        match target.key {
            Some(key) => self.shake_with(key, &me.client, stream, rest).await,
            None => self.shake_with_any(&me.client, stream, rest).await,
        }
    }

    async fn shake_with(
        &self,
        key: AgentId,
        tls: &TlsClient,
        stream: Stream,
        rest: Duration,
    ) -> ProbeSaw {
        match tls.connect(stream, &agent_name(key), rest, &self.clock).await {
            Ok(stream) => match stream.peer_certificate().map(peer_of) {
                Some(Ok(Peer::Agent(id))) if id == key => ProbeSaw::Reached,
                _ => ProbeSaw::Declined,
            },
            // Somebody else has the address now, which says nothing of the server.
            Err(TlsError::OtherIdentity(_)) => ProbeSaw::Declined,
            Err(_) => ProbeSaw::Silent,
        }
    }

    /// Any agent will do. The name that is asked for is the hub's: a
    /// certificate of the authority with any other name is an agent's.
    async fn shake_with_any(&self, tls: &TlsClient, stream: Stream, rest: Duration) -> ProbeSaw {
        match tls.connect(stream, HUB_NAME, rest, &self.clock).await {
            Err(TlsError::OtherIdentity(_)) => ProbeSaw::Reached,
            Ok(_) => ProbeSaw::Declined,
            Err(_) => ProbeSaw::Silent,
        }
    }
}

impl Target {
    /// What is asked for, if an agent is willing to look there.
    fn read(probe: &Probe) -> Option<Self> {
        let address: SocketAddr = probe.address.parse().ok()?;
        let key = match probe.key.as_str() {
            "" => None,
            key => Some(key.parse().ok()?),
        };
        is_one_host(address.ip()).then_some(Self { address, key })
    }
}

/// False for addresses that stand for many hosts or for none.
fn is_one_host(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}

/// What a connection that failed says of the host.
fn judged(error: &io::Error, address: SocketAddr) -> ProbeSaw {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ProbeSaw::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ProbeSaw::NoRoute,
        _ if has_no_way(error, address) => ProbeSaw::NoRoute,
        // A firewall of this machine, or a want of its own.
        io::ErrorKind::PermissionDenied => ProbeSaw::Declined,
        _ if is_own_want(error) => ProbeSaw::Declined,
        _ => ProbeSaw::NoAnswer,
    }
}

#[cfg(test)]
mod tests;
