//! Files that a pattern names.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The files that a pattern names, relative to a folder, in order; none is no error. `*` stands
/// for any characters of a name and `?` for one.
///
/// # Errors
/// When a folder on the way cannot be read.
pub fn files_like(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![folder.to_owned()];
    for part in Path::new(pattern) {
        let part = part.to_string_lossy();
        found = if part.contains(['*', '?']) {
            let below: io::Result<Vec<Vec<PathBuf>>> =
                found.iter().map(|folder| fitting(folder, &part)).collect();
            below?.into_iter().flatten().collect()
        } else {
            found.iter().map(|folder| folder.join(&*part)).filter(|path| path.exists()).collect()
        };
    }
    found.retain(|path| !path.is_dir());
    Ok(found)
}

/// What lies in a folder and fits a pattern, sorted by name. What is no folder holds nothing.
fn fitting(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(place)? {
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
        for sub in ["sub", "d.yml"] {
            fs::create_dir(folder.path().join(sub)).expect("a folder");
        }
        for name in ["b.yml", "a.yml", ".hidden.yml", "c.txt", "sub/d.yml"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let found = |pattern: &str| {
            let found = files_like(folder.path(), pattern).expect("it is readable");
            let name = |path: &PathBuf| path.strip_prefix(folder.path()).map(Path::to_owned);
            let names: Result<Vec<_>, _> = found.iter().map(name).collect();
            let names = names.expect("below the folder");
            names.iter().map(|name| name.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("*.yml"), ["a.yml", "b.yml"], "a folder is no file");
        assert_eq!(found("s*/*.yml"), ["sub/d.yml"]);
        assert_eq!(found("sub/d.yml"), ["sub/d.yml"]);
        assert_eq!(found("*.json"), [""; 0]);
        assert_eq!(found("gone.yml"), [""; 0]);
    }
}
