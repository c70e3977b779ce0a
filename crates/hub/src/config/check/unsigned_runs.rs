use watchfire_runtime::config::Spanned;

use super::Checker;

impl Checker<'_> {
    /// Whether what nobody signed needs a second factor, as it does when nothing is said.
    pub(super) fn unsigned_runs(&mut self, value: Option<Spanned<String>>) -> Option<bool> {
        let Some(value) = value else { return Some(true) };
        let value = self.source.locate(value);
        let known = match value.value.as_str() {
            "second-factor" => Ok(true),
            "login" => Ok(false),
            other => {
                let what =
                    format!("{other:?} does not say what a command wants that nobody signed");
                let hint = "write \"second-factor\", which is the default, or \"login\"";
                Err(value.problem(what).hint(hint))
            }
        };
        self.noted(known)
    }
}
