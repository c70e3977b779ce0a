use watchfire_model::{KeyPool, ProcessTable, Schema, Tick};

use crate::checksum::Sum;
use crate::error::CodecError;
use crate::frame::{self, FrameKind, RawFrame};
use crate::limits::MAX_FRAME_BYTES;
use crate::process::ProcessDecoder;
use crate::schema::Known;
use crate::tick::TickDecoder;

/// A search for the start of a chain checks so many bytes for each byte that it skips.
const WORK_A_BYTE: usize = 8;

/// Reads the frames of one server: what one [`TickEncoder`](crate::TickEncoder)
/// and one [`ProcessEncoder`](crate::ProcessEncoder) wrote, mixed in any way.
///
/// It never gives a value that was not written: a frame that was changed, left
/// out, doubled or moved is an error at that frame or at the next one of its chain.
///
/// With a pool, one that reads ticks of 505 series takes about 21 KB, of which
/// the values of the last tick are 4. What it keeps of process tables comes on
/// top of that once one was read.
#[derive(Debug)]
pub struct Decoder {
    schema: Schema,
    known: Known,
    ticks: TickDecoder,
    /// Only once there was a table.
    processes: Option<Box<ProcessDecoder>>,
    pool: Option<KeyPool>,
}

/// What a frame holds, as it is after the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frame<'a> {
    /// New keys have come; this is the whole schema.
    Schema(&'a Schema),
    /// The values of one moment. It may have fewer than the schema has keys.
    Tick(&'a Tick),
    /// The processes of one moment.
    Processes(&'a ProcessTable),
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            schema: Schema::default(),
            known: Known::new(0),
            ticks: TickDecoder::default(),
            processes: None,
            pool: None,
        }
    }
}

impl Decoder {
    /// A decoder that knows no schema and no chain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, whose schema shares its keys with those of other decoders that
    /// have this pool.
    #[must_use]
    pub fn with_pool(pool: KeyPool) -> Self {
        Self { pool: Some(pool), ..Self::default() }
    }

    /// Takes one frame off the front of `input` and decodes it. Frames of
    /// unknown kinds are skipped when their checksum is right.
    ///
    /// `None` says that `input` is empty, or that what is left in it is an
    /// unfinished frame, which more bytes may finish. Where no more can come, as
    /// at the end of a file, and bytes are left, the frame was cut or its size
    /// was changed, and sound frames may lie behind: the reader must call
    /// [`skip_to_chain_start`](Self::skip_to_chain_start) and go on.
    ///
    /// # Errors
    ///
    /// Any [`CodecError`]. `input` then still begins with the bad frame, and
    /// the chain that the frame belongs to is forgotten. Call
    /// [`skip_to_chain_start`](Self::skip_to_chain_start) to go on behind it.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame<'_>>, CodecError> {
        loop {
            let Some(frame) = frame::split(input)? else { return Ok(None) };
            let kind = frame.kind;
            match kind {
                FrameKind::Schema => self.read_schema(frame)?,
                FrameKind::Tick => self.ticks.read(frame, &self.known)?,
                FrameKind::Processes => self.processes.get_or_insert_default().read(frame)?,
                // What it says is not known, but that it was not changed on the way is: a tick whose
                // kind was changed must not be passed over.
                FrameKind::Unknown(_) => {
                    frame.check(Sum::START).inspect_err(|_| self.forget())?;
                }
            }
            *input = &input[frame.bytes..];
            return Ok(Some(match kind {
                FrameKind::Schema => Frame::Schema(&self.schema),
                FrameKind::Tick => Frame::Tick(&self.ticks.tick),
                FrameKind::Processes => {
                    Frame::Processes(&self.processes.get_or_insert_default().table)
                }
                FrameKind::Unknown(_) => continue,
            }));
        }
    }

    /// Knows `schema` from now on as if its frames had been read, for a reader of bytes
    /// from the middle of a stream who kept the schema elsewhere. Go on with a key tick.
    pub fn learn(&mut self, schema: Schema) {
        let mut known = Known::new(schema.generation());
        schema.keys().iter().for_each(|key| known.count(key));
        self.ticks.forget();
        (self.known, self.schema) = (known, schema);
    }

    /// Takes bytes off the front of `input`, at least one, up to the next frame
    /// that starts a chain and whose checksum is right; all of them when there
    /// is none. Says whether there is one.
    ///
    /// What follows may still be an error: a key tick whose schema is not
    /// known, a difference of the other kind's chain. Then call this again.
    pub fn skip_to_chain_start(&mut self, input: &mut &[u8]) -> bool {
        self.forget();
        // Four fixed bytes tell a start, so bytes by chance are hardly looked at twice. Bytes by
        // intent could be, over and over; the work is bounded for them.
        let mut work = input.len().saturating_mul(WORK_A_BYTE).saturating_add(MAX_FRAME_BYTES);
        while let Some((_, rest)) = input.split_first() {
            *input = rest;
            let start = frame::split(rest).ok().flatten().filter(|frame| frame.starts_chain);
            let Some(frame) = start else { continue };
            if frame.check(Sum::START).is_ok() {
                return true;
            }
            match work.checked_sub(frame.bytes) {
                Some(left) => work = left,
                None => *input = &[],
            }
        }
        false
    }

    /// The schema as far as it was read.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The last tick that was read. It has no values before the first one, and
    /// none after an error in the values of one.
    #[must_use]
    pub fn tick(&self) -> &Tick {
        &self.ticks.tick
    }

    /// The last process table that was read, if one was.
    #[must_use]
    pub fn table(&self) -> Option<&ProcessTable> {
        self.processes.as_ref().map(|processes| &processes.table)
    }

    /// Gives back the memory of process tables: the next one must be a key table.
    pub fn forget_processes(&mut self) {
        self.processes = None;
    }

    /// Ticks and process tables can only go on with a chain's start.
    fn forget(&mut self) {
        self.ticks.forget();
        if let Some(processes) = &mut self.processes {
            processes.forget();
        }
    }

    fn read_schema(&mut self, frame: RawFrame<'_>) -> Result<(), CodecError> {
        frame.check(self.known.seed(frame.starts_chain))?;
        let input = self.known.begin(frame).inspect_err(|_| self.lose_schema())?;
        if frame.starts_chain {
            self.ticks.forget();
            self.schema = Schema::new(self.known.generation);
        }
        let (schema, pool) = (&mut self.schema, self.pool.as_ref());
        let add = |key| {
            schema.push(match pool {
                Some(pool) => pool.key(key),
                None => key,
            });
        };
        self.known.read(input, add).inspect_err(|_| self.lose_schema())?;
        if let Some(pool) = &self.pool {
            pool.share(&mut self.schema);
        }
        Ok(())
    }

    /// A half-read schema is none.
    fn lose_schema(&mut self) {
        self.known = Known::new(0);
        self.schema = Schema::default();
        self.ticks.forget();
    }
}
