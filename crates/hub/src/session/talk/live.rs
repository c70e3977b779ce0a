//! The live records of a session: read, shown and stored.

use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::socket::Socket;
use watchfire_wire::{Ack, Message, Record, RecordKind, Records};

use super::{End, Talk};
use crate::historian::{ASKED_AT_ONCE, Gather, MAX_SERIES, Put, schema_chunk, starts_chain};
use crate::session::inbox::Over;
use crate::session::ingest::{Ingest, Told};

/// A schema that did not change is stored again after this long: what was stored
/// first goes first, and records whose keys are gone cannot be read.
const SCHEMA_EVERY: Duration = Duration::from_secs(300);

/// The size of a record, before one came, in bytes.
const USUAL_BYTES: u64 = 1 << 10;
/// What a record takes at the least, in bytes.
const LEAST_BYTES: u64 = 64;
/// The least number of records that is asked for at once.
const LEAST_ASKED: u64 = 60;

/// The live records of the session.
#[derive(Default)]
pub(super) struct Live {
    pub(super) ingest: Option<Ingest>,
    pub(super) gather: Option<Gather>,
    pub(super) last: u64,
    pub(super) schema: Option<(u64, usize, Moment)>,
    /// The first tick that was not stored because it has too many series. It and what
    /// lies behind it are neither acknowledged nor asked for until the session ends:
    /// the agent that is mended hands it in then.
    pub(super) over_from: Option<u64>,
    /// What came in this session, in bytes and records.
    pub(super) came: (u64, u64),
}

impl Live {
    /// `sequence`, or the last one before ticks that are not stored.
    pub(super) fn below_over(&self, sequence: u64) -> u64 {
        self.over_from.map_or(sequence, |over| sequence.min(over.saturating_sub(1)))
    }

    /// Counts what came.
    pub(super) fn count(&mut self, record: &Record) {
        let (bytes, records) = &mut self.came;
        *bytes = bytes.saturating_add(record.bytes.len() as u64);
        *records += 1;
    }

    /// How many records are asked for at once, so that they fit what may be stored of
    /// the server at a time, going by the size of those that came.
    pub(super) fn fitting(&self) -> u64 {
        let (bytes, records) = self.came;
        let each = bytes.checked_div(records).map_or(USUAL_BYTES, |each| each.max(LEAST_BYTES));
        (ASKED_AT_ONCE / each).max(LEAST_ASKED)
    }
}

impl Talk {
    /// Live records: each is read, told to the fleet and gathered for the history.
    pub(super) fn live(&mut self, records: Records) -> Result<(), Over> {
        let now = self.now();
        let (fleet, index) = (self.shared.fleet.clone(), self.peer.index);
        if self.live.gather.is_none() {
            return Err(Over::wrong("records came without a ring"));
        }
        let mut told_any = false;
        let mut previous = records.previous;
        for record in records.records {
            self.live.count(&record);
            let sequence = record.sequence;
            if sequence <= self.live.last {
                return Err(Over::wrong("the sequence of its records goes back"));
            }
            if self.live.last != 0 && previous != self.live.last {
                self.fill.wish();
                if let Some(ingest) = &self.live.ingest {
                    ingest.feed().hole();
                }
            }
            let pool = &self.shared.pool;
            let ingest = self.live.ingest.get_or_insert_with(|| Ingest::new(pool.clone()));
            match ingest.take(&record, now).map_err(Over::wrong)? {
                Told::Tick => {
                    fleet.tick(index, ingest.feed());
                    told_any = true;
                }
                Told::Table => {
                    fleet.table(index, ingest.feed());
                    told_any = true;
                }
                Told::Event(event) => fleet.kernel_event(index, event),
                Told::Nothing => {}
            }
            self.live.last = sequence;
            if record.kind == RecordKind::Tick && ingest.feed().series() > MAX_SERIES {
                fleet.over_quota(index);
                self.live.over_from.get_or_insert(sequence);
                previous = sequence;
                continue;
            }
            self.keep_schema(&record, now);
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
    pub(super) fn keep_schema(&mut self, record: &Record, now: Moment) {
        if !starts_chain(record) {
            return;
        }
        let (Some(ingest), Some(ring)) = (&self.live.ingest, self.ring()) else { return };
        let schema = ingest.feed().schema();
        let (generation, keys) = (schema.generation(), schema.len());
        let is_kept = self.live.schema.is_some_and(|(known, count, at)| {
            (known, count) == (generation, keys) && now.since(at) < SCHEMA_EVERY
        });
        if is_kept || keys == 0 {
            return;
        }
        let Some(chunk) = schema_chunk(&self.server_key(), ring, &schema, record) else { return };
        // It is acknowledged with nothing. One for which there is no room comes again
        // with the next start of a chain: no tick could be read without it.
        if self.shared.historian.put(chunk, false, &self.receipts) == Put::Taken {
            self.live.schema = Some((generation, keys, now));
        }
    }

    pub(super) fn store(&mut self, chunk: watchfire_store::Chunk, live: bool) {
        let put = self.shared.historian.put(chunk, live, &self.receipts);
        if put == Put::Taken {
            return;
        }
        // What the hub asked for is no misdeed; it is asked for again later.
        if put == Put::OverQuota && live {
            self.shared.fleet.over_quota(self.peer.index);
        }
        self.has_lost = true;
        self.fill.wish();
    }

    pub(super) fn flush(&mut self) {
        if let Some(chunk) = self.live.gather.as_mut().and_then(Gather::take) {
            self.store(chunk, true);
        }
    }

    pub(super) async fn acknowledge(&mut self, socket: &mut Socket) -> Result<(), End> {
        if self.receipts.take_lost() {
            self.has_lost = true;
            self.fill.wish();
        }
        if self.has_lost && self.fill.complete().is_some() {
            self.has_lost = false;
        }
        let up_to = self.live.below_over(self.receipts.up_to());
        if self.has_lost || up_to <= self.acked {
            return Ok(());
        }
        self.acked = up_to;
        self.send(socket, &Message::Ack(Ack { up_to })).await
    }
}
