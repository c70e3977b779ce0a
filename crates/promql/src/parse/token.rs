//! Text to tokens.

use std::ops::Range;

use super::ParseError;
use super::number;
use super::text;

/// A piece of the text and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) what: Lexeme,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lexeme {
    End,
    /// A name or a keyword; which one its place decides.
    Word,
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    Text(String),
    /// `+`, `=~`, `(` and the like.
    Sign(&'static str),
}

/// Longer signs stand before their beginnings.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "=~", "!~", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "{",
    "}", "[", "]", ",", "@", ":",
];

/// All tokens of a text, the last of them [`Lexeme::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, at: 0, brackets: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let ended = token.what == Lexeme::End;
        tokens.push(token);
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Within brackets a colon is no part of a word.
    brackets: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Token, ParseError> {
        self.skip_space();
        let start = self.at;
        let what = match self.rest().chars().next() {
            None => Lexeme::End,
            Some('"' | '\'' | '`') => {
                let (value, length) = text::quoted(self.rest())
                    .map_err(|why| ParseError::new(self.text, start..self.text.len(), why))?;
                self.at += length;
                Lexeme::Text(value)
            }
            Some(c) if c.is_ascii_digit() || self.starts_fraction() => self.number()?,
            Some(c) if c.is_ascii_alphabetic() || c == '_' || (c == ':' && self.brackets == 0) => {
                self.word();
                Lexeme::Word
            }
            Some(c) => self.sign(c)?,
        };
        Ok(Token { what, at: start..self.at })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn starts_fraction(&self) -> bool {
        let bytes = self.rest().as_bytes();
        bytes[0] == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit)
    }

    fn word(&mut self) {
        let colons = self.brackets == 0;
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colons)));
        self.at += end.unwrap_or(rest.len());
    }

    fn number(&mut self) -> Result<Lexeme, ParseError> {
        let (what, length) = number::number_or_duration(self.rest()).map_err(|length| {
            let at = self.at..self.at + length;
            let why = format!("bad number or duration syntax: {:?}", &self.text[at.clone()]);
            ParseError::new(self.text, at, why)
        })?;
        self.at += length;
        Ok(what)
    }

    fn sign(&mut self, first: char) -> Result<Lexeme, ParseError> {
        let Some(sign) = SIGNS.into_iter().find(|sign| self.rest().starts_with(sign)) else {
            let at = self.at..self.at + first.len_utf8();
            return Err(ParseError::new(self.text, at, format!("unexpected character: {first:?}")));
        };
        match sign {
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.at += sign.len();
        Ok(Lexeme::Sign(sign))
    }
}
