//! Records as chunks of the history, and back. A chunk's bytes are one frame of
//! the wire that holds the records, so that a reader needs no second format.
//!
//! A chunk of ticks can be read from a key tick on, when the schema is known. The
//! schema comes to the hub once a session; so it is stored under a key of its
//! own beside the server's, whenever it changed and every five minutes.

use std::time::Duration;

use watchfire_codec::{FrameKind, TickEncoder, peek};
use watchfire_model::{Moment, Schema, Tick};
use watchfire_store::Chunk;
use watchfire_wire::{Message, Record, RecordKind, Records, decode, encode, limits::MAX_RECORDS};

/// The most bytes of records in one chunk, unless one record is larger.
pub(crate) const MAX_GATHERED_BYTES: usize = 64 << 10;
/// The longest time that records are gathered before they are stored.
const GATHER_TIME: Duration = Duration::from_secs(4);
/// A chain's start begins a new chunk, if the chunk before it is this old.
const AT_CHAIN: Duration = Duration::from_secs(1);
/// What follows a server's key in that of its schemas.
const SCHEMA: &str = "/schema";

/// The key under which a server's schemas are stored.
pub(crate) fn schema_key(server: &str) -> String {
    format!("{server}{SCHEMA}")
}

/// The key of the server whose records or schemas are stored under `key`: what one
/// server may bring counts both.
pub(super) fn owner(key: &str) -> &str {
    key.strip_suffix(SCHEMA).unwrap_or(key)
}

/// Gathers the records of one ring into chunks.
#[derive(Debug)]
pub(crate) struct Gather {
    server: String,
    ring: [u8; 16],
    previous: u64,
    records: Vec<Record>,
    bytes: usize,
    began: Option<Moment>,
}

impl Gather {
    pub(crate) fn new(server: String, ring: [u8; 16]) -> Self {
        Self { server, ring, previous: 0, records: Vec::new(), bytes: 0, began: None }
    }

    /// Adds a record, which lies directly behind `previous` in the ring; 0 when
    /// that is not known. The chunk that is full or ended before it comes back.
    pub(crate) fn push(&mut self, previous: u64, record: Record, now: Moment) -> Option<Chunk> {
        let last = self.records.last().map_or(0, |last| last.sequence);
        let is_old = self.began.is_some_and(|began| now.since(began) >= AT_CHAIN);
        let ends = !self.records.is_empty()
            && (previous != last
                || self.bytes + record.bytes.len() > MAX_GATHERED_BYTES
                || self.records.len() == MAX_RECORDS
                || (is_old && starts_chain(&record)));
        let full = if ends { self.take() } else { None };
        if self.records.is_empty() {
            self.previous = previous;
            self.began = Some(now);
        }
        self.bytes += record.bytes.len();
        self.records.push(record);
        full
    }

    /// The chunk, when it has waited for long enough.
    pub(crate) fn due(&mut self, now: Moment) -> Option<Chunk> {
        let due = self.began.is_some_and(|began| now.since(began) >= GATHER_TIME);
        if due { self.take() } else { None }
    }

    /// What was gathered.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        self.bytes = 0;
        self.began = None;
        let records = std::mem::take(&mut self.records);
        let (first, last) = (records.first()?.sequence, records.last()?.sequence);
        let times = || records.iter().map(|record| record.unix_ms);
        let (from_ms, to_ms) = (times().min()?, times().max()?);
        let ticks = |record: &&Record| record.kind == RecordKind::Tick;
        let starts_chain = records.iter().find(ticks).is_some_and(starts_chain);
        let previous = self.previous;
        let message = Message::Records(Records { request: 0, previous, records });
        let bytes = match encode(&message) {
            Ok(bytes) => bytes,
            Err(error) => {
                // The records came in a frame, so they fit one; the hole is asked for.
                tracing::error!(%error, server = self.server, "records do not fit a chunk");
                return None;
            }
        };
        let (server, ring) = (self.server.clone(), self.ring);
        Some(Chunk { server, ring, previous, first, last, from_ms, to_ms, starts_chain, bytes })
    }
}

/// The records in a chunk; none when it holds something else.
pub(crate) fn records_of(chunk: &Chunk) -> Vec<Record> {
    match decode(&chunk.bytes) {
        Ok(Some(Message::Records(records))) => records.records,
        _ => Vec::new(),
    }
}

/// True for a tick that can be read without the ones before it.
pub(crate) fn starts_chain(record: &Record) -> bool {
    let mut rest = record.bytes.as_slice();
    while let Ok(Some(head)) = peek(rest) {
        if head.kind == FrameKind::Tick {
            return record.kind == RecordKind::Tick && head.starts_chain;
        }
        rest = &rest[head.bytes..];
    }
    false
}

/// The whole schema as a chunk, as it is when the tick in `record` comes.
pub(crate) fn schema_chunk(
    server: &str,
    ring: [u8; 16],
    schema: &Schema,
    record: &Record,
) -> Option<Chunk> {
    let mut bytes = Vec::new();
    let tick = Tick { generation: schema.generation(), ..Tick::default() };
    TickEncoder::new().encode(schema, &tick, &mut bytes);
    let mut schemas = 0;
    while let Ok(Some(head)) = peek(&bytes[schemas..]) {
        if head.kind != FrameKind::Schema {
            break;
        }
        schemas += head.bytes;
    }
    bytes.truncate(schemas);
    (!bytes.is_empty()).then(|| Chunk {
        server: schema_key(server),
        ring,
        previous: 0,
        first: record.sequence,
        last: record.sequence,
        from_ms: record.unix_ms,
        to_ms: record.unix_ms,
        starts_chain: true,
        bytes,
    })
}
