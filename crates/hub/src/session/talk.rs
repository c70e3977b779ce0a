use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use watchfire_model::{Goodbye, Moment};
use watchfire_runtime::socket::{CloseReason, Socket};
use watchfire_runtime::task::{self, Task};
use watchfire_wire::{
    Ack, Backfill, GoodbyeReason, Hello, Message, PROTOCOL, Probe, ProbeResult, Records, Renewed,
    encode,
};

use super::backfill::Fill;
use super::facts::Greeted;
use super::handle::Order;
use super::inbox::{Inbox, Over};
use super::ingest::{Ingest, Told};
use super::registry::Entered;
use super::{HELLO_LIMIT, Peer, QUIET_LIMIT, SEND_LIMIT, STUCK_LIMIT, Shared, TICK};
use crate::aftermath::Aftermath;
use crate::dial::Failed;
use crate::fleet::{Greeting, Return};
use crate::historian::{Gather, Receipts, schema_chunk, starts_chain};
use crate::pulses::Pulsing;

/// Probes that one agent is asked for at a time. More go without an answer.
const MAX_PROBES: usize = 16;
/// How often an agent may ask for a certificate.
const RENEW_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);
/// A schema that did not change is stored again after this long: what was stored
/// first goes first, and records whose keys are gone cannot be read.
const SCHEMA_EVERY: std::time::Duration = std::time::Duration::from_secs(300);
/// How long a return waits for what the agent recorded meanwhile.
const AFTERMATH_LIMIT: std::time::Duration = std::time::Duration::from_secs(180);

/// One session under way.
pub(super) struct Talk {
    shared: Arc<Shared>,
    peer: Peer,
    dialed: bool,
    entered: Entered,
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
    results: (mpsc::Sender<Done>, mpsc::Receiver<Done>),
    work: Vec<Task<()>>,
}

/// The live records of the session.
#[derive(Default)]
struct Live {
    ingest: Option<Ingest>,
    gather: Option<Gather>,
    last: u64,
    schema: Option<(u64, usize, Moment)>,
}

/// What work in the background came to.
enum Done {
    Holes(Option<Vec<std::ops::RangeInclusive<u64>>>),
    Renewed(Result<String, String>),
}

/// What a session comes to next.
#[expect(clippy::large_enum_variant, reason = "it lives for one step and is moved once")]
enum Step {
    Message(Message),
    Order(Option<Order>),
    Done(Done),
    Tick,
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
            results: mpsc::channel(4),
            work: Vec::new(),
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
        if std::mem::take(&mut self.connected) {
            let quality = self.pulsing.as_ref().map(Pulsing::quality);
            self.shared.fleet.disconnected(self.peer.index, quality);
        }
    }

    async fn try_hold(&mut self, socket: &mut Socket, heard: &mut bool) -> Result<Infallible, End> {
        self.shared.fleet.connected(self.peer.index, self.peer.remote);
        self.connected = true;
        self.tell_pulses();
        self.send(socket, &Message::Hello(self.hello())).await?;
        let mut tick = self.began.after(TICK);
        loop {
            let wake = self.quiet_at().map_or(tick, |quiet| quiet.min(tick));
            let Self { inbox, entered, results, shared, .. } = self;
            let step = tokio::select! {
                message = inbox.next(socket, shared) => Step::Message(message?),
                order = entered.orders.recv() => Step::Order(order),
                Some(done) = results.1.recv() => Step::Done(done),
                () = shared.clock.sleep_until(wake) => Step::Tick,
            };
            match step {
                Step::Message(message) => {
                    self.last_frame = self.now();
                    self.entered.signs.heard(self.last_frame);
                    self.take(socket, message).await?;
                    *heard = true;
                }
                Step::Order(order) => self.obey(socket, order).await?,
                Step::Done(done) => self.done(socket, done).await?,
                Step::Tick => {
                    self.look_around()?;
                    let now = self.now();
                    if now.monotonic >= tick.monotonic {
                        tick = now.after(TICK);
                        self.tick(socket).await?;
                    }
                }
            }
            self.inbox.asked = self.fill.is_asking();
        }
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

    /// When the session is to be looked at for being quiet: only one that the hub
    /// dialed, which it then dials anew.
    fn quiet_at(&self) -> Option<Moment> {
        self.dialed.then(|| self.last_sign().after(QUIET_LIMIT))
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
        let quiet = |limit: std::time::Duration, last: Moment| {
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
            Message::Hello(hello) => return Ok(self.greet(&hello)?),
            Message::Status(status) => fleet.status(index, status),
            Message::Processes(table) => fleet.processes(index, table),
            Message::Alive(_) => fleet.heard(index),
            Message::Records(records) if records.request == 0 => self.live(records)?,
            Message::Records(records) => self.old(records)?,
            Message::BackfillEnd(end) => {
                fleet.heard(index);
                // What came live meanwhile must not look like a hole.
                self.flush();
                match self.fill.ended(end, self.live.last, self.now()) {
                    Ok(ask) => self.ask(socket, ask).await?,
                    Err(_) => self.strange("the end of an answer"),
                }
            }
            Message::Goodbye(reason) => match goodbye(reason) {
                Some(goodbye) => fleet.said_goodbye(index, goodbye),
                None => fleet.heard(index),
            },
            Message::ProbeResult(result) => match self.probes.remove(&result.id) {
                Some(asker) => drop(asker.send(result)),
                None => self.strange("the answer to a probe"),
            },
            Message::Renew(renew) => self.renew(renew.csr_pem),
            Message::Ack(_) | Message::Backfill(_) | Message::Probe(_) | Message::Renewed(_) => {
                self.strange("what only a hub says");
            }
        }
        Ok(())
    }

    fn greet(&mut self, hello: &Hello) -> Result<(), Over> {
        PROTOCOL.talks_with(hello.version()).map_err(|error| Over::wrong(error.to_string()))?;
        if self.greeted.is_some() {
            self.strange("a second hello");
            return Ok(());
        }
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
        self.shared.fleet.heard(index);
        Ok(())
    }

    fn tell_pulses(&self) {
        if let Some(pulsing) = &self.pulsing {
            self.shared.fleet.pulses(self.peer.index, pulsing.quality().clone());
        }
    }

    /// Live records: each is read, told to the fleet and gathered for the history.
    fn live(&mut self, records: Records) -> Result<(), Over> {
        let now = self.now();
        let (fleet, index) = (self.shared.fleet.clone(), self.peer.index);
        if self.live.gather.is_none() {
            return Err(Over::wrong("records came without a ring"));
        }
        let mut told_any = false;
        let mut previous = records.previous;
        for record in records.records {
            let sequence = record.sequence;
            if sequence <= self.live.last {
                return Err(Over::wrong("the sequence of its records goes back"));
            }
            if self.live.last != 0 && previous != self.live.last {
                self.fill.wish();
            }
            let pool = &self.shared.pool;
            let ingest = self.live.ingest.get_or_insert_with(|| Ingest::new(pool.clone()));
            match ingest.take(&record, now).map_err(Over::wrong)? {
                Told::Status(status) => {
                    fleet.status(index, status);
                    told_any = true;
                }
                Told::Processes(table) => {
                    fleet.processes(index, table);
                    told_any = true;
                }
                Told::Event(event) => fleet.kernel_event(index, event),
                Told::Nothing => {}
            }
            self.keep_schema(&record, now);
            self.live.last = sequence;
            let gather = self.live.gather.as_mut();
            if let Some(chunk) = gather.and_then(|gather| gather.push(previous, record, now)) {
                self.store(chunk, true);
            }
            previous = sequence;
        }
        if !told_any {
            fleet.heard(index);
        }
        Ok(())
    }

    /// The history can read a chain from its start on, if it has the schema.
    fn keep_schema(&mut self, record: &watchfire_wire::Record, now: Moment) {
        if !starts_chain(record) {
            return;
        }
        let (Some(ingest), Some(ring)) = (&self.live.ingest, self.ring()) else { return };
        let schema = ingest.schema();
        let (generation, keys) = (schema.generation(), schema.len());
        let is_kept = self.live.schema.is_some_and(|(known, count, at)| {
            (known, count) == (generation, keys) && now.since(at) < SCHEMA_EVERY
        });
        if is_kept || keys == 0 {
            return;
        }
        let Some(chunk) = schema_chunk(&self.server_key(), ring, schema, record) else { return };
        // It is acknowledged with nothing. One for which there is no room comes again
        // with the next start of a chain: no tick could be read without it.
        if self.shared.historian.put(chunk, false, &self.receipts) {
            self.live.schema = Some((generation, keys, now));
        }
    }

    /// Old records, which the hub asked for: they go to the history alone.
    fn old(&mut self, records: Records) -> Result<(), Over> {
        let now = self.now();
        self.shared.fleet.heard(self.peer.index);
        let (Some(ring), Some(to)) = (self.ring(), self.fill.asked_to()) else {
            self.strange("old records");
            return Ok(());
        };
        if !self.fill.goes_on(records.request, now) {
            self.strange("old records");
            return Ok(());
        }
        if records.records.last().is_some_and(|last| last.sequence > to) {
            return Err(Over::wrong("it answers more than it was asked"));
        }
        let mut gather = Gather::new(self.server_key(), ring);
        let mut previous = records.previous;
        for record in records.records {
            let sequence = record.sequence;
            if let Some(chunk) = gather.push(previous, record, now) {
                self.store(chunk, false);
            }
            previous = sequence;
        }
        if let Some(chunk) = gather.take() {
            self.store(chunk, false);
        }
        Ok(())
    }

    fn store(&mut self, chunk: watchfire_store::Chunk, live: bool) {
        if !self.shared.historian.put(chunk, live, &self.receipts) {
            self.has_lost = true;
            self.fill.wish();
        }
    }

    fn flush(&mut self) {
        if let Some(chunk) = self.live.gather.as_mut().and_then(Gather::take) {
            self.store(chunk, true);
        }
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
            Some(Order::Close(why)) => Err(End(Over::closed("the hub closed it").failed, why)),
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
        self.work.retain(|task| !task.is_finished());
        if let Some(chunk) = self.live.gather.as_mut().and_then(|gather| gather.due(now)) {
            self.store(chunk, true);
        }
        if self.receipts.has_bad() {
            return Err(Over::wrong("its records cannot be stored").into());
        }
        self.acknowledge(socket).await?;
        self.fill.check(now);
        self.begin_filling(now);
        self.look_back(now);
        Ok(())
    }

    async fn acknowledge(&mut self, socket: &mut Socket) -> Result<(), End> {
        if self.receipts.take_lost() {
            self.has_lost = true;
            self.fill.wish();
        }
        if self.has_lost && self.fill.complete().is_some() {
            self.has_lost = false;
        }
        let up_to = self.receipts.up_to();
        if self.has_lost || up_to <= self.acked {
            return Ok(());
        }
        self.acked = up_to;
        self.send(socket, &Message::Ack(Ack { up_to })).await
    }

    fn begin_filling(&mut self, now: Moment) {
        let Some(ring) = self.greeted.as_ref().and_then(|greeted| greeted.ring) else { return };
        let historian = self.shared.historian.clone();
        if self.fill.may_begin(now)
            && historian.has_time()
            && self.live.last != 0
            && let Ok(permit) = self.shared.backfills.clone().try_acquire_owned()
        {
            self.flush();
            self.fill.begin(permit, self.live.last);
        }
        let Some(newest) = self.fill.look(self.receipts.waiting()) else { return };
        let Some(history) = historian.history().cloned() else { return };
        let (server, results) = (self.server_key(), self.results.0.clone());
        self.work.push(task::spawn("holes", async move {
            let look = move || history.holes(&server, ring.ring, ring.oldest.max(1), newest);
            let holes = task::blocking("holes", look).await;
            if let Ok(Err(error)) = &holes {
                tracing::warn!(%error, "the history cannot be looked at for holes");
            }
            let holes = holes.ok().and_then(Result::ok);
            // Nobody waits for it when the session is over.
            let _ = results.send(Done::Holes(holes)).await;
        }));
    }

    async fn done(&mut self, socket: &mut Socket, done: Done) -> Result<(), End> {
        match done {
            Done::Holes(Some(holes)) => {
                let ask = self.fill.found(holes, self.now());
                self.ask(socket, ask).await
            }
            Done::Holes(None) => {
                self.fill.failed(self.now());
                Ok(())
            }
            Done::Renewed(Ok(certificate_pem)) => {
                self.send(socket, &Message::Renewed(Renewed { certificate_pem })).await
            }
            Done::Renewed(Err(why)) => {
                tracing::warn!(why, "a certificate is not renewed");
                Ok(())
            }
        }
    }

    async fn ask(&mut self, socket: &mut Socket, ask: Option<Backfill>) -> Result<(), End> {
        match ask {
            Some(ask) => self.send(socket, &Message::Backfill(ask)).await,
            None => Ok(()),
        }
    }

    fn renew(&mut self, csr_pem: String) {
        let now = self.now();
        let may = self.renewed.is_none_or(|at| now.since(at) >= RENEW_PAUSE);
        let has_authority = self.shared.renewal.get().is_some();
        let (Some(agent), true, true) = (self.peer.agent, may, has_authority) else {
            return self.strange("a wish for a certificate");
        };
        self.renewed = Some(now);
        let (shared, results) = (self.shared.clone(), self.results.0.clone());
        self.work.push(task::spawn("renew", async move {
            let renew = move || match shared.renewal.get() {
                Some(renewal) => renewal.renew(agent, &csr_pem, now),
                None => Err("there is no authority".to_owned()),
            };
            let renewed = task::blocking("renew", renew).await;
            let renewed = renewed.unwrap_or_else(|panicked| Err(panicked.to_string()));
            let _ = results.send(Done::Renewed(renewed)).await;
        }));
    }

    /// After a return from trouble: tells what happened meanwhile, once what the
    /// agent recorded is here.
    fn look_back(&mut self, now: Moment) {
        if let Some(returned) = self.shared.fleet.take_return(self.peer.index) {
            self.returned = Some(returned);
            self.fill.wish();
            return;
        }
        let Some(returned) = self.returned else { return };
        let Some(greeted) = &self.greeted else { return };
        let is_whole = greeted.ring.is_none() || self.fill.complete().is_some();
        if !is_whole && now.since(returned.back) < AFTERMATH_LIMIT {
            return;
        }
        self.returned = None;
        let lived_on = returned.last_sign.is_some_and(|sign| self.began <= sign);
        let since_hello = returned.back.since(greeted.at);
        let aftermath = Aftermath {
            server: self.shared.fleet.config(self.peer.index).server.name.clone(),
            key: self.server_key(),
            back: returned.back,
            rebooted: if lived_on { Some(false) } else { greeted.rebooted },
            uptime: greeted.uptime_ms.map(|ms| std::time::Duration::from_millis(ms) + since_hello),
            reboot_reason: greeted.reboot_reason.clone(),
            last_words: greeted.last_words.clone(),
            skew_ms: greeted.skew_ms,
        };
        self.shared.corrections.tell(aftermath);
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
