//! A disk that keeps what was synced, and of the rest what the dice say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::trace::Op;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// Numbers from a seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From zero to below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What a power cut takes of that which is not synced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    All,
    /// Of 64 sectors, names and lengths, about so many are as they were last.
    Some {
        kept_of_64: u64,
    },
}

impl Loss {
    /// Which of `versions` stays, of which the first is synced and the last is the newest.
    fn choose<'a, T>(self, versions: &[&'a T], dice: &mut Dice) -> &'a T {
        let newest = versions.len() - 1;
        match self {
            Self::All => versions[0],
            Self::Some { kept_of_64 } if dice.below(64) < kept_of_64 => versions[newest],
            Self::Some { .. } => versions[dice.below(newest.max(1) as u64) as usize],
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
struct File {
    /// As processes see it.
    seen: Vec<u8>,
    /// As the disk has it for certain.
    synced: Vec<u8>,
    /// What sectors were since the last sync, the newest last.
    sectors: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// The lengths since the last sync.
    lengths: Vec<usize>,
}

impl Disk {
    pub(super) fn apply(&mut self, op: &Op, dice: &mut Dice) {
        match op {
            Op::Made(name) => {
                if !self.names.contains_key(name) {
                    self.names.insert(name.clone(), self.files.len());
                    self.files.push(File::default());
                }
            }
            Op::Removed(name) => drop(self.names.remove(name)),
            Op::FolderSynced => self.synced_names = self.names.clone(),
            Op::Wrote { file, at, bytes } => self.file(file).write(*at, bytes),
            Op::Cut { file, len } => self.file(file).cut(*len),
            Op::Synced { file, well: true } => self.file(file).sync(),
            Op::Synced { file, well: false } => self.file(file).fail_to_sync(dice),
            Op::Acknowledged(_) => {}
        }
    }

    fn file(&mut self, name: &str) -> &mut File {
        let number = *self.names.get(name).unwrap_or_else(|| panic!("{name} was not made"));
        &mut self.files[number]
    }

    /// Writes what a power cut leaves into an empty folder.
    pub(super) fn leave(&self, loss: Loss, dice: &mut Dice, folder: &Path) {
        let all: BTreeSet<&String> = self.names.keys().chain(self.synced_names.keys()).collect();
        for name in all {
            let (before, after) = (self.synced_names.get(name), self.names.get(name));
            if let Some(&number) = *loss.choose(&[&before, &after], dice) {
                let left = self.files[number].left(loss, dice);
                fs::write(folder.join(name), left).expect("room");
            }
            if name.ends_with("-wal") {
                let index = folder.join(name.replace("-wal", "-shm"));
                fs::write(index, [0xA5; 32 << 10]).expect("room");
            }
        }
    }
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let old_len = self.seen.len();
        self.seen.resize(old_len.max(end), 0);
        self.seen[at..end].copy_from_slice(bytes);
        for number in at / SECTOR..end.div_ceil(SECTOR) {
            let now = self.sector(number);
            self.sectors.entry(number).or_default().push(now);
        }
        if self.seen.len() > old_len {
            self.lengths.push(self.seen.len());
        }
    }

    fn cut(&mut self, len: usize) {
        self.seen.resize(len, 0);
        self.lengths.push(len);
        // What is behind the end now is nothing when the file grows again.
        for (number, versions) in self.sectors.range_mut(len / SECTOR..) {
            let mut last = *versions.last().expect("none is empty");
            let from = len.saturating_sub(number * SECTOR).min(SECTOR);
            last[from..].fill(0);
            versions.push(last);
        }
    }

    /// A sector as processes see it.
    fn sector(&self, number: usize) -> [u8; SECTOR] {
        let mut whole = [0; SECTOR];
        let from = (number * SECTOR).min(self.seen.len());
        let part = &self.seen[from..self.seen.len().min(from + SECTOR)];
        whole[..part.len()].copy_from_slice(part);
        whole
    }

    fn sync(&mut self) {
        self.synced.resize(self.seen.len(), 0);
        for (number, versions) in std::mem::take(&mut self.sectors) {
            put(&mut self.synced, number, versions.last().expect("none is empty"));
        }
        self.lengths.clear();
    }

    /// Some of it came to the disk. The kernel holds the rest for written, so that the next sync
    /// does not write it.
    fn fail_to_sync(&mut self, dice: &mut Dice) {
        for (number, versions) in std::mem::take(&mut self.sectors) {
            if dice.below(2) == 0 {
                let end = ((number + 1) * SECTOR).min(self.seen.len());
                self.synced.resize(self.synced.len().max(end), 0);
                put(&mut self.synced, number, versions.last().expect("none is empty"));
            }
        }
    }

    fn left(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
        let synced_len = self.synced.len();
        let lengths: Vec<&usize> = [&synced_len].into_iter().chain(&self.lengths).collect();
        let len = *loss.choose(&lengths, dice);
        let mut left = self.synced.clone();
        left.resize(len, 0);
        for (number, versions) in &self.sectors {
            let mut synced = [0; SECTOR];
            let from = (number * SECTOR).min(synced_len);
            let part = &self.synced[from..synced_len.min(from + SECTOR)];
            synced[..part.len()].copy_from_slice(part);
            let versions: Vec<&[u8; SECTOR]> = [&synced].into_iter().chain(versions).collect();
            put(&mut left, *number, loss.choose(&versions, dice));
        }
        left
    }
}

/// Puts as much of a sector as there is room for.
fn put(file: &mut [u8], number: usize, sector: &[u8; SECTOR]) {
    let from = (number * SECTOR).min(file.len());
    let room = (file.len() - from).min(SECTOR);
    file[from..from + room].copy_from_slice(&sector[..room]);
}
