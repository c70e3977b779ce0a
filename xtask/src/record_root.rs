//! `xtask record-root FOLDER`: a folder with what the samplers of
//! `watchfire-collect` read on this machine, fit for tests and bug reports.
//!
//! Secrets in command lines and in mounts are masked, people are left out of
//! the accounts, and no file that holds an environment is opened. Hardware
//! addresses, serial numbers and the id of the boot are replaced by made-up
//! ones. Names of hosts, programs, mount points and folders (that of a btrfs
//! is its UUID) stay, and so does what the kernel's log says: look through the
//! folder before you give it away.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use watchfire_collect::{
    CONTAINERS_PATH, CollectError, FACTS_PATH, KMSG_PATH, RecordedPath, Rewrite, STATFS_PATH,
    SYSTEMD_PATH, TIMEX_PATH, container_table, kernel_log, machine_facts, recorded_paths,
    statfs_table, systemd_table, timex_text,
};

/// Records this machine into `out`, which must be empty or missing.
///
/// # Errors
///
/// When `out` holds something already or cannot be written. Files of the
/// machine that are missing or vanish meanwhile are left out.
pub(crate) fn run(out: &Path) -> Result<()> {
    refuse_full(out)?;
    let mut files = 0;
    for path in recorded_paths() {
        for relative in expand(Path::new("/"), path.pattern) {
            files += usize::from(copy(&path, &relative, out)?);
        }
    }
    write(out, Path::new(STATFS_PATH), statfs_table()?.as_bytes())?;
    write(out, Path::new(FACTS_PATH), machine_facts().as_bytes())?;
    if let Some(timex) = timex_text() {
        write(out, Path::new(TIMEX_PATH), timex.as_bytes())?;
        files += 1;
    }
    files += told(out, SYSTEMD_PATH, systemd_table())?;
    files += told(out, CONTAINERS_PATH, container_table().map(Some))?;
    files += told(out, KMSG_PATH, kernel_log().map(Some))?;
    println!("{} files are in {}", files + 2, out.display());
    Ok(())
}

/// Writes what a program or the kernel tells, and returns how many files that
/// is. What may not be asked is left out, with a word.
fn told(out: &Path, path: &str, told: Result<Option<String>, CollectError>) -> Result<usize> {
    match told {
        Ok(Some(text)) if !text.is_empty() => {
            write(out, Path::new(path), text.as_bytes())?;
            Ok(1)
        }
        Ok(_) => Ok(0),
        Err(error) => {
            eprintln!("{path} is left out: {error}");
            Ok(0)
        }
    }
}

fn refuse_full(out: &Path) -> Result<()> {
    let mut entries = match fs::read_dir(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("cannot look into {}", out.display()))?,
    };
    if entries.next().is_some() {
        bail!("{} is not empty; name a new folder", out.display());
    }
    Ok(())
}

/// True when the file was there.
fn copy(path: &RecordedPath, relative: &Path, out: &Path) -> Result<bool> {
    let original = Path::new("/").join(relative);
    if path.rewrite == Rewrite::Link {
        let Ok(target) = fs::canonicalize(original) else { return Ok(false) };
        return link(out, relative, &target);
    }
    // What is no file may block, as a pipe does.
    if !original.is_file() {
        return Ok(false);
    }
    let Ok(content) = fs::read(original) else { return Ok(false) };
    write(out, relative, &path.rewrite(&content))?;
    Ok(true)
}

fn write(out: &Path, relative: &Path, content: &[u8]) -> Result<()> {
    let path = out.join(relative);
    let folder = path.parent().unwrap_or(out);
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a link at `relative` to `target`, which is absolute. It leads to the
/// same place below `out`, where there need not be anything.
fn link(out: &Path, relative: &Path, target: &Path) -> Result<bool> {
    let path = out.join(relative);
    let folder = path.parent().unwrap_or(out);
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let up: PathBuf = relative.components().skip(1).map(|_| "..").collect();
    let target = up.join(target.strip_prefix("/").unwrap_or(target));
    symlink(target, &path).with_context(|| format!("cannot make the link {}", path.display()))?;
    Ok(true)
}

/// The paths below `root` that fit `pattern`, relative to it.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.split('/') {
        found = match part {
            part if part == "PID" || part.contains('*') => {
                found.iter().flat_map(|path| names(root, path, part)).collect()
            }
            _ => found.into_iter().map(|path| path.join(part)).collect(),
        };
    }
    found.retain(|path| root.join(path).is_file() || root.join(path).is_symlink());
    found
}

fn names(root: &Path, folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names.retain(|name| name.to_str().is_some_and(|name| fits(name, part)));
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// `PID` is any process' folder, and a `*` any part of a name.
fn fits(name: &str, part: &str) -> bool {
    match part.split_once('*') {
        None => part == "PID" && name.bytes().all(|byte| byte.is_ascii_digit()),
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_files_and_pids_only() {
        let folder = std::env::temp_dir().join(format!("record-root-{}", std::process::id()));
        for file in ["proc/1/stat", "proc/22/stat", "proc/self/stat", "proc/1/environ"] {
            write(&folder, Path::new(file), b"").unwrap();
        }
        let found = expand(&folder, "proc/PID/stat");
        assert_eq!(found, [Path::new("proc/1/stat"), Path::new("proc/22/stat")]);
        assert_eq!(expand(&folder, "proc/*/environ"), [Path::new("proc/1/environ")]);
        assert_eq!(expand(&folder, "proc/22/s*t"), [Path::new("proc/22/stat")]);
        assert!(expand(&folder, "proc/22/stat*at").is_empty());
        assert!(expand(&folder, "proc/missing").is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn links_lead_to_the_same_place_below_the_folder() {
        let folder = std::env::temp_dir().join(format!("record-link-{}", std::process::id()));
        write(&folder, Path::new("sys/devices/platform/chip.0/name"), b"chip").unwrap();
        let place = Path::new("sys/class/hwmon/hwmon0/device");
        link(&folder, place, Path::new("/sys/devices/platform/chip.0")).unwrap();
        assert_eq!(fs::read(folder.join(place).join("name")).unwrap(), b"chip");
        assert_eq!(expand(&folder, "sys/class/hwmon/hwmon*/device"), [place]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_with_content_is_refused() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(run(here).unwrap_err().to_string().contains("is not empty"));
    }
}
