//! Text to an expression whose types fit.
//!
//! Written by hand rather than generated: errors name their place, nesting has a limit before
//! anything recurses, and no calendar or table library comes along.

mod call;
mod check;
mod grammar;
mod modifiers;
pub(crate) mod number;
mod selector;
#[cfg(test)]
mod tests;
mod text;
mod token;

use std::fmt;
use std::ops::Range;

use watchfire_model::Matcher;

use crate::ast::Expr;

pub use number::{duration_ms, duration_text};

/// A longer question is refused, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// A deeper tree of expressions is refused, so that no walk over one exhausts the stack.
pub const MAX_DEPTH: usize = 128;

/// A longer list of labels, conditions or arguments is refused.
pub(crate) const MAX_LIST: usize = 256;

/// Which parts of the language beyond the stable ones are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// What Prometheus has behind its flag for experimental functions.
    pub experimental: bool,
}

/// Why a text is no question, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The bytes that the error is about.
    pub at: Range<usize>,
    /// What is wrong there.
    pub why: String,
}

impl ParseError {
    pub(crate) fn new(text: &str, at: Range<usize>, why: impl Into<String>) -> Self {
        let (line, column) = place(text, at.start);
        Self { line, column, at, why: why.into() }
    }
}

/// The line and the character of a byte, both from 1.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: parse error: {}", self.line, self.column, self.why)
    }
}

impl std::error::Error for ParseError {}

/// Reads an expression.
///
/// # Errors
/// [`ParseError`] with the place and the reason.
pub(crate) fn parse(text: &str, features: Features) -> Result<Expr, ParseError> {
    let mut parser = grammar::Parser::new(text, features)?;
    let expression = parser.expression(0)?;
    parser.end()?;
    Ok(expression)
}

/// Reads a selector such as `up{job="x"}`, as the `match[]` of a listing takes it.
///
/// # Errors
/// [`ParseError`] with the place and the reason.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = grammar::Parser::new(text, Features::default())?;
    let selector = parser.plain_selector()?;
    parser.end()?;
    Ok(selector.matchers)
}
