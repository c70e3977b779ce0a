use watchfire_runtime::config::Spanned;

use super::super::RuleFiles;
use super::Checker;

impl Checker<'_> {
    /// Reads every file of rules: what is wrong in one is told at the start, and not when somebody
    /// waits for its alert.
    pub(super) fn rules(
        &mut self,
        patterns: Option<Spanned<Vec<Spanned<String>>>>,
        built_in: Option<bool>,
    ) -> Option<RuleFiles> {
        let built_in = built_in.unwrap_or(true);
        let folder = self.source.folder().to_owned();
        let Some(patterns) = patterns else {
            return Some(RuleFiles::none(folder, built_in));
        };
        let patterns = self.source.locate(patterns);
        if patterns.value.is_empty() {
            let problem = patterns.problem("this list names no file of rules");
            let hint = "write [\"rules/*.yml\"], or leave the key out";
            self.problems.push(problem.hint(hint));
            return None;
        }
        let named = patterns.value.into_iter().map(|pattern| self.source.locate(pattern));
        match RuleFiles::read(folder, named.collect(), built_in) {
            Ok(files) => {
                self.warnings.extend(files.duplicates());
                Some(files)
            }
            Err(problems) => {
                problems.into_iter().for_each(|problem| self.problems.push(problem));
                None
            }
        }
    }
}
