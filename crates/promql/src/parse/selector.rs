//! Names and the conditions in braces.

use watchfire_model::{MatchOp, Matcher, NAME_LABEL};

use super::ParseError;
use super::grammar::Parser;
use super::token::Lexeme;
use crate::ast::{Expr, Kind, Selector, Shift};

impl Parser<'_> {
    /// A selector as an operand.
    pub(super) fn selector(&mut self) -> Result<Expr, ParseError> {
        let start = self.peek().at.start;
        let mut end = self.peek().at.end;
        let selector = self.selector_until(&mut end)?;
        self.made(Kind::Selector(selector), start..end)
    }

    /// A selector with nothing after it.
    pub(super) fn plain_selector(&mut self) -> Result<Selector, ParseError> {
        if !self.is_sign("{") && self.peek().what != Lexeme::Word {
            return Err(self.unexpected(", expected a selector"));
        }
        self.selector_until(&mut 0)
    }

    fn selector_until(&mut self, end: &mut usize) -> Result<Selector, ParseError> {
        let start = self.peek().at.start;
        let mut selector = Selector { name: None, matchers: Vec::new(), shift: Shift::default() };
        if self.peek().what == Lexeme::Word {
            selector.name = Some(self.word().to_owned());
            *end = self.advance().end;
        }
        if self.take_sign("{") {
            while !self.is_sign("}") {
                self.condition(&mut selector)?;
                if !self.take_sign(",") {
                    break;
                }
            }
            *end = self.expect("}", "in label matching, expected \",\" or")?.end;
        }
        self.finished(selector, start..*end)
    }

    /// One condition, or the name of the metric in quotes.
    fn condition(&mut self, selector: &mut Selector) -> Result<(), ParseError> {
        let quoted = match &self.peek().what {
            Lexeme::Text(text) => Some(text.clone()),
            Lexeme::Word if !self.word().contains(':') => None,
            _ => return Err(self.unexpected(" in label matching, expected identifier or \"}\"")),
        };
        let is_quoted = quoted.is_some();
        let label = quoted.unwrap_or_else(|| self.word().to_owned());
        let at = self.advance();
        if is_quoted && (self.is_sign(",") || self.is_sign("}")) {
            if let Some(first) = &selector.name {
                let why = format!("metric name must not be set twice: {first:?} or {label:?}");
                return Err(self.error(at, why));
            }
            selector.name = Some(label);
            return Ok(());
        }
        let op = match self.peek().what {
            Lexeme::Sign("=") => MatchOp::Equal,
            Lexeme::Sign("!=") => MatchOp::NotEqual,
            Lexeme::Sign("=~") => MatchOp::Matches,
            Lexeme::Sign("!~") => MatchOp::NotMatches,
            _ => return Err(self.unexpected(" in label matching, expected =, !=, =~ or !~")),
        };
        self.advance();
        let Lexeme::Text(value) = self.peek().what.clone() else {
            return Err(self.unexpected(" in label matching, expected string"));
        };
        let at = self.advance();
        let matcher = Matcher::new(&label, op, &value)
            .map_err(|why| self.error(at, format!("bad regular expression: {why}")))?;
        selector.matchers.push(matcher);
        self.check_length(selector.matchers.len())
    }

    /// Puts the name among the conditions, and sees to it that there is one that selects.
    fn finished(
        &self,
        mut selector: Selector,
        at: std::ops::Range<usize>,
    ) -> Result<Selector, ParseError> {
        if let Some(name) = &selector.name {
            if let Some(second) = selector.matchers.iter().find(|other| is_name(other)) {
                let why =
                    format!("metric name must not be set twice: {name:?} or {:?}", second.value());
                return Err(self.error(at, why));
            }
            let matcher = Matcher::new(NAME_LABEL, MatchOp::Equal, name)
                .map_err(|why| self.error(at.clone(), why))?;
            selector.matchers.push(matcher);
        }
        if selector.matchers.iter().all(|matcher| matcher.holds("")) {
            let why = "vector selector must contain at least one non-empty matcher";
            return Err(self.error(at, why));
        }
        Ok(selector)
    }

    /// Label names in parentheses; a name in quotes may be any text.
    pub(super) fn labels(&mut self, place: &str) -> Result<Vec<String>, ParseError> {
        let place = format!("in {place}");
        self.expect("(", &place)?;
        let mut labels = Vec::new();
        while !self.is_sign(")") {
            let label = match &self.peek().what {
                Lexeme::Text(text) if !text.is_empty() => text.clone(),
                Lexeme::Word if !self.word().contains(':') => self.word().to_owned(),
                _ => return Err(self.unexpected(&format!(" {place}, expected label"))),
            };
            self.advance();
            labels.push(label);
            self.check_length(labels.len())?;
            if !self.take_sign(",") {
                break;
            }
        }
        self.expect(")", &format!("{place}, expected \",\" or"))?;
        Ok(labels)
    }
}

fn is_name(matcher: &Matcher) -> bool {
    matcher.label() == NAME_LABEL && matcher.op() == MatchOp::Equal
}
