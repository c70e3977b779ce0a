//! The first bytes of a block, of a fixed length.

use super::{BlockError, MAX_BLOCK_BYTES, MAX_COLUMNS, MAX_TICKS};

const MAGIC: [u8; 4] = *b"WFbk";
/// The version that this build writes.
const VERSION: u8 = 1;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ticks as they were taken.
    Ticks,
    /// Windows of a tier.
    Tier,
}

/// What a block says of itself at its front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it holds.
    pub kind: Kind,
    /// How many ticks, or windows.
    pub ticks: usize,
    /// How many columns.
    pub columns: usize,
    /// The first timestamp, or the beginning of the first window, in milliseconds since 1970.
    pub first_ms: i64,
    /// The last timestamp, or the beginning of the last window, in milliseconds since 1970.
    pub last_ms: i64,
    /// The width of a tier's windows in milliseconds; 0 for ticks.
    pub width_ms: u32,
    pub(super) pco: [u8; 2],
    pub(super) groups: usize,
    /// Bytes of the directory, which follows the head.
    pub(super) directory: usize,
}

impl Head {
    /// Bytes of the head.
    pub const BYTES: usize = 48;
    /// Bytes at the end of the head that its checksum takes.
    const SUM: usize = 4;

    /// Reads the head alone, so that a reader knows how long the [directory](super::Directory)
    /// is. Nothing of it is checked before the directory is opened.
    ///
    /// # Errors
    /// [`BlockError::Foreign`], [`BlockError::Newer`], [`BlockError::Truncated`], or
    /// [`BlockError::Malformed`] when a number is above its limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, BlockError> {
        let bytes: &[u8; Self::BYTES] =
            bytes.first_chunk().ok_or(BlockError::Truncated("its head"))?;
        if bytes[..4] != MAGIC {
            return Err(BlockError::Foreign);
        }
        if bytes[4] != VERSION {
            return Err(BlockError::Newer { found: bytes[4], known: VERSION });
        }
        let kind = match bytes[5] {
            0 => Kind::Ticks,
            1 => Kind::Tier,
            _ => return Err(BlockError::Malformed("an unknown kind")),
        };
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let long = |at: usize| i64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let head = Self {
            kind,
            pco: [bytes[6], bytes[7]],
            ticks: word(8) as usize,
            columns: word(12) as usize,
            groups: word(16) as usize,
            directory: word(20) as usize,
            width_ms: word(24),
            first_ms: long(28),
            last_ms: long(36),
        };
        let within = head.ticks <= MAX_TICKS
            && head.ticks > 0
            && head.columns <= MAX_COLUMNS
            && head.groups <= head.columns
            && head.directory <= MAX_BLOCK_BYTES
            && head.first_ms <= head.last_ms;
        if within {
            Ok(head)
        } else {
            Err(BlockError::Malformed("a number of the head is above its limit"))
        }
    }

    /// Bytes of head and directory together: what to read before anything else.
    #[must_use]
    pub fn directory_end(&self) -> usize {
        Self::BYTES + self.directory
    }

    /// Puts the head, with the checksum of itself and `directory`, before the directory.
    pub(super) fn write(&self, tag: u32, directory: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.directory_end());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, u8::from(self.kind == Kind::Tier)]);
        out.extend_from_slice(&self.pco);
        for word in [self.ticks, self.columns, self.groups, self.directory] {
            out.extend_from_slice(&(word as u32).to_le_bytes());
        }
        out.extend_from_slice(&self.width_ms.to_le_bytes());
        out.extend_from_slice(&self.first_ms.to_le_bytes());
        out.extend_from_slice(&self.last_ms.to_le_bytes());
        let sum = sum(tag, &out, directory);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(directory);
        out
    }

    /// The checksum in the head of `bytes`, when it is right for head and directory.
    pub(super) fn check(&self, tag: u32, bytes: &[u8]) -> Result<u32, BlockError> {
        let whole = bytes.get(..self.directory_end());
        let (head, directory) =
            whole.ok_or(BlockError::Truncated("its directory"))?.split_at(Self::BYTES);
        let (head, told) = head.split_at(Self::BYTES - Self::SUM);
        let sum = sum(tag, head, directory);
        let right = told == sum.to_le_bytes();
        if right { Ok(sum) } else { Err(BlockError::Checksum("the directory")) }
    }
}

/// CRC-32 of head and directory, which goes on from the tag of the server.
fn sum(tag: u32, head: &[u8], directory: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    hasher.update(head);
    hasher.update(directory);
    hasher.finalize()
}

/// CRC-32 of a piece, which goes on from the checksum of the directory, so that
/// a piece of another block or of another place in this one is known as such.
pub(super) fn piece_sum(directory_sum: u32, number: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(directory_sum);
    hasher.update(&number.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
