//! Which files of rules there are, and what stands in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchfire_alert::rules::{BUILT_IN, BUILT_IN_FILE, RuleError, RuleFile, built_in};
use watchfire_runtime::config::{Located, Place, Problem, Problems, files_like};

/// More files are refused.
const MAX_FILES: usize = 1_000;
/// More groups in all of them are refused.
pub(crate) const MAX_GROUPS: usize = 10_000;
/// A larger file is not read, in bytes. The language has a limit of its own, which is smaller.
const MAX_FILE: u64 = 16 << 20;
/// What the names of files begin with that are made while the hub runs.
pub(crate) const MADE: &str = "page/";

/// The rules that a hub evaluates, as they were read.
#[derive(Debug, Clone, Default)]
pub struct RuleFiles {
    /// What patterns are relative to.
    folder: PathBuf,
    patterns: Vec<Located<String>>,
    built_in: bool,
    /// Whether these are all the rules there are: none are made beside them.
    alone: bool,
    files: Vec<Locked>,
}

/// A file of rules that is changed where it lies and not by the hub.
#[derive(Debug, Clone)]
pub(crate) struct Locked {
    pub(crate) file: RuleFile,
    /// As it was when it was read.
    pub(crate) text: Arc<str>,
}

impl RuleFiles {
    /// Those of the hub alone, or none.
    pub(crate) fn none(folder: PathBuf, built_in: bool) -> Self {
        Self { folder, built_in, ..Self::default() }
    }

    /// These files and no others, the built-in rules neither.
    ///
    /// # Errors
    /// Everything that is wrong with them, with its file and line.
    pub fn alone(paths: &[PathBuf]) -> Result<Self, Problems> {
        let flag = |path: &PathBuf| Located {
            value: path.display().to_string(),
            place: Place::Flag("--rules".to_owned()),
        };
        let read = Self::read(PathBuf::from("."), paths.iter().map(flag).collect(), false);
        let read = read.map(|read| Self { alone: true, ..read });
        read.map_err(|found| {
            let mut problems = Problems::new();
            found.into_iter().for_each(|problem| problems.push(problem));
            problems
        })
    }

    /// Reads the files that patterns name.
    pub(crate) fn read(
        folder: PathBuf,
        patterns: Vec<Located<String>>,
        built_in: bool,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut read = Self { folder, patterns, built_in, ..Self::default() };
        for (path, place) in read.paths(&mut problems) {
            match read.file(&path, &place) {
                Ok(file) => read.files.push(file),
                Err(found) => problems.extend(found),
            }
        }
        let groups: usize = read.files.iter().map(|one| one.file.groups.len()).sum();
        if groups > MAX_GROUPS {
            let what = format!("there are {groups} groups of rules, and at most {MAX_GROUPS}");
            problems.push(Problem::new(read.place(), what).hint("leave some files out"));
        }
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    /// The same patterns, read anew.
    pub(crate) fn read_again(&self) -> Result<Self, Vec<Problem>> {
        let read = Self::read(self.folder.clone(), self.patterns.clone(), self.built_in)?;
        Ok(Self { alone: self.alone, ..read })
    }

    /// The built-in rules, where they are not switched off, and those of the files.
    pub(crate) fn all(&self) -> Vec<Locked> {
        let own = || Locked { file: built_in(), text: BUILT_IN.into() };
        self.built_in.then(own).into_iter().chain(self.files.iter().cloned()).collect()
    }

    /// True when rules are evaluated too that are made while the hub runs.
    pub(crate) fn has_made(&self) -> bool {
        !self.alone
    }

    /// True when the hub's own rules are evaluated.
    pub(crate) fn has_built_in(&self) -> bool {
        self.built_in
    }

    /// The patterns, as they were written.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.value.as_str())
    }

    /// Rules that are in a file twice, which is hardly ever meant.
    pub(crate) fn duplicates(&self) -> Vec<Problem> {
        let all = self.files.iter();
        all.flat_map(|one| one.file.duplicates().into_iter().map(|error| self.problem(error)))
            .collect()
    }

    /// Each file once, sorted, with who names it.
    fn paths(&self, problems: &mut Vec<Problem>) -> BTreeMap<PathBuf, Place> {
        let mut paths = BTreeMap::new();
        for pattern in &self.patterns {
            let found = match files_like(&self.folder, &pattern.value) {
                Ok(found) => found,
                Err(error) => {
                    let problem = pattern.problem(format!("{:?}: {error}", pattern.value));
                    problems.push(problem.hint("give the hub's user the right to read it"));
                    continue;
                }
            };
            if found.is_empty() {
                // Rules that nobody evaluates would be a silence that looks like health.
                let problem = pattern.problem(format!("{:?} names no file", pattern.value));
                let hint = format!("patterns are relative to {}", self.folder.display());
                problems.push(problem.hint(hint));
            }
            for path in found {
                paths.entry(path).or_insert_with(|| pattern.place.clone());
            }
        }
        if paths.len() > MAX_FILES {
            let what = format!("{} files of rules are named, and at most {MAX_FILES}", paths.len());
            problems.push(Problem::new(self.place(), what).hint("name fewer of them"));
            paths.clear();
        }
        paths
    }

    fn place(&self) -> Place {
        self.patterns.first().map_or(Place::Default, |pattern| pattern.place.clone())
    }

    fn file(&self, path: &Path, named_at: &Place) -> Result<Locked, Vec<Problem>> {
        let unreadable = |why: String| {
            let what = format!("the file of rules {} cannot be read: {why}", path.display());
            let hint = "give the hub's user the right to read it, or name another one";
            vec![Problem::new(named_at.clone(), what).hint(hint)]
        };
        let size = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(unreadable(format!(
                "it has {size} bytes, and at most {MAX_FILE} are read"
            )));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let file = RuleFile::parse(&self.name(path), &text).map_err(|errors| {
            errors.into_iter().map(|error| self.problem(error)).collect::<Vec<_>>()
        })?;
        Ok(Locked { file, text: text.into() })
    }

    /// How a file is called in answers and rows: as seen from the folder, so that it keeps its
    /// alerts when the hub is started from elsewhere.
    fn name(&self, path: &Path) -> String {
        let seen = path.strip_prefix(&self.folder).unwrap_or(path).display().to_string();
        // The hub's own rules are known by that name, and those that are made by such ones.
        let is_taken = self.built_in && seen == BUILT_IN_FILE || seen.starts_with(MADE);
        if is_taken { format!("./{seen}") } else { seen }
    }

    fn problem(&self, error: RuleError) -> Problem {
        let (line, column) = (error.place.line, error.place.column);
        let path = self.folder.join(&*error.file);
        Problem::new(Place::File { path, line, column }, error.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "groups: [{ name: g, rules: [{ alert: A, expr: up == 0 }] }]\n";

    /// A folder with files, and what a config in it says.
    fn read(files: &[(&str, &str)], patterns: &[&str]) -> Result<RuleFiles, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for inner in ["rules", "page"] {
            fs::create_dir(folder.path().join(inner)).expect("a folder");
        }
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let located = |text: &&str| Located::default_value((*text).to_owned());
        let patterns = patterns.iter().map(located).collect();
        RuleFiles::read(folder.path().to_owned(), patterns, true).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            told.join("\n").replace(&folder.path().display().to_string(), "FOLDER")
        })
    }

    fn names(files: &RuleFiles) -> Vec<String> {
        files.all().iter().map(|one| one.file.name.to_string()).collect()
    }

    #[test]
    fn files_are_read_once_in_order_behind_those_of_the_hub() {
        let files = [("rules/b.yml", GOOD), ("rules/a.yml", GOOD), ("c.yml", GOOD)];
        let read = read(&files, &["rules/*.yml", "c.yml", "rules/a.yml"]).expect("good");
        assert_eq!(names(&read), ["built-in", "c.yml", "rules/a.yml", "rules/b.yml"]);
        assert_eq!(read.patterns().count(), 3);
    }

    #[test]
    fn a_file_that_is_called_as_the_hubs_own_or_a_made_one_is_told_apart() {
        let files = [("built-in", GOOD), ("page/a", GOOD)];
        let read = read(&files, &["built-in", "page/*"]).expect("good");
        assert_eq!(names(&read), ["built-in", "./built-in", "./page/a"]);
        assert_eq!(&*read.all()[2].text, GOOD);
    }

    #[test]
    fn every_mistake_of_every_file_is_told_with_its_line() {
        let bad = GOOD.replace("up == 0", "sum(");
        let files = [("rules/a.yml", bad.as_str()), ("rules/b.yml", "groups: x"), ("c.yml", GOOD)];
        let told = read(&files, &["rules/*.yml", "c.yml", "gone/*.yml"]).expect_err("bad");
        for words in [
            "FOLDER/rules/a.yml:1:",
            "FOLDER/rules/b.yml:1:9: groups is a list",
            "\"gone/*.yml\" names no file\n  hint: patterns are relative to FOLDER",
        ] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
    }

    #[test]
    fn rules_that_are_there_twice_are_warned_of() {
        let rule = "{ alert: A, expr: up == 0 }";
        let twice = format!("groups:\n- name: g\n  rules:\n  - {rule}\n  - {rule}\n");
        let read = read(&[("c.yml", &twice)], &["c.yml"]).expect("allowed");
        let [one] = &read.duplicates()[..] else { panic!("one") };
        assert!(one.to_string().contains("c.yml:5:1: alert A is also in line 4"), "{one}");
    }
}
