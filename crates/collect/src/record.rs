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
    /// All lines, with a made-up value behind these beginnings: serial numbers.
    WithoutValues(&'static [&'static str]),
    /// An address of hardware, with a 0 for each of its digits.
    Address,
    /// This text in its place, whatever it says.
    Instead(&'static str),
    /// Mounts, with the secrets in their sources and options masked.
    Mounts,
    /// Arguments between NUL bytes: all, with secrets masked.
    Arguments,
    /// Accounts: names and numbers, without real names, homes and shells.
    Accounts,
    /// Where a link leads, as a link: relative, and to something that need not
    /// be recorded.
    Link,
}

/// Stands for the serial number of a device.
pub(crate) const MADE_UP_SERIAL: Rewrite = Rewrite::Instead("0000\n");

/// Stands for the id of a boot.
pub(crate) const MADE_UP_BOOT_ID: Rewrite =
    Rewrite::Instead("00000000-0000-4000-8000-000000000000\n");

impl RecordedPath {
    /// The content as it is recorded.
    #[must_use]
    pub fn rewrite(&self, content: &[u8]) -> Vec<u8> {
        match self.rewrite {
            Rewrite::Whole | Rewrite::Link => content.to_vec(),
            Rewrite::Lines(kept) => keep_lines(content, kept),
            Rewrite::Without(places) => blank_words(content, places),
            Rewrite::WithoutValues(starts) => blank_values(content, starts),
            Rewrite::Address => blank_digits(content),
            Rewrite::Instead(text) => text.as_bytes().to_vec(),
            Rewrite::Mounts => collectors::mounts_without_secrets(content),
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

fn blank_values(content: &[u8], starts: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines(content) {
        match starts.iter().find(|start| line.starts_with(start.as_bytes())) {
            Some(start) => out.extend_from_slice(format!("{start}0000").as_bytes()),
            None => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
    out
}

fn blank_digits(content: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| if byte.is_ascii_alphanumeric() { b'0' } else { *byte };
    content.iter().map(blank).collect()
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
    fn nothing_that_identifies_a_machine_is_kept() {
        for (ending, content, kept) in [
            ("net/*/address", "02:ab:CD:00:00:1f\n", "00:00:00:00:00:00\n"),
            ("net/*/broadcast", "ff:ff:ff:ff:ff:ff\n", "00:00:00:00:00:00\n"),
            ("nvme*/serial", "S680NX0R\n", "0000\n"),
            (
                "power_supply/*/uevent",
                "POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_SERIAL_NUMBER= 1337\nPOWER_SUPPLY_PRESENT=1\n",
                "POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_SERIAL_NUMBER=0000\nPOWER_SUPPLY_PRESENT=1\n",
            ),
            (
                "random/boot_id",
                "b5dc8a6e-5b0e-4f0e-9e0a-0f3e5d1c2b3a\n",
                "00000000-0000-4000-8000-000000000000\n",
            ),
            (
                "self/mountinfo",
                "1 0 0:1 / /x rw - fuse.x ftp://a:HUNTER2@b/ rw\n",
                "1 0 0:1 / /x rw - fuse.x ftp://a:***@b/ rw\n",
            ),
        ] {
            let paths = recorded_paths();
            let found: Vec<_> =
                paths.iter().filter(|path| path.pattern.ends_with(ending)).collect();
            assert!(!found.is_empty(), "{ending}");
            for path in found {
                let rewritten = String::from_utf8(path.rewrite(content.as_bytes())).unwrap();
                assert_eq!(rewritten, kept, "{}", path.pattern);
            }
        }
    }

    #[test]
    fn no_file_that_names_a_machine_or_its_users_is_kept_whole() {
        let telling = [
            "address",
            "broadcast",
            "serial",
            "uuid",
            "guid",
            "gids",
            "boot_id",
            "machine-id",
            "asset",
            "wwid",
            "wwn",
            "mountinfo",
            "cmdline",
            "passwd",
            "power_supply/*/uevent",
            "hwaddr",
        ];
        for path in recorded_paths().iter().filter(|path| path.rewrite == Rewrite::Whole) {
            let name = path.pattern.replace("addr_assign_type", "");
            assert!(!telling.iter().any(|word| name.contains(word)), "{name}");
        }
    }

    #[test]
    fn only_wanted_lines_are_kept() {
        assert_eq!(
            keep_lines(b"cpu 1\nintr 2\nbtime 3\n", &["cpu", "btime "]),
            b"cpu 1\nbtime 3\n"
        );
    }
}
