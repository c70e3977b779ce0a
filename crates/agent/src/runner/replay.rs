//! The book of replays: the ids of signed commands that were taken, until they can no longer be
//! taken anyway. It survives restarts, and an id is on the disk before its command begins.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "replay";
/// How long an id is kept after the end of its envelope's life: so far a wall clock that was
/// wrong may be set back.
const SLACK_S: i64 = 3600;
/// How many ids are kept; beyond, those that end first go.
const MAX_IDS: usize = 100_000;
/// How many ids that are over may stand in the file before it is written anew.
const MAX_OVER: usize = 1000;

/// The ids that were taken.
#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    file: File,
    /// Of each id when its envelope ends.
    taken: BTreeMap<String, i64>,
    /// Whatever ends no later was forgotten, and is not taken, so that no clock that goes back
    /// makes an old command a new one.
    floor: i64,
    lines: usize,
}

/// Why a command is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Replayed {
    #[error("this command was taken already, and none runs twice")]
    Again,
    #[error(
        "this command ends before what is remembered begins: is the clock of this server right?"
    )]
    Forgotten,
    #[error("the book of taken commands cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl Book {
    pub(super) fn open(folder: &Path, now_unix_s: i64) -> io::Result<Self> {
        let path = folder.join(FILE);
        let (mut taken, mut floor) = (BTreeMap::new(), i64::MIN);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        // A last line without its end was never acknowledged by the disk, and nothing ran.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let fault = || io::Error::other(format!("{} is damaged", path.display()));
            let (id, end) = line.split_once(' ').ok_or_else(fault)?;
            let end = end.parse().map_err(|_| fault())?;
            if id == "floor" {
                floor = floor.max(end);
            } else {
                taken.insert(id.to_owned(), end);
            }
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let mut book = Self { path, file, taken, floor, lines: usize::MAX };
        book.forget(now_unix_s);
        book.write_anew()?;
        Ok(book)
    }

    /// Takes this id, and has it on the disk when it returns.
    pub(super) fn take(
        &mut self,
        id: &str,
        end_unix_s: i64,
        now_unix_s: i64,
    ) -> Result<(), Replayed> {
        if self.taken.contains_key(id) {
            return Err(Replayed::Again);
        }
        if end_unix_s <= self.floor {
            return Err(Replayed::Forgotten);
        }
        self.forget(now_unix_s);
        if self.lines > self.taken.len() + MAX_OVER {
            self.write_anew()?;
        }
        self.file.write_all(format!("{id} {end_unix_s}\n").as_bytes())?;
        self.file.sync_data()?;
        self.lines += 1;
        self.taken.insert(id.to_owned(), end_unix_s);
        Ok(())
    }

    fn forget(&mut self, now_unix_s: i64) {
        let mut from = now_unix_s.saturating_sub(SLACK_S);
        if self.taken.len() >= MAX_IDS {
            let mut ends: Vec<i64> = self.taken.values().copied().collect();
            ends.sort_unstable();
            from = from.max(ends[ends.len() / 10]);
        }
        let floor = &mut self.floor;
        self.taken.retain(|_, end| {
            let stays = *end > from;
            if !stays {
                *floor = (*floor).max(*end);
            }
            stays
        });
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&fresh)?;
        let mut text = format!("floor {}\n", self.floor);
        for (id, end) in &self.taken {
            text.push_str(&format!("{id} {end}\n"));
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        (self.file, self.lines) = (file, self.taken.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_taken_twice_whatever_happens_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = Book::open(folder.path(), 1000).expect("opens");
        book.take("aa", 1030, 1000).expect("new");
        assert!(matches!(book.take("aa", 1030, 1001), Err(Replayed::Again)));
        // After a restart, after an hour, and with a clock that was set back.
        for now in [1002, 4000, 1030 + SLACK_S + 1, 500] {
            let mut book = Book::open(folder.path(), now).expect("opens");
            book.take("aa", 1030, now).expect_err("an old one");
        }
        let mut book = Book::open(folder.path(), 9000).expect("opens");
        assert!(book.taken.is_empty(), "what is over is forgotten");
        book.take("bb", 9030, 9000).expect("a new one");
    }

    #[test]
    fn half_a_line_is_none_and_nonsense_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        fs::write(&path, "aa 5000\nbb 50").expect("ours");
        let mut book = Book::open(folder.path(), 1000).expect("opens");
        book.take("bb", 5000, 1000).expect("it never began");
        book.take("aa", 5000, 1000).expect_err("this did");
        fs::write(&path, "nonsense\n").expect("ours");
        Book::open(folder.path(), 1000).expect_err("damaged: nobody guesses what ran");
    }
}
