//! The runner's own record of all that was asked of it, refused, begun and ended: lines of JSON,
//! each of which holds the SHA-256 of the line before it, so that none can be changed or taken out
//! unseen. It is kept below a cap in two files; the second goes on where the first ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchfire_identity::sha256_hex;

pub(super) const FILE: &str = "audit.jsonl";
const OLD_FILE: &str = "audit.old.jsonl";
/// The largest of the two files, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// The longest line, in bytes: all arguments, each byte of them escaped.
const MAX_LINE_BYTES: u64 = 2 << 20;
/// What stands before the first line.
const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What happened.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) unix_ms: i64,
    /// `refused`, `started`, `ended` or `mended`.
    pub(super) event: String,
    pub(super) command_id: String,
    /// Who signed it, or who asks in the hub's words.
    pub(super) who: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) argv: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) runbook: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) purpose: String,
    /// Why not, or how it ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) outcome: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    sequence: u64,
    before: String,
    #[serde(flatten)]
    entry: Entry,
}

/// The file, open for what comes next.
#[derive(Debug)]
pub(super) struct Audit {
    folder: PathBuf,
    file: File,
    bytes: u64,
    sequence: u64,
    before: String,
}

impl Audit {
    pub(super) fn open(folder: &Path, now_unix_ms: i64) -> io::Result<Self> {
        let path = folder.join(FILE);
        let mut file = open(&path)?;
        let (last, torn) = last_line(&mut file)?;
        // After a new file's first second there is only the old one to go on from.
        let last = match last {
            None => last_line(&mut open(&folder.join(OLD_FILE))?)?.0,
            last => last,
        };
        let (sequence, before) = match last {
            None => (0, NOTHING_BEFORE.to_owned()),
            Some(line) => {
                let read: Line = serde_json::from_str(&line).map_err(io::Error::other)?;
                (read.sequence, sha256_hex(line.as_bytes()))
            }
        };
        let bytes = file.seek(SeekFrom::End(0))?;
        let mut audit = Self { folder: folder.to_owned(), file, bytes, sequence, before };
        if torn > 0 {
            let outcome = format!("{torn} bytes of a torn line were cut");
            let entry = Entry {
                unix_ms: now_unix_ms,
                event: "mended".to_owned(),
                outcome,
                ..Entry::default()
            };
            audit.write(entry)?;
        }
        Ok(audit)
    }

    /// Writes an entry, and to the disk.
    pub(super) fn write(&mut self, entry: Entry) -> io::Result<()> {
        if self.bytes >= MAX_FILE_BYTES {
            fs::rename(self.folder.join(FILE), self.folder.join(OLD_FILE))?;
            self.file = open(&self.folder.join(FILE))?;
            self.bytes = 0;
        }
        let line = Line { sequence: self.sequence + 1, before: self.before.clone(), entry };
        let text = serde_json::to_string(&line)?;
        let written = self.file.write_all(format!("{text}\n").as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // Half a line would hide the next one.
            let _ = self.file.set_len(self.bytes);
            let _ = self.file.seek(SeekFrom::End(0));
            return Err(error);
        }
        self.bytes += text.len() as u64 + 1;
        self.sequence += 1;
        self.before = sha256_hex(text.as_bytes());
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path)
}

/// The last whole line, and how many bytes of half a one were cut behind it.
fn last_line(file: &mut File) -> io::Result<(Option<String>, u64)> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(2 * MAX_LINE_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let torn = (end.len() - whole) as u64;
    if torn > 0 {
        file.set_len(length - torn)?;
    }
    let text = String::from_utf8_lossy(&end[..whole]);
    Ok((text.lines().next_back().map(str::to_owned), torn))
}

/// What a file of audit was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many lines.
    pub lines: u64,
    /// The number of the last one.
    pub last: u64,
    /// Its SHA-256: kept elsewhere, it shows later that none was taken off the end.
    pub head: String,
}

/// Why a file of audit is not as it was written.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A line is not what the next one, or its form, says.
    #[error("{}:{line}: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The line that ended with this head is not there.
    #[error("no line has the head {head}: lines at the end were taken away")]
    HeadMissing {
        /// The head that was known.
        head: String,
    },
}

/// True when a file begins as that of a runner does.
#[must_use]
pub fn is_audit(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut line = Vec::new();
    let read = BufReader::new(file).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
    read.is_ok() && serde_json::from_slice::<Line>(&line).is_ok()
}

/// Checks that each line holds the hash of the one before, and, where a head was kept elsewhere,
/// that its line is still there.
///
/// # Errors
/// [`AuditFault`] names the first line that is not as it was written.
pub fn verify_audit(path: &Path, known_head: Option<&str>) -> Result<Verified, AuditFault> {
    let unreadable = |source| AuditFault::Unreadable { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut found = Verified { lines: 0, last: 0, head: NOTHING_BEFORE.to_owned() };
    let mut has_head = known_head.is_none();
    loop {
        let mut bytes = Vec::new();
        (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(unreadable)?;
        if bytes.is_empty() {
            break;
        }
        let number = found.lines + 1;
        let broken =
            |what: String| AuditFault::Broken { path: path.to_owned(), line: number, what };
        if bytes.pop() != Some(b'\n') {
            return Err(broken("it is not whole".to_owned()));
        }
        let line: Line = serde_json::from_slice(&bytes)
            .map_err(|error| broken(format!("it is no entry: {error}")))?;
        // A file that goes on from another one begins with that one's head.
        if found.lines > 0 && (line.before != found.head || line.sequence != found.last + 1) {
            return Err(broken(
                "it or the line before was changed, or one between was taken out".to_owned(),
            ));
        }
        if found.lines == 0 && line.sequence == 1 && line.before != NOTHING_BEFORE {
            return Err(broken("the first line follows none".to_owned()));
        }
        has_head |= known_head == Some(line.before.as_str());
        found = Verified { lines: number, last: line.sequence, head: sha256_hex(&bytes) };
        has_head |= known_head == Some(found.head.as_str());
    }
    match known_head.filter(|_| !has_head) {
        Some(head) => Err(AuditFault::HeadMissing { head: head.to_owned() }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(outcome: &str) -> Entry {
        Entry { event: "ended".to_owned(), outcome: outcome.to_owned(), ..Entry::default() }
    }

    fn written(folder: &Path) -> PathBuf {
        for outcome in ["one", "two\n{\"sequence\":9}", "\u{1b}[2J"] {
            // Opened anew each time: the chain goes over a restart.
            Audit::open(folder, 0)
                .and_then(|mut audit| audit.write(entry(outcome)))
                .expect("written");
        }
        folder.join(FILE)
    }

    #[test]
    fn each_line_holds_the_one_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(folder.path());
        assert!(is_audit(&path) && !is_audit(folder.path()));
        let found = verify_audit(&path, None).expect("whole");
        assert_eq!((found.lines, found.last), (3, 3), "what is quoted makes no line");
        assert!(verify_audit(&path, Some(&found.head)).is_ok());
        let text = fs::read_to_string(&path).expect("ours");
        assert!(!text.contains('\u{1b}'), "a terminal that shows it stays as it is");

        for (from, to, line) in [("one", "eno", 2), ("\"sequence\":2", "\"sequence\":3", 2)] {
            fs::write(&path, text.replacen(from, to, 1)).expect("ours");
            let fault = verify_audit(&path, None).expect_err("changed");
            assert!(matches!(fault, AuditFault::Broken { line: at, .. } if at == line), "{fault}");
        }
        let without: Vec<&str> =
            text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, l)| l).collect();
        fs::write(&path, format!("{}\n", without.join("\n"))).expect("ours");
        assert!(verify_audit(&path, None).is_err(), "a line is missing");
    }

    #[test]
    fn a_known_head_shows_that_lines_were_taken_off_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(folder.path());
        let head = verify_audit(&path, None).expect("whole").head;
        let text = fs::read_to_string(&path).expect("ours");
        let two: Vec<&str> = text.lines().take(2).collect();
        fs::write(&path, format!("{}\n", two.join("\n"))).expect("ours");
        assert!(verify_audit(&path, None).is_ok(), "nothing in the file itself shows it");
        let fault = verify_audit(&path, Some(&head)).expect_err("the head shows it");
        assert!(matches!(fault, AuditFault::HeadMissing { .. }), "{fault}");
    }

    #[test]
    fn a_torn_line_is_cut_and_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = written(folder.path());
        let mut text = fs::read_to_string(&path).expect("ours");
        text.push_str("{\"sequence\":4,");
        fs::write(&path, text).expect("ours");
        drop(Audit::open(folder.path(), 0).expect("opens"));
        let found = verify_audit(&path, None).expect("mended");
        assert_eq!(found.lines, 4);
        assert!(fs::read_to_string(&path).expect("ours").contains("14 bytes of a torn line"));
    }
}
