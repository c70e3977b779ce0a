//! Blocks: text, actions, and what `{{end}}` ends.

use std::sync::Arc;

use super::Parser;
use crate::go_template::ast::{Block, Branch, BranchKind, Node, Pipeline};
use crate::go_template::error::Fault;
use crate::go_template::lex::Token;

/// What ended a block.
enum End {
    End,
    /// `{{else}}`, and the word behind it (`if`, `with`) when there is one.
    Else(Option<BranchKind>),
}

impl Parser<'_> {
    /// The next text or action. `open` is the word of the block around it, empty for none.
    pub(super) fn node(&mut self, open: &str) -> Result<Node, Fault> {
        if let Some(Token::Text(text)) = self.peek() {
            let node = Node::Text(self.at(), (*text).into());
            self.next += 1;
            return Ok(node);
        }
        let at = self.at();
        self.next += 1;
        self.space();
        match self.peek() {
            Some(Token::Word(word)) => self.statement(at, word, open),
            _ => Ok(Node::Action(self.action("an action")?)),
        }
    }

    /// An action that begins with a word: a keyword or a function.
    fn statement(&mut self, at: usize, word: &str, open: &str) -> Result<Node, Fault> {
        if !matches!(word, "if" | "with" | "range" | "template" | "block" | "define")
            && !matches!(word, "break" | "continue" | "else" | "end")
        {
            return Ok(Node::Action(self.action("an action")?));
        }
        self.next += 1;
        match word {
            "if" => self.branch(at, BranchKind::If),
            "with" => self.branch(at, BranchKind::With),
            "range" => self.branch(at, BranchKind::Range),
            "template" => self.call(at),
            "block" => self.block(at),
            "break" | "continue" if self.ranges == 0 => {
                Err(Fault::new(at, format!("{{{{{word}}}}} stands outside of {{{{range}}}}")))
            }
            "break" => self.close(word).map(|()| Node::Break),
            "continue" => self.close(word).map(|()| Node::Continue),
            "define" => Err(Fault::new(at, "{{define}} cannot stand inside of another block")),
            _ if open.is_empty() => {
                Err(Fault::new(at, format!("{{{{{word}}}}} belongs to no block")))
            }
            _ => Err(Fault::new(at, format!("{{{{{word}}}}} does not belong into {{{{{open}}}}}"))),
        }
    }

    fn action(&mut self, place: &str) -> Result<Pipeline, Fault> {
        let pipeline = self.pipeline(place, &Token::Close)?;
        self.next += 1;
        Ok(pipeline)
    }

    /// What follows `if`, `with` or `range`, up to its end. Its variables are gone behind it.
    fn branch(&mut self, at: usize, kind: BranchKind) -> Result<Node, Fault> {
        self.enter(at)?;
        let seen = self.variables.len();
        let word = kind.word();
        let pipeline = self.action(word)?;
        self.ranges += usize::from(kind == BranchKind::Range);
        let (body, end) = self.until_end(at, word, true)?;
        self.ranges -= usize::from(kind == BranchKind::Range);
        let otherwise = match end {
            End::End => Block::new(),
            End::Else(None) => self.body_at(at, word)?,
            End::Else(Some(next)) if next == kind => vec![self.branch(at, next)?],
            End::Else(Some(next)) => {
                let words = format!("{{{{{word}}}}} cannot go on with else {}", next.word());
                return Err(Fault::new(at, words));
            }
        };
        self.variables.truncate(seen);
        self.leave();
        Ok(Node::Branch(Branch { at, kind, pipeline, body, otherwise }))
    }

    /// A block that only `{{end}}` ends.
    pub(super) fn body(&mut self, word: &str) -> Result<Block, Fault> {
        let at = self.at();
        self.enter(at)?;
        // What loops around it is not part of it.
        let ranges = std::mem::take(&mut self.ranges);
        let body = self.body_at(at, word)?;
        self.ranges = ranges;
        self.leave();
        Ok(body)
    }

    fn body_at(&mut self, at: usize, word: &str) -> Result<Block, Fault> {
        self.until_end(at, word, false).map(|(body, _)| body)
    }

    /// Nodes up to the end of the block, or to its `{{else}}` where it may have one.
    fn until_end(&mut self, at: usize, word: &str, may_else: bool) -> Result<(Block, End), Fault> {
        let mut block = Block::new();
        loop {
            if self.peek().is_none() {
                return Err(Fault::new(at, format!("this {{{{{word}}}}} has no {{{{end}}}}")));
            }
            match self.ending(may_else)? {
                Some(end) => return Ok((block, end)),
                None => block.push(self.node(word)?),
            }
        }
    }

    /// Takes `{{end}}` or `{{else …}}` when one stands here.
    fn ending(&mut self, may_else: bool) -> Result<Option<End>, Fault> {
        let start = self.next;
        if self.peek() != Some(&Token::Open) {
            return Ok(None);
        }
        self.next += 1;
        self.space();
        let found = match self.peek() {
            Some(Token::Word("end")) => Some(false),
            Some(Token::Word("else")) if may_else => Some(true),
            _ => None,
        };
        let Some(is_else) = found else {
            self.next = start;
            return Ok(None);
        };
        self.next += 1;
        if !is_else {
            return self.close("end").map(|()| Some(End::End));
        }
        self.space();
        let next = match self.peek() {
            Some(Token::Word("if")) => Some(BranchKind::If),
            Some(Token::Word("with")) => Some(BranchKind::With),
            _ => None,
        };
        match next {
            Some(_) => self.next += 1,
            None => self.close("else")?,
        }
        Ok(Some(End::Else(next)))
    }

    /// What follows `template`.
    fn call(&mut self, at: usize) -> Result<Node, Fault> {
        self.space();
        let name = self.template_name("template")?;
        self.space();
        let dot = match self.peek() {
            Some(Token::Close) => self.close("template").map(|()| None)?,
            _ => Some(self.action("template")?),
        };
        Ok(Node::Call { at, name, dot })
    }

    /// What follows `block`: a definition, and its use in this place.
    fn block(&mut self, at: usize) -> Result<Node, Fault> {
        self.space();
        let name = self.template_name("block")?;
        let dot = Some(self.action("block")?);
        let outer = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let body = self.body("block")?;
        self.variables = outer;
        self.define(at, name.clone(), body)?;
        Ok(Node::Call { at, name, dot })
    }

    pub(super) fn template_name(&mut self, word: &str) -> Result<Arc<str>, Fault> {
        let Some(Token::Literal(name)) = self.peek() else {
            let words = format!("{{{{{word}}}}} needs the name of a template in quotes");
            return Err(Fault::new(self.at(), words));
        };
        let name = name.as_str().into();
        self.next += 1;
        Ok(name)
    }
}

impl BranchKind {
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}
