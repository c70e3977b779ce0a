//! Reads of a block only what a question needs: its front, and the groups of the keys.

use rusqlite::Connection;
use rusqlite::blob::Blob;

use super::rows::{BlockRow, sound};
use super::servers::Archived;
use super::spans::Level;
use crate::StoreError;
use crate::block::{BlockError, Directory, Head, Kind, Scratch};

/// What is read at first: the front of most blocks, directory and timestamps included.
const FRONT_BYTES: usize = 2048;

/// A block on the disk, of which head, directory and timestamps were read.
pub(super) struct Part<'a> {
    blob: Blob<'a>,
    pub(super) directory: Directory<Vec<u8>>,
    pub(super) times: Vec<i64>,
}

/// Damage, or the disk does not answer.
pub(super) enum Lost {
    Damaged,
    Store(StoreError),
}

impl From<BlockError> for Lost {
    fn from(_: BlockError) -> Self {
        Self::Damaged
    }
}

impl From<rusqlite::Error> for Lost {
    fn from(error: rusqlite::Error) -> Self {
        match sound::<()>(Err(error)) {
            Ok(_) => Self::Damaged,
            Err(error) => Self::Store(error),
        }
    }
}

/// Nothing where it is damaged; an error where the disk does not answer.
pub(super) fn unless_damaged<T>(read: Result<T, Lost>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Lost::Damaged) => Ok(None),
        Err(Lost::Store(error)) => Err(error),
    }
}

impl<'a> Part<'a> {
    pub(super) fn open(
        connection: &'a Connection,
        server: &Archived,
        level: Level,
        row: &BlockRow,
        scratch: &mut Scratch,
    ) -> Result<Self, Lost> {
        Self::open_after(None, connection, server, level, row, scratch)
    }

    /// The same in the place of a block that was read before.
    pub(super) fn open_after(
        before: Option<Blob<'a>>,
        connection: &'a Connection,
        server: &Archived,
        level: Level,
        row: &BlockRow,
        scratch: &mut Scratch,
    ) -> Result<Self, Lost> {
        let blob = match before {
            Some(mut blob) => {
                blob.reopen(row.id)?;
                blob
            }
            None => connection.blob_open("main", "block", "bytes", row.id, true)?,
        };
        let mut front = vec![0; FRONT_BYTES.min(blob.len())];
        blob.read_at_exact(&mut front, 0)?;
        let end = Head::parse(&front)?.directory_end();
        extend(&blob, &mut front, end)?;
        let directory = Directory::open(front, server.tag)?;
        if !fits(directory.head(), level, row) || directory.block_bytes() != blob.len() {
            return Err(Lost::Damaged);
        }
        let mut part = Self { blob, directory, times: Vec::new() };
        let bytes = part.piece(part.directory.timestamps_range())?;
        let mut times = Vec::new();
        part.directory.timestamps(&bytes, scratch, &mut times)?;
        part.times = times;
        Ok(part)
    }

    /// What the next block can be opened with.
    pub(super) fn into_blob(self) -> Blob<'a> {
        self.blob
    }

    /// Reads the bytes of a group into `bytes`.
    pub(super) fn group_bytes(&self, number: usize, bytes: &mut Vec<u8>) -> Result<(), Lost> {
        let range = self.directory.group_range(number);
        bytes.resize(range.len(), 0);
        Ok(self.blob.read_at_exact(bytes, range.start)?)
    }

    /// The ticks from `from_ms` to `to_ms`.
    pub(super) fn ticks(&self, from_ms: i64, to_ms: i64) -> std::ops::Range<usize> {
        let from = self.times.partition_point(|&time| time < from_ms);
        let to = self.times.partition_point(|&time| time <= to_ms);
        from..to.max(from)
    }

    fn piece(&self, range: std::ops::Range<usize>) -> Result<Vec<u8>, Lost> {
        if let Some(bytes) = self.directory.front().get(range.clone()) {
            return Ok(bytes.to_vec());
        }
        let mut bytes = vec![0; range.len()];
        self.blob.read_at_exact(&mut bytes, range.start)?;
        Ok(bytes)
    }
}

fn extend(blob: &Blob<'_>, front: &mut Vec<u8>, to: usize) -> Result<(), Lost> {
    let have = front.len();
    if to > blob.len() {
        return Err(Lost::Damaged);
    }
    if to > have {
        front.resize(to, 0);
        blob.read_at_exact(&mut front[have..], have)?;
    }
    Ok(())
}

/// Whether a block is what its row says.
pub(super) fn fits(head: &Head, level: Level, row: &BlockRow) -> bool {
    let kind = if level == Level::Ticks { Kind::Ticks } else { Kind::Tier };
    head.kind == kind
        && i64::from(head.width_ms) == level.width_ms()
        && (head.first_ms, head.last_ms) == (row.first_ms, row.last_ms)
}
