//! What the kernel tells of the process's own mappings: `/proc/self/smaps`,
//! described in the kernel's `Documentation/filesystems/proc.rst`.

use std::{fs, io};

/// A part of the program's file, or of a library's, that is mapped into the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The first byte.
    pub(super) start: usize,
    /// The byte after the last.
    pub(super) end: usize,
    /// What of it is in memory.
    pub(super) resident_kib: u64,
    writable: bool,
    /// Not shared with others through the mapping.
    private: bool,
    /// Pages that differ from the file, in memory or swapped out. `None` where
    /// the kernel does not say.
    anonymous_kib: Option<u64>,
    swapped_kib: Option<u64>,
}

impl Mapping {
    /// Whether each of its pages is the file's, and stays so.
    pub(super) fn is_only_file(&self) -> bool {
        self.private
            && !self.writable
            && self.anonymous_kib == Some(0)
            && self.swapped_kib == Some(0)
    }
}

/// The mappings of files: the program's own and the libraries'.
pub(super) fn of_files() -> io::Result<Vec<Mapping>> {
    Ok(parse(&fs::read_to_string("/proc/self/smaps")?))
}

fn parse(smaps: &str) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    let mut of_file = false;
    for line in smaps.lines() {
        if let Some((head, path)) = parse_head(line) {
            of_file = path.starts_with('/');
            mappings.extend(of_file.then_some(head));
        } else if of_file && let Some(mapping) = mappings.last_mut() {
            parse_field(line, mapping);
        }
    }
    mappings
}

/// `55d0-55e0 r-xp 00416000 fe:00 132 /usr/bin/watchfire`. Of a line of another
/// kind it is `None`.
fn parse_head(line: &str) -> Option<(Mapping, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let mut rest = rest.splitn(5, ' ');
    let access = rest.next()?;
    let (writable, private) = (access.contains('w'), access.ends_with('p'));
    let path = rest.nth(3).unwrap_or_default().trim_start();
    Some((Mapping { start, end, writable, private, ..Mapping::default() }, path))
}

fn parse_field(line: &str, mapping: &mut Mapping) {
    let Some((name, value)) = line.split_once(':') else { return };
    let kib = value.split_whitespace().next().and_then(|number| number.parse().ok());
    match name {
        "Rss" => mapping.resident_kib = kib.unwrap_or(0),
        "Anonymous" => mapping.anonymous_kib = kib,
        "Swap" => mapping.swapped_kib = kib,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 r--p 00000000 fe:00 132                        /opt/a program\n\
Rss:                   8 kB\nAnonymous:             0 kB\nSwap:                  0 kB\n\
VmFlags: rd mr mw me\n\
3000-5000 r-xp 00002000 fe:00 132                        /opt/a program\n\
Rss:                   4 kB\nAnonymous:             0 kB\nSwap:                  4 kB\n\
5000-6000 r--p 00004000 fe:00 132                        /opt/a program\n\
Rss:                   4 kB\nAnonymous:             4 kB\nSwap:                  0 kB\n\
6000-7000 rw-p 00005000 fe:00 132                        /opt/a program\n\
Rss:                   4 kB\nAnonymous:             0 kB\nSwap:                  0 kB\n\
7000-8000 r--s 00000000 fe:00 133                        /srv/shared\n\
Rss:                   4 kB\nAnonymous:             0 kB\nSwap:                  0 kB\n\
8000-9000 rw-p 00000000 00:00 0\n\
Rss:                   4 kB\n\
9000-a000 r-xp 00000000 fe:00 132                        /opt/a program\n\
Rss:                   4 kB\n";

    #[test]
    fn only_what_is_all_the_files_is_told_to_be_so() {
        let mappings = parse(SMAPS);
        let starts = |only: bool| -> Vec<usize> {
            mappings.iter().filter(|one| one.is_only_file() == only).map(|one| one.start).collect()
        };
        assert_eq!(starts(true), [0x1000]);
        // Swapped pages, relocated pages, writable ones, what others share, and
        // an old kernel's silence. What is of no file is left out.
        assert_eq!(starts(false), [0x3000, 0x5000, 0x6000, 0x7000, 0x9000]);
        assert_eq!((mappings[0].end, mappings[0].resident_kib), (0x3000, 8));
    }

    #[test]
    fn the_program_sees_itself() {
        let mappings = of_files().expect("Linux");
        assert!(mappings.iter().any(Mapping::is_only_file), "{mappings:?}");
        assert!(mappings.iter().any(|one| !one.is_only_file()), "{mappings:?}");
    }
}
