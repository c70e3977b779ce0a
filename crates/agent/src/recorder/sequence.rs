use std::fmt;

/// So many bits number the records within a segment.
const INDEX_BITS: u32 = 20;

/// The place of a record in everything that a ring ever held.
///
/// It grows with every record, over rotations and restarts, and is never given
/// twice; it is not dense: each segment begins at a multiple of 2^20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(u64);

impl Sequence {
    /// A segment has fewer records than this.
    pub(super) const MAX_RECORDS: u32 = 1 << INDEX_BITS;

    pub(super) fn new(segment: u64, index: u32) -> Self {
        Self(segment << INDEX_BITS | u64::from(index))
    }

    /// The sequence that a peer was told as a number.
    #[must_use]
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// As a number, for a peer. It stays below 2^53 for longer than any ring.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The place within the segment, from 0 on.
    #[must_use]
    pub fn index(self) -> u64 {
        self.0 & u64::from(Self::MAX_RECORDS - 1)
    }

    /// The number of the segment.
    #[must_use]
    pub fn segment(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
