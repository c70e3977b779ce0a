//! `xtask record-root FOLDER`: a folder with what the samplers of
//! `watchfire-collect` read on this machine, fit for tests and bug reports.
//!
//! Secrets in command lines are masked, people are left out of the accounts,
//! and no file that holds an environment is opened. Names of hosts, programs
//! and mount points stay: look through the folder before you give it away.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use watchfire_collect::{
    FACTS_PATH, RecordedPath, STATFS_PATH, machine_facts, recorded_paths, statfs_table,
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
    println!("{} files are in {}", files + 2, out.display());
    Ok(())
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
    let Ok(content) = fs::read(Path::new("/").join(relative)) else { return Ok(false) };
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

/// The paths below `root` that fit `pattern`, relative to it.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.split('/') {
        found = match part {
            "*" | "PID" => found.iter().flat_map(|path| names(root, path, part)).collect(),
            _ => found.into_iter().map(|path| path.join(part)).collect(),
        };
    }
    found.retain(|path| root.join(path).is_file());
    found
}

fn names(root: &Path, folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    let is_pid = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    names.retain(|name| part == "*" || name.to_str().is_some_and(is_pid));
    names.into_iter().map(|name| folder.join(name)).collect()
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
        assert!(expand(&folder, "proc/missing").is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_with_content_is_refused() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(run(here).unwrap_err().to_string().contains("is not empty"));
    }
}
