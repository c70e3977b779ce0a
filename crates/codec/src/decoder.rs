use watchfire_model::{ProcessTable, Schema, Tick};

use crate::checksum::Sum;
use crate::error::CodecError;
use crate::frame::{self, FrameKind, RawFrame};
use crate::limits::{MAX_FRAME_BYTES, MAX_KEYS};
use crate::process::ProcessDecoder;
use crate::schema::Known;
use crate::tick::TickDecoder;
use crate::varint::Input;

/// A search for the start of a chain checks so many bytes for each byte that it skips.
const WORK_A_BYTE: usize = 8;

/// Reads the frames of one server: what one [`TickEncoder`](crate::TickEncoder)
/// and one [`ProcessEncoder`](crate::ProcessEncoder) wrote, mixed in any way.
///
/// It never gives a value that was not written: a frame that was changed, left
/// out, doubled or moved is an error at that frame or at the next one of its chain.
#[derive(Debug)]
pub struct Decoder {
    schema: Schema,
    known: Known,
    ticks: TickDecoder,
    processes: ProcessDecoder,
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
            processes: ProcessDecoder::default(),
        }
    }
}

impl Decoder {
    /// A decoder that knows no schema and no chain.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
                FrameKind::Processes => self.processes.read(frame)?,
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
                FrameKind::Processes => Frame::Processes(&self.processes.table),
                FrameKind::Unknown(_) => continue,
            }));
        }
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

    /// Ticks and process tables can only go on with a chain's start.
    fn forget(&mut self) {
        self.ticks.forget();
        self.processes.forget();
    }

    fn read_schema(&mut self, frame: RawFrame<'_>) -> Result<(), CodecError> {
        let seed = if frame.starts_chain { Sum::START } else { self.known.sum };
        frame.check(seed)?;
        let mut input = Input::new(frame.payload);
        let generation = input.number("the generation")?;
        let from: u64 = input.number("the place of the keys")?;
        CodecError::limit("keys of a schema", from, MAX_KEYS)?;
        if frame.starts_chain {
            self.ticks.forget();
            self.known = Known::new(generation);
            self.schema = Schema::new(generation);
        }
        if (generation, from) != (self.known.generation, self.known.keys as u64) {
            self.ticks.forget();
            return Err(CodecError::Malformed("keys that do not follow those before"));
        }
        self.known.read(&mut input, &mut self.schema).inspect_err(|_| self.lose_schema())
    }

    /// A half-read schema is none.
    fn lose_schema(&mut self) {
        self.known = Known::new(0);
        self.schema = Schema::default();
        self.ticks.forget();
    }
}
