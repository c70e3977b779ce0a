//! The checksum of a frame and what it is seeded with.

/// What the checksum of a frame that starts a chain is seeded with.
const START: u32 = 0x5746_6301;

/// A CRC-32 (IEEE 802.3) of a frame's bytes, seeded with the frame before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum(pub(crate) u32);

impl Sum {
    /// The seed of a chain's first frame.
    pub(crate) const START: Self = Self(START);

    /// The sum of these parts one after the other, beginning with this one.
    pub(crate) fn over(self, parts: [&[u8]; 2]) -> Self {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize())
    }

    /// The seed of a frame that follows one with this sum and needs a schema with that one.
    pub(crate) fn with(self, schema: Self) -> Self {
        self.over([&schema.0.to_le_bytes(), &[]])
    }
}
