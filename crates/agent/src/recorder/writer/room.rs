//! What is removed so that something new has room.

use std::fs;
use std::io;
use std::path::Path;

use super::super::error::RecorderError;
use super::super::folder::Listed;
use super::super::layout::SEAL_LEN;
use super::Recorder;

/// A ring has no more files than this, however small they are.
const MAX_SEGMENTS: usize = 1024;
/// On a full disk the oldest segments make room down to this many.
const MIN_KEPT_SEGMENTS: usize = 4;

impl Recorder {
    /// Removes the oldest segments until one more stays within the cap, and
    /// then the smallest until there are few enough: an agent that starts again
    /// and again makes many small ones, which must not push the history out.
    pub(super) fn make_room(&mut self) -> Result<(), RecorderError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut listed = folder.list()?;
        // A tail that is mended later grows by a seal.
        let size = |bytes: u64| bytes + SEAL_LEN as u64;
        let mut total: u64 = listed.iter().map(|one| size(one.bytes)).sum();
        let mut too_old = 0;
        while too_old < listed.len() && total + self.options.segment_bytes > self.options.cap_bytes
        {
            self.remove(&listed[too_old].path)?;
            total -= size(listed[too_old].bytes);
            too_old += 1;
        }
        listed.drain(..too_old);
        while listed.len() >= MAX_SEGMENTS {
            let smallest = listed.remove(smallest(&listed));
            self.remove(&smallest.path)?;
        }
        Ok(())
    }

    /// On a full disk what is newest is worth more than what is oldest.
    pub(super) fn give_one_up(&mut self) -> Result<bool, RecorderError> {
        let Some(folder) = &self.folder else { return Ok(false) };
        let listed = folder.list()?;
        match listed.first() {
            Some(oldest) if listed.len() > MIN_KEPT_SEGMENTS => {
                self.remove(&oldest.path)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn remove(&mut self, path: &Path) -> Result<(), RecorderError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(RecorderError::io("remove", path)(error))
            }
            _ => {
                self.counters.dropped_segments += 1;
                self.sync.folder_changed();
                Ok(())
            }
        }
    }
}

/// The place of the smallest segment, the oldest among equals. The newest is
/// left out: its number says which one comes next.
fn smallest(listed: &[Listed]) -> usize {
    let but_newest = listed.split_last().map_or(listed, |(_, older)| older);
    let sizes = but_newest.iter().enumerate();
    sizes.min_by_key(|(_, segment)| segment.bytes).map_or(0, |(place, _)| place)
}
