//! Operands and operators.

use std::ops::Range;

use super::check;
use super::token::{Lexeme, Token, tokens};
use super::{Features, MAX_DEPTH, MAX_LIST, MAX_TEXT_BYTES, ParseError};
use crate::ast::{Aggregator, Binary, Expr, Kind, Matching, Operator, Side, UNARY_PRECEDENCE};

/// Reads tokens from left to right, without ever going back.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) features: Features,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

/// Words that are never the name of a metric.
const NO_NAMES: [&str; 5] = ["bool", "on", "ignoring", "group_left", "group_right"];

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, features: Features) -> Result<Self, ParseError> {
        if text.len() > MAX_TEXT_BYTES {
            let why = format!("the text is longer than {MAX_TEXT_BYTES} bytes");
            return Err(ParseError::new(text, 0..0, why));
        }
        let tokens = tokens(text)?;
        if tokens.len() == 1 {
            return Err(ParseError::new(text, 0..text.len(), "no expression found in input"));
        }
        Ok(Self { text, features, tokens, next: 0, depth: 0 })
    }

    /// Reads operands and the operators between them that bind tighter than `above`.
    pub(super) fn expression(&mut self, above: u8) -> Result<Expr, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep());
        }
        let mut left = self.operand()?;
        while let Some(operator) = self.operator(above) {
            self.advance();
            left = self.binary(left, operator)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    pub(super) fn end(&self) -> Result<(), ParseError> {
        match self.peek().what {
            Lexeme::End => Ok(()),
            _ => Err(self.unexpected("")),
        }
    }

    /// The operator that comes next, when it binds tighter than `above`.
    fn operator(&self, above: u8) -> Option<Operator> {
        let operator = match self.peek().what {
            Lexeme::Sign(sign) => Operator::of(sign)?,
            Lexeme::Word => Operator::of(self.word())?,
            _ => return None,
        };
        (operator.precedence() > above).then_some(operator)
    }

    fn binary(&mut self, left: Expr, operator: Operator) -> Result<Expr, ParseError> {
        let to_bool = self.take_word("bool");
        let matching = self.matching()?;
        // Powers are taken from right to left, everything else from left to right.
        let above = operator.precedence() - u8::from(operator == Operator::Power);
        let right = self.expression(above)?;
        let at = left.at.start..right.at.end;
        let binary = Binary { operator, left, right, to_bool, matching };
        check::binary(self.text, &at, &binary)?;
        self.made(Kind::Binary(Box::new(binary)), at)
    }

    fn matching(&mut self) -> Result<Matching, ParseError> {
        let mut matching = Matching::default();
        for (word, on) in [("on", true), ("ignoring", false)] {
            if self.take_word(word) {
                matching = Matching { on, given: true, ..Matching::default() };
                matching.labels = self.labels("grouping opts")?;
                break;
            }
        }
        for (word, side) in [("group_left", Side::Left), ("group_right", Side::Right)] {
            if matching.given && self.take_word(word) {
                matching.many = Some(side);
                if self.is_sign("(") {
                    matching.include = self.labels("grouping opts")?;
                }
                break;
            }
        }
        Ok(matching)
    }

    /// One operand, with the ranges, offsets and moments after it.
    fn operand(&mut self) -> Result<Expr, ParseError> {
        let start = self.peek().at.start;
        let minus = self.is_sign("-");
        if minus || self.is_sign("+") {
            self.advance();
            let mut of = self.expression(UNARY_PRECEDENCE)?;
            let at = start..of.at.end;
            if let Kind::Number { value, .. } = &mut of.kind {
                // A number has its own sign.
                *value = if minus { -*value } else { *value };
                of.at = at;
                return Ok(of);
            }
            check::unary(self.text, &at, &of)?;
            return self.made(Kind::Unary { minus, of: Box::new(of) }, at);
        }
        let mut operand = self.bare_operand()?;
        loop {
            operand = if self.is_sign("[") {
                self.window(operand)?
            } else if self.take_word("offset") {
                self.offset(operand)?
            } else if self.take_sign("@") {
                self.moment(operand)?
            } else {
                return Ok(operand);
            };
        }
    }

    fn bare_operand(&mut self) -> Result<Expr, ParseError> {
        let token = self.peek().clone();
        let leaf = |kind| Expr { kind, at: token.at.clone(), depth: 1 };
        match token.what {
            Lexeme::Number(value) => {
                self.advance();
                Ok(leaf(Kind::Number { value, is_duration: false }))
            }
            Lexeme::Duration(ms) => {
                self.advance();
                Ok(leaf(Kind::Number { value: ms as f64 / 1000.0, is_duration: true }))
            }
            Lexeme::Text(text) => {
                self.advance();
                Ok(leaf(Kind::Text(text)))
            }
            Lexeme::Sign("(") => self.parenthesised(),
            Lexeme::Sign("{") => self.selector(),
            Lexeme::Word => self.named(),
            _ => Err(self.unexpected("")),
        }
    }

    fn parenthesised(&mut self) -> Result<Expr, ParseError> {
        let start = self.advance().start;
        let inner = self.expression(0)?;
        let end = self.expect(")", "in parentheses")?.end;
        self.made(Kind::Paren(Box::new(inner)), start..end)
    }

    /// A number by name, a call, an aggregation, or the name of a metric.
    fn named(&mut self) -> Result<Expr, ParseError> {
        let word = self.word();
        let value = match word.to_ascii_lowercase().as_str() {
            "inf" => Some(f64::INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        };
        if let Some(value) = value {
            let at = self.advance();
            return Ok(Expr { kind: Kind::Number { value, is_duration: false }, at, depth: 1 });
        }
        if let Some(aggregator) = Aggregator::of(word) {
            let grouped = ["by", "without"].iter().any(|word| self.is_second_word(word));
            if grouped || self.is_second_sign("(") {
                return self.aggregation(aggregator);
            }
        }
        if NO_NAMES.iter().any(|name| name.eq_ignore_ascii_case(word)) {
            return Err(self.unexpected(""));
        }
        if self.is_second_sign("(") && !word.contains(':') {
            return self.call();
        }
        self.selector()
    }

    /// An expression of what was read, when it is not too deep.
    pub(super) fn made(&self, kind: Kind, at: Range<usize>) -> Result<Expr, ParseError> {
        let below = match &kind {
            Kind::Number { .. } | Kind::Text(_) | Kind::Selector(_) | Kind::Window { .. } => 0,
            Kind::Subquery(subquery) => subquery.of.depth,
            Kind::Unary { of, .. } | Kind::Paren(of) => of.depth,
            Kind::Binary(binary) => binary.left.depth.max(binary.right.depth),
            Kind::Call { arguments, .. } => {
                arguments.iter().map(|arg| arg.depth).max().unwrap_or(0)
            }
            Kind::Aggregate(aggregate) => {
                aggregate.of.depth.max(aggregate.parameter.as_ref().map_or(0, |by| by.depth))
            }
        };
        if below >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        Ok(Expr { kind, at, depth: below + 1 })
    }

    fn too_deep(&self) -> ParseError {
        let why = format!("the expression is nested more than {MAX_DEPTH} deep");
        ParseError::new(self.text, self.peek().at.clone(), why)
    }

    /// Refuses lists that would cost something for every series.
    pub(super) fn check_length(&self, length: usize) -> Result<(), ParseError> {
        if length <= MAX_LIST {
            return Ok(());
        }
        let why = format!("a list has more than {MAX_LIST} entries");
        Err(ParseError::new(self.text, self.peek().at.clone(), why))
    }

    // Tokens.

    pub(super) fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    /// Goes on, and says where the token was.
    pub(super) fn advance(&mut self) -> Range<usize> {
        let at = self.peek().at.clone();
        // The last token is the end, and nothing is behind it.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        at
    }

    /// The text of the next token.
    pub(super) fn word(&self) -> &'a str {
        &self.text[self.peek().at.clone()]
    }

    pub(super) fn is_sign(&self, sign: &'static str) -> bool {
        self.peek().what == Lexeme::Sign(sign)
    }

    fn second(&self) -> Option<&Token> {
        self.tokens.get(self.next + 1)
    }

    fn is_second_sign(&self, sign: &'static str) -> bool {
        self.second().is_some_and(|token| token.what == Lexeme::Sign(sign))
    }

    fn is_second_word(&self, word: &str) -> bool {
        self.second().is_some_and(|token| {
            token.what == Lexeme::Word && self.text[token.at.clone()].eq_ignore_ascii_case(word)
        })
    }

    /// Where the token before the next one ends.
    pub(super) fn last_end(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].at.end)
    }

    /// Goes past a keyword when it comes next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().what == Lexeme::Word && self.word().eq_ignore_ascii_case(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn take_sign(&mut self, sign: &'static str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(
        &mut self,
        sign: &'static str,
        place: &str,
    ) -> Result<Range<usize>, ParseError> {
        if self.is_sign(sign) {
            return Ok(self.advance());
        }
        // Places that name other signs too end in "or".
        let comma = if place.ends_with(" or") { "" } else { ", expected" };
        Err(self.unexpected(&format!(" {place}{comma} {sign:?}")))
    }

    /// Says what stands where something else should.
    pub(super) fn unexpected(&self, more: &str) -> ParseError {
        let what = match self.peek().what {
            Lexeme::End => "end of input".to_owned(),
            Lexeme::Sign(sign) => format!("{sign:?}"),
            Lexeme::Word => format!("identifier {:?}", self.word()),
            Lexeme::Number(_) => format!("number {:?}", self.word()),
            Lexeme::Duration(_) => format!("duration {:?}", self.word()),
            Lexeme::Text(_) => format!("string {}", self.word()),
        };
        self.error(self.peek().at.clone(), format!("unexpected {what}{more}"))
    }

    pub(super) fn error(&self, at: Range<usize>, why: impl Into<String>) -> ParseError {
        ParseError::new(self.text, at, why)
    }
}
