//! The kernel's last words, which the firmware or reserved memory kept over
//! the start of the machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::reboot::Panic;
use super::sampler::masked;
use crate::Root;
use crate::text::lines;

/// Where the kernel shows them.
pub(crate) const PSTORE: &str = "sys/fs/pstore";
/// Where `systemd-pstore.service` moves them when the machine starts.
const ARCHIVE: &str = "var/lib/systemd/pstore";

/// The most files and folders that one search looks at, wherever they are, and
/// how deep the archive is. What is beyond is left out.
const MAX_ENTRIES: usize = 1024;
const MAX_DEPTH: usize = 3;
/// The most records that are read.
const MAX_RECORDS: usize = 256;
/// The most of a record that is read.
const MAX_BYTES: u64 = 256 * 1024;
/// The parts of one record carry the same time, or nearly so.
const SAME_RECORD_MS: i64 = 60_000;

/// What says that the kernel died, the most telling first.
const LAST_WORDS: [&[u8]; 4] =
    [b"Kernel panic - not syncing", b"Oops", b"kernel BUG at ", b"BUG: "];

/// The kind of a record by its name: `dmesg` of `dmesg-efi-169…`.
pub(crate) fn record_kind(name: &[u8]) -> Option<&[u8]> {
    let kind = name.split(|&byte| byte == b'-').next()?;
    (kind.len() < name.len() && !kind.is_empty()).then_some(kind)
}

/// The panic of the newest record, `None` where there is none or none may be
/// read.
pub(super) fn last_panic(root: &Root) -> Option<Panic> {
    let mut records = Vec::new();
    let mut budget = MAX_ENTRIES;
    // What the kernel still shows comes first, because the archive can be long.
    for folder in [PSTORE, ARCHIVE] {
        find(&root.join(folder), 0, &mut budget, &mut records);
    }
    records.sort_by(|a, b| b.cmp(a));
    let newest = records.first()?.0;
    let same = records.iter().take_while(|(at, _)| newest - at <= SAME_RECORD_MS);
    let words: Vec<(usize, String)> = same.filter_map(|(_, path)| last_words(path)).collect();
    let (_, line) = words.into_iter().min_by_key(|(rank, _)| *rank)?;
    Some(Panic { at_ms: newest, line })
}

/// Records of the kernel's log with their times, in any order. Each entry
/// takes one of `budget`.
fn find(folder: &Path, depth: usize, budget: &mut usize, records: &mut Vec<(i64, PathBuf)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        // A folder that cannot be read on would give the same error for ever.
        let Ok(entry) = entry else { return };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < MAX_DEPTH {
            find(&entry.path(), depth + 1, budget, records);
        }
        let name = entry.file_name();
        let is_log = name.as_encoded_bytes().starts_with(b"dmesg");
        if !kind.is_file() || !is_log || records.len() >= MAX_RECORDS {
            continue;
        }
        let changed = entry.metadata().and_then(|data| data.modified());
        let since = changed.ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        if let Some(at) = since.and_then(|since| i64::try_from(since.as_millis()).ok()) {
            records.push((at, entry.path()));
        }
    }
}

/// The line of a record that says why, without its time, and its rank in
/// [`LAST_WORDS`].
fn last_words(path: &Path) -> Option<(usize, String)> {
    let mut content = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut content).ok()?;
    LAST_WORDS.iter().enumerate().find_map(|(rank, words)| {
        let line = lines(&content).filter(|line| holds(line, words)).last()?;
        Some((rank, masked(without_time(line))))
    })
}

fn holds(line: &[u8], words: &[u8]) -> bool {
    // The first line of a record names its occasion: `Panic#1 Part1`.
    !line.starts_with(b"Oops#") && line.windows(words.len()).any(|part| part == words)
}

/// `<0>[  12.345678] text` is `text`.
fn without_time(line: &[u8]) -> &[u8] {
    let line = match line.iter().position(|&byte| byte == b'>') {
        Some(end @ 1..=3) if line.starts_with(b"<") => &line[end + 1..],
        _ => line,
    };
    match line.iter().position(|&byte| byte == b']') {
        Some(end) if line.starts_with(b"[") => line[end + 1..].trim_ascii(),
        _ => line.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PANIC: &str = "Panic#1 Part1\n<4>[   90.000001] BUG: unable to handle page fault\n<0>[   91.234567] Kernel panic - not syncing: Fatal exception token=abc\n<0>[   91.3] ---[ end Kernel panic - not syncing: Fatal exception ]---x\n";

    fn write(dir: &Path, path: &str, seconds: u64, content: &str) {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn the_newest_record_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::recorded(dir.path());
        assert_eq!(last_panic(&root), None);
        write(
            dir.path(),
            "var/lib/systemd/pstore/170/001/dmesg.txt",
            100,
            "Oops#1 Part1\n<4>[1.0] Oops: 0000 [#1] SMP\n",
        );
        let line = "Oops: 0000 [#1] SMP".to_owned();
        assert_eq!(last_panic(&root), Some(Panic { at_ms: 100_000, line }));
        write(dir.path(), "sys/fs/pstore/dmesg-efi-1", 500, "<4>[1.0] Oops: 0001 [#1] SMP\n");
        write(dir.path(), "sys/fs/pstore/dmesg-efi-2", 499, &PANIC.replace("---x\n", ""));
        write(dir.path(), "sys/fs/pstore/console-ramoops-0", 900, PANIC);
        let panic = last_panic(&root).unwrap();
        assert_eq!(panic.at_ms, 500_000);
        assert!(panic.line.contains("Kernel panic"), "{panic:?}");
    }

    #[test]
    fn lines_lose_their_time_and_their_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let first_lines: String = PANIC.lines().take(3).map(|line| format!("{line}\n")).collect();
        write(dir.path(), "sys/fs/pstore/dmesg-efi-1", 1, &first_lines);
        let panic = last_panic(&Root::recorded(dir.path())).unwrap();
        assert_eq!(panic.line, "Kernel panic - not syncing: Fatal exception token=***");
        assert_eq!(without_time(b"[x] a"), b"a");
        assert_eq!(without_time(b"a > b"), b"a > b");
        assert_eq!(without_time(b"<"), b"<");
    }

    #[test]
    fn one_budget_holds_for_the_whole_search() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..40 {
            for part in 0..30 {
                let path = dir.path().join(format!("{ARCHIVE}/{number}/{part}"));
                fs::create_dir_all(path).unwrap();
            }
        }
        let (mut budget, mut records) = (100, Vec::new());
        find(&dir.path().join(ARCHIVE), 0, &mut budget, &mut records);
        assert_eq!((budget, records.len()), (0, 0));
        // What the kernel shows is found although the archive is endless.
        write(dir.path(), "sys/fs/pstore/dmesg-efi-1", 500, "<4>[1.0] Oops: 0001 [#1] SMP\n");
        assert_eq!(last_panic(&Root::recorded(dir.path())).map(|panic| panic.at_ms), Some(500_000));
    }

    #[test]
    fn kinds_stand_before_the_first_dash() {
        assert_eq!(record_kind(b"dmesg-efi-1"), Some(&b"dmesg"[..]));
        for other in [&b"dmesg"[..], b"-x", b""] {
            assert_eq!(record_kind(other), None);
        }
    }
}
