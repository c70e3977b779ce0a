use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::{CollectError, Root};

/// What is held of a file at a time. A line that is longer is left out.
const BUFFER_BYTES: usize = 64 * 1024;
/// The most of one file that is read: 800,000 sockets.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// Reads files of nearly any length line by line with one buffer, for those
/// that have a line for each socket or neighbour.
pub(super) struct LineStream {
    buffer: Box<[u8]>,
}

impl LineStream {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into() }
    }

    /// Gives each line to `with`, without its line end. False when there is no
    /// such file.
    pub(super) fn each(
        &mut self,
        root: &Root,
        relative: &str,
        mut with: impl FnMut(&[u8]),
    ) -> Result<bool, CollectError> {
        let path = root.join(relative);
        let mut file = match root.open_file_at(&path, Path::new(relative)) {
            Ok(file) => file,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(CollectError::unreadable(&path, error)),
        };
        match self.pour(&mut file, &mut with) {
            Ok(()) => Ok(true),
            Err(error) => Err(CollectError::unreadable(&path, error)),
        }
    }

    fn pour(&mut self, file: &mut impl Read, with: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let (mut held, mut all, mut too_long) = (0, 0, false);
        loop {
            let read = match file.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            all += read;
            if all > MOST_BYTES {
                return Err(io::Error::other(format!("larger than {MOST_BYTES} bytes")));
            }
            let end = held + read;
            let mut rest = &self.buffer[..end];
            while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
                if !std::mem::take(&mut too_long) {
                    with(&rest[..at]);
                }
                rest = &rest[at + 1..];
            }
            held = rest.len();
            if read == 0 {
                if held > 0 && !too_long {
                    with(rest);
                }
                return Ok(());
            }
            self.buffer.copy_within(end - held..end, 0);
            if held == self.buffer.len() {
                (held, too_long) = (0, true);
            }
        }
    }
}

impl std::fmt::Debug for LineStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives no more than a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn lines(text: &[u8], buffer: usize, drop: usize) -> Vec<Vec<u8>> {
        let mut stream = LineStream { buffer: vec![0; buffer].into() };
        let mut lines = Vec::new();
        stream.pour(&mut Drops(text, drop), &mut |line| lines.push(line.to_vec())).unwrap();
        lines
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_alone() {
        assert_eq!(lines(b"a\nbbbbbbbbbbbbbbb\nc\nd", 4, 3), [b"a", b"c", b"d"]);
        assert_eq!(lines(b"a\nbbbbbbbbbbbbbbb", 4, 9), [b"a"]);
    }

    #[test]
    fn a_file_that_is_not_there() {
        let mut stream = LineStream::new();
        assert!(!stream.each(&Root::recorded("/nowhere"), "proc/net/tcp", |_| {}).unwrap());
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tcp")).unwrap();
        let error = stream.each(&Root::recorded(dir.path()), "tcp", |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("cannot read "), "{error}");
    }

    #[test]
    fn an_endless_file_ends() {
        let mut stream = LineStream::new();
        let error = stream.pour(&mut io::repeat(b'x'), &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with("larger than"), "{error}");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_come(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..80),
            drop in 1_usize..90,
        ) {
            let mut expected: Vec<_> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(lines(&text, 100, drop), expected);
        }
    }
}
