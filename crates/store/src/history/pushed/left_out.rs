use super::told::{
    MAX_PUSHED_LABEL_BYTES, MAX_PUSHED_MEMORY, MAX_PUSHED_MEMORY_IN_ALL, MAX_PUSHED_SERIES,
    MAX_PUSHED_SERIES_IN_ALL, MAX_SENDERS,
};
use crate::history::MAX_SERVER_KEY_BYTES;

/// Why something of a push was left out, in words for who pushed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeftOut {
    /// A sample is of a time that cannot be.
    #[error("a sample is more than a million years from 1970")]
    Time,
    /// The labels of one series are too long.
    #[error("the labels of a series have more than {MAX_PUSHED_LABEL_BYTES} bytes")]
    LongLabels,
    /// The sender has as many series as it may have.
    #[error(
        "the sender has {MAX_PUSHED_SERIES} series and may have no more: push fewer of them, \
         and none with labels that always change"
    )]
    Series,
    /// All senders have as many series as they may have.
    #[error("all senders have {MAX_PUSHED_SERIES_IN_ALL} series and may have no more: remove some")]
    SeriesInAll,
    /// The labels of the sender's series take as much memory as they may take.
    #[error(
        "the labels of the sender's series take {} MiB of memory and may take no more: push \
         fewer series, or shorter labels",
        MAX_PUSHED_MEMORY >> 20
    )]
    Memory,
    /// The labels of all senders' series take as much memory as they may take.
    #[error(
        "the labels of all senders' series take {} MiB of memory and may take no more: push \
         fewer series, or remove a sender",
        MAX_PUSHED_MEMORY_IN_ALL >> 20
    )]
    MemoryInAll,
    /// The labels of all series take as much of the file as they may take.
    #[error("labels take a quarter of the history: let it take more of the disk")]
    File,
    /// There are as many senders as there may be.
    #[error("there are {MAX_SENDERS} senders and may be no more: remove some")]
    Senders,
    /// The sender's name cannot be one.
    #[error("a sender's name is empty, or longer than {MAX_SERVER_KEY_BYTES} bytes")]
    Name,
    /// The push alone would take more than a quarter of the file.
    #[error(
        "the push takes more than a quarter of the history: let it take more of the disk, or \
         push less at a time"
    )]
    Large,
}

impl LeftOut {
    /// True when there is room for it once other series are gone.
    pub(super) fn is_for_want_of_room(self) -> bool {
        self.is_for_labels() || matches!(self, Self::Series | Self::SeriesInAll)
    }

    /// True when it is what labels take all together, and not how many series there are.
    pub(super) fn is_for_labels(self) -> bool {
        matches!(self, Self::Memory | Self::MemoryInAll | Self::File)
    }
}
