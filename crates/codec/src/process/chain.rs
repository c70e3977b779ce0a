use std::sync::Arc;

use watchfire_model::ProcessTable;

use super::{ProcessDecoder, TableLink};
use crate::error::CodecError;
use crate::frame::{self, FrameKind, RawFrame};
use crate::limits::{MAX_FRAME_BYTES, MAX_KEPT_CHAIN_BYTES};

/// The process tables of a server as the bytes they came in, from the last key
/// table on: checked as they come, and read only when somebody asks. A hub has
/// thousands of servers and is asked for the tables of a few.
///
/// A clone shares the bytes, so that what a server told before a moment is kept
/// for next to nothing.
#[derive(Debug, Clone, Default)]
pub struct TableChain {
    link: TableLink,
    frames: Vec<Arc<[u8]>>,
    bytes: usize,
    /// What came last had no room: the tables that are kept are older.
    full: bool,
}

/// What became of a table that was given to a [`TableChain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptTable {
    /// It is the newest one now.
    Newest,
    /// The chain has [`MAX_KEPT_CHAIN_BYTES`] already. The newest one is that of
    /// before until the next key table.
    NoRoom,
}

impl TableChain {
    /// Takes the frame of one process table, and nothing else.
    ///
    /// Checked is that the frame is whole and follows the one before it. A frame with
    /// the right checksum and content that is none, which no encoder writes, shows
    /// in [`TableChain::newest`].
    ///
    /// # Errors
    ///
    /// Any [`CodecError`]. The chain goes on with a key table then, and the newest
    /// table is that of before.
    pub fn push(&mut self, bytes: &[u8]) -> Result<KeptTable, CodecError> {
        let frame = the_table(bytes).inspect_err(|_| self.link.forget())?;
        self.link.follow(frame)?;
        if frame.starts_chain {
            self.frames.clear();
            (self.bytes, self.full) = (0, false);
        }
        // What follows a table that is not kept cannot be read either.
        if self.full || self.bytes + bytes.len() > MAX_KEPT_CHAIN_BYTES {
            self.full = true;
            return Ok(KeptTable::NoRoom);
        }
        self.frames.push(bytes.into());
        self.bytes += bytes.len();
        Ok(KeptTable::Newest)
    }

    /// True while it has no table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Reads the newest table; `None` when it has none.
    ///
    /// # Errors
    ///
    /// Any [`CodecError`] of content that no encoder writes.
    pub fn newest(&self) -> Result<Option<ProcessTable>, CodecError> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut decoder = ProcessDecoder::default();
        for bytes in &self.frames {
            decoder.read(the_table(bytes)?)?;
        }
        Ok(Some(decoder.table))
    }
}

/// The frame of a table that is all there is.
fn the_table(bytes: &[u8]) -> Result<RawFrame<'_>, CodecError> {
    let frame = frame::split(bytes)?.ok_or(CodecError::Truncated { what: "a frame" })?;
    if frame.kind != FrameKind::Processes || frame.bytes != bytes.len() {
        return Err(CodecError::Malformed("something else than one process table"));
    }
    Ok(frame)
}

const _: () = assert!(MAX_FRAME_BYTES <= MAX_KEPT_CHAIN_BYTES, "a key table has room");
