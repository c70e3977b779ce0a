//! What is around every frame, whatever its kind. `FORMAT.md` draws it.

use crate::checksum::Sum;
use crate::clock;
use crate::error::CodecError;
use crate::limits::MAX_FRAME_BYTES;
use crate::varint::{Input, put_size};

/// The major version of the format that is written and read.
pub const VERSION: u8 = 1;

/// The bit of the first byte that says: starts a chain.
const STARTS: u8 = 0x80;
/// Follows the first byte of a frame that starts a chain.
const MARKER: [u8; 3] = *b"WFc";
/// Bytes of the checksum.
const SUM_BYTES: usize = 4;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Series keys.
    Schema,
    /// The values of one moment.
    Tick,
    /// The processes of one moment.
    Processes,
    /// Something that a later version writes; it can be stored and relayed, and is skipped.
    Unknown(u8),
}

/// What can be seen of a frame without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// What the frame holds.
    pub kind: FrameKind,
    /// True when it can be read without the frames of its kind before it: a
    /// whole schema, a key tick, a key table.
    pub starts_chain: bool,
    /// How many bytes the frame has, all told.
    pub bytes: usize,
    /// Milliseconds since 1970 of a tick or a process table.
    pub unix_ms: Option<i64>,
}

/// A whole frame, not checked yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawFrame<'a> {
    pub(crate) kind: FrameKind,
    pub(crate) starts_chain: bool,
    pub(crate) bytes: usize,
    pub(crate) payload: &'a [u8],
    head: &'a [u8],
    sum: Sum,
}

/// Looks at the frame at the front of `input`, without checking or decoding
/// it. `None` when `input` is empty or the frame has not come whole.
///
/// # Errors
///
/// [`CodecError`] when no frame begins here, when it is of another major
/// version, or too large.
pub fn peek(input: &[u8]) -> Result<Option<FrameHead>, CodecError> {
    let Some(RawFrame { kind, starts_chain, bytes, payload, .. }) = split(input)? else {
        return Ok(None);
    };
    let timed = matches!(kind, FrameKind::Tick | FrameKind::Processes);
    let unix_ms = timed.then(|| clock::unix_ms(&mut Input::new(payload))).transpose()?;
    Ok(Some(FrameHead { kind, starts_chain, bytes, unix_ms }))
}

/// The frame at the front of `input`, if it is whole.
pub(crate) fn split(input: &[u8]) -> Result<Option<RawFrame<'_>>, CodecError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let (kind, starts_chain) = first_byte(first)?;
    let before_size = 1 + if starts_chain { MARKER.len() } else { 0 };
    let marker = &input[1..input.len().min(before_size)];
    if marker != &MARKER[..marker.len()] {
        return Err(CodecError::NoFrame(first));
    }
    let Some(rest) = input.get(before_size..) else { return Ok(None) };
    let mut rest = Input::new(rest);
    let size: u64 = match rest.number("the size") {
        Err(CodecError::Truncated { .. }) => return Ok(None),
        size => size?,
    };
    let head = &input[..input.len() - rest.rest().len()];
    let most = MAX_FRAME_BYTES - head.len() - SUM_BYTES;
    let size = CodecError::limit("bytes of a frame", size, most)?;
    let Some((sum, rest)) = rest.rest().split_first_chunk::<SUM_BYTES>() else { return Ok(None) };
    let Some(payload) = rest.get(..size) else { return Ok(None) };
    let sum = Sum(u32::from_le_bytes(*sum));
    let bytes = head.len() + SUM_BYTES + size;
    Ok(Some(RawFrame { kind, starts_chain, bytes, payload, head, sum }))
}

impl RawFrame<'_> {
    /// The frame's sum, when it is right for a frame that follows `seed`.
    pub(crate) fn check(&self, seed: Sum) -> Result<Sum, CodecError> {
        let sum = seed.over([self.head, self.payload]);
        if sum == self.sum { Ok(sum) } else { Err(CodecError::Checksum) }
    }
}

/// Appends a frame and gives its sum. The payload has at most [`max_payload`] bytes.
pub(crate) fn put(
    out: &mut Vec<u8>,
    kind: FrameKind,
    starts_chain: bool,
    seed: Sum,
    payload: &[u8],
) -> Sum {
    let start = out.len();
    let number = match kind {
        FrameKind::Schema => 1,
        FrameKind::Tick => 2,
        FrameKind::Processes => 3,
        FrameKind::Unknown(number) => number,
    };
    out.push(number & 0x0f | VERSION << 4 | if starts_chain { STARTS } else { 0 });
    if starts_chain {
        out.extend_from_slice(&MARKER);
    }
    put_size(out, payload.len());
    let sum = seed.over([&out[start..], payload]);
    out.extend_from_slice(&sum.0.to_le_bytes());
    out.extend_from_slice(payload);
    sum
}

/// The most bytes of a payload.
pub(crate) const fn max_payload() -> usize {
    // The size of a payload takes three bytes up to 2 MiB.
    MAX_FRAME_BYTES - 1 - MARKER.len() - 3 - SUM_BYTES
}

fn first_byte(first: u8) -> Result<(FrameKind, bool), CodecError> {
    let version = first >> 4 & 0x07;
    let kind = match first & 0x0f {
        0 => return Err(CodecError::NoFrame(first)),
        _ if version == 0 => return Err(CodecError::NoFrame(first)),
        _ if version != VERSION => {
            return Err(CodecError::Version { found: version, known: VERSION });
        }
        1 => FrameKind::Schema,
        2 => FrameKind::Tick,
        3 => FrameKind::Processes,
        other => FrameKind::Unknown(other),
    };
    Ok((kind, first & STARTS != 0))
}

#[cfg(test)]
mod tests;
