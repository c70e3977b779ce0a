//! What is wrong with a template, and where.

/// What is wrong with a template, and where in its text. It prints as `line:column: words`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {words}")]
pub struct TemplateError {
    /// The line, from 1 on.
    pub line: usize,
    /// The column, from 1 on, in characters.
    pub column: usize,
    /// What is wrong there.
    pub words: String,
}

/// A mistake at a byte offset, before anybody knows its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) words: String,
}

impl Fault {
    pub(super) fn new(at: usize, words: impl Into<String>) -> Self {
        Self { at, words: words.into() }
    }

    /// The same, told from a place further left.
    pub(super) fn behind(self, start: usize) -> Self {
        Self { at: self.at + start, ..self }
    }

    /// The same with line and column in `text`.
    pub(super) fn placed(self, text: &str) -> TemplateError {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        TemplateError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            words: self.words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_lines_and_characters() {
        let text = "one\nzwölf\nthree";
        for (at, place) in [(0, (1, 1)), (3, (1, 4)), (4, (2, 1)), (8, (2, 4)), (99, (3, 6))] {
            let error = Fault::new(at, "bad").placed(text);
            assert_eq!((error.line, error.column), place, "{at}");
        }
        assert_eq!(Fault::new(4, "bad").placed(text).to_string(), "2:1: bad");
    }
}
