use std::path::{Path, PathBuf};

use anyhow::bail;
use watchfire_alert::rules::test::{Report, TestFile};
use watchfire_alert::rules::{RuleError, RuleFile, test};

use super::files::{self, BadFiles, counted};
use crate::screen;

pub(super) fn run(paths: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let (mut reports, mut bad) = (Vec::new(), 0);
    for path in paths {
        match report(path)? {
            Ok(report) => reports.push(report),
            Err(errors) => {
                files::tell(&errors);
                bad += 1;
            }
        }
    }
    if json {
        screen::print_json(&reports)?;
    } else {
        screen::print(&reports.iter().map(shown).collect::<String>())?;
    }
    if bad > 0 {
        return Err(BadFiles { bad, all: paths.len() }.into());
    }
    let failed: usize = reports.iter().map(Report::failed).sum();
    if failed > 0 {
        let all: usize = reports.iter().map(|report| report.tests.len()).sum();
        bail!("{failed} of {} failed", counted(all, "test"));
    }
    Ok(())
}

/// Runs the tests of a file, or says what is wrong with it or with the rules that it names.
fn report(path: &Path) -> anyhow::Result<Result<Report, Vec<RuleError>>> {
    let tests = match TestFile::parse(&path.display().to_string(), &files::read(path)?) {
        Ok(tests) => tests,
        Err(errors) => return Ok(Err(errors)),
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for pattern in &tests.rule_files {
        for path in files::matching(folder, pattern)? {
            match RuleFile::parse(&path.display().to_string(), &files::read(&path)?) {
                Ok(file) => rules.push(file),
                Err(mut found) => errors.append(&mut found),
            }
        }
    }
    Ok(if errors.is_empty() { Ok(test::run(&tests, &rules)) } else { Err(errors) })
}

/// A line for the file, and before it what was not as expected.
fn shown(report: &Report) -> String {
    let (failed, all) = (report.failed(), report.tests.len());
    let sum = match failed {
        0 => format!("{} passed", counted(all, "test")),
        _ => format!("{failed} of {} failed", counted(all, "test")),
    };
    format!("{report}{}: {sum}\n", report.file)
}
