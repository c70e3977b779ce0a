//! The segment that is being written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use watchfire_model::Moment;

use super::kind::Kind;
use super::layout::{HEADER_LEN, RECORD_HEADER_LEN, RecordHeader, SEAL_LEN, Seal, SegmentHeader};
use super::sequence::Sequence;

/// What a segment takes beside the contents of its records.
pub(super) const OVERHEAD: u64 = (HEADER_LEN + RECORD_HEADER_LEN + SEAL_LEN) as u64;

/// How far the chain of one kind is in this segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    /// The next record must start one.
    Wanted,
    Running,
    /// Its start does not fit into a segment.
    GivenUp,
}

/// A segment that grows.
#[derive(Debug)]
pub(super) struct Live {
    header: SegmentHeader,
    file: Arc<File>,
    path: PathBuf,
    limit: u64,
    /// Bytes in the file.
    written: u64,
    /// Records that are not in the file yet.
    buffer: Vec<u8>,
    buffered: u64,
    next_index: u32,
    spans: Seal,
    chains: [Chain; Kind::ALL.len()],
    /// The largest record that did not start a chain.
    largest: usize,
}

impl Live {
    /// Makes the file with room for `limit` bytes, and writes its header.
    pub(super) fn create(path: PathBuf, header: SegmentHeader, limit: u64) -> io::Result<Self> {
        // Going past this limit would not fail but kill.
        if getrlimit(Resource::Fsize).current.is_some_and(|most| most < limit) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let bytes = header.to_bytes();
        let begun = allocate(&file, limit).and_then(|()| file.write_all_at(&bytes, 0));
        if let Err(error) = begun {
            // Without its header it holds nothing but room.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            header,
            file: Arc::new(file),
            path,
            limit,
            written: bytes.len() as u64,
            buffer: Vec::new(),
            buffered: 0,
            next_index: 0,
            spans: Seal::default(),
            chains: [Chain::Wanted; Kind::ALL.len()],
            largest: 0,
        })
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// True when the file has no name any more.
    pub(super) fn is_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    /// Records that a failure would lose.
    pub(super) fn buffered(&self) -> u64 {
        self.buffered
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn wants_start(&self, kind: Kind) -> bool {
        kind != Kind::Event && self.chains[kind.place()] == Chain::Wanted
    }

    pub(super) fn gave_up(&self, kind: Kind) -> bool {
        self.chains[kind.place()] == Chain::GivenUp
    }

    /// A record of this kind is not written.
    pub(super) fn skip(&mut self, kind: Kind, starts_chain: bool) {
        // A start that is too large now would be so the next time; one that goes on may be
        // whole later. Events have no chain.
        let chain = &mut self.chains[kind.place()];
        *chain = match *chain {
            _ if kind == Kind::Event => Chain::Running,
            _ if starts_chain => Chain::GivenUp,
            Chain::Running => Chain::Wanted,
            other => other,
        };
    }

    fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// True when there is room for a record and the seal behind it.
    pub(super) fn has_room(&self, content: usize) -> bool {
        let after = self.end() + (RECORD_HEADER_LEN + content + SEAL_LEN) as u64;
        after <= self.limit && self.next_index + 1 < Sequence::MAX_RECORDS
    }

    /// True when the next record may not fit, so that now is the time to ask
    /// for chains from the start.
    pub(super) fn is_nearly_full(&self) -> bool {
        let reserve = (2 * self.largest).min((self.limit / 8) as usize);
        !self.has_room(reserve)
    }

    /// Takes a record that has room; nothing is written yet.
    pub(super) fn push(
        &mut self,
        kind: Kind,
        at: Moment,
        starts_chain: bool,
        content: &[u8],
    ) -> Sequence {
        let (index, what) = (self.next_index, (kind.number(), starts_chain));
        RecordHeader::write(&self.header, what, index, at, content, &mut self.buffer);
        self.spans.add(kind.number(), at.unix_ms);
        self.chains[kind.place()] = Chain::Running;
        if !starts_chain {
            self.largest = self.largest.max(content.len());
        }
        self.next_index += 1;
        self.buffered += 1;
        Sequence::new(self.header.number, index)
    }

    /// Hands what was pushed to the kernel: from then on only a power cut loses it.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffered = 0;
        Ok(())
    }

    /// Writes the rest and the seal, and gives back the room that was not used.
    pub(super) fn seal(&mut self, at: Moment) -> io::Result<()> {
        self.spans.write(&self.header, self.next_index, at, &mut self.buffer);
        self.write()?;
        self.file.set_len(self.written)
    }

    /// After a failure: what was written before it stays, the rest goes.
    pub(super) fn abandon(self) {
        // It is cut when the ring is opened again, where this fails now.
        let _ = self.file.set_len(self.written);
    }
}

/// Reserves the room, so that a disk that fills up later does not cut records.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            // The file grows as it is written, within the same limit.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
