use std::path::PathBuf;

use serde::Serialize;
use watchfire_alert::rules::{RuleError, RuleFile};

use super::files::{self, BadFiles, counted};
use crate::screen;

/// One file as JSON has it.
#[derive(Serialize)]
struct Checked {
    file: String,
    groups: usize,
    rules: usize,
    errors: Vec<Told>,
    warnings: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    line: usize,
    column: usize,
    words: String,
}

pub(super) fn run(paths: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for path in paths {
        let text = files::read(path)?;
        all.push(check(&path.display().to_string(), &text));
    }
    if json {
        screen::print_json(&all)?;
    } else {
        let lines = all.iter().filter(|one| one.errors.is_empty()).map(|one| {
            let (rules, groups) = (counted(one.rules, "rule"), counted(one.groups, "group"));
            format!("{}: {rules} in {groups}\n", one.file)
        });
        screen::print(&lines.collect::<String>())?;
    }
    let bad = all.iter().filter(|one| !one.errors.is_empty()).count();
    if bad > 0 {
        return Err(BadFiles { bad, all: all.len() }.into());
    }
    Ok(())
}

/// Reads a file and says on stderr what is wrong with it, or may be.
fn check(name: &str, text: &str) -> Checked {
    let (groups, rules, errors, warnings) = match RuleFile::parse(name, text) {
        Ok(file) => (file.groups.len(), file.rule_count(), Vec::new(), file.duplicates()),
        Err(errors) => (0, 0, errors, Vec::new()),
    };
    files::tell(&errors);
    for warning in &warnings {
        eprintln!("warning: {}", screen::line(&warning.to_string()));
    }
    let told = |errors: Vec<RuleError>| errors.into_iter().map(Told::of).collect();
    let (errors, warnings) = (told(errors), told(warnings));
    Checked { file: name.to_owned(), groups, rules, errors, warnings }
}

impl Told {
    fn of(error: RuleError) -> Self {
        Self { line: error.place.line, column: error.place.column, words: error.words }
    }
}
