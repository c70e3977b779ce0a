use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::manifest::Manifest;
use super::rust_source::{self, RustSource};

/// Where the checks look, below the project's folder.
const FOLDERS: &[&str] = &["crates", "xtask", "bench", "web", "docs"];
/// Folders that hold what was built or recorded, not written.
const SKIPPED: &[&str] = &["target", "node_modules", "dist", "roots", "golden"];
/// What the checks read; anything else is left alone.
const ENDINGS: &[&str] = &[".rs", "/Cargo.toml", ".md", ".js", ".html", ".css"];

/// The files that the checks look at, in memory.
#[derive(Default)]
pub(super) struct Tree {
    /// By path relative to the project's folder, with `/`.
    files: BTreeMap<String, String>,
    rust: Vec<RustSource>,
    manifests: Vec<Manifest>,
    root_manifest: Option<Manifest>,
    /// Manifests that are not TOML; cargo would have said so first.
    broken: Vec<String>,
}

impl Tree {
    /// Reads the tree from disk.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        files.insert("Cargo.toml".to_owned(), read_text(&root.join("Cargo.toml"))?);
        for folder in FOLDERS {
            if root.join(folder).is_dir() {
                walk(root, folder, &mut files)?;
            }
        }
        let tree = Self::new(files);
        anyhow::ensure!(tree.broken.is_empty(), "not readable as TOML: {}", tree.broken.join(", "));
        Ok(tree)
    }

    /// A tree of these files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let tree = Self::new(files.iter().map(owned).collect());
        assert!(tree.broken.is_empty(), "the case itself is broken: {:?}", tree.broken);
        tree
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let mut tree = Self { rust: rust_source::parse_all(&files), ..Self::default() };
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            match Manifest::parse(path, text) {
                Ok(manifest) if path == "Cargo.toml" => tree.root_manifest = Some(manifest),
                Ok(manifest) => tree.manifests.push(manifest),
                Err(error) => tree.broken.push(format!("{path}: {error}")),
            }
        }
        Self { files, ..tree }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The files below a folder, as (path, text).
    pub(super) fn below<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file.
    pub(super) fn rust(&self) -> &[RustSource] {
        &self.rust
    }

    /// The workspace's own manifest.
    pub(super) fn root_manifest(&self) -> Option<&Manifest> {
        self.root_manifest.as_ref()
    }

    /// The manifests of all members.
    pub(super) fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// The manifests of the crates in `crates/`.
    pub(super) fn crates(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter().filter(|manifest| manifest.path.starts_with("crates/"))
    }
}

fn walk(root: &Path, folder: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let full = root.join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("cannot list {}", full.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = format!("{folder}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name) {
            walk(root, &path, files)?;
        } else if kind.is_file() && ENDINGS.iter().any(|ending| path.ends_with(ending)) {
            let text = read_text(&entry.path())?;
            files.insert(path, text);
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
