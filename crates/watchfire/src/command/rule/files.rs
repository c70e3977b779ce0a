//! Finds and reads files of rules and of tests.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use watchfire_alert::rules::RuleError;

use crate::screen;

/// Files that cannot be used; what is wrong with them has been told.
#[derive(Debug)]
pub(crate) struct BadFiles {
    pub(super) bad: usize,
    pub(super) all: usize,
}

impl fmt::Display for BadFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cannot be used", self.bad, counted(self.all, "file"))
    }
}

impl std::error::Error for BadFiles {}

/// A number of things: `1 rule`, `2 rules`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Says on stderr what is wrong with a file: `file:line:column: words`, for editors too.
pub(super) fn tell(errors: &[RuleError]) {
    for error in errors {
        eprintln!("{}", screen::line(&error.to_string()));
    }
}

/// The files that a pattern names, relative to a folder, in order. `*` stands for any characters
/// of a name and `?` for one.
pub(super) fn matching(folder: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    for part in Path::new(pattern) {
        let part = part.to_string_lossy();
        found = if part.contains(['*', '?']) {
            let below: anyhow::Result<Vec<Vec<PathBuf>>> =
                found.iter().map(|folder| fitting(folder, &part)).collect();
            below?.into_iter().flatten().collect()
        } else {
            found.iter().map(|folder| folder.join(&*part)).filter(|path| path.exists()).collect()
        };
    }
    if found.is_empty() {
        bail!("there is no file {}", folder.join(pattern).display());
    }
    Ok(found)
}

/// What lies in a folder and fits a pattern, sorted by name. What is no folder holds nothing.
fn fitting(folder: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in
        fs::read_dir(place).with_context(|| format!("{} cannot be read", place.display()))?
    {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        // As in a shell, names with a point in front want to be named.
        if text.starts_with('.') == pattern.starts_with('.') && fits(&text, pattern) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// True when a name is what the pattern says.
fn fits(name: &str, pattern: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    match pattern_rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern_rest.as_str().trim_start_matches('*');
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| fits(&name[at..], rest))
        }
        Some(c) => {
            let mut name_rest = name.chars();
            name_rest.next().is_some_and(|found| c == '?' || c == found)
                && fits(name_rest.as_str(), pattern_rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (name, pattern, expected) in [
            ("a.yml", "*.yml", true),
            ("a.yml", "a.y?l", true),
            ("a.yml", "*", true),
            ("abcabc", "*b*bc", true),
            ("ab", "?", false),
            ("a.yaml", "*.yml", false),
            ("", "*", true),
            ("zwölf", "zw?lf", true),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn files_are_found_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("sub")).expect("a folder");
        for name in ["b.yml", "a.yml", ".hidden.yml", "c.txt", "sub/d.yml"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let found = |pattern: &str| {
            let found = matching(folder.path(), pattern).map_err(|error| error.to_string())?;
            let name = |path: &PathBuf| path.strip_prefix(folder.path()).map(Path::to_owned);
            let names: Result<Vec<_>, _> = found.iter().map(name).collect();
            let names = names.expect("below the folder");
            Ok::<_, String>(names.iter().map(|name| name.display().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(found("*.yml").expect("two"), ["a.yml", "b.yml"]);
        assert_eq!(found("s*/*.yml").expect("one"), ["sub/d.yml"]);
        assert_eq!(found("sub/d.yml").expect("one"), ["sub/d.yml"]);
        assert!(found("*.json").expect_err("none").contains("*.json"));
        assert!(found("gone.yml").is_err());
    }
}
