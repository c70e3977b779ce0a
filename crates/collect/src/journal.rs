//! The last lines that a unit wrote to systemd's journal, read from the journal's own files
//! (systemd.io/JOURNAL_FILE_FORMAT), because a sandboxed agent may start no `journalctl`.
//!
//! Reading is bounded: [`MAX_FILES`] files, [`MAX_READS`] small reads in each, whatever a file
//! says. The journal goes on being written meanwhile: what makes no sense is left out. Lines that
//! the journal compressed are named and not shown, for nothing here links its compressors.

mod file;
mod hash;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use watchfire_model::{Event, EventKind, Moment};

use self::file::{Entry, Journal, ReadAt};
use crate::text::printable;
use crate::{Root, mask};

/// The most lines that are told of a unit.
pub const MAX_JOURNAL_LINES: usize = 10;
/// The longest line, in bytes.
pub const MAX_JOURNAL_LINE_BYTES: usize = 300;
/// systemd has no longer names.
const MAX_UNIT_BYTES: usize = 255;
/// How many files are looked at: the one that is written, and those that were before it.
const MAX_FILES: usize = 3;
/// How many names a folder of the journal may have that are looked at.
const MAX_NAMES: usize = 1_000;
/// How many small reads one file may cost. A read has at most some hundred bytes.
const MAX_READS: u32 = 3_000;
/// Where journals are: those that outlive a boot, and those that do not.
const FOLDERS: [&str; 2] = ["var/log/journal", "run/log/journal"];
/// The file of services that is written now.
const CURRENT: &str = "system.journal";
/// What stands for a line that is there and cannot be read.
const PACKED: &str = "(a long line, which the journal keeps compressed)";

/// The last lines that a unit wrote, and that systemd said of it, oldest first, with secrets
/// masked. Empty where there is no journal or it may not be read.
#[must_use]
pub fn journal_lines(root: &Root, unit: &str) -> Vec<String> {
    let mut entries = Vec::new();
    for path in files(root) {
        let Ok(file) = root.open_file(&path) else { continue };
        // A file that makes no sense has nothing to tell; the next one may.
        entries.extend(entries_of(&file, unit).unwrap_or_default());
        if entries.len() >= MAX_JOURNAL_LINES {
            break;
        }
    }
    last(entries)
}

/// That a unit was seen to have failed: its name, and in lines of their own the last ones that it
/// wrote.
#[must_use]
pub fn unit_failed(root: &Root, unit: &str, now: Moment) -> Event {
    let mut name = printable(unit.as_bytes());
    name.truncate(name.floor_char_boundary(MAX_UNIT_BYTES));
    let lines = journal_lines(root, unit).into_iter();
    let text = lines.fold(format!("{name} failed"), |text, line| format!("{text}\n{line}"));
    Event { at: now, kind: EventKind::UnitFailed, text, victim: None }
}

/// The last lines of a unit in one file of the journal, whose content this is.
#[must_use]
pub fn journal_lines_of(content: &[u8], unit: &str) -> Vec<String> {
    last(entries_of(&content, unit).unwrap_or_default())
}

/// The last entries in which a unit has its name: what its processes wrote, and what systemd
/// itself said of it. Anybody may write an entry that says to be about a unit.
fn entries_of(file: &dyn ReadAt, unit: &str) -> io::Result<Vec<Entry>> {
    let journal = Journal::open(file, MAX_READS)?;
    let mut entries = journal.last(&format!("_SYSTEMD_UNIT={unit}"), None)?;
    entries.extend(journal.last(&format!("UNIT={unit}"), Some("_PID=1"))?);
    Ok(entries)
}

fn last(mut entries: Vec<Entry>) -> Vec<String> {
    entries.sort_by_key(|entry| (entry.realtime, entry.sequence));
    entries.dedup_by_key(|entry| (entry.realtime, entry.sequence));
    let skipped = entries.len().saturating_sub(MAX_JOURNAL_LINES);
    entries.iter().skip(skipped).map(line).collect()
}

/// A line as it is told. Its words are what a command line's arguments are: `--password x` is
/// two of them.
fn line(entry: &Entry) -> String {
    let Some(message) = &entry.message else { return PACKED.to_owned() };
    let first = message.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let words: Vec<u8> = first.iter().map(|&b| if b == b' ' { 0 } else { b }).collect();
    let mut line = mask::command_line(&words);
    line.truncate(line.floor_char_boundary(MAX_JOURNAL_LINE_BYTES));
    line
}

/// The files of this machine's journal for services, the newest first.
fn files(root: &Root) -> Vec<PathBuf> {
    let Ok(id) = root.read("etc/machine-id") else { return Vec::new() };
    let id = String::from_utf8_lossy(&id);
    let id = id.trim();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for folder in FOLDERS {
        let folder = PathBuf::from(folder).join(id);
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        let names =
            entries.take(MAX_NAMES).filter_map(|one| one.ok()?.file_name().into_string().ok());
        all.extend(names.filter_map(|name| Some((age(&name)?, folder.join(&name)))));
    }
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(MAX_FILES);
    all.into_iter().map(|(_, path)| path).collect()
}

/// When a file was begun, larger for later ones: `system@FILE-SEQUENCE-TIME.journal` was put
/// aside, and [`CURRENT`] is younger than all.
fn age(name: &str) -> Option<u64> {
    if name == CURRENT {
        return Some(u64::MAX);
    }
    let time = name.strip_prefix("system@")?.strip_suffix(".journal")?.rsplit('-').next()?;
    u64::from_str_radix(time, 16).ok()
}
