//! Tokens to a tree. As in Go, a function or variable that does not exist is a mistake here already.

mod block;
mod operand;
mod pipeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Block, Node, Tree};
use super::error::{Fault, TemplateError};
use super::lex::{self, Lexeme, Token};
use super::limits::{MAX_NESTING, MAX_TEMPLATE_BYTES};

/// Reads a template that may use `variables` beside its own.
pub(super) fn template(text: &str, variables: &[&str]) -> Result<Tree, TemplateError> {
    let variables: Vec<Arc<str>> = variables.iter().map(|name| (*name).into()).collect();
    let parsed = Parser::new(text, &variables).and_then(Parser::whole);
    let (root, templates) = parsed.map_err(|fault| fault.placed(text))?;
    Ok(Tree { text: text.into(), root: Arc::new(root), templates, variables })
}

type Templates = BTreeMap<Arc<str>, Arc<Block>>;

struct Parser<'a> {
    tokens: Vec<Lexeme<'a>>,
    next: usize,
    /// Where the text ends.
    end: usize,
    /// The variables that can be seen here, the youngest last.
    variables: Vec<Arc<str>>,
    templates: Templates,
    /// How many blocks and parentheses are open.
    depth: usize,
    /// How many `range` are open.
    ranges: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, variables: &[Arc<str>]) -> Result<Self, Fault> {
        if text.len() > MAX_TEMPLATE_BYTES {
            let words = format!("the template is longer than {MAX_TEMPLATE_BYTES} bytes");
            return Err(Fault::new(0, words));
        }
        let mut seen = vec!["$".into()];
        seen.extend(variables.iter().cloned());
        Ok(Self {
            tokens: lex::tokens(text)?,
            next: 0,
            end: text.len(),
            variables: seen,
            templates: Templates::new(),
            depth: 0,
            ranges: 0,
        })
    }

    /// The whole text: its own block, and those that it defines.
    fn whole(mut self) -> Result<(Block, Templates), Fault> {
        let mut block = Block::new();
        while self.peek().is_some() {
            if self.is_definition() {
                self.definition()?;
            } else {
                block.push(self.node("")?);
            }
        }
        Ok((block, self.templates))
    }

    fn is_definition(&self) -> bool {
        let mut tokens = self.tokens[self.next..].iter().map(|lexeme| &lexeme.token);
        tokens.next() == Some(&Token::Open)
            && tokens.find(|token| **token != Token::Space) == Some(&Token::Word("define"))
    }

    /// `{{define "name"}} … {{end}}`. It sees no variables of others.
    fn definition(&mut self) -> Result<(), Fault> {
        let at = self.at();
        self.next += 1;
        self.space();
        self.next += 1;
        self.space();
        let name = self.template_name("define")?;
        self.close("define")?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let body = self.body("define")?;
        self.variables = outer;
        self.define(at, name, body)
    }

    /// Keeps a template. A name may come twice when one of both is empty.
    fn define(&mut self, at: usize, name: Arc<str>, body: Block) -> Result<(), Fault> {
        match self.templates.get(&name).map(|old| (is_empty(old), is_empty(&body))) {
            Some((false, false)) => {
                return Err(Fault::new(at, format!("the template {name:?} is defined twice")));
            }
            Some((false, true)) => {}
            Some((true, _)) | None => drop(self.templates.insert(name, Arc::new(body))),
        }
        Ok(())
    }

    /// Goes into a block or parenthesis that began at `at`; [`Self::leave`] ends it.
    fn enter(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(Fault::new(at, format!("the template nests deeper than {MAX_NESTING}")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.next).map(|lexeme| &lexeme.token)
    }

    /// Where the next token begins.
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |lexeme| lexeme.at)
    }

    fn space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.next += 1;
        }
    }

    /// The end of the action of `word`.
    fn close(&mut self, word: &str) -> Result<(), Fault> {
        self.space();
        if self.peek() == Some(&Token::Close) {
            self.next += 1;
            return Ok(());
        }
        Err(self.unexpected(&format!("{{{{{word}}}}}")))
    }

    fn unexpected(&self, place: &str) -> Fault {
        let what = self.peek().map_or_else(|| "end".to_owned(), describe);
        Fault::new(self.at(), format!("unexpected {what} in {place}"))
    }
}

fn is_empty(block: &Block) -> bool {
    block.iter().all(|node| matches!(node, Node::Text(_, text) if text.trim().is_empty()))
}

fn describe(token: &Token<'_>) -> String {
    let fixed = match token {
        Token::Text(_) => "text",
        Token::Open => "{{",
        Token::Close => "}}",
        Token::Space => "space",
        Token::Pipe => "|",
        Token::LeftParen => "(",
        Token::RightParen => ")",
        Token::Comma => ",",
        Token::Declare => ":=",
        Token::Assign => "=",
        Token::Dot => ".",
        Token::Field(name) => return format!(".{name}"),
        Token::Variable(word) | Token::Word(word) => word,
        Token::Int(number) => return number.to_string(),
        Token::Float(number) => return number.to_string(),
        Token::Literal(text) => return format!("{text:?}"),
    };
    fixed.to_owned()
}
