use std::cell::Cell;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cage::{self, Cage};
use crate::guard::Guard;

/// Where everything of this run is. When it is dropped, or this program ends
/// in any other way, nothing of it is left.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) binary: PathBuf,
    cages: PathBuf,
    memory: PathBuf,
    disk: PathBuf,
    count: Cell<usize>,
    _guard: Guard,
}

impl Field {
    pub(crate) fn new(binary: PathBuf) -> anyhow::Result<Self> {
        let cages = cage::make_root()?;
        let memory = folder_in(Path::new("/dev/shm")).or_else(|_| folder_in(&std::env::temp_dir()));
        let (memory, disk) = (memory?.keep(), folder_in(&std::env::temp_dir())?.keep());
        let guard = Guard::start(&cages, &[&memory, &disk])?;
        Ok(Self { binary, cages, memory, disk, count: Cell::new(0), _guard: guard })
    }

    /// A control group, and an empty folder in memory, where no peer pays for a
    /// disk.
    pub(crate) fn place(&self, name: &str) -> anyhow::Result<(Cage, PathBuf)> {
        self.place_in(&self.memory, name)
    }

    /// The same with a folder on the disk, where our own recorder has to write.
    pub(crate) fn place_on_disk(&self, name: &str) -> anyhow::Result<(Cage, PathBuf)> {
        self.place_in(&self.disk, name)
    }

    fn place_in(&self, folder: &Path, name: &str) -> anyhow::Result<(Cage, PathBuf)> {
        let number = self.count.get() + 1;
        self.count.set(number);
        let name = format!("{number}-{name}");
        let folder = folder.join(&name);
        std::fs::create_dir(&folder)?;
        Ok((Cage::new(&self.cages, &name)?, folder))
    }
}

fn folder_in(place: &Path) -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("watchfire-bench-").tempdir_in(place)
}
