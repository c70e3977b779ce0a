//! A folder that is gone when the test process is, however that ends.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// A machine with less room there needs it for other things.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// Reads until the other end of the pipe is closed, which the kernel does for whoever is
/// killed. An interrupt from the keyboard goes to all of a terminal's processes, and
/// must not end this one before its work.
const SWEEP: &str = "trap '' INT TERM HUP; read -r _; rm -rf -- \"$0\"";

/// A folder in memory where this machine has a gibibyte of it free, else where temporary
/// files belong. Nobody else can read it.
///
/// A static is never dropped, and a test that is killed drops nothing: a small process
/// beside this one removes the folder when this one is gone.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    sweeper: Child,
    end: Option<ChildStdin>,
}

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Panics
    /// When no folder can be made, or no process started.
    #[must_use]
    pub fn new() -> Self {
        let path = made(&place()).expect("a folder for temporary files");
        let mut sweeper = Command::new("sh");
        sweeper.args(["-c", SWEEP]).arg(&path).current_dir("/");
        let mut sweeper = sweeper
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let end = sweeper.stdin.take();
        Self { path, sweeper, end }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.end = None;
        let _ = self.sweeper.wait();
    }
}

fn place() -> PathBuf {
    let has_room = rustix::fs::statvfs(MEMORY)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= LEAST_FREE_BYTES);
    if has_room { PathBuf::from(MEMORY) } else { std::env::temp_dir() }
}

fn made(within: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = within.join(format!("watchfire-test-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            // Of another namespace of processes, which has the same numbers.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_all_that_is_in_it() {
        let (one, other) = (Scratch::new(), Scratch::new());
        let path = one.path().to_owned();
        std::fs::create_dir(path.join("folder")).expect("ours");
        std::fs::write(path.join("folder/key"), "secret").expect("ours");
        drop(one);
        assert!(!path.exists());
        assert!(other.path().is_dir(), "that one is still used");
    }

    #[test]
    fn it_goes_when_its_owner_is_killed() {
        let own = std::env::var_os("WATCHFIRE_SCRATCH_OWNER");
        if own.is_some() {
            println!("folder={}", Scratch::new().path().display());
            std::process::abort();
        }
        let me = std::env::current_exe().expect("its path");
        let name = "scratch::tests::it_goes_when_its_owner_is_killed";
        let owner = Command::new(me)
            .args(["--exact", name, "--nocapture"])
            .env("WATCHFIRE_SCRATCH_OWNER", "1")
            .output()
            .expect("it runs");
        assert!(!owner.status.success());
        let said = String::from_utf8_lossy(&owner.stdout).into_owned();
        let path = said.lines().find_map(|line| line.split_once("folder=")).expect(&said).1;
        let path = Path::new(path);
        let gone = (0..2000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            !path.exists()
        });
        assert!(gone, "{} is still there", path.display());
    }
}
