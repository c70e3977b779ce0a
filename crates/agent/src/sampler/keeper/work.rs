use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use watchfire_codec::{ProcessEncoder, TickEncoder};
use watchfire_model::{Event, Moment, ProcessTable};

use super::super::machine::TickSnapshot;
use super::Job;
use crate::boot::{Boot, Memory};
use crate::recorder::{
    Kind, Recorder, RecorderCounters, RecorderError, Sequence, SyncDone, SyncJob, starts_chain,
};
use crate::uplink::feed::{Author, Entry, Feed, Place};

/// The author of what the recorder takes.
const RECORDING: Author = Author(0);

/// All that keeping takes, in one place that works on one thread at a time.
#[derive(Debug)]
pub(super) struct Inner {
    data: PathBuf,
    recorder: Option<Recorder>,
    memory: Option<Memory>,
    encoders: Encoders,
    feed: Feed,
}

/// What goes on while the recorder hangs: records for the feed alone.
#[derive(Debug)]
pub(super) struct Loose {
    author: Author,
    encoders: Encoders,
    feed: Feed,
}

/// Encodes what one author has to say.
#[derive(Debug, Default)]
struct Encoders {
    ticks: TickEncoder,
    tables: ProcessEncoder,
    bytes: Vec<u8>,
}

/// What becomes one record.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Tick(&'a TickSnapshot),
    Table(&'a ProcessTable),
    Event(&'a Event),
}

impl Inner {
    pub(super) fn new(data: &Path, recorder: Option<Recorder>, feed: Feed) -> Self {
        let encoders = Encoders::default();
        Self { data: data.to_owned(), recorder, memory: None, encoders, feed }
    }

    /// Keeps one reading. With a tick, what was kept so far is written, and a
    /// sync that is due is handed out, because the disk may take long over it.
    /// `live` turns false when that took so long that the feed went on without.
    pub(super) fn keep(&mut self, job: &Job, live: &AtomicBool) -> Option<SyncJob> {
        for source in sources(job) {
            self.keep_one(source, live);
        }
        let Job::Second(second) = job else { return None };
        let at = second.tick.value.tick.at;
        let sync = self.recorder.as_mut().and_then(|recorder| recorder.flush(at).ok().flatten());
        if let Some(memory) = &second.memory {
            self.memory = Some(memory.clone());
            self.remember(memory);
        }
        sync
    }

    pub(super) fn counters(&self) -> Option<RecorderCounters> {
        self.recorder.as_ref().map(Recorder::counters)
    }

    pub(super) fn synced(&mut self, done: SyncDone, now: Moment) {
        if let Some(recorder) = &mut self.recorder {
            // The recorder says so itself, and goes on by itself.
            let _told = recorder.synced(done, now);
        }
    }

    pub(super) fn close(&mut self, boot: &Boot, now: Moment) {
        let last = self
            .memory
            .take()
            .unwrap_or_else(|| boot.memory(now.unix_ms, None, &boot.failed_units));
        self.remember(&last.with_goodbye(now.unix_ms));
        if let Some(Err(error)) = self.recorder.take().map(|recorder| recorder.close(now)) {
            tracing::warn!(%error, "the recorder could not end well; it mends itself at the next start");
        }
    }

    fn remember(&self, memory: &Memory) {
        if let Err(error) = memory.store(&self.data) {
            tracing::debug!(%error, "the agent cannot remember this boot");
        }
    }

    fn keep_one(&mut self, source: Source<'_>, live: &AtomicBool) {
        let recorded = self.record(source, live);
        let is_live = live.load(Ordering::Relaxed);
        match recorded {
            Recorded::Yes(ring, sequence) if is_live => {
                self.feed.put_recorded(ring, RECORDING, sequence.as_u64(), self.entry(source));
            }
            Recorded::Yes(ring, sequence) => self.feed.pass_over(ring, sequence.as_u64()),
            Recorded::LeftOut => {}
            Recorded::No if is_live => {
                self.encoders.encode_for(source, &self.feed, RECORDING);
                self.feed.put_unrecorded(RECORDING, self.entry(source));
            }
            Recorded::No => {}
        }
    }

    /// Encodes and appends one record, and once more, whole, when a new segment
    /// began in between. The recorder counts and logs its other failures itself,
    /// and asks for a whole record when it goes on.
    fn record(&mut self, source: Source<'_>, live: &AtomicBool) -> Recorded {
        let (kind, at) = (source.kind(), source.at());
        let Some(recorder) = self.recorder.as_mut() else { return Recorded::No };
        if !recorder.is_ready(at) {
            return Recorded::No;
        }
        let mut whole = recorder.needs_restart(kind, at);
        let ring = recorder.ring_id();
        if live.load(Ordering::Relaxed) {
            whole |= self.feed.wants_start(Place::Disk(ring), RECORDING, kind, at);
        }
        for whole in [whole, true] {
            self.encoders.encode(source, whole);
            let bytes = &self.encoders.bytes;
            match recorder.append(kind, at, starts_chain(kind, bytes), bytes) {
                Ok(sequence) => return Recorded::Yes(recorder.ring_id(), sequence),
                Err(RecorderError::NeedsRestart { .. }) => {}
                Err(RecorderError::TooLarge { .. }) => return Recorded::LeftOut,
                Err(_) => return Recorded::No,
            }
        }
        Recorded::No
    }

    fn entry(&self, source: Source<'_>) -> Entry<'_> {
        self.encoders.entry(source)
    }
}

/// What became of a record.
enum Recorded {
    Yes([u8; 16], Sequence),
    /// It is too large for any segment, and so for a frame.
    LeftOut,
    /// There is no recorder, or it rests.
    No,
}

impl Loose {
    pub(super) fn new(author: u32, feed: Feed) -> Self {
        Self { author: Author(author), encoders: Encoders::default(), feed }
    }

    /// Gives the feed what one reading gave.
    pub(super) fn feed(&mut self, job: &Job) {
        for source in sources(job) {
            self.encoders.encode_for(source, &self.feed, self.author);
            self.feed.put_unrecorded(self.author, self.encoders.entry(source));
        }
    }
}

impl Encoders {
    /// Encodes for the feed alone.
    fn encode_for(&mut self, source: Source<'_>, feed: &Feed, author: Author) {
        let whole = feed.wants_start(Place::Run, author, source.kind(), source.at());
        self.encode(source, whole);
    }

    fn encode(&mut self, source: Source<'_>, whole: bool) {
        let Self { ticks, tables, bytes } = self;
        bytes.clear();
        match source {
            Source::Tick(snapshot) => {
                if whole {
                    ticks.restart();
                }
                ticks.encode(&snapshot.schema, &snapshot.tick, bytes);
            }
            Source::Table(table) => {
                if whole {
                    tables.restart();
                }
                tables.encode(table, bytes);
            }
            Source::Event(event) => bytes.extend_from_slice(&recorded_event(event)),
        }
    }

    /// What was encoded last.
    fn entry(&self, source: Source<'_>) -> Entry<'_> {
        let (kind, at, bytes) = (source.kind(), source.at(), self.bytes.as_slice());
        Entry { kind, at, starts_chain: starts_chain(kind, bytes), bytes }
    }
}

impl Source<'_> {
    fn kind(self) -> Kind {
        match self {
            Self::Tick(_) => Kind::Tick,
            Self::Table(_) => Kind::Processes,
            Self::Event(_) => Kind::Event,
        }
    }

    fn at(self) -> Moment {
        match self {
            Self::Tick(snapshot) => snapshot.tick.at,
            Self::Table(table) => table.at,
            Self::Event(event) => event.at,
        }
    }
}

/// The records of a job, in their order.
fn sources(job: &Job) -> impl Iterator<Item = Source<'_>> {
    let (events, last) = match job {
        Job::Second(second) => (second.events.as_slice(), Source::Tick(&second.tick.value)),
        Job::Table(sample) => (&[][..], Source::Table(&sample.value)),
    };
    events.iter().map(Source::Event).chain([last])
}

/// An event as the ring holds it: JSON with `kind`, `text` and, for a killed
/// process, `pid` and `name`.
fn recorded_event(event: &Event) -> Vec<u8> {
    let victim = event.victim.as_ref();
    let fields = serde_json::json!({
        "kind": event.kind.name(),
        "text": event.text,
        "pid": victim.map(|victim| victim.pid),
        "name": victim.map(|victim| victim.name.as_str()),
    });
    fields.to_string().into_bytes()
}
