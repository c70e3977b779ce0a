//! Many hosts in memory: connections and datagrams between them.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
//! # .expect("a runtime").block_on(async {
//! use std::time::Duration;
//! use watchfire_testkit::conditions::Conditions;
//! use watchfire_testkit::link::network::Network;
//!
//! let net = Network::new(42);
//! let (hub, db) = (net.host("hub"), net.host("db-1"));
//! net.set_between("hub", "db-1", Conditions::clear().delay(Duration::from_millis(20), Duration::ZERO));
//! let listener = hub.listen(5100)?;
//! let stream = db.connect(listener.local_addr()).await?;
//! let (served, peer) = listener.accept().await;
//! assert_eq!(peer.ip(), db.ip());
//! let (pulses, sink) = (db.bind(0)?, hub.bind(5100)?);
//! pulses.send_to(b"alive", sink.local_addr());
//! assert_eq!(sink.recv_from(&mut [0; 48]).await, (5, pulses.local_addr()));
//! net.partition(&["hub"]);
//! # drop((stream, served));
//! # std::io::Result::Ok(()) }).expect("no error");
//! ```

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex as TurnTaking, mpsc};
use tokio::time::Instant;

use super::datagrams::{Inbox, Socket};
use super::stream::{End, Pipe, joined};
use crate::conditions::{Conditions, Fate, Traffic, Way};
use crate::seeded::Seeded;

/// Connections that wait to be accepted; the next caller tries again later.
pub const BACKLOG: usize = 1024;

/// How long a caller waits before it knocks again where nobody answered (RFC
/// 6298); each time doubles it.
const FIRST_KNOCK: Duration = Duration::from_secs(1);

/// The first port that is given to who asks for none.
const FIRST_FREE_PORT: u16 = 49_152;

/// Hosts that reach each other under conditions that may change at any time.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Network(Arc<Shared>);

/// One host of a network. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    network: Network,
    number: usize,
}

/// Takes connections until it is dropped.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    address: SocketAddr,
    callers: TurnTaking<mpsc::Receiver<(End, SocketAddr)>>,
}

/// A datagram that was seen on the network.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// False when it was just sent, true when a socket just handed it out.
    pub arrived: bool,
    /// Whose it is.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What is in it.
    pub bytes: &'a [u8],
}

type Watcher = Box<dyn Fn(Seen<'_>) + Send + Sync>;

struct Shared {
    epoch: Instant,
    dice: Seeded,
    state: Mutex<State>,
    watcher: OnceLock<Watcher>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    hosts: Vec<String>,
    conditions: HashMap<(usize, usize), Conditions>,
    ways: HashMap<(usize, usize), Way>,
    pipes: Vec<((usize, usize), Weak<Pipe>)>,
    /// The bytes that streams handed out.
    streamed: HashMap<(usize, usize), Arc<AtomicU64>>,
    listeners: HashMap<SocketAddr, mpsc::Sender<(End, SocketAddr)>>,
    inboxes: HashMap<SocketAddr, Arc<Inbox>>,
    connections: u64,
    ports: u16,
}

impl Network {
    /// A network without hosts, whose ways are clear.
    ///
    /// # Panics
    /// Outside a tokio runtime with time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = Mutex::new(State { ports: FIRST_FREE_PORT, ..State::default() });
        let (epoch, dice) = (Instant::now(), Seeded::new(seed));
        Self(Arc::new(Shared { epoch, dice, state, watcher: OnceLock::new() }))
    }

    /// Calls `watcher` for every datagram that is sent or handed out from now on; only
    /// the first one. It must not use the network.
    pub fn watch(&self, watcher: impl Fn(Seen<'_>) + Send + Sync + 'static) {
        self.0.watcher.get_or_init(|| Box::new(watcher));
    }

    /// How many bytes of streams one host has read of another so far.
    #[must_use]
    pub fn streamed(&self, from: &str, to: &str) -> u64 {
        let way = (self.host(from).number, self.host(to).number);
        self.lock().streamed.get(&way).map_or(0, |bytes| bytes.load(Ordering::Relaxed))
    }

    pub(super) fn seen(&self, seen: Seen<'_>) {
        if let Some(watcher) = self.0.watcher.get() {
            watcher(seen);
        }
    }

    /// The host of this name; it is made when it is new.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        let mut state = self.lock();
        let known = state.hosts.iter().position(|host| host == name);
        let number = known.unwrap_or_else(|| {
            state.hosts.push(name.to_owned());
            state.hosts.len() - 1
        });
        Host { network: self.clone(), number }
    }

    /// Sets what happens to everything that one host sends another, on open
    /// connections too; the other way stays as it is.
    pub fn set(&self, from: &str, to: &str, conditions: Conditions) {
        let way = (self.host(from).number, self.host(to).number);
        self.set_way(way, conditions);
    }

    /// Sets both ways between two hosts.
    pub fn set_between(&self, one: &str, other: &str, conditions: Conditions) {
        self.set(one, other, conditions);
        self.set(other, one, conditions);
    }

    /// Sets every way between two of the hosts. `set_all(Conditions::clear())`
    /// heals everything.
    pub fn set_all(&self, conditions: Conditions) {
        self.set_each(|_, _| Some(conditions));
    }

    /// Cuts the network in two: nothing passes between these hosts and the
    /// others, within each part all stays as it is.
    pub fn partition(&self, part: &[&str]) {
        let part: Vec<usize> = part.iter().map(|name| self.host(name).number).collect();
        let cut = |from, to| part.contains(&from) != part.contains(&to);
        self.set_each(|from, to| cut(from, to).then(Conditions::blocked));
    }

    /// Resets every connection between two hosts: both sides see it at once.
    pub fn reset_between(&self, one: &str, other: &str) {
        let (one, other) = (self.host(one).number, self.host(other).number);
        let pipes = self.pipes(|way| way == (one, other) || way == (other, one));
        pipes.iter().for_each(|pipe| pipe.cut());
    }

    /// What became of the datagrams from one host to another so far.
    #[must_use]
    pub fn traffic(&self, from: &str, to: &str) -> Traffic {
        let way = (self.host(from).number, self.host(to).number);
        self.lock().ways.get(&way).map_or_else(Traffic::default, |way| way.traffic)
    }

    fn set_each(&self, which: impl Fn(usize, usize) -> Option<Conditions>) {
        let hosts = self.lock().hosts.len();
        for (from, to) in (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to))) {
            if let Some(conditions) = which(from, to) {
                self.set_way((from, to), conditions);
            }
        }
    }

    fn set_way(&self, way: (usize, usize), conditions: Conditions) {
        let now = self.now();
        let mut state = self.lock();
        if state.conditions.insert(way, conditions).unwrap_or_default() == conditions {
            return;
        }
        if conditions.blocked {
            let to = address(way.1, 0).ip();
            let inboxes = state.inboxes.iter().filter(|(address, _)| address.ip() == to);
            let lost: u64 = inboxes.map(|(_, inbox)| inbox.lose_from(way, now)).sum();
            self.way(&mut state, way).traffic.blocked += lost;
        }
        self.way(&mut state, way).set(conditions);
        drop(state);
        self.pipes(|other| other == way).iter().for_each(|pipe| pipe.set(conditions));
    }

    fn pipes(&self, of: impl Fn((usize, usize)) -> bool) -> Vec<Arc<Pipe>> {
        let state = self.lock();
        let some = state.pipes.iter().filter(|(way, _)| of(*way));
        some.filter_map(|(_, pipe)| pipe.upgrade()).collect()
    }

    /// The way that datagrams take.
    fn way<'a>(&self, state: &'a mut State, way: (usize, usize)) -> &'a mut Way {
        let dice = || self.0.dice.part(&format!("datagrams {} to {}", way.0, way.1));
        state.ways.entry(way).or_insert_with(|| Way::new(dice()))
    }

    pub(super) fn send(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.seen(Seen { arrived: false, from, to, bytes });
        let now = self.now();
        let mut state = self.lock();
        let (Some(source), Some(target)) = (state.number(from.ip()), state.number(to.ip())) else {
            return;
        };
        let fate = self.way(&mut state, (source, target)).datagram(now);
        let (at, copies) = match fate {
            Fate::Lost => return,
            Fate::Once(at) => (at, 1),
            Fate::Twice(at) => (at, 2),
        };
        let Some(inbox) = state.inboxes.get(&to).cloned() else { return };
        for _ in 0..copies {
            if !inbox.put(at, from, (source, target), bytes) {
                self.way(&mut state, (source, target)).traffic.crowded += 1;
            }
        }
    }

    pub(super) fn count_delivered(&self, way: (usize, usize)) {
        self.way(&mut self.lock(), way).traffic.delivered += 1;
    }

    pub(super) fn now(&self) -> Duration {
        self.0.epoch.elapsed()
    }

    pub(super) fn instant(&self, at: Duration) -> Instant {
        self.0.epoch + at
    }

    pub(super) fn close_socket(&self, address: SocketAddr) {
        self.lock().inboxes.remove(&address);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Its address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        address(self.number, 0).ip()
    }

    /// Takes connections on this port; 0 is any that is free.
    ///
    /// # Errors
    /// `AddrInUse`.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let mut state = self.network.lock();
        let address = address(self.number, state.port(port));
        if state.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.listeners.insert(address, sender);
        Ok(Listener { network: self.network.clone(), address, callers: TurnTaking::new(receiver) })
    }

    /// Sends and receives datagrams on this port; 0 is any that is free.
    ///
    /// # Errors
    /// `AddrInUse`.
    pub fn bind(&self, port: u16) -> io::Result<Socket> {
        let mut state = self.network.lock();
        let address = address(self.number, state.port(port));
        if state.inboxes.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let inbox = Arc::new(Inbox::default());
        state.inboxes.insert(address, inbox.clone());
        Ok(Socket::new(self.network.clone(), address, inbox))
    }

    /// Connects. While a way is blocked it knocks again and again, for ever:
    /// put a limit around it.
    ///
    /// # Errors
    /// `HostUnreachable` where there is no host, `ConnectionRefused` where
    /// nobody listens.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<End> {
        let target = self.network.lock().number(to.ip());
        let target = target.ok_or(io::ErrorKind::HostUnreachable)?;
        let (mut there, mut back, port) = self.new_ways();
        let mut patience = FIRST_KNOCK;
        loop {
            self.leg(&mut there, (self.number, target)).await;
            let listener = self.network.lock().listeners.get(&to).cloned();
            let Some(listener) = listener else {
                self.leg(&mut back, (target, self.number)).await;
                return Err(io::ErrorKind::ConnectionRefused.into());
            };
            match listener.try_reserve_owned() {
                Ok(seat) => {
                    let new = |name| Way::new(self.network.0.dice.part(&format!("{name} {port}")));
                    let (mut answer, mut thanks) = (new("answer"), new("thanks"));
                    self.leg(&mut answer, (target, self.number)).await;
                    let (left, right) = self.join(target, there, back);
                    // The listener has it once the caller has acknowledged the answer, and
                    // who called does not wait for that.
                    let caller = self.clone();
                    tokio::spawn(async move {
                        caller.leg(&mut thanks, (caller.number, target)).await;
                        seat.send((right, address(caller.number, port)));
                    });
                    return Ok(left);
                }
                Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(_)) => {
                    tokio::time::sleep(patience).await;
                    patience *= 2;
                }
            }
        }
    }

    /// Waits for the answer to a ping: for ever where there is no such host. A way
    /// that loses it is tried again each second, as ping(8) does.
    pub async fn ping(&self, host: IpAddr) {
        let Some(target) = self.network.lock().number(host) else {
            return std::future::pending().await;
        };
        let (mut there, mut back, _) = self.new_ways();
        self.leg(&mut there, (self.number, target)).await;
        self.leg(&mut back, (target, self.number)).await;
    }

    /// The two ways of a connection to be, and its port on this side.
    fn new_ways(&self) -> (Way, Way, u16) {
        let mut state = self.network.lock();
        state.connections += 1;
        let (count, port) = (state.connections, state.port(0));
        let way = |name| Way::new(self.network.0.dice.part(&format!("connection {count} {name}")));
        (way("there"), way("back"), port)
    }

    /// Waits as long as one packet takes on that way; a blocked one is tried
    /// again after ever longer pauses.
    async fn leg(&self, way: &mut Way, of: (usize, usize)) {
        let mut patience = FIRST_KNOCK;
        loop {
            let conditions = self.network.lock().conditions.get(&of).copied().unwrap_or_default();
            way.set(conditions);
            if conditions.blocked {
                tokio::time::sleep(patience).await;
                patience *= 2;
                continue;
            }
            let at = way.segment(self.network.now());
            tokio::time::sleep_until(self.network.instant(at)).await;
            let blocked = |state: &State| state.conditions.get(&of).is_some_and(|now| now.blocked);
            if !blocked(&self.network.lock()) {
                return;
            }
        }
    }

    fn join(&self, target: usize, there: Way, back: Way) -> (End, End) {
        let mut state = self.network.lock();
        let mut pipe = |mut way: Way, of| {
            way.set(state.conditions.get(&of).copied().unwrap_or_default());
            let tally = state.streamed.entry(of).or_default().clone();
            let pipe = Arc::new(Pipe::new(way, self.network.0.epoch).tallied(tally));
            state.pipes.push((of, Arc::downgrade(&pipe)));
            pipe
        };
        let there = pipe(there, (self.number, target));
        let back = pipe(back, (target, self.number));
        state.pipes.retain(|(_, pipe)| pipe.strong_count() > 0);
        drop(state);
        let (left, right, _) = joined(there, back);
        (left, right)
    }
}

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next connection, and says whose it is. Several may wait.
    pub async fn accept(&self) -> (End, SocketAddr) {
        match self.callers.lock().await.recv().await {
            Some(caller) => caller,
            // The network keeps the other half until this is dropped.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.lock().listeners.remove(&self.address);
    }
}

impl State {
    fn number(&self, ip: IpAddr) -> Option<usize> {
        (0..self.hosts.len()).find(|number| address(*number, 0).ip() == ip)
    }

    /// That port, or one that was never given before.
    fn port(&mut self, asked: u16) -> u16 {
        if asked != 0 {
            return asked;
        }
        let port = self.ports;
        self.ports = port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
        port
    }
}

fn address(host: usize, port: u16) -> SocketAddr {
    let number = u16::try_from(host + 1).expect("a network has fewer than 65,535 hosts");
    let [high, low] = number.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(10, 87, high, low), port))
}

#[cfg(test)]
mod tests;
