//! The reading side. It takes no lock and asks nobody, so it reads the ring of
//! a running agent, of a dead one, and of a disk that came from elsewhere.

use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use watchfire_model::Moment;

use super::error::RecorderError;
use super::folder::{Listed, check_for_reading, list_beside_writer, open_for_reading};
use super::kind::Kind;
use super::layout::{HeaderError, Seal, SegmentHeader};
use super::mend::{read_header, read_seal, read_whole};
use super::question::Question;
use super::records::Records;
use super::scan::Scan;
use super::sequence::Sequence;

/// A tail that seems damaged may be one that is being written right now: the
/// kernel shows a write page by page. It is read so many times.
const READS_OF_A_TAIL: u32 = 3;

/// Reads a ring.
#[derive(Debug, Clone)]
pub struct RecordReader {
    folder: PathBuf,
    owner: u32,
}

/// What a segment is known to be without a look at its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// Ended in order.
    Sealed,
    /// Being written, or left so by an agent that was killed.
    Open,
    /// Its header cannot be read, so nothing in it can.
    Damaged,
    /// A later version wrote it.
    LaterVersion(u16),
}

/// One segment of a ring.
#[derive(Debug, Clone)]
pub struct SegmentInfo {
    /// Its number; it grows from segment to segment.
    pub number: u64,
    /// What it takes on the disk.
    pub bytes: u64,
    /// Whether it can be read.
    pub state: SegmentState,
    /// When it was begun; `None` when that cannot be read.
    pub created: Option<Moment>,
    /// The kernel's id of the boot it was written in; empty when unknown.
    pub boot_id: String,
    /// The ring it belongs to.
    pub ring_id: [u8; 16],
}

/// What a reader could not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// Segments whose header, or whose file, could not be read.
    pub segments: u64,
    /// Segments that the ring removed while it was read.
    pub removed: u64,
    /// Places where records are damaged.
    pub damages: u64,
    /// Bytes behind the last whole record of a segment.
    pub torn_bytes: u64,
    /// Records that are there, but go on from one that is not, or are not
    /// understood.
    pub undecodable: u64,
}

impl RecordReader {
    /// Opens the ring in `folder`, for example `DATA/record`.
    ///
    /// # Errors
    ///
    /// [`RecorderError::NoRecord`] when there is no such folder, `Foreign` and
    /// `OpenFolder` when others could have put files there, `Io` when it may
    /// not be looked at.
    pub fn open(folder: &Path) -> Result<Self, RecorderError> {
        let owner = check_for_reading(folder, geteuid().as_raw())?;
        Ok(Self { folder: folder.to_owned(), owner })
    }

    /// The segments there are now, oldest first.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, RecorderError> {
        let outlines = self.outlines()?.into_iter();
        Ok(outlines.filter_map(|(listed, outline)| outline.map(|o| info(&listed, o))).collect())
    }

    /// The records from `from` on, of all kinds, in the order of their sequence.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn records_from(&self, from: Sequence) -> Result<Records, RecorderError> {
        let segments = list_beside_writer(&self.folder)?;
        Ok(Records::new(self.clone(), segments, Question::From(from)))
    }

    /// As [`RecordReader::records_from`], with nothing left out between the
    /// start of the first chain and the first answer: what is handed on can be
    /// decoded, and shows where records are missing. Records of a kind that
    /// this version does not know are left out all the same.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn records_onward(&self, from: Sequence) -> Result<Records, RecorderError> {
        let segments = list_beside_writer(&self.folder)?;
        Ok(Records::new(self.clone(), segments, Question::Onward(from)))
    }

    /// The sequence with which a ring begins; `None` when there is nothing of it.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn oldest(&self, ring: [u8; 16]) -> Result<Option<Sequence>, RecorderError> {
        Ok(self.of_ring(ring)?.first().map(|listed| Sequence::new(listed.number, 0)))
    }

    /// The newest record of a ring. It reads the newest segment.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn newest(&self, ring: [u8; 16]) -> Result<Option<Sequence>, RecorderError> {
        Ok(self.of_ring(ring)?.iter().rev().find_map(|listed| self.last_in(listed)))
    }

    /// The last record of the segment before this one of the ring; `None` when
    /// there is none, or when it cannot be read.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn end_before(
        &self,
        ring: [u8; 16],
        segment: u64,
    ) -> Result<Option<Sequence>, RecorderError> {
        let before = self.of_ring(ring)?.into_iter().rfind(|listed| listed.number < segment);
        Ok(before.and_then(|listed| self.last_in(&listed)))
    }

    fn of_ring(&self, ring: [u8; 16]) -> Result<Vec<Listed>, RecorderError> {
        let of_ring = |(listed, outline): (Listed, Option<Outline>)| {
            outline?.header.ok().filter(|header| header.ring == ring).map(|_| listed)
        };
        Ok(self.outlines()?.into_iter().filter_map(of_ring).collect())
    }

    fn last_in(&self, listed: &Listed) -> Option<Sequence> {
        let loaded = self.load(listed, &mut Losses::default())?;
        loaded.scan.records.last().map(|last| Sequence::new(listed.number, last.index))
    }

    /// The records of these kinds whose wall clock was between the two times,
    /// both in milliseconds since 1970 and both included, in the order of
    /// their sequence. Where a clock was set back, both passes are given.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Io`] when the folder cannot be listed.
    pub fn records_between(
        &self,
        from_ms: i64,
        to_ms: i64,
        kinds: &[Kind],
    ) -> Result<Records, RecorderError> {
        let segments = list_beside_writer(&self.folder)?;
        let kinds = Kind::ALL.map(|kind| kinds.contains(&kind));
        let question = Question::Between { from_ms, to_ms, kinds };
        Ok(Records::new(self.clone(), segments, question))
    }

    /// Every segment's file with what its ends say; `None` for one that was
    /// removed meanwhile.
    pub(super) fn outlines(&self) -> Result<Vec<(Listed, Option<Outline>)>, RecorderError> {
        let listed = list_beside_writer(&self.folder)?.into_iter();
        Ok(listed.map(|listed| (listed.clone(), self.outline(&listed))).collect())
    }

    /// What the ends of a segment say; `None` when it was removed meanwhile.
    pub(super) fn outline(&self, listed: &Listed) -> Option<Outline> {
        match self.read_ends(listed) {
            Ok(outline) => Some(outline),
            Err(error) if error.is_not_found() => None,
            Err(_) => Some(Outline { header: Err(HeaderError::Damaged), seal: None }),
        }
    }

    fn read_ends(&self, listed: &Listed) -> Result<Outline, RecorderError> {
        let path = &listed.path;
        let file = open_for_reading(path, self.owner)?;
        let header = read_header(&file, listed).map_err(RecorderError::io("read", path))?;
        let seal = match &header {
            Ok(header) => read_seal(&file, header, listed.bytes),
            Err(_) => Ok(None),
        };
        Ok(Outline { header, seal: seal.map_err(RecorderError::io("read", path))? })
    }

    /// Reads a whole segment. `None`, and counted, when it is not readable;
    /// `None` alone when the ring has removed it or not begun to write it.
    pub(super) fn load(&self, listed: &Listed, losses: &mut Losses) -> Option<Loaded> {
        let mut found = None;
        for _ in 0..READS_OF_A_TAIL {
            let bytes = match self.read(listed) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let lost = if error.is_not_found() {
                        &mut losses.removed
                    } else {
                        &mut losses.segments
                    };
                    *lost += 1;
                    return None;
                }
            };
            let scan = Scan::of(&bytes);
            let torn = |scan: &Scan| !scan.sealed && (scan.damages > 0 || scan.torn_bytes > 0);
            let again = scan.as_ref().is_ok_and(torn);
            found = Some((bytes, scan));
            if !again {
                break;
            }
        }
        let (bytes, scan) = found?;
        match scan {
            Ok(scan) if scan.header.number == listed.number => {
                losses.damages += u64::from(scan.damages);
                losses.torn_bytes += scan.torn_bytes;
                Some(Loaded { bytes, scan })
            }
            Err(HeaderError::Empty) => None,
            _ => {
                losses.segments += 1;
                None
            }
        }
    }

    fn read(&self, listed: &Listed) -> Result<Vec<u8>, RecorderError> {
        let file = open_for_reading(&listed.path, self.owner)?;
        read_whole(&file).map_err(RecorderError::io("read", &listed.path))
    }
}

/// What the two ends of a segment say.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    pub(super) header: Result<SegmentHeader, HeaderError>,
    pub(super) seal: Option<Seal>,
}

/// A whole segment in memory.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) bytes: Vec<u8>,
    pub(super) scan: Scan,
}

fn info(listed: &Listed, outline: Outline) -> SegmentInfo {
    let state = match (&outline.header, outline.seal) {
        (Ok(_), Some(_)) => SegmentState::Sealed,
        (Ok(_), None) | (Err(HeaderError::Empty), _) => SegmentState::Open,
        (Err(HeaderError::Damaged), _) => SegmentState::Damaged,
        (Err(HeaderError::Version(version)), _) => SegmentState::LaterVersion(*version),
    };
    let header = outline.header.ok();
    SegmentInfo {
        number: listed.number,
        bytes: listed.bytes,
        state,
        created: header.map(|header| header.created),
        boot_id: header.map_or_else(String::new, |header| header.boot.text()),
        ring_id: header.map_or([0; 16], |header| header.ring),
    }
}
