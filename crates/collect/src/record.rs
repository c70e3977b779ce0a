//! What `xtask record-root` copies, in one list with the collectors that read it.

use crate::collectors::{self, asked_mount_points};
use crate::recorded::{Facts, Space};
use crate::text::{lines, words};
use crate::{CollectError, Root, mask_arguments, processes, users};

/// Files that a collector reads, and how they are made fit to be shown to
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedPath {
    /// A path below the root. `*` stands for any name or any part of one, `PID`
    /// for the name of a process' folder.
    pub pattern: &'static str,
    /// What is kept of the content.
    pub rewrite: Rewrite,
}

/// What is kept of a file in a recorded root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// All of it.
    Whole,
    /// Only the lines that begin with one of these.
    Lines(&'static [&'static str]),
    /// All lines, with a `-` for the words at these places: addresses.
    Without(&'static [usize]),
    /// Arguments between NUL bytes: all, with secrets masked.
    Arguments,
    /// Accounts: names and numbers, without real names, homes and shells.
    Accounts,
    /// Where a link leads, as a link: relative, and to something that need not
    /// be recorded.
    Link,
}

impl RecordedPath {
    /// The content as it is recorded.
    #[must_use]
    pub fn rewrite(&self, content: &[u8]) -> Vec<u8> {
        match self.rewrite {
            Rewrite::Whole | Rewrite::Link => content.to_vec(),
            Rewrite::Lines(kept) => keep_lines(content, kept),
            Rewrite::Without(places) => blank_words(content, places),
            Rewrite::Arguments => mask_arguments(content),
            Rewrite::Accounts => users::without_people(content),
        }
    }
}

/// Every file that the samplers read, once.
#[must_use]
pub fn recorded_paths() -> Vec<RecordedPath> {
    let collectors = collectors::all();
    let of_status = collectors.iter().flat_map(|collector| collector.paths());
    of_status.chain(processes::PATHS).copied().collect()
}

/// The content of [`crate::STATFS_PATH`] for this machine. Filesystems that
/// refuse to answer are left out.
///
/// # Errors
///
/// When the list of mounts cannot be read.
pub fn statfs_table() -> Result<String, CollectError> {
    let mut table = String::new();
    for mount_point in asked_mount_points(&Root::live())? {
        if let Ok(space) = Space::ask(&mount_point) {
            table.push_str(&space.line(&mount_point));
        }
    }
    Ok(table)
}

/// The content of [`crate::TIMEX_PATH`] for this machine. `None` where a
/// sandbox forbids the question.
#[must_use]
pub fn timex_text() -> Option<String> {
    collectors::timex_text()
}

/// The content of [`crate::FACTS_PATH`] for this machine.
#[must_use]
pub fn machine_facts() -> String {
    Facts::live().text()
}

fn blank_words(content: &[u8], places: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines(content) {
        for (place, word) in words(line).enumerate() {
            out.extend_from_slice(if place == 0 { b"" } else { b" " });
            out.extend_from_slice(if places.contains(&place) { b"-" } else { word });
        }
        out.push(b'\n');
    }
    out
}

fn keep_lines(content: &[u8], kept: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines(content) {
        if kept.iter().any(|start| line.starts_with(start.as_bytes())) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_listed_twice_and_none_holds_environments() {
        let mut patterns: Vec<_> = recorded_paths().iter().map(|path| path.pattern).collect();
        let all = patterns.len();
        patterns.sort_unstable();
        patterns.dedup();
        assert_eq!(patterns.len(), all);
        assert!(patterns.iter().all(|pattern| !pattern.contains("environ")));
    }

    #[test]
    fn addresses_are_left_out() {
        let line = b"  0: 0100007F:07E8 0100007F:0016 0A 1:2\n\nx\n";
        assert_eq!(blank_words(line, &[1, 2]), b"0: - - 0A 1:2\nx\n");
    }

    #[test]
    fn only_wanted_lines_are_kept() {
        assert_eq!(
            keep_lines(b"cpu 1\nintr 2\nbtime 3\n", &["cpu", "btime "]),
            b"cpu 1\nbtime 3\n"
        );
    }
}
