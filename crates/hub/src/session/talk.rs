mod fallback;
mod live;
mod look_back;
mod old;
mod renewal;
mod work;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use watchfire_alert::HubTime;
use watchfire_model::{Goodbye, Moment};
use watchfire_runtime::socket::{CloseReason, Socket};
use watchfire_wire::{
    GoodbyeReason, Hello, Message, PROTOCOL, Probe, ProbeResult, Version, encode,
};

use self::live::Live;
use self::work::{Done, Work};
use super::backfill::Fill;
use super::facts::Greeted;
use super::handle::Order;
use super::inbox::{Inbox, Over};
use super::ingest::Ingest;
use super::registry::Entered;
use super::{HELLO_LIMIT, Peer, QUIET_LIMIT, SEND_LIMIT, STUCK_LIMIT, Shared, TICK};
use crate::dial::Failed;
use crate::fleet::{Greeting, Return};
use crate::historian::{Gather, Receipts};
use crate::pulses::Pulsing;

/// Probes that one agent is asked for at a time. More go without an answer.
const MAX_PROBES: usize = 16;
/// What is done once a second is done so much early with a frame, of which one comes
/// each second: to be woken once is half as much work as twice.
const EARLY: Duration = Duration::from_millis(100);
/// Without a frame it is done so much late.
const LATE: Duration = Duration::from_millis(250);

/// One session under way.
pub(super) struct Talk {
    shared: Arc<Shared>,
    peer: Peer,
    dialed: bool,
    entered: Entered,
    /// The hub wants it to end: its agent is to hear why.
    pub(super) told_to_end: bool,
    pulsing: Option<Pulsing>,
    inbox: Inbox,
    began: Moment,
    last_frame: Moment,
    greeted: Option<Greeted>,
    live: Live,
    /// The fleet was told that it began, and not yet that it is over.
    connected: bool,
    fill: Fill,
    receipts: Arc<Receipts>,
    acked: u64,
    /// Some live records were not stored: nothing behind them is acknowledged
    /// until the holes are filled.
    has_lost: bool,
    returned: Option<Return>,
    probes: HashMap<u64, oneshot::Sender<ProbeResult>>,
    next_probe: u64,
    renewed: Option<Moment>,
    /// Its agent keeps what is for the day without the hub.
    has_seat: bool,
    work: Work,
}

/// What a session comes to next.
#[expect(clippy::large_enum_variant, reason = "it lives for one step and is moved once")]
enum Step {
    Message(Message),
    Order(Option<Box<Order>>),
    Done(Done),
    Timer,
}

/// Why a session is over.
struct End(Failed, CloseReason);

impl From<Over> for End {
    fn from(over: Over) -> Self {
        let why = if over.wrong { CloseReason::Protocol } else { CloseReason::Away };
        Self(over.failed, why)
    }
}

impl Talk {
    pub(super) fn new(shared: Arc<Shared>, peer: Peer, dialed: bool, entered: Entered) -> Self {
        let now = shared.clock.now();
        let pulsing = match &peer.pulse_key {
            Some(key) if !dialed => shared.pulses.listen(peer.index, key.clone()),
            _ => None,
        };
        Self {
            pulsing,
            peer,
            dialed,
            entered,
            told_to_end: false,
            inbox: Inbox::default(),
            began: now,
            last_frame: now,
            greeted: None,
            live: Live::default(),
            connected: false,
            fill: Fill::default(),
            receipts: Arc::default(),
            acked: 0,
            has_lost: false,
            returned: None,
            probes: HashMap::new(),
            next_probe: 1,
            renewed: None,
            has_seat: false,
            work: Work::default(),
            shared,
        }
    }

    /// Holds the session until it is over; what that tells, and what to tell the
    /// other side.
    pub(super) async fn hold(
        &mut self,
        socket: &mut Socket,
        heard: &mut bool,
    ) -> (Failed, CloseReason) {
        let End(failed, why) = match self.try_hold(socket, heard).await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        if matches!(why, CloseReason::Forbidden | CloseReason::Older) {
            self.end_pulses();
        }
        if why == CloseReason::Protocol {
            self.shared.counters.wrong.fetch_add(1, Ordering::Relaxed);
            let server = &self.shared.fleet.config(self.peer.index).server.name;
            tracing::warn!(%server, why = failed.why, "an agent is not understood");
        }
        (failed, why)
    }

    /// Hands over what is gathered.
    pub(super) fn end(&mut self) {
        self.flush();
        self.leave();
    }

    fn leave(&mut self) {
        if let Some(returned) = self.returned.take() {
            self.shared.fleet.give_back_return(self.peer.index, returned);
        }
        if std::mem::take(&mut self.connected) {
            let quality = self.pulsing.as_ref().map(Pulsing::quality);
            let feed = self.live.ingest.as_ref().map(Ingest::feed);
            self.shared.fleet.disconnected(self.peer.index, quality, feed);
        }
    }

    async fn try_hold(&mut self, socket: &mut Socket, heard: &mut bool) -> Result<Infallible, End> {
        self.shared.fleet.connected(self.peer.index, self.peer.remote);
        self.connected = true;
        self.tell_pulses();
        self.send(socket, &Message::Hello(self.hello())).await?;
        let clock = self.shared.clock.clone();
        let mut tick = self.began.after(TICK);
        let mut armed = self.wake(tick);
        let mut timer = std::pin::pin!(clock.sleep_until(armed));
        loop {
            let Self { inbox, entered, work, shared, .. } = self;
            let step = tokio::select! {
                biased;
                message = inbox.next(socket, shared) => Step::Message(message?),
                order = entered.orders.recv() => Step::Order(order),
                done = work.next() => Step::Done(done),
                () = timer.as_mut() => Step::Timer,
            };
            let ahead = match step {
                Step::Message(message) => {
                    self.last_frame = self.now();
                    self.entered.signs.heard(self.last_frame);
                    self.take(socket, message).await?;
                    *heard = true;
                    EARLY
                }
                Step::Order(order) => {
                    self.obey(socket, order.map(|order| *order)).await?;
                    EARLY
                }
                Step::Done(done) => {
                    self.done(socket, done).await?;
                    EARLY
                }
                Step::Timer => {
                    self.look_around()?;
                    armed = Moment::default();
                    Duration::ZERO
                }
            };
            self.inbox.asked = self.fill.is_asking();
            let now = self.now();
            if now.after(ahead).monotonic >= tick.monotonic {
                self.look_around()?;
                self.tick(socket).await?;
                tick = now.after(TICK);
                armed = Moment::default();
            }
            // The timer stays as it is while it is early enough: to set it costs more
            // than to find now and then that it came for nothing.
            let wake = self.wake(tick);
            if armed == Moment::default() || wake.monotonic < armed.monotonic {
                armed = wake;
                timer.set(clock.sleep_until(armed));
            }
        }
    }

    /// When the session is to be looked at if nothing comes.
    fn wake(&self, tick: Moment) -> Moment {
        let late = tick.after(LATE);
        // Only one that the hub dialed is looked at for being quiet: it is dialed anew.
        if self.dialed { late.min(self.last_sign().after(QUIET_LIMIT)) } else { late }
    }

    fn hello(&self) -> Hello {
        Hello {
            server: "hub".to_owned(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            unix_ms: self.now().unix_ms,
            pulse: self.pulsing.as_ref().map(Pulsing::id),
            wants_ticks: true,
            ..Hello::default()
        }
    }

    fn last_sign(&self) -> Moment {
        let pulse = self.pulsing.as_ref().and_then(Pulsing::last);
        pulse.map_or(self.last_frame, |pulse| pulse.max(self.last_frame))
    }

    /// Ends a session that is quiet, that says no hello, or whose seat is taken.
    fn look_around(&self) -> Result<(), Over> {
        let now = self.now();
        let needs_hello = self.peer.agent.is_some() && self.greeted.is_none();
        if needs_hello && now.since(self.began) >= HELLO_LIMIT {
            return Err(Over::wrong(format!("no hello came within {} s", HELLO_LIMIT.as_secs())));
        }
        let quiet = |limit: Duration, last: Moment| {
            let why = || Over::closed(format!("nothing came for {} s", limit.as_secs()));
            if now.since(last) >= limit { Err(why()) } else { Ok(()) }
        };
        if self.dialed {
            quiet(QUIET_LIMIT, self.last_sign())?;
        }
        quiet(STUCK_LIMIT, self.last_frame)
    }

    async fn take(&mut self, socket: &mut Socket, message: Message) -> Result<(), End> {
        let (fleet, index) = (self.shared.fleet.clone(), self.peer.index);
        match message {
            Message::Hello(hello) => return self.greet(&hello),
            Message::Status(status) => fleet.status(index, status),
            Message::Processes(table) => fleet.processes(index, table),
            Message::Alive(_) => fleet.heard(index),
            Message::Records(records) if records.request == 0 => self.live(records)?,
            Message::Records(records) => self.old(records)?,
            Message::BackfillEnd(end) => {
                fleet.heard(index);
                // What came live meanwhile must not look like a hole.
                self.flush();
                match self.fill.ended(end, self.live.last) {
                    Ok(()) => self.ask_on(socket).await?,
                    Err(_) => self.strange("the end of an answer"),
                }
            }
            Message::Goodbye(reason) => {
                self.end_pulses();
                match goodbye(reason) {
                    Some(goodbye) => fleet.said_goodbye(index, goodbye),
                    None => fleet.heard(index),
                }
            }
            Message::ProbeResult(result) => match self.probes.remove(&result.id) {
                Some(asker) => drop(asker.send(result)),
                None => self.strange("the answer to a probe"),
            },
            Message::Renew(renew) => self.renew(renew.csr_pem),
            Message::FallbackTold(told) => return self.heard_told(socket, told).await,
            Message::Ack(_)
            | Message::Backfill(_)
            | Message::Probe(_)
            | Message::Renewed(_)
            | Message::Fallback(_)
            | Message::FallbackOver
            | Message::FallbackHeard(_)
            | Message::HubLeaves
            | Message::Command(_)
            | Message::CancelCommand(_)
            | Message::OutputAck(_) => {
                self.strange("what only a hub says");
            }
            Message::CommandRefused(_)
            | Message::CommandStarted(_)
            | Message::Output(_)
            | Message::Exit(_)
            | Message::Runbooks(_) => self.strange("news of a command"),
        }
        Ok(())
    }

    /// An agent that speaks an older version than before may be one that somebody
    /// brought back to attack what was mended since.
    fn admit(&self, version: Version) -> Result<(), End> {
        let (Some(agent), Some(renewal)) = (self.peer.agent, self.shared.renewal.get()) else {
            return Ok(());
        };
        renewal.admit(agent, version).map_err(|why| {
            let server = &self.shared.fleet.config(self.peer.index).server.name;
            tracing::warn!(%server, why, "an agent is refused");
            End(Over::closed(why).failed, CloseReason::Older)
        })
    }

    fn greet(&mut self, hello: &Hello) -> Result<(), End> {
        PROTOCOL.talks_with(hello.version()).map_err(|error| Over::wrong(error.to_string()))?;
        if self.greeted.is_some() {
            self.strange("a second hello");
            return Ok(());
        }
        // Only now: a version with which nothing is spoken must not bind the agent to it.
        self.admit(hello.version())?;
        let mut greeted = Greeted::new(hello, self.now());
        let index = self.peer.index;
        let greeting = Greeting { boot: hello.boot_id.clone(), skew_ms: greeted.skew_ms };
        greeted.rebooted = self.shared.fleet.greeted(index, greeting);
        if let (true, Some(id), Some(key)) = (self.dialed, hello.pulse, &self.peer.pulse_key) {
            let key = key.clone();
            self.pulsing = Some(self.shared.pulses.send(index, id, key, self.peer.remote));
            self.tell_pulses();
        }
        if let Some(ring) = greeted.ring {
            let server = self.server_key();
            self.live.gather = Some(Gather::new(server, ring.ring));
            self.fill.wish();
        }
        self.greeted = Some(greeted);
        self.takes_fallback(hello.fallback);
        self.shared.fleet.heard(index);
        Ok(())
    }

    fn tell_pulses(&self) {
        if let Some(pulsing) = &self.pulsing {
            self.shared.fleet.pulses(self.peer.index, pulsing.quality().clone());
        }
    }

    /// The agent leaves, or is not wanted: no pulse goes on without this stream.
    fn end_pulses(&self) {
        self.pulsing.iter().for_each(Pulsing::end);
    }

    async fn obey(&mut self, socket: &mut Socket, order: Option<Order>) -> Result<(), End> {
        match order {
            Some(Order::Probe(probe, asker)) => {
                self.probes.retain(|_, asker| !asker.is_closed());
                if self.probes.len() < MAX_PROBES {
                    let id = self.next_probe;
                    self.next_probe += 1;
                    self.probes.insert(id, asker);
                    self.send(socket, &Message::Probe(Probe { id, ..probe })).await?;
                }
                Ok(())
            }
            Some(Order::Say(message)) => self.send(socket, &message).await,
            Some(Order::Close(why)) => {
                self.end_fallback(socket, why).await?;
                self.told_to_end = true;
                Err(End(Over::closed("the hub closed it").failed, why))
            }
            None => Err(End(
                Over::closed("another stream took its place").failed,
                CloseReason::Replaced,
            )),
        }
    }

    /// What is done once a second.
    async fn tick(&mut self, socket: &mut Socket) -> Result<(), End> {
        let now = self.now();
        if !self.entered.is_seated() {
            return self.obey(socket, None).await;
        }
        self.entered.signs.heard(self.last_sign());
        if self.entered.signs.has_twin() {
            self.tell_twins();
        }
        self.work.tidy();
        if let Some(chunk) = self.live.gather.as_mut().and_then(|gather| gather.due(now)) {
            self.store(chunk, true);
        }
        if self.receipts.has_bad() {
            return Err(Over::wrong("its records cannot be stored").into());
        }
        self.acknowledge(socket).await?;
        self.fill.check(self.hub_time());
        self.begin_filling(now);
        self.ask(socket).await?;
        self.look_back(now);
        Ok(())
    }

    fn tell_twins(&self) {
        self.shared.counters.twins.fetch_add(1, Ordering::Relaxed);
        let server = &self.shared.fleet.config(self.peer.index).server.name;
        tracing::error!(
            %server,
            "two agents use the key of this server: stop one of them, or enrol it anew"
        );
        self.shared.fleet.twins(self.peer.index);
    }

    /// The peer said something that nobody had asked it for. It is dropped.
    fn strange(&self, what: &'static str) {
        self.shared.counters.strange.fetch_add(1, Ordering::Relaxed);
        if let Some(times) = self.shared.misbehaving.note(self.now()) {
            let server = &self.shared.fleet.config(self.peer.index).server.name;
            tracing::warn!(%server, what, times, "an agent sent what it was not asked for");
        }
    }

    async fn send(&self, socket: &mut Socket, message: &Message) -> Result<(), End> {
        let frame = encode(message).map_err(|error| Over::closed(error.to_string()))?;
        match self.shared.clock.within(SEND_LIMIT, socket.send(frame)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Over::closed(error.to_string()).into()),
            None => Err(Over::closed("it takes nothing").into()),
        }
    }

    fn ring(&self) -> Option<[u8; 16]> {
        Some(self.greeted.as_ref()?.ring?.ring)
    }

    fn server_key(&self) -> String {
        match self.peer.agent {
            Some(agent) => agent.to_string(),
            None => format!("name:{}", self.shared.fleet.config(self.peer.index).server.name),
        }
    }

    fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// The time, and how long the hub stood still before it.
    fn hub_time(&self) -> HubTime {
        let stalled = self.shared.fleet.stall().total();
        HubTime { at: self.now(), stalled }
    }
}

/// A session that is given up in the middle is over like any other.
impl Drop for Talk {
    fn drop(&mut self) {
        self.leave();
    }
}

/// An agent that was simply stopped leaves its server unwatched, and its person
/// wants to know that like any other end; so does one that does not say why.
fn goodbye(reason: GoodbyeReason) -> Option<Goodbye> {
    match reason {
        GoodbyeReason::Reboot => Some(Goodbye::Reboot),
        GoodbyeReason::Upgrade => Some(Goodbye::Upgrade),
        GoodbyeReason::Stop => Some(Goodbye::Stop),
        GoodbyeReason::Unknown => None,
    }
}
