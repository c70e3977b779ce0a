//! What a recorded root holds beside copied files: answers of system calls.

use std::collections::HashMap;

use crate::text::{escape, fraction, lines, number, printable, split_once, unescape};
use crate::{CollectError, Root};

/// Where the answers of `statvfs` are, below a recorded root.
///
/// One line a mounted filesystem, six fields between tabs: the mount point
/// (white space, backslashes and bytes outside ASCII as octal escapes, as in
/// `mountinfo`), then the size, the bytes available to anybody, the bytes free
/// with root's reserve, the inodes and the inodes free.
pub const STATFS_PATH: &str = "recorded/statfs";

/// Where the facts are that only system calls tell, below a recorded root.
///
/// Lines of `key=value`: `clock_ticks_per_second` (100 when absent),
/// `page_size` in bytes (4096 when absent) and `architecture`.
pub const FACTS_PATH: &str = "recorded/facts";

const DEFAULT_TICKS_PER_SECOND: u64 = 100;
const DEFAULT_PAGE_BYTES: u64 = 4096;

/// The space of one filesystem, bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Space {
    pub(crate) size_bytes: u64,
    pub(crate) available_bytes: u64,
    pub(crate) free_bytes: u64,
    pub(crate) files: u64,
    pub(crate) files_free: u64,
}

impl Space {
    /// Asks the kernel. May wait for as long as the filesystem's driver does,
    /// so the caller leaves out those that depend on other machines.
    pub(crate) fn ask(mount_point: &[u8]) -> std::io::Result<Self> {
        let answer = rustix::fs::statvfs(mount_point)?;
        let bytes = |blocks: u64| blocks.saturating_mul(answer.f_frsize);
        Ok(Self {
            size_bytes: bytes(answer.f_blocks),
            available_bytes: bytes(answer.f_bavail),
            free_bytes: bytes(answer.f_bfree),
            files: answer.f_files,
            files_free: answer.f_ffree,
        })
    }

    /// One line of [`STATFS_PATH`], with its line end.
    pub(crate) fn line(&self, mount_point: &[u8]) -> String {
        let Self { size_bytes, available_bytes, free_bytes, files, files_free } = self;
        format!(
            "{}\t{size_bytes}\t{available_bytes}\t{free_bytes}\t{files}\t{files_free}\n",
            escape(mount_point)
        )
    }
}

/// Reads the content of [`STATFS_PATH`]; lines that are not of its format are
/// left out, and the filesystem then counts as one that did not answer.
pub(crate) fn parse_statfs(text: &[u8]) -> HashMap<Vec<u8>, Space> {
    lines(text).filter_map(parse_statfs_line).collect()
}

fn parse_statfs_line(line: &[u8]) -> Option<(Vec<u8>, Space)> {
    let mut fields = line.split(|&byte| byte == b'\t');
    let mount_point = unescape(fields.next()?);
    let mut next = || number(fields.next()?);
    let space = Space {
        size_bytes: next()?,
        available_bytes: next()?,
        free_bytes: next()?,
        files: next()?,
        files_free: next()?,
    };
    Some((mount_point, space))
}

/// What only system calls tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The unit of the times in `/proc/PID/stat`.
    pub(crate) ticks_per_second: u64,
    /// The unit of resident memory in `/proc/PID/stat`, in bytes.
    pub(crate) page_bytes: u64,
    /// `x86_64` for example; empty when unknown.
    pub(crate) architecture: String,
}

impl Facts {
    /// Those of the machine, or those that the recorded root holds. A recorded
    /// root without the file has the defaults, and that is no error.
    pub(crate) fn of(root: &Root) -> Result<Self, CollectError> {
        if root.is_live() {
            return Ok(Self::live());
        }
        let path = root.join(FACTS_PATH);
        match root.read(FACTS_PATH) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(CollectError::unreadable(&path, error)),
        }
    }

    /// The content of [`FACTS_PATH`].
    pub(crate) fn text(&self) -> String {
        let Self { ticks_per_second, page_bytes, architecture } = self;
        format!(
            "clock_ticks_per_second={ticks_per_second}\npage_size={page_bytes}\narchitecture={architecture}\n"
        )
    }

    pub(crate) fn live() -> Self {
        let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(DEFAULT_PAGE_BYTES);
        Self {
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes,
            architecture: printable(rustix::system::uname().machine().to_bytes()),
        }
    }

    fn parse(text: &[u8]) -> Self {
        let mut facts = Self::default();
        for (key, value) in lines(text).filter_map(|line| split_once(line, b'=')) {
            match (key, number(value)) {
                (b"clock_ticks_per_second", Some(ticks @ 1..)) => facts.ticks_per_second = ticks,
                (b"page_size", Some(bytes @ 1..)) => facts.page_bytes = bytes,
                (b"architecture", _) => facts.architecture = printable(value),
                _ => {}
            }
        }
        facts
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            ticks_per_second: DEFAULT_TICKS_PER_SECOND,
            page_bytes: DEFAULT_PAGE_BYTES,
            architecture: String::new(),
        }
    }
}

/// Seconds since boot, the first field of `/proc/uptime`.
pub(crate) fn parse_uptime(text: &[u8]) -> Option<f64> {
    fraction(crate::text::words(text).next()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_statfs_is_read_back() {
        let space =
            Space { size_bytes: 5, available_bytes: 4, free_bytes: 3, files: 2, files_free: 1 };
        let line = space.line(b"/mnt/my disk");
        assert_eq!(line, "/mnt/my\\040disk\t5\t4\t3\t2\t1\n");
        assert_eq!(parse_statfs(line.as_bytes()).get(&b"/mnt/my disk"[..]), Some(&space));
    }

    #[test]
    fn facts_have_defaults_and_never_a_zero_unit() {
        assert_eq!(Facts::parse(b"clock_ticks_per_second=0\npage_size=x\n"), Facts::default());
        let arm =
            Facts { ticks_per_second: 250, page_bytes: 65536, architecture: "aarch64".to_owned() };
        assert_eq!(Facts::parse(arm.text().as_bytes()), arm);
    }

    #[test]
    fn the_live_machine_has_all_facts() {
        let facts = Facts::live();
        assert!(facts.page_bytes.is_power_of_two());
        assert!(!facts.architecture.is_empty());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse_statfs(&bytes);
            Facts::parse(&bytes);
            parse_uptime(&bytes);
        }
    }
}
