mod commands;
mod fallback;
mod hello;
mod renewal;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use watchfire_identity::pulse::PulseKey;
use watchfire_model::{Moment, ProcessTable, Status};
use watchfire_runtime::socket::{CloseReason, Socket};
use watchfire_runtime::task;
use watchfire_wire::{Alive, Backfill, GoodbyeReason, Hello, Message, Probe, ProbeResult};

use self::commands::Commands;
use self::hello::hello;
use super::answers::Backfills;
use super::line::{Heard, Line};
use super::live::Live;
use super::old_way::OldWay;
use super::pace::Pace;
use super::{Begun, End};
use crate::sampler::{Beat, Sample};
use crate::uplink::Uplink;
use crate::uplink::pulse::{BLOCKED_AFTER, PulseSeat, Pulses, Sender, Signs};

/// How often a sign of life goes out where pulses do not get through.
const ALIVE_PERIOD: Duration = Duration::from_secs(1);
/// How long the other side's hello may take, on a way that may be slow.
const HELLO_TIME: Duration = Duration::from_secs(10);
/// A stream that was dialed is given up after so much quiet on it and on pulses
/// that did get through before. Without pulses the kernel finds out.
const QUIET_TIME: Duration = BLOCKED_AFTER;
/// A timer that fires so late was frozen with the whole agent: what came
/// meanwhile waits in the socket, and is heard first.
const FROZEN: Duration = Duration::from_secs(1);
/// Results of probes that wait to be sent; more are dropped.
const MAX_RESULTS: usize = 16;
/// How long finding the reason for a goodbye may take.
const REASON_TIME: Duration = Duration::from_millis(500);

/// A stream that is there.
pub(crate) struct Session {
    up: Arc<Uplink>,
    line: Line,
    begun: Begun,
    /// The pulses that this agent sends, or its answers to the hub's.
    pulses: Option<Pulses>,
    seat: Option<PulseSeat>,
    signs: Option<Arc<Signs>>,
    greeted: bool,
    live: Option<Live>,
    old_way: Option<OldWay>,
    backfills: Backfills,
    results: (mpsc::Sender<ProbeResult>, mpsc::Receiver<ProbeResult>),
    commands: Commands,
    pace: Pace,
    beat: Beat,
    next_beat: Moment,
    next_renewal: Moment,
    renewal_asked: bool,
    next_news: Moment,
    /// When the hub was heard on the stream.
    heard: Moment,
    alive: u64,
}

/// What happens next.
enum Event {
    Shutdown,
    Heard(Result<Heard, End>),
    Beat,
    Live,
    Status(Option<Arc<Sample<Status>>>),
    Table(Option<Arc<Sample<ProcessTable>>>),
    Backfill(Box<Message>),
    Probed(ProbeResult),
    Relayed(Box<Message>),
}

impl Session {
    pub(crate) fn new(up: Arc<Uplink>, socket: Socket, begun: Begun) -> Self {
        let (clock, now) = (up.clock.clone(), up.clock.now());
        let backfills = Backfills::new(up.feed.clone(), up.record_folder.clone(), clock.clone());
        let seat = match &begun {
            Begun::Taken { pulse_key } => Some(up.pulses.seat(PulseKey::from_exported(*pulse_key))),
            _ => None,
        };
        Self {
            line: Line::new(socket, clock),
            begun,
            pulses: None,
            signs: seat.as_ref().map(PulseSeat::signs),
            seat,
            greeted: false,
            live: None,
            old_way: None,
            backfills,
            results: mpsc::channel(MAX_RESULTS),
            commands: Commands::default(),
            pace: Pace::default(),
            beat: Beat::new(now),
            next_beat: now,
            next_renewal: now,
            renewal_asked: false,
            next_news: now,
            heard: now,
            alive: 0,
            up,
        }
    }

    /// Talks until the stream is over, and says why it is.
    pub(crate) async fn talk(mut self) -> End {
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if end.leaves_pulses() {
            if let Some(pulses) = self.pulses.take() {
                self.up.outlive(pulses);
            }
            if let Some(seat) = self.seat.take() {
                seat.outlive_stream(self.up.clock.now());
            }
        } else if end != End::Replaced {
            // Of the streams before this one either. One whose place is taken may just
            // have come too early, and be taken the next time.
            self.up.forget_old_pulses();
            self.up.pulses.forget_old();
        }
        end
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        self.follow_pulses();
        let hello = hello(&self.up, self.seat.as_ref().map(PulseSeat::id), &self.begun).await;
        self.line.send(&Message::Hello(hello)).await?;
        if matches!(self.begun, Begun::Token { .. }) {
            // Hubs of before say no hello, and must not wait for theirs.
            self.old_way = Some(OldWay::new(&self.up.samples));
        } else {
            self.be_greeted().await?;
        }
        self.beat = Beat::new(self.up.clock.now());
        if self.old_way.is_some() {
            self.send_alive().await?;
        }
        self.next_beat = self.beat.next(self.up.clock.now(), ALIVE_PERIOD);
        loop {
            let event = self.next_event().await;
            self.handle(event).await?;
        }
    }

    /// Waits for the hub's hello. On a slow way that takes longer than a stream may be
    /// quiet, so that signs of life go out meanwhile.
    async fn be_greeted(&mut self) -> Result<(), End> {
        let (clock, begun) = (self.up.clock.clone(), self.up.clock.now());
        let (until, mut next_sign) = (begun.after(HELLO_TIME), begun.after(ALIVE_PERIOD));
        let shutdown = self.up.shutdown.clone();
        while !self.greeted {
            tokio::select! {
                biased;
                () = shutdown.requested() => return Err(self.say_goodbye().await),
                heard = self.line.hear() => self.hear(heard?).await?,
                () = clock.sleep_until(until) => {
                    tracing::warn!("the hub says no hello");
                    self.line.close(CloseReason::Protocol).await;
                    return Err(End::NotUnderstood);
                }
                () = clock.sleep_until(next_sign) => {
                    self.send_alive().await?;
                    next_sign = clock.now().after(ALIVE_PERIOD);
                }
            }
        }
        Ok(())
    }

    async fn next_event(&mut self) -> Event {
        let wake = self.wake();
        let Self { up, line, live, old_way, backfills, results, commands, pace, .. } = self;
        let clock = &up.clock;
        let read_at = pace.next(clock.now());
        if read_at > clock.now() {
            up.counters.held_up.add(1);
        }
        let hear = async {
            clock.sleep_until(read_at).await;
            line.hear().await
        };
        tokio::select! {
            biased;
            () = up.shutdown.requested() => Event::Shutdown,
            heard = hear => Event::Heard(heard),
            () = clock.sleep_until(wake) => Event::Beat,
            () = changed(live) => Event::Live,
            sample = next_sample(old_way) => sample,
            message = backfills.next() => Event::Backfill(Box::new(message)),
            Some(result) = results.1.recv() => Event::Probed(result),
            message = commands.next(&up.relay) => Event::Relayed(Box::new(message)),
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Shutdown => Err(self.say_goodbye().await),
            Event::Heard(heard) => {
                let heard = heard?;
                self.pace.read(self.up.clock.now());
                self.hear(heard).await
            }
            Event::Beat => self.on_beat().await,
            Event::Live => self.send_live(false).await,
            Event::Status(status) => self.send_status(status).await,
            Event::Table(table) => self.send_table(table).await,
            Event::Backfill(message) => {
                if let Message::Records(records) = message.as_ref() {
                    self.up.counters.backfilled.add(records.records.len() as u64);
                }
                self.line.send(&message).await
            }
            Event::Relayed(message) => self.line.send(&message).await,
            Event::Probed(result) => self.line.send(&Message::ProbeResult(result)).await,
        }
    }
}

impl Session {
    /// When something is to be done, whatever comes or does not.
    fn wake(&self) -> Moment {
        let Some(quiet) = self.quiet_at() else { return self.next_beat };
        if quiet < self.next_beat.monotonic { self.at(quiet) } else { self.next_beat }
    }

    fn at(&self, monotonic: Duration) -> Moment {
        Moment { monotonic, ..self.next_beat }
    }

    /// When the hub will have been quiet for too long: only on a stream that
    /// this agent dialed, and whose pulses got through.
    fn quiet_at(&self) -> Option<Duration> {
        self.pulses.as_ref()?;
        let echo = self.signs.as_ref()?.last()?;
        Some(echo.max(self.heard.monotonic) + QUIET_TIME)
    }

    async fn on_beat(&mut self) -> Result<(), End> {
        let now = self.up.clock.now();
        let late = now.since(self.wake());
        if late >= FROZEN {
            self.heard = now;
        } else if self.quiet_at().is_some_and(|quiet| quiet <= now.monotonic) {
            self.up.counters.quiet.add(1);
            return Err(End::Quiet);
        }
        if now.monotonic < self.next_beat.monotonic {
            return Ok(());
        }
        self.next_beat = self.beat.next(now, ALIVE_PERIOD);
        // What no tick came for goes out with the beat.
        self.send_live(true).await?;
        let through = self.signs.as_ref().is_some_and(|signs| signs.get_through(now));
        if self.old_way.is_some() || !through {
            self.send_alive().await?;
        }
        self.tell_news(now).await?;
        self.renew(now).await
    }

    /// Sends what is new: when a tick is in it, or `at_once`.
    async fn send_live(&mut self, at_once: bool) -> Result<(), End> {
        let Some(live) = self.live.as_mut() else { return Ok(()) };
        if !at_once && !live.follower.is_due() {
            return Ok(());
        }
        let Ok(messages) = live.take() else {
            self.line.close(CloseReason::Normal).await;
            return Err(End::OtherRing);
        };
        for message in messages {
            self.line.send(&message).await?;
        }
        Ok(())
    }

    async fn send_status(&mut self, sample: Option<Arc<Sample<Status>>>) -> Result<(), End> {
        let Some(old_way) = &mut self.old_way else { return Ok(()) };
        // The samplers live as long as the agent answers.
        let sample = sample.ok_or(End::Leaving)?;
        self.up.samples_skipped.samples_skipped.add(old_way.statuses.skipped(sample.number));
        self.line.send(&Message::Status(sample.value.clone())).await
    }

    async fn send_table(&mut self, sample: Option<Arc<Sample<ProcessTable>>>) -> Result<(), End> {
        let Some(old_way) = &mut self.old_way else { return Ok(()) };
        let sample = sample.ok_or(End::Leaving)?;
        self.up.samples_skipped.samples_skipped.add(old_way.tables.skipped(sample.number));
        self.line.send(&Message::Processes(sample.value.clone())).await
    }

    async fn send_alive(&mut self) -> Result<(), End> {
        let alive = Alive { sequence: self.alive, unix_ms: self.up.clock.now().unix_ms };
        self.alive += 1;
        self.line.send(&Message::Alive(alive)).await
    }

    async fn hear(&mut self, heard: Heard) -> Result<(), End> {
        self.heard = self.up.clock.now();
        self.note_hub();
        let Heard::Message(message) = heard else { return Ok(()) };
        match *message {
            Message::Hello(hello) if !self.greeted => self.greet(&hello),
            Message::Goodbye(_) => {
                self.hub_leaves();
                self.line.close(CloseReason::Normal).await;
                return Err(End::HubLeft);
            }
            Message::Ack(ack) if self.live.is_some() => {
                self.live.iter_mut().for_each(|live| live.acknowledged(ack.up_to));
            }
            Message::Backfill(ask) if self.live.is_some() => self.backfill(ask),
            // Whoever only has a token must not look at others through us.
            Message::Probe(probe) if self.live.is_some() && self.is_with_hub() => {
                self.probe(probe);
            }
            Message::Renewed(renewed) if self.renewal_asked => self.take_renewed(renewed),
            message @ (Message::Fallback(_)
            | Message::FallbackOver
            | Message::FallbackHeard(_)
            | Message::HubLeaves)
                if self.is_with_hub() =>
            {
                self.take_fallback(message);
            }
            message @ (Message::Command(_)
            | Message::CancelCommand(_)
            | Message::OutputAck(_)
            | Message::Runbooks(_))
                if self.commands.are_taken() =>
            {
                self.take_command(message);
            }
            Message::Alive(_) => {}
            // Nothing that a hub has to say to an agent, or nothing it was asked for.
            _ => self.up.counters.ignored.add(1),
        }
        Ok(())
    }

    /// True when the other side proved by its certificate that it is the hub.
    fn is_with_hub(&self) -> bool {
        !matches!(self.begun, Begun::Token { .. })
    }

    /// The hub says who it is and what it wants. That it is the hub is known
    /// from its certificate, or from its token.
    fn greet(&mut self, hello: &Hello) {
        self.greeted = true;
        let now = self.up.clock.now();
        if hello.wants_ticks {
            self.old_way = None;
            let follower = self.up.feed.follow(now);
            self.live = Some(Live::new(follower, Arc::clone(&self.up.counters)));
            self.take_commands();
        } else if self.old_way.is_none() {
            self.old_way = Some(OldWay::new(&self.up.samples));
        }
        if let (Begun::Dialed { pulse_key, hub }, Some(session)) = (&self.begun, hello.pulse) {
            let sender = Sender::new(session, PulseKey::from_exported(*pulse_key), now);
            let counters = Arc::clone(&self.up.counters);
            self.pulses = Pulses::begin(sender, *hub, (&self.up.clock, &self.up.net), counters);
            self.signs = self.pulses.as_ref().map(Pulses::signs);
            self.follow_pulses();
            self.up.forget_old_pulses();
        }
    }

    fn backfill(&mut self, ask: Backfill) {
        if self.backfills.ask(ask) {
            self.up.counters.backfills_replaced.add(1);
        }
    }

    /// Probes take their time, and nobody waits for them.
    fn probe(&self, probe: Probe) {
        let (prober, results) = (Arc::clone(&self.up.prober), self.results.0.clone());
        let counters = Arc::clone(&self.up.counters);
        let work = async move {
            if results.try_send(prober.probe(&probe).await).is_err() {
                counters.ignored.add(1);
            }
        };
        task::spawn("probe", work).detach();
    }

    /// The last words. Whether they arrive changes nothing any more.
    async fn say_goodbye(&mut self) -> End {
        let (goodbye, now) = (self.up.goodbye.clone(), self.up.clock.now());
        let asking = task::blocking("find the reason", move || goodbye.reason(now));
        let reason = self.up.clock.within(REASON_TIME, asking).await.and_then(Result::ok);
        let reason = reason.unwrap_or(GoodbyeReason::Stop);
        if let Some(pulses) = &self.pulses {
            pulses.leave(now);
        }
        let _ = self.line.send(&Message::Goodbye(reason)).await;
        self.line.close(CloseReason::Away).await;
        End::Leaving
    }
}

async fn changed(live: &mut Option<Live>) {
    match live {
        Some(live) => live.follower.changed().await,
        None => pending().await,
    }
}

async fn next_sample(old_way: &mut Option<OldWay>) -> Event {
    let Some(old_way) = old_way else { return pending().await };
    tokio::select! {
        biased;
        status = old_way.statuses.next() => Event::Status(status),
        table = old_way.tables.next() => Event::Table(table),
    }
}
