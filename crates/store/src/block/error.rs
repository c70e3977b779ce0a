/// Why bytes are not a block, or not this block, or a part of it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The bytes do not begin as a block does.
    #[error("this is not a block of history")]
    Foreign,
    /// A newer release of Watchfire wrote it.
    #[error(
        "the block has format {found}, and this release knows formats up to {known}: run the newer release that wrote it"
    )]
    Newer {
        /// The version in the block.
        found: u8,
        /// The newest version this build knows.
        known: u8,
    },
    /// The block is of another kind than was asked for: ticks or a tier.
    #[error("the block holds {0}, which is not what was asked for")]
    Kind(&'static str),
    /// The bytes end too early.
    #[error("the block ends within {0}")]
    Truncated(&'static str),
    /// A checksum is not the one of the bytes.
    #[error("the checksum of {0} is wrong: it is damaged, or of another server")]
    Checksum(&'static str),
    /// The checksum is right, and the bytes still mean nothing.
    #[error("the block is malformed: {0}")]
    Malformed(&'static str),
}

/// Why columns cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no tick, or more than [`MAX_TICKS`](super::MAX_TICKS).
    #[error("a block has 1 to {max} ticks, not {0}", max = super::MAX_TICKS)]
    Ticks(usize),
    /// There are more columns than [`MAX_COLUMNS`](super::MAX_COLUMNS).
    #[error("a block has at most {max} columns, not {0}", max = super::MAX_COLUMNS)]
    Columns(usize),
    /// A timestamp is not later than the one before.
    #[error("timestamp number {0} is not later than the one before")]
    Order(usize),
    /// A column has not one value for each tick.
    #[error("a column has {found} values for {ticks} ticks")]
    Length {
        /// Its values.
        found: usize,
        /// The ticks.
        ticks: usize,
    },
    /// A key comes twice.
    #[error("key {0} comes twice")]
    Twice(u32),
    /// The block would have more than [`MAX_BLOCK_BYTES`](super::MAX_BLOCK_BYTES).
    #[error("the block would have {0} bytes, more than {max}", max = super::MAX_BLOCK_BYTES)]
    Bytes(usize),
    /// The windows of a tier have no width.
    #[error("the windows of a tier have no width")]
    Width,
    /// The compressor refused; it has no reason to.
    #[error("the compressor refused a column")]
    Compressor,
}
