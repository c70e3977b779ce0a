use crate::limits::{MAX_FRAME_BYTES, MAX_RECORDS};
use crate::packed::{Base, packed_len};
use crate::{Record, Records, WireError};

/// What a frame needs beside its records, at the most: keys and lengths of the
/// frame, the message and the packed bytes, the request, the count, `previous`.
pub(crate) const ENVELOPE_BYTES: usize = 64;

/// Fills [`Records`] up to a limit of bytes and of records, in the order of
/// sequence, so that no record is lost and none is sent twice.
#[derive(Debug)]
pub struct RecordsBuilder {
    request: u64,
    most_bytes: usize,
    previous: u64,
    records: Vec<Record>,
    used: usize,
    last: Base,
    /// A record was refused: what comes next does not lie beside what came before.
    torn: bool,
}

impl RecordsBuilder {
    /// For the answer to `request`, or 0 for live records. `previous` is the
    /// sequence before the first one in the ring, 0 when it is not known. A
    /// frame takes at most `most_bytes`, unless one record alone is larger, and
    /// never more than [`MAX_FRAME_BYTES`].
    #[must_use]
    pub fn new(request: u64, previous: u64, most_bytes: usize) -> Self {
        Self {
            request,
            most_bytes: most_bytes.min(MAX_FRAME_BYTES),
            previous,
            records: Vec::new(),
            used: ENVELOPE_BYTES,
            last: Base::after(previous),
            torn: false,
        }
    }

    /// Adds a record, which must be the next one of the ring. When it does not
    /// fit any more, the full message comes back and the record begins the next.
    ///
    /// # Errors
    /// [`WireError::TooLong`] when no frame could hold the record. It is left
    /// out, and the message after it begins with its sequence as `previous`, so
    /// that the hub knows of the hole. [`WireError::BadValue`] when its sequence
    /// does not rise.
    pub fn push(&mut self, record: Record) -> Result<Option<Records>, WireError> {
        let needed = match packed_len(&record, self.last) {
            Ok(needed) => needed,
            Err(error) => {
                self.pass_over(&record);
                return Err(error);
            }
        };
        let fits = self.used + needed <= self.most_bytes && self.records.len() < MAX_RECORDS;
        if (fits && !self.torn) || self.records.is_empty() {
            self.add(record, needed);
            return Ok(None);
        }
        let full = self.take();
        let needed = packed_len(&record, self.last)?;
        self.add(record, needed);
        Ok(full)
    }

    /// The last message; `None` when there is no record in it.
    #[must_use]
    pub fn finish(mut self) -> Option<Records> {
        self.take()
    }

    fn add(&mut self, record: Record, needed: usize) {
        self.used += needed;
        self.last = Base::of(&record);
        self.torn = false;
        self.records.push(record);
    }

    fn pass_over(&mut self, record: &Record) {
        if record.sequence > self.last.sequence() {
            self.last = Base::after(record.sequence);
            self.torn = true;
        }
        if self.records.is_empty() {
            self.previous = self.last.sequence();
        }
    }

    /// What was gathered; the next message begins after the last record.
    fn take(&mut self) -> Option<Records> {
        let records = std::mem::take(&mut self.records);
        let (request, previous) = (self.request, self.previous);
        self.last = Base::after(self.last.sequence());
        self.previous = self.last.sequence();
        self.used = ENVELOPE_BYTES;
        (!records.is_empty()).then_some(Records { request, previous, records })
    }
}
