/// What a recorder has done since it was opened, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecorderCounters {
    /// Records appended.
    pub records: u64,
    /// Bytes appended, headers included.
    pub bytes: u64,
    /// Records that were appended and could not be written afterwards.
    pub lost_records: u64,
    /// Records refused because no segment can hold them.
    pub too_large: u64,
    /// Segments begun.
    pub segments: u64,
    /// The oldest segments removed to stay within the cap, or on a full disk.
    pub dropped_segments: u64,
    /// Writes, allocations and syncs that failed; each began a pause.
    pub failed_writes: u64,
    /// Calls of `fdatasync` on everything written that went well.
    pub syncs: u64,
    /// Bytes that a killed agent or a power cut left behind the last whole
    /// record, cut when the ring was opened.
    pub torn_bytes: u64,
    /// Segments found damaged when the ring was opened.
    pub damaged_segments: u64,
}
