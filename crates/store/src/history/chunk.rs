use crc32fast::Hasher;

/// The most bytes of one chunk.
pub const MAX_CHUNK_BYTES: usize = 4 << 20;
/// The longest key of a server, in bytes.
pub const MAX_SERVER_KEY_BYTES: usize = 512;

/// Records of one ring of one server that follow one another without a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The server's key: the agent's id, or `name:` and the server's name.
    pub server: String,
    /// The id of the agent's ring.
    pub ring: [u8; 16],
    /// The sequence of the record before the first one, 0 when there is none or
    /// it is not known.
    pub previous: u64,
    /// The sequence of the first record.
    pub first: u64,
    /// The sequence of the last record.
    pub last: u64,
    /// The earliest time of a record by the agent's clock, in milliseconds since 1970.
    pub from_ms: i64,
    /// The latest time of a record, in milliseconds since 1970.
    pub to_ms: i64,
    /// True when it can be decoded without the chunk before it.
    pub starts_chain: bool,
    /// The records, as the caller writes them. The store does not look into them.
    pub bytes: Vec<u8>,
}

/// Why a chunk was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadChunk {
    /// The sequences do not rise from `previous` over `first` to `last`, or are
    /// above 2^63.
    #[error("its sequences do not rise from previous over first to last")]
    Sequences,
    /// It ends before it begins.
    #[error("it ends before it begins")]
    Times,
    /// It has more than [`MAX_CHUNK_BYTES`], or none.
    #[error("it has no bytes, or more than {MAX_CHUNK_BYTES}")]
    Size,
    /// The server's key is empty or longer than [`MAX_SERVER_KEY_BYTES`].
    #[error("the server's key is empty, or longer than {MAX_SERVER_KEY_BYTES} bytes")]
    Server,
}

/// A chunk's numbers as SQLite takes them.
pub(super) struct Numbers {
    pub(super) previous: i64,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Numbers {
    /// The sequence above which the chunk tells all that exist.
    pub(super) fn after(&self) -> i64 {
        if self.previous == 0 { self.first - 1 } else { self.previous }
    }
}

impl Chunk {
    /// Looks whether it can be stored.
    ///
    /// # Errors
    /// [`BadChunk`] says what is wrong with it.
    pub fn check(&self) -> Result<(), BadChunk> {
        self.numbers().map(|_| ())
    }

    pub(super) fn numbers(&self) -> Result<Numbers, BadChunk> {
        let number = |of: u64| i64::try_from(of).map_err(|_| BadChunk::Sequences);
        let numbers = Numbers {
            previous: number(self.previous)?,
            first: number(self.first)?,
            last: number(self.last)?,
        };
        if numbers.previous >= numbers.first || numbers.first > numbers.last {
            return Err(BadChunk::Sequences);
        }
        if self.from_ms > self.to_ms {
            return Err(BadChunk::Times);
        }
        if self.bytes.is_empty() || self.bytes.len() > MAX_CHUNK_BYTES {
            return Err(BadChunk::Size);
        }
        if self.server.is_empty() || self.server.len() > MAX_SERVER_KEY_BYTES {
            return Err(BadChunk::Server);
        }
        Ok(numbers)
    }

    /// CRC-32 over the ring's tag and everything else, so that a row that is
    /// found under another server or ring than its own is known as damaged.
    pub(super) fn checksum(&self, tag: u32) -> u32 {
        let mut hasher = Hasher::new_with_initial(tag);
        for number in [self.previous, self.first, self.last] {
            hasher.update(&number.to_le_bytes());
        }
        for time in [self.from_ms, self.to_ms] {
            hasher.update(&time.to_le_bytes());
        }
        hasher.update(&[u8::from(self.starts_chain)]);
        hasher.update(&self.bytes);
        hasher.finalize()
    }
}

/// CRC-32 over a server's key and the id of its ring: where the checksums of
/// their rows begin.
pub(super) fn tag(server: &str, ring: &[u8; 16]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(server.as_bytes());
    hasher.update(ring);
    hasher.finalize()
}
