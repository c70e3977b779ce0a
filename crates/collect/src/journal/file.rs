//! One file of the journal.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::MAX_JOURNAL_LINES;
use super::hash;

const SIGNATURE: &[u8; 8] = b"LPKSHHRH";
/// What is read of the header: up to the hash table's size.
const HEADER_BYTES: usize = 120;
/// The ways of writing that are known: three compressors, keyed hashes, short offsets.
const KNOWN: u32 = 0b1_1111;
const KEYED: u32 = 1 << 2;
const COMPACT: u32 = 1 << 4;
/// The flags of an object that say that its content is compressed.
const COMPRESSED: u8 = 0b111;
const DATA: u8 = 1;
const ENTRY: u8 = 3;
const ARRAY: u8 = 6;
const OBJECT_BYTES: u64 = 16;
const ENTRY_BYTES: u64 = 64;
const ARRAY_BYTES: u64 = 24;
/// How much of a field is read: more than any line that is told.
const FIELD_BYTES: usize = 512;
/// How many fields of an entry are looked at.
const MAX_FIELDS: u64 = 128;
/// How many entries are looked at for one field: some of them may not be its unit's.
const LOOKED_AT: u64 = 3 * MAX_JOURNAL_LINES as u64;

/// What can be read from any place.
pub(super) trait ReadAt {
    /// Reads as much as there is, up to all of `into`.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match FileExt::read_at(self, &mut into[done..], at.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let most = rest.len().min(into.len());
        into[..most].copy_from_slice(&rest[..most]);
        Ok(most)
    }
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// When it was written, in microseconds since 1970.
    pub(super) realtime: u64,
    pub(super) sequence: u64,
    /// Its words; `None` when they are compressed.
    pub(super) message: Option<Vec<u8>>,
}

/// An open file.
pub(super) struct Journal<'a> {
    file: &'a dyn ReadAt,
    reads_left: Cell<u32>,
    is_keyed: bool,
    is_compact: bool,
    id: [u8; 16],
    header_bytes: u64,
    table: u64,
    buckets: u64,
}

impl<'a> Journal<'a> {
    pub(super) fn open(file: &'a dyn ReadAt, reads: u32) -> io::Result<Self> {
        let mut head = [0; HEADER_BYTES];
        if file.read_at(&mut head, 0)? < HEADER_BYTES || !head.starts_with(SIGNATURE) {
            return Err(wrong("it is no journal"));
        }
        let flags = u32_at(&head, 12);
        if flags & !KNOWN != 0 {
            return Err(wrong("it is written in a newer way"));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&head[24..40]);
        Ok(Self {
            file,
            reads_left: Cell::new(reads),
            is_keyed: flags & KEYED != 0,
            is_compact: flags & COMPACT != 0,
            id,
            header_bytes: u64_at(&head, 88),
            table: u64_at(&head, 104),
            buckets: u64_at(&head, 112) / 16,
        })
    }

    /// The last entries that have this field, and among their fields `also`.
    pub(super) fn last(&self, field: &str, also: Option<&str>) -> io::Result<Vec<Entry>> {
        let Some(data) = self.find(field.as_bytes())? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for at in self.places(&data)?.into_iter().rev() {
            // One that is being written, or damaged, is left out.
            if let Ok(Some(entry)) = self.entry(at, also) {
                entries.push(entry);
            }
            if entries.len() == MAX_JOURNAL_LINES {
                break;
            }
        }
        Ok(entries)
    }

    /// The head of the object that holds this field.
    fn find(&self, field: &[u8]) -> io::Result<Option<[u8; 64]>> {
        if self.buckets == 0 {
            return Ok(None);
        }
        let hash = if self.is_keyed { hash::keyed(self.id, field) } else { hash::plain(field) };
        let bucket = self.table.saturating_add(hash % self.buckets * 16);
        let mut at = u64_at(&self.bytes::<8>(bucket)?, 0);
        let mut before = 0;
        while at > before {
            let head = self.object(at, DATA)?;
            if u64_at(&head, 16) == hash && head[1] & COMPRESSED == 0 {
                let mut held = [0; FIELD_BYTES];
                let held = self.payload(at, &head, &mut held)?;
                if held == field {
                    return Ok(Some(head));
                }
            }
            // Later objects lie behind earlier ones, so a chain has no loop.
            (before, at) = (at, u64_at(&head, 24));
        }
        Ok(None)
    }

    /// Where the last entries are that a field is in, oldest first.
    fn places(&self, data: &[u8; 64]) -> io::Result<Vec<u64>> {
        let (first, mut array, count) = (u64_at(data, 40), u64_at(data, 48), u64_at(data, 56));
        let mut left = count.saturating_sub(1);
        // Which part of the list is needed: the arrays before it are stepped over.
        let mut skip = left.saturating_sub(LOOKED_AT);
        let mut places = if skip == 0 { vec![first] } else { Vec::new() };
        let width = if self.is_compact { 4 } else { 8 };
        let mut before = 0;
        while left > 0 && array > before {
            let head = self.object(array, ARRAY)?;
            let room = u64_at(&head, 8).saturating_sub(ARRAY_BYTES) / width;
            let held = room.min(left);
            for place in skip.min(held)..held {
                let at =
                    array.saturating_add(ARRAY_BYTES).saturating_add(place.saturating_mul(width));
                places.push(self.offset(at)?);
            }
            skip = skip.saturating_sub(held);
            left -= held;
            (before, array) = (array, u64_at(&head, 16));
        }
        Ok(places)
    }

    /// The entry at a place; `None` when it has no words or not the field `also`.
    fn entry(&self, at: u64, also: Option<&str>) -> io::Result<Option<Entry>> {
        let head = self.object(at, ENTRY)?;
        let width = if self.is_compact { 4 } else { 16 };
        let fields = u64_at(&head, 8).saturating_sub(ENTRY_BYTES) / width;
        let (mut message, mut is_packed, mut is_wanted) = (None, false, also.is_none());
        for field in 0..fields.min(MAX_FIELDS) {
            let place = self.offset(at + ENTRY_BYTES + field * width)?;
            let data = self.object(place, DATA)?;
            if data[1] & COMPRESSED != 0 {
                is_packed = true;
                continue;
            }
            let mut held = [0; FIELD_BYTES];
            let held = self.payload(place, &data, &mut held)?;
            is_wanted |= also.is_some_and(|also| held == also.as_bytes());
            if let Some(words) = held.strip_prefix(b"MESSAGE=") {
                message = Some(words.to_vec());
            }
        }
        let (sequence, realtime) = (u64_at(&head, 16), u64_at(&head, 24));
        let is_told = is_wanted && (message.is_some() || is_packed);
        Ok(is_told.then_some(Entry { realtime, sequence, message }))
    }

    /// The begin of an object's content; `head` is what stands before it.
    fn payload<'b>(
        &self,
        at: u64,
        head: &[u8; 64],
        into: &'b mut [u8; FIELD_BYTES],
    ) -> io::Result<&'b [u8]> {
        let begin = if self.is_compact { 72 } else { 64 };
        let size = u64_at(head, 8).saturating_sub(begin);
        let size = usize::try_from(size).unwrap_or(FIELD_BYTES).min(FIELD_BYTES);
        let read = self.read(&mut into[..size], at.saturating_add(begin))?;
        Ok(&into[..read])
    }

    /// The first bytes of an object of this kind, padded by zeros where it is shorter and the
    /// file ends behind it.
    fn object(&self, at: u64, kind: u8) -> io::Result<[u8; 64]> {
        if !at.is_multiple_of(8) || at < self.header_bytes {
            return Err(wrong("an offset leads nowhere"));
        }
        let mut head = [0; 64];
        let read = self.read(&mut head, at)?;
        if read < 24 || head[0] != kind || u64_at(&head, 8) < OBJECT_BYTES {
            return Err(wrong("an object is another than it should be"));
        }
        Ok(head)
    }

    fn offset(&self, at: u64) -> io::Result<u64> {
        if self.is_compact {
            return Ok(u64::from(u32_at(&self.bytes::<4>(at)?, 0)));
        }
        Ok(u64_at(&self.bytes::<8>(at)?, 0))
    }

    fn bytes<const N: usize>(&self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        if self.read(&mut bytes, at)? < N {
            return Err(wrong("it ends too early"));
        }
        Ok(bytes)
    }

    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.reads_left.get().checked_sub(1);
        self.reads_left.set(left.ok_or_else(|| wrong("it wants too many reads"))?);
        self.file.read_at(into, at)
    }
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The number at a place, which the caller knows to be inside.
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |all, &byte| all << 8 | u32::from(byte))
}
