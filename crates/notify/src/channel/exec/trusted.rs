//! Whether a program is one that only root and the hub's own user can change: neither the file, nor
//! a folder or a link on the way to it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As many links as the system itself follows.
const MAX_LINKS: usize = 40;

/// Where a process finds what it has open.
const DESCRIPTORS: &str = "/proc/self/fd";

/// How the system knows a program that is no script.
const ELF: [u8; 4] = *b"\x7fELF";

/// A program that was looked at.
pub(super) struct Trusted {
    /// What to run.
    pub(super) path: PathBuf,
    /// Keeps what was looked at open until it is run.
    _file: Option<File>,
}

/// Why a program is not run.
#[derive(Debug)]
pub(super) enum NotTrusted {
    /// It is not there; it may come yet.
    Missing(io::Error),
    /// Somebody else may change it.
    Changeable(String),
}

impl std::fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(error) => error.fmt(f),
            Self::Changeable(why) => f.write_str(why),
        }
    }
}

/// Looks at all that leads to `program`. What was looked at is what runs: a program by its
/// descriptor, so that nothing can take its place meanwhile. A script has none by which its
/// interpreter could read it, and is run by its path, which nobody else can change.
pub(super) fn open(program: &Path) -> Result<Trusted, NotTrusted> {
    let own = rustix::process::geteuid().as_raw();
    let path = look_at(program, own)?;
    // One that may be run and not read is run by its path.
    let Ok(mut file) = File::open(&path) else { return Ok(Trusted { path, _file: None }) };
    let opened = file.metadata().map_err(NotTrusted::Missing)?;
    judge(&path, &opened, own)?;
    let mut start = [0; ELF.len()];
    let is_program = file.read_exact(&mut start).is_ok() && start == ELF;
    let descriptor = Path::new(DESCRIPTORS).join(file.as_raw_fd().to_string());
    let path = if is_program && descriptor.exists() { descriptor } else { path };
    Ok(Trusted { path, _file: Some(file) })
}

/// Walks to `program` as the system does, and says where it is without links.
fn look_at(program: &Path, own: u32) -> Result<PathBuf, NotTrusted> {
    let mut left = names(program);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    judge(&at, &fs::metadata(&at).map_err(NotTrusted::Missing)?, own)?;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let found = fs::symlink_metadata(&next).map_err(NotTrusted::Missing)?;
        judge(&next, &found, own)?;
        if !found.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(NotTrusted::Changeable(format!("{} leads in a circle", next.display())));
        }
        let target = fs::read_link(&next).map_err(NotTrusted::Missing)?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        let mut names = names(&target);
        names.append(&mut left);
        left = names;
    }
    Ok(at)
}

fn names(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}

fn judge(path: &Path, found: &Metadata, own: u32) -> Result<(), NotTrusted> {
    let bad = |why: &str| NotTrusted::Changeable(format!("{} {why}", path.display()));
    fault(found, found.uid(), own).map_or(Ok(()), |why| Err(bad(why)))
}

/// What lets somebody else change this; the mode of a link means nothing.
fn fault(found: &Metadata, owner: u32, own: u32) -> Option<&'static str> {
    if owner != 0 && owner != own {
        return Some("belongs neither to root nor to the hub's user");
    }
    // In a sticky folder nobody can rename or remove what is another's.
    let is_sticky = found.is_dir() && found.mode() & 0o1000 != 0;
    let is_open = found.mode() & 0o022 != 0 && !found.is_symlink() && !is_sticky;
    is_open.then_some("may be changed by its group or by anybody: chmod go-w")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use watchfire_testkit::scratch::Scratch;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn why(path: &Path) -> String {
        open(path).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_program_is_run_by_its_descriptor_and_a_script_by_its_path() {
        let program = open(Path::new("/bin/true")).unwrap();
        assert!(program.path.starts_with(DESCRIPTORS), "{:?}", program.path);
        let scratch = Scratch::new();
        mode(scratch.path(), 0o755);
        let script = scratch.path().join("tell");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        mode(&script, 0o755);
        assert_eq!(open(&script).unwrap().path, script.canonicalize().unwrap());
    }

    #[test]
    fn nothing_on_the_way_may_be_changed_by_others() {
        let scratch = Scratch::new();
        mode(scratch.path(), 0o755);
        let folder = scratch.path().join("bin");
        let (script, link) = (folder.join("tell"), scratch.path().join("link"));
        fs::create_dir(&folder).unwrap();
        mode(&folder, 0o755);
        fs::write(&script, "#!/bin/sh\n").unwrap();
        symlink("bin/../bin/tell", &link).unwrap();
        for (of_folder, of_script, part) in [
            (0o755, 0o775, "tell may be changed by its group"),
            (0o755, 0o757, "tell may be changed by its group or by anybody"),
            (0o775, 0o755, "bin may be changed"),
            (0o777, 0o755, "bin may be changed"),
        ] {
            mode(&folder, of_folder);
            mode(&script, of_script);
            for path in [&script, &link] {
                let why = why(path);
                assert!(why.contains(part) && why.contains("chmod go-w"), "{of_folder:o}: {why}");
            }
        }
        mode(&script, 0o700);
        mode(&folder, 0o1777);
        assert_eq!(open(&link).unwrap().path, script.canonicalize().unwrap(), "it is sticky");
    }

    #[test]
    fn it_belongs_to_root_or_to_the_hub() {
        let file = fs::metadata("/bin/true").unwrap();
        assert_eq!(fault(&file, 0, 1000), None);
        assert_eq!(fault(&file, 1000, 1000), None);
        assert!(fault(&file, 1001, 1000).is_some_and(|why| why.contains("belongs")));
    }

    #[test]
    fn what_is_not_there_may_come_and_a_circle_is_none() {
        let scratch = Scratch::new();
        mode(scratch.path(), 0o755);
        let path = scratch.path().join("none");
        assert!(matches!(open(&path), Err(NotTrusted::Missing(_))));
        symlink("none", &path).unwrap();
        assert!(why(&path).contains("circle"));
    }
}
