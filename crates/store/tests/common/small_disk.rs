//! A small disk of its own, where the machine lets us have one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount(bytes: u64) -> Option<Self> {
        let place = tempfile::tempdir().expect("a folder");
        let size = format!("size={bytes},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            println!("not shown here: this machine mounts no tmpfs for us");
        }
        mounted.then_some(Self(place))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room there is, as a program does that runs wild.
    pub(crate) fn fill(&self) {
        let mut filler = fs::File::create(self.filler()).expect("an inode");
        let full = std::io::copy(&mut std::io::repeat(1), &mut filler).expect_err("is full");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("ours");
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
