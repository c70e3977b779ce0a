//! What a killed agent or a power cut left is brought in order before a ring
//! is written to: tails are cut behind the last whole record and sealed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;

use watchfire_model::Moment;

use super::counters::RecorderCounters;
use super::error::RecorderError;
use super::folder::{Folder, Listed};
use super::layout::{BootId, HEADER_LEN, HeaderError, SEAL_LEN, Seal, SegmentHeader};
use super::options::MAX_SEGMENT_BYTES;
use super::scan::Scan;

/// What the last readable segment says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) ring: [u8; 16],
    pub(super) boot: BootId,
}

/// Mends every segment of the folder. One that cannot be mended is left as it
/// is: it is skipped when reading, and rotates out.
pub(super) fn mend(
    folder: &Folder,
    now: Moment,
    counters: &mut RecorderCounters,
) -> Result<Option<Last>, RecorderError> {
    let mut last = None;
    for listed in folder.list()? {
        match mend_one(folder, &listed, now, counters) {
            Ok(Some(header)) => last = Some(Last { ring: header.ring, boot: header.boot }),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a segment of the recorder could not be mended");
            }
        }
    }
    Ok(last)
}

fn mend_one(
    folder: &Folder,
    listed: &Listed,
    now: Moment,
    counters: &mut RecorderCounters,
) -> Result<Option<SegmentHeader>, RecorderError> {
    let path = &listed.path;
    let file = folder.open(path)?;
    let header = match read_header(&file, listed).map_err(RecorderError::io("read", path))? {
        Ok(header) => header,
        Err(HeaderError::Empty) => {
            // Without the header's salt nothing behind it can be read.
            fs::remove_file(path).map_err(RecorderError::io("remove", path))?;
            return Ok(None);
        }
        Err(HeaderError::Version(version)) => {
            tracing::info!(
                segment = listed.number,
                version,
                "left a later version's segment alone"
            );
            return Ok(None);
        }
        Err(HeaderError::Damaged) => {
            counters.damaged_segments += 1;
            return Ok(None);
        }
    };
    let sealed = read_seal(&file, &header, listed.bytes);
    if sealed.map_err(RecorderError::io("read", path))?.is_none() {
        cut_and_seal(&file, listed, now, counters)?;
    }
    Ok(Some(header))
}

fn cut_and_seal(
    file: &File,
    listed: &Listed,
    now: Moment,
    counters: &mut RecorderCounters,
) -> Result<(), RecorderError> {
    let path = &listed.path;
    let bytes = read_whole(file).map_err(RecorderError::io("read", path))?;
    let Ok(scan) = Scan::of(&bytes) else { return Ok(()) };
    counters.torn_bytes += scan.torn_bytes;
    counters.damaged_segments += u64::from(scan.damages > 0);
    if scan.records.is_empty() {
        return fs::remove_file(path).map_err(RecorderError::io("remove", path));
    }
    let mut tail = Vec::new();
    if !scan.sealed {
        scan.spans.write(&scan.header, scan.next_index, now, &mut tail);
    }
    // Cut first: should the seal not be written, what is left is a whole prefix.
    let cut = || {
        file.set_len(scan.end as u64)?;
        file.write_all_at(&tail, scan.end as u64)?;
        file.sync_data()
    };
    cut().map_err(RecorderError::io("mend", path))
}

/// The header of a segment. The file's name must say the same number: a copy
/// under another name would give sequences twice.
pub(super) fn read_header(
    file: &File,
    listed: &Listed,
) -> std::io::Result<Result<SegmentHeader, HeaderError>> {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    file.take(HEADER_LEN as u64).read_to_end(&mut bytes)?;
    let header = SegmentHeader::parse(&bytes);
    Ok(header.and_then(|header| {
        if header.number == listed.number { Ok(header) } else { Err(HeaderError::Damaged) }
    }))
}

/// The seal at the end of a file that has `bytes` bytes, if there is one.
pub(super) fn read_seal(
    file: &File,
    header: &SegmentHeader,
    bytes: u64,
) -> std::io::Result<Option<Seal>> {
    let Some(at) = bytes.checked_sub(SEAL_LEN as u64) else { return Ok(None) };
    let mut tail = [0; SEAL_LEN];
    match file.read_exact_at(&mut tail, at) {
        Ok(()) => Ok(Seal::parse(header, &tail)),
        // It was cut since it was listed.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole segment; a file that is larger than any segment is cut short.
pub(super) fn read_whole(file: &File) -> std::io::Result<Vec<u8>> {
    let most = usize::try_from(MAX_SEGMENT_BYTES).unwrap_or(usize::MAX);
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(most).min(most);
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
