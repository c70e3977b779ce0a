use crate::text::{lines, number};

/// What is used of `/proc/PID/io`. It counts what went to and came from the
/// storage layer, not what pages in memory answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Io {
    pub(super) read_bytes: u64,
    /// With what was thrown away before it was written (`cancelled_write_bytes`)
    /// taken off.
    pub(super) written_bytes: u64,
}

impl Io {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let value =
            |key: &[u8]| number(lines(text).find_map(|line| line.strip_prefix(key))?.trim_ascii());
        let written = value(b"write_bytes:")?;
        let cancelled = value(b"cancelled_write_bytes:").unwrap_or(0);
        Some(Self {
            read_bytes: value(b"read_bytes:")?,
            written_bytes: written.saturating_sub(cancelled),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn storage_counts_and_not_calls() {
        let text = b"rchar: 9\nwchar: 9\nsyscr: 9\nsyscw: 9\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n";
        assert_eq!(Io::parse(text), Some(Io { read_bytes: 4096, written_bytes: 4096 }));
        assert_eq!(Io::parse(b"rchar: 9\nread_bytes: 4096\n"), None);
        assert_eq!(Io::parse(b""), None);
    }

    #[test]
    fn more_cancelled_than_written_is_nothing_written() {
        let text = b"read_bytes: 0\nwrite_bytes: 1\ncancelled_write_bytes: 4096\n";
        assert_eq!(Io::parse(text).map(|io| io.written_bytes), Some(0));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Io::parse(&bytes);
        }
    }
}
