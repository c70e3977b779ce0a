//! `hub.toml` as people write it: every mistake is told with its file, line
//! and column, what is wrong and a hint.
//!
//! Each `testdata/config/bad/NAME.toml` stands beside the message that it
//! gives, `NAME.txt`. `UPDATE_GOLDEN=1` writes the messages anew; look at them
//! as somebody would who has to mend that file at night.

use std::path::{Path, PathBuf};

use watchfire_hub::{HubConfig, show};
use watchfire_runtime::config::{Outside, Overrides, Place, Problems, Source};
use watchfire_testkit::golden;

/// Every secret in the fixtures contains this.
const SECRET: &str = "hunter2";

/// Answers `${env:…}` alike on every machine.
struct OwnVariables<'a>(&'a dyn Outside);

impl Outside for OwnVariables<'_> {
    fn file(&self, path: &Path) -> Result<String, String> {
        self.0.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "MAILGUN_KEY").then(|| format!("key-{SECRET}"))
    }
}

/// Paths are relative to the crate, so that messages are alike in every folder.
fn load(path: &Path) -> Result<HubConfig, Problems> {
    let source = Source::read(path)?;
    let machine = <dyn Outside>::machine(source.folder());
    HubConfig::from_source(&source, &Overrides::none(), &OwnVariables(&machine))
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the fixtures are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    paths
}

#[test]
fn every_mistake_names_its_place_what_is_wrong_and_a_hint() {
    let paths = fixtures("testdata/config/bad");
    assert!(paths.len() >= 25, "the table has only {} rows", paths.len());
    for path in paths {
        let Err(problems) = load(&path) else { panic!("{} was taken", path.display()) };
        for problem in problems.as_slice() {
            let Place::File { path: named, line, column } = &problem.place else {
                panic!("{problem} has no line");
            };
            let lines = std::fs::read(&path).expect("readable");
            let lines = lines.split(|byte| *byte == b'\n').count();
            assert_eq!(*named, path);
            assert!((1..=lines).contains(line) && *column >= 1, "{problem}");
            assert!(problem.to_string().contains("\n  hint: "), "{problem}");
        }
        let told = problems.to_string();
        assert!(!told.contains(SECRET), "a secret is told:\n{told}");
        assert!(!told.contains('\r'), "{told:?}");
        golden::check(path.with_extension("txt"), &format!("{told}\n"));
    }
}

/// A message that no fixture makes any more must not stay behind.
#[test]
fn every_message_has_its_fixture() {
    for entry in std::fs::read_dir("testdata/config/bad").expect("the fixtures are there") {
        let path = entry.expect("readable").path();
        assert!(path.with_extension("toml").exists(), "{} is left over", path.display());
    }
}

#[test]
fn mistakes_are_told_in_the_files_order() {
    let problems = load(Path::new("testdata/config/bad/several.toml")).expect_err("many");
    let line = |place: &Place| match place {
        Place::File { line, .. } => *line,
        other => panic!("{other}"),
    };
    let lines: Vec<usize> = problems.as_slice().iter().map(|one| line(&one.place)).collect();
    assert_eq!(lines, [1, 2, 3, 7, 8, 9, 12, 17, 18, 19, 20, 23, 24]);
}

#[test]
fn good_files_are_shown_without_their_secrets() {
    for path in fixtures("testdata/config/good") {
        let config = load(&path).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains("${"), "the test has no secret to find in {}", path.display());
        let shown = show(&config);
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains("$argon2id"), "{shown}");
        golden::check(path.with_extension("shown"), &shown);
    }
}
