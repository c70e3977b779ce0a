use watchfire_runtime::config::Spanned;
use watchfire_runtime::http::Plain;

use super::Checker;

/// The words of the key, and what they mean.
pub(in crate::config) const WORDS: [(&str, Plain); 3] =
    [("anywhere", Plain::Anywhere), ("loopback", Plain::Loopback), ("never", Plain::Never)];

impl Checker<'_> {
    /// From where plain HTTP is answered; from everywhere when nothing is said.
    pub(super) fn plain(&mut self, value: Option<Spanned<String>>) -> Option<Plain> {
        let Some(value) = value else { return Some(Plain::Anywhere) };
        let value = self.source.locate(value);
        let known = WORDS.iter().find(|(word, _)| *word == value.value).map(|(_, plain)| *plain);
        self.noted(known.ok_or_else(|| {
            value
                .problem(format!(
                    "{:?} does not say from where plain HTTP is answered",
                    value.value
                ))
                .hint("write \"loopback\", \"never\", or \"anywhere\", which is the default")
        }))
    }
}
