//! The text of a template as tokens. What stands between `{{` and `}}` is an action; spaces in it are
//! tokens, because `.a.b` and `.a .b` differ.

mod literal;

use super::error::Fault;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// What `{{-` and `-}}` take away.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// What stands outside of actions.
    Text(&'a str),
    Open,
    Close,
    Space,
    Pipe,
    LeftParen,
    RightParen,
    Comma,
    Declare,
    Assign,
    Dot,
    /// `.name`, without the dot.
    Field(&'a str),
    /// `$name`, with the dollar.
    Variable(&'a str),
    /// A keyword or a function.
    Word(&'a str),
    Int(i64),
    Float(f64),
    Literal(String),
}

/// A token and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme<'a> {
    pub(super) at: usize,
    pub(super) token: Token<'a>,
}

/// All tokens of `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme<'_>>, Fault> {
    let mut lexer = Lexer { text, at: 0, parens: Vec::new(), found: Vec::new() };
    let mut trims = false;
    while lexer.at < text.len() {
        lexer.outside(trims);
        if lexer.at == text.len() {
            break;
        }
        trims = lexer.action()?;
    }
    Ok(lexer.found)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Where the parentheses that are open began.
    parens: Vec<usize>,
    found: Vec<Lexeme<'a>>,
}

impl<'a> Lexer<'a> {
    /// The text up to the next action or the end. `trims` when the action before took the spaces.
    fn outside(&mut self, trims: bool) {
        let start = self.at;
        let rest = self.rest();
        let (mut shown, length) = match rest.find(OPEN) {
            Some(length) if trims_left(&rest[length + OPEN.len()..]) => {
                (rest[..length].trim_end_matches(SPACES), length)
            }
            Some(length) => (&rest[..length], length),
            None => (rest, rest.len()),
        };
        if trims {
            shown = shown.trim_start_matches(SPACES);
        }
        if !shown.is_empty() {
            self.push(start, Token::Text(shown));
        }
        self.at += length;
    }

    /// One action with both ends, or a comment. True when it takes the spaces behind it.
    fn action(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        self.at += OPEN.len();
        if trims_left(self.rest()) {
            self.at += 1;
            let comment = self.rest().trim_start_matches(SPACES);
            if comment.starts_with("/*") {
                self.at = self.text.len() - comment.len();
            }
        }
        if self.rest().starts_with("/*") {
            return self.comment();
        }
        self.push(start, Token::Open);
        loop {
            if let Some((length, trims)) = closing(self.rest()) {
                if let Some(open) = self.parens.pop() {
                    return Err(Fault::new(open, "this parenthesis is not closed"));
                }
                self.push(self.at, Token::Close);
                self.at += length;
                return Ok(trims);
            }
            self.inside(start)?;
        }
    }

    fn comment(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        let Some(length) = self.rest().find("*/") else {
            return Err(Fault::new(start, "this comment is not closed"));
        };
        self.at += length + "*/".len();
        let Some((length, trims)) = closing(self.rest()) else {
            return Err(Fault::new(self.at, "a comment must end with */}} or */ -}}"));
        };
        self.at += length;
        Ok(trims)
    }

    /// One token of an action that began at `start`.
    fn inside(&mut self, start: usize) -> Result<(), Fault> {
        let (at, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else {
            return Err(Fault::new(start, "this {{ is not closed"));
        };
        let second = rest[first.len_utf8()..].chars().next();
        let (token, length) = match first {
            _ if SPACES.contains(&first) => (Token::Space, spaces(rest)),
            '"' | '`' | '\'' => literal::quoted(rest).map_err(|fault| fault.behind(at))?,
            '.' if !second.is_some_and(|c| c.is_ascii_digit()) => self.field()?,
            '.' | '+' | '-' | '0'..='9' => {
                literal::number(rest).map_err(|fault| fault.behind(at))?
            }
            '$' => self.variable()?,
            ':' if second == Some('=') => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => {
                self.parens.push(at);
                (Token::LeftParen, 1)
            }
            ')' if self.parens.pop().is_some() => (Token::RightParen, 1),
            ')' => return Err(Fault::new(at, "this parenthesis was never opened")),
            _ if is_word(first) => self.word()?,
            _ => return Err(Fault::new(at, format!("{first:?} means nothing in an action"))),
        };
        self.push(at, token);
        self.at += length;
        Ok(())
    }

    fn field(&self) -> Result<(Token<'a>, usize), Fault> {
        let name = self.name_behind(1)?;
        let token = if name.is_empty() { Token::Dot } else { Token::Field(name) };
        Ok((token, 1 + name.len()))
    }

    fn variable(&self) -> Result<(Token<'a>, usize), Fault> {
        let length = 1 + self.name_behind(1)?.len();
        Ok((Token::Variable(&self.rest()[..length]), length))
    }

    fn word(&self) -> Result<(Token<'a>, usize), Fault> {
        let word = self.name_behind(0)?;
        Ok((Token::Word(word), word.len()))
    }

    /// The letters and digits that begin `skip` bytes from here, when something may follow them that does.
    fn name_behind(&self, skip: usize) -> Result<&'a str, Fault> {
        let rest = &self.text[self.at + skip..];
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(length);
        match behind.chars().next() {
            Some(next) if !ends_name(next) && !behind.starts_with(CLOSE) => {
                let at = self.at + skip + length;
                Err(Fault::new(at, format!("{next:?} cannot stand here: is a space missing?")))
            }
            _ => Ok(name),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, at: usize, token: Token<'a>) {
        self.found.push(Lexeme { at, token });
    }
}

/// True when `{{` is followed by `- `.
fn trims_left(behind: &str) -> bool {
    behind.strip_prefix('-').is_some_and(|more| more.starts_with(SPACES))
}

/// How long the end of an action is that stands here, and whether it takes the spaces behind it.
fn closing(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with(CLOSE) {
        return Some((CLOSE.len(), false));
    }
    let trimmed = rest.strip_prefix(SPACES)?.strip_prefix('-')?;
    trimmed.starts_with(CLOSE).then_some((2 + CLOSE.len(), true))
}

/// How many spaces there are, without the one that belongs to `-}}`.
fn spaces(rest: &str) -> usize {
    let length = rest.find(|c| !SPACES.contains(&c)).unwrap_or(rest.len());
    if length > 1 && closing(&rest[length - 1..]).is_some() { length - 1 } else { length }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn ends_name(c: char) -> bool {
    SPACES.contains(&c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(')
}
