//! The front of a segment: who ran in it.

use super::Stint;
use crate::block::BlockError;
use crate::block::Head as BlockHead;
use crate::block::varint::{Input, put, put_signed, put_size};

/// The version that this build writes.
const VERSION: u8 = 1;
/// Where the head of a block has its checksum.
const BLOCK_SUM: std::ops::Range<usize> = BlockHead::BYTES - 4..BlockHead::BYTES;

/// What the front of a segment tells.
#[derive(Debug)]
pub(in crate::history) struct Head {
    pub(super) stints: Vec<Stint>,
    /// The numbers of their texts.
    pub(super) texts: Vec<i64>,
    /// The checksum in the head of the block that belongs to it.
    block_sum: [u8; 4],
}

/// Writes the front of the segment whose numbers are `block`.
pub(super) fn write(first_ms: i64, stints: &[Stint], texts: &[i64], block: &[u8]) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(block.get(BLOCK_SUM).unwrap_or(&[0; 4]));
    put_size(&mut out, texts.len());
    let mut last = 0_i64;
    for id in texts {
        put_signed(&mut out, id.wrapping_sub(last));
        last = *id;
    }
    put_size(&mut out, stints.len());
    let (mut pid, mut start) = (0_i64, first_ms);
    for stint in stints {
        put_signed(&mut out, i64::from(stint.pid) - pid);
        put_signed(&mut out, stint.start_ms.wrapping_sub(start));
        put_size(&mut out, stint.text);
        put(&mut out, stint.first_ms.wrapping_sub(first_ms).cast_unsigned());
        put(&mut out, stint.last_ms.wrapping_sub(stint.first_ms).cast_unsigned());
        (pid, start) = (i64::from(stint.pid), stint.start_ms);
    }
    out
}

/// CRC-32 from the server's tag over the two times, 8 bytes each, little endian, and the front.
pub(super) fn checksum(tag: u32, first_ms: i64, last_ms: i64, head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    hasher.update(&first_ms.to_le_bytes());
    hasher.update(&last_ms.to_le_bytes());
    hasher.update(head);
    hasher.finalize()
}

impl Head {
    /// Reads what [`write`] wrote.
    pub(super) fn parse(first_ms: i64, bytes: &[u8]) -> Result<Self, BlockError> {
        let mut input = Input::new(bytes, "the head of a segment");
        if input.byte()? != VERSION {
            return Err(BlockError::Malformed("a segment of another version"));
        }
        let block_sum = input.array()?;
        let count = input.size(bytes.len())?;
        let mut texts: Vec<i64> = Vec::with_capacity(count);
        for _ in 0..count {
            let last = texts.last().copied().unwrap_or(0);
            texts.push(last.wrapping_add(input.signed()?));
        }
        let count = input.size(bytes.len())?;
        let mut stints: Vec<Stint> = Vec::with_capacity(count);
        for _ in 0..count {
            let (pid, start) =
                stints.last().map_or((0, first_ms), |last| (i64::from(last.pid), last.start_ms));
            let pid = u32::try_from(pid.wrapping_add(input.signed()?));
            let start_ms = start.wrapping_add(input.signed()?);
            let text = input.size(texts.len())?;
            let first_ms = first_ms.wrapping_add(input.number()?.cast_signed());
            let last_ms = first_ms.wrapping_add(input.number()?.cast_signed());
            let (Ok(pid), true) = (pid, text < texts.len()) else {
                return Err(BlockError::Malformed("a process that cannot be"));
            };
            stints.push(Stint { pid, start_ms, text, first_ms, last_ms });
        }
        Ok(Self { stints, texts, block_sum })
    }

    /// Whether the block with the numbers is the one it was written with.
    pub(super) fn belongs_to(&self, block: &[u8]) -> bool {
        block.get(BLOCK_SUM) == Some(&self.block_sum[..])
    }
}
