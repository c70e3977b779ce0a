use std::time::Duration;

use watchfire_alert::Kept;
use watchfire_codec::{Decoder, Frame};
use watchfire_model::{Event, Incident, Moment, ProcessTable, Status, StatusView};
use watchfire_store::{History, HistoryError, StoredChunk, Stretch};
use watchfire_wire::{Record, RecordKind};

use super::Aftermath;
use crate::historian::{records_of, schema_key};
use crate::session::event_of;

/// How much from before a server went dark is looked through for its last reading.
const BEFORE: Duration = Duration::from_secs(120);
/// The most events of the kernel that are kept.
const MAX_EVENTS: usize = 32;

/// What the history has of a silence. All times are on the hub's clock.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    kept: Option<Kept>,
    events: Vec<Event>,
    last_status: Option<(i64, Status)>,
    last_processes: Option<ProcessTable>,
}

impl Evidence {
    /// Reads it. What cannot be read is left out: an incident is told in any case.
    pub(super) fn read(
        history: Option<&History>,
        incident: &Incident,
        aftermath: &Aftermath,
    ) -> Self {
        let Some(history) = history else { return Self::default() };
        let read = Reading::new(history, incident, aftermath).read();
        read.unwrap_or_else(|error| {
            tracing::warn!(server = %aftermath.server, %error, "what was recorded cannot be read");
            Self::default()
        })
    }

    pub(super) fn facts<'a>(&'a self, aftermath: &'a Aftermath) -> watchfire_alert::Aftermath<'a> {
        watchfire_alert::Aftermath {
            back: aftermath.back,
            rebooted: aftermath.rebooted,
            uptime: aftermath.uptime,
            reboot_reason: &aftermath.reboot_reason,
            last_words: &aftermath.last_words,
            kept: self.kept,
            events: &self.events,
            last_status: self.last_status.as_ref().map(|(at, status)| (*at, status)),
            last_processes: self.last_processes.as_ref(),
        }
    }
}

struct Reading<'a> {
    history: &'a History,
    aftermath: &'a Aftermath,
    /// When the silence began.
    from_ms: i64,
    /// Until when readings are from before the server went dark.
    dark_ms: i64,
}

impl<'a> Reading<'a> {
    fn new(history: &'a History, incident: &Incident, aftermath: &'a Aftermath) -> Self {
        let from_ms = incident.silence_began.unwrap_or(incident.judged).unix_ms;
        let booted = aftermath.uptime.map(|up| aftermath.back.unix_ms.saturating_sub(millis(up)));
        let rebooted = aftermath.rebooted.unwrap_or(booted.is_some_and(|booted| booted >= from_ms));
        let dark_ms = match booted {
            Some(booted) if rebooted => booted,
            _ => from_ms,
        };
        Self { history, aftermath, from_ms, dark_ms }
    }

    fn read(&self) -> Result<Evidence, HistoryError> {
        let mut evidence = Evidence::default();
        let silence = self.chunks(self.from_ms, self.aftermath.back.unix_ms)?;
        evidence.kept = self.kept(&silence);
        drop(silence);
        let before = self.chunks(self.dark_ms.saturating_sub(millis(BEFORE)), self.dark_ms)?;
        self.look_through(&before, &mut evidence)?;
        Ok(evidence)
    }

    fn chunks(&self, from_ms: i64, to_ms: i64) -> Result<Stretch, HistoryError> {
        let skew = self.aftermath.skew_ms;
        let (from, to) = (from_ms.saturating_add(skew), to_ms.saturating_add(skew));
        self.history.chunks(&self.aftermath.key, from, to)
    }

    /// The moment of the hub's clock for a time of the agent's.
    fn hubs(&self, agents_ms: i64) -> i64 {
        agents_ms.saturating_sub(self.aftermath.skew_ms)
    }

    /// The ticks within the silence. Without any hole when each chunk follows the
    /// one before it.
    fn kept(&self, silence: &Stretch) -> Option<Kept> {
        let is_of_it = |stored: &&StoredChunk| !stored.lead_in && !stored.is_superseded();
        let chunks = || silence.chunks.iter().filter(is_of_it);
        let mut times = chunks()
            .flat_map(|stored| records_of(&stored.chunk))
            .filter(|record| record.kind == RecordKind::Tick)
            .map(|record| self.hubs(record.unix_ms))
            .filter(|at| (self.from_ms..=self.aftermath.back.unix_ms).contains(at));
        let first = times.next()?;
        let (from_ms, to_ms) =
            times.fold((first, first), |(from, to), at| (from.min(at), to.max(at)));
        let follows = chunks().zip(chunks().skip(1)).all(|(one, next)| {
            one.chunk.ring == next.chunk.ring && next.chunk.previous <= one.chunk.last
        });
        let whole = follows && silence.gaps.is_empty() && !silence.cut;
        Some(Kept { from_ms, to_ms, whole })
    }

    /// The last reading before the server went dark, and what its kernel said.
    fn look_through(&self, before: &Stretch, evidence: &mut Evidence) -> Result<(), HistoryError> {
        let (mut decoder, mut view) = (Decoder::new(), StatusView::new());
        let mut ring = None;
        for stored in &before.chunks {
            if ring != Some(stored.chunk.ring) {
                ring = Some(stored.chunk.ring);
                (decoder, view) = (Decoder::new(), StatusView::new());
                self.learn_schema(&mut decoder, stored.chunk.ring, stored.chunk.first)?;
            }
            for record in records_of(&stored.chunk) {
                if record.sequence > stored.skip_to && self.hubs(record.unix_ms) <= self.dark_ms {
                    self.note(&record, &mut decoder, &mut view, evidence);
                }
            }
        }
        Ok(())
    }

    /// The newest schema of that ring that was known at `sequence`.
    fn learn_schema(
        &self,
        decoder: &mut Decoder,
        ring: [u8; 16],
        sequence: u64,
    ) -> Result<(), HistoryError> {
        let key = schema_key(&self.aftermath.key);
        let stored = self.history.chunks(&key, i64::MIN, i64::MAX)?;
        let schemas = stored.chunks.iter().map(|stored| &stored.chunk);
        let known = schemas.filter(|chunk| chunk.ring == ring && chunk.first <= sequence);
        if let Some(chunk) = known.max_by_key(|chunk| chunk.first) {
            let mut bytes = chunk.bytes.as_slice();
            while let Ok(Some(_)) = decoder.next(&mut bytes) {}
        }
        Ok(())
    }

    fn note(
        &self,
        record: &Record,
        decoder: &mut Decoder,
        view: &mut StatusView,
        evidence: &mut Evidence,
    ) {
        let at_ms = self.hubs(record.unix_ms);
        if record.kind == RecordKind::Event {
            let ago = self.aftermath.back.unix_ms.saturating_sub(at_ms);
            let ago = Duration::from_millis(u64::try_from(ago).unwrap_or(0));
            let at: Moment = self.aftermath.back.before(ago);
            let room = evidence.events.len() < MAX_EVENTS;
            evidence.events.extend(event_of(&record.bytes, at).filter(|_| room));
            return;
        }
        let mut bytes = record.bytes.as_slice();
        loop {
            match decoder.next(&mut bytes) {
                Ok(Some(Frame::Processes(table))) => evidence.last_processes = Some(table.clone()),
                Ok(Some(Frame::Tick(_))) => {
                    let status = view.read(decoder.schema(), decoder.tick());
                    evidence.last_status = Some((at_ms, status));
                }
                Ok(Some(Frame::Schema(_))) => {}
                // What goes on from what is not there says nothing.
                Ok(None) | Err(_) => return,
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
