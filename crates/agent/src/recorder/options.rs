use std::time::Duration;

use super::error::RecorderError;
use super::sync::SYNC_EVERY;

/// The cap when nothing else is said.
pub const DEFAULT_CAP_BYTES: u64 = 64 << 20;
/// The least cap that can hold a ring of whole schemas.
pub const MIN_CAP_BYTES: u64 = 1 << 20;
/// A ring has about this many segments: so much of it is forgotten at a time.
const SHARES: u64 = 16;
const MIN_SEGMENT_BYTES: u64 = 256 << 10;
/// A reader takes a whole segment into memory.
pub(super) const MAX_SEGMENT_BYTES: u64 = 16 << 20;

/// How a ring is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecorderOptions {
    /// What the files of the ring together never exceed.
    pub cap_bytes: u64,
    /// The most that one file takes. A quarter of the cap or less.
    pub segment_bytes: u64,
    /// How long a record waits at most until it is asked to be on the disk.
    pub sync_every: Duration,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            cap_bytes: DEFAULT_CAP_BYTES,
            segment_bytes: DEFAULT_CAP_BYTES / SHARES,
            sync_every: SYNC_EVERY,
        }
    }
}

impl RecorderOptions {
    /// Options for a cap, with segments of a sixteenth of it, between 256 KiB
    /// and 16 MiB.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Cap`] below [`MIN_CAP_BYTES`].
    pub fn with_cap(cap_bytes: u64) -> Result<Self, RecorderError> {
        if cap_bytes < MIN_CAP_BYTES {
            return Err(RecorderError::Cap { cap: cap_bytes, least: MIN_CAP_BYTES });
        }
        let segment_bytes = (cap_bytes / SHARES).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        Ok(Self { cap_bytes, segment_bytes, ..Self::default() })
    }

    /// What must hold for a ring to work at all.
    pub(super) fn check(&self, least_segment: u64) -> Result<(), RecorderError> {
        let segment = self.segment_bytes.clamp(least_segment, MAX_SEGMENT_BYTES);
        let least = segment.saturating_mul(4);
        if self.segment_bytes != segment || self.cap_bytes < least {
            return Err(RecorderError::Cap { cap: self.cap_bytes, least });
        }
        Ok(())
    }
}
