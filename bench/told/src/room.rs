//! A small disk of one's own that can be filled.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use watchfire_testkit::process::Program;

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Room {
    folder: TempDir,
}

impl Room {
    /// A tmpfs; nothing where it may not be mounted.
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mount = ["-t", "tmpfs", "-o", "size=160m,mode=0700", "tmpfs"];
        let mount = Program::new("mount").args(mount).arg(folder.path());
        let (ended, _, words) = mount.run(PATIENCE);
        if !ended.success() {
            eprintln!("the row of the full disk is left out, there is no leave to mount: {words}");
            return None;
        }
        Some(Self { folder })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Takes all that is left, to the last page.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.ballast())?;
        let page = [0_u8; 4096];
        while file.write_all(&page).is_ok() {}
        Ok(())
    }

    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = Program::new("umount").arg("--lazy").arg(self.folder()).run(PATIENCE);
    }
}
