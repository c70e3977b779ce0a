use std::collections::{BTreeMap, BTreeSet};

use super::mask::mask;

/// A Rust file, prepared for looking for words in it.
pub(super) struct RustSource {
    /// Its path, relative to the project's folder.
    pub(super) path: String,
    /// The lines as written.
    pub(super) lines: Vec<String>,
    /// The lines with comments, strings and test modules blanked. The same
    /// number of lines, and each as long as the written one.
    pub(super) code: Vec<String>,
    /// How many lines stand in test modules of this file.
    pub(super) test_lines: usize,
    /// True when the whole file is built for tests only.
    pub(super) is_test: bool,
}

impl RustSource {
    /// The lines of the code proper with their numbers, from 1.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()))
    }
}

/// Prepares every Rust file among `files`.
pub(super) fn parse_all(files: &BTreeMap<String, String>) -> Vec<RustSource> {
    let rust = || files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let masked: Vec<_> = rust().map(|(path, text)| (path, text, mask(text))).collect();
    let test_modules: BTreeSet<String> = masked
        .iter()
        .flat_map(|(path, _, masked)| module_paths(path, &masked.test_files))
        .collect();
    masked
        .into_iter()
        .map(|(path, text, masked)| RustSource {
            is_test: is_test_path(path) || stands_below(path, &test_modules),
            path: path.clone(),
            lines: text.lines().map(str::to_owned).collect(),
            code: masked.code.lines().map(str::to_owned).collect(),
            test_lines: masked.test_lines,
        })
        .collect()
}

fn is_test_path(path: &str) -> bool {
    let folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
    folder("tests") || folder("benches") || path.ends_with("/tests.rs")
}

/// Where the modules that `path` declares for tests only lie, without `.rs`.
fn module_paths(path: &str, names: &[String]) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let (folder, last) = stem.rsplit_once('/').unwrap_or(("", stem));
    let base = if matches!(last, "lib" | "main" | "mod") { folder } else { stem };
    names.iter().map(|name| format!("{base}/{name}")).collect()
}

fn stands_below(path: &str, modules: &BTreeSet<String>) -> bool {
    modules.iter().any(|module| {
        path.strip_prefix(module.as_str())
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_test_modules_are_tests() {
        let files = [
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod fixtures;\nmod real;"),
            ("crates/a/src/fixtures.rs", ""),
            ("crates/a/src/fixtures/more.rs", ""),
            ("crates/a/src/fixtures_no.rs", ""),
            ("crates/a/src/real.rs", "#[cfg(test)]\nmod tests;"),
            ("crates/a/src/real/tests.rs", ""),
            ("crates/a/tests/whole.rs", ""),
        ];
        let files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
        let tests: Vec<_> = parse_all(&files)
            .into_iter()
            .filter(|file| file.is_test)
            .map(|file| file.path)
            .collect();
        assert_eq!(
            tests,
            [
                "crates/a/src/fixtures.rs",
                "crates/a/src/fixtures/more.rs",
                "crates/a/src/real/tests.rs",
                "crates/a/tests/whole.rs",
            ]
        );
    }
}
