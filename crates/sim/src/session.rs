//! One open stream of one server: what it sends, and what the hub asks for.

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::socket::{CloseReason, Socket, SocketError};
use watchfire_wire::{
    Alive, Backfill, BackfillEnd, GoodbyeReason, Message, ProbeResult, ProbeSaw, RecordsBuilder,
    StreamDecoder, StreamEncoder, WireError,
};

use crate::commands;
use crate::counters::Counters;
use crate::dial::Opened;
use crate::pulses::{Beat, Pulses};
use crate::ring::Ring;

/// How long one frame may take to leave.
const SEND_TIME: Duration = Duration::from_secs(5);
/// How long the last words may take.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// The largest frame of records, in bytes.
const MAX_RECORDS_BYTES: usize = 256 << 10;
/// Between two frames of backfill: twenty a second.
const BACKFILL_PAUSE: Duration = Duration::from_millis(50);
/// Without an echo for so long, signs of life go over the stream.
const ALIVE_AFTER: Duration = Duration::from_secs(3);
/// Without any word of the hub for so long, the stream is given up.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// A process that is so late says nothing about the hub.
const OWN_LATENESS: Duration = Duration::from_millis(200);

/// Why a stream is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("what the hub says is not understood: {0}")]
    Wire(#[from] WireError),
    #[error("the hub does not read")]
    Stuck,
    #[error("the hub said goodbye")]
    Goodbye,
    #[error("the hub was quiet for too long")]
    Quiet,
}

/// An open stream.
pub(crate) struct Session {
    socket: Socket,
    encoder: StreamEncoder,
    decoder: StreamDecoder,
    pulse: Option<Beat>,
    wants_ticks: bool,
    /// The newest record that was sent.
    sent: u64,
    alives: u64,
    heard: Moment,
    backfill: Option<Answer>,
    clock: Clock,
    counters: Arc<Counters>,
}

/// A request for old records that is being answered.
struct Answer {
    request: u64,
    /// The last sequence that was sent for it, or that lies before it.
    sent: u64,
    to: u64,
    missing: bool,
    due: Moment,
}

impl Session {
    /// Goes on from where the hellos ended; the records up to `sent` are old ones.
    pub(crate) fn new(
        opened: Opened,
        sent: u64,
        pulses: &Pulses,
        clock: &Clock,
        counters: &Arc<Counters>,
    ) -> Self {
        let key = opened.pulse_key;
        counters.connected.add(1);
        Self {
            socket: opened.socket,
            encoder: opened.encoder,
            decoder: opened.decoder,
            pulse: opened.hub.pulse.map(|id| pulses.begin(id, key)),
            wants_ticks: opened.hub.wants_ticks,
            sent,
            alives: 0,
            heard: clock.now(),
            backfill: None,
            clock: clock.clone(),
            counters: Arc::clone(counters),
        }
    }

    /// Says what may be run here, to a hub that has commands.
    pub(crate) async fn offer(&mut self) -> Result<(), Ended> {
        self.send(&commands::offered()).await
    }

    /// The next word of the hub. It may be cancelled; nothing is lost then.
    pub(crate) async fn recv(&mut self) -> Result<Option<Message>, Ended> {
        let frame = self.socket.recv().await?;
        Ok(self.decoder.decode(&frame)?)
    }

    /// Answers the hub.
    pub(crate) async fn answer(&mut self, message: Message, ring: &Ring) -> Result<(), Ended> {
        self.heard = self.clock.now();
        match message {
            Message::Ack(_) => drop(self.counters.acks.add(1)),
            Message::Backfill(ask) => self.begin_backfill(ask, ring),
            Message::Probe(probe) => {
                self.counters.probes.add(1);
                let saw = ProbeSaw::Declined;
                let result = ProbeResult { id: probe.id, saw, took_ms: 0 };
                self.send(&Message::ProbeResult(result)).await?;
            }
            Message::Goodbye(_) => return Err(Ended::Goodbye),
            Message::Command(command) => {
                for message in commands::answers(&command, self.clock.now()) {
                    self.send(&message).await?;
                }
                self.counters.commands.add(1);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends the records that were not sent yet and, where no echoes come, a
    /// sign of life. `late` is how late this process itself is.
    pub(crate) async fn tick(&mut self, ring: &Ring, late: Duration) -> Result<(), Ended> {
        let now = self.clock.now();
        let echo = self.pulse.as_ref().map(|pulse| pulse.quiet(now));
        let quiet =
            now.since(self.heard) > QUIET_TIME && echo.is_none_or(|quiet| quiet > QUIET_TIME);
        // Who is late itself has not read what the hub said meanwhile.
        if quiet && late < OWN_LATENESS {
            return Err(Ended::Quiet);
        }
        if self.wants_ticks {
            self.send_live(ring).await?;
        }
        if !self.wants_ticks || echo.is_none_or(|quiet| quiet > ALIVE_AFTER) {
            self.alives += 1;
            self.counters.alives.add(1);
            let alive = Alive { sequence: self.alives, unix_ms: now.unix_ms };
            self.send(&Message::Alive(alive)).await?;
        }
        Ok(())
    }

    /// When the next frame of backfill is due.
    pub(crate) fn backfill_due(&self) -> Option<Moment> {
        self.backfill.as_ref().map(|answer| answer.due)
    }

    /// Sends the next frame of backfill.
    pub(crate) async fn hand_in(&mut self, ring: &Ring) -> Result<(), Ended> {
        let Some(mut answer) = self.backfill.take() else { return Ok(()) };
        let (previous, records) = ring.after(answer.sent);
        let mut builder = RecordsBuilder::new(answer.request, previous, MAX_RECORDS_BYTES);
        let mut full = None;
        for record in records.take_while(|record| record.sequence <= answer.to) {
            full = builder.push(record.clone())?;
            if full.is_some() {
                break;
            }
        }
        let more = full.is_some();
        if let Some(records) = full.or_else(|| builder.finish()) {
            self.counters.backfilled.add(records.records.len() as u64);
            answer.sent = records.records.last().map_or(answer.to, |record| record.sequence);
            self.send(&Message::Records(records)).await?;
        }
        if more {
            answer.due = self.clock.now().after(BACKFILL_PAUSE);
            self.backfill = Some(answer);
        } else {
            let end = BackfillEnd { request: answer.request, missing: answer.missing };
            self.send(&Message::BackfillEnd(end)).await?;
        }
        Ok(())
    }

    /// Whether nothing passes from now on.
    pub(crate) fn set_mute(&self, mute: bool) {
        if let Some(pulse) = &self.pulse {
            pulse.set_mute(mute);
        }
    }

    /// The pulses of a stream that broke: they go on while another one is opened, as
    /// an agent's do.
    pub(crate) fn outlived_by(mut self) -> Option<Beat> {
        self.pulse.take().inspect(|pulse| pulse.outlive_stream())
    }

    /// Says goodbye and closes the stream.
    pub(crate) async fn leave(mut self, reason: GoodbyeReason) {
        // Whether it arrives changes nothing any more.
        let _ = self.send(&Message::Goodbye(reason)).await;
        let clock = self.clock.clone();
        clock.within(FAREWELL_TIME, self.socket.close(CloseReason::Away)).await;
    }

    async fn send_live(&mut self, ring: &Ring) -> Result<(), Ended> {
        let (previous, records) = ring.after(self.sent);
        let mut builder = RecordsBuilder::new(0, previous, MAX_RECORDS_BYTES);
        let mut frames = Vec::new();
        for record in records {
            frames.extend(builder.push(record.clone())?);
        }
        frames.extend(builder.finish());
        for records in frames {
            self.counters.records.add(records.records.len() as u64);
            self.sent = records.records.last().map_or(self.sent, |record| record.sequence);
            self.send(&Message::Records(records)).await?;
        }
        Ok(())
    }

    fn begin_backfill(&mut self, ask: Backfill, ring: &Ring) {
        let missing = !ring.reaches(ask.from);
        let (request, sent, to) = (ask.request, ask.from.saturating_sub(1), ask.to);
        self.backfill = Some(Answer { request, sent, to, missing, due: self.clock.now() });
    }

    async fn send(&mut self, message: &Message) -> Result<(), Ended> {
        let frame = self.encoder.encode(message)?;
        self.counters.frames.add(1);
        self.counters.stream_bytes.add(frame.len() as u64);
        let sending = self.clock.within(SEND_TIME, self.socket.send(frame));
        Ok(sending.await.ok_or(Ended::Stuck)??)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.counters.connected.less_one();
    }
}
