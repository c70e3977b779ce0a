//! Operands: one value of a command, with the fields that hang on it.

use std::sync::Arc;

use super::Parser;
use crate::go_template::ast::{Operand, OperandKind};
use crate::go_template::error::Fault;
use crate::go_template::functions;
use crate::go_template::lex::Token;

impl Parser<'_> {
    /// The operand that stands here, if one does.
    pub(super) fn operand(&mut self) -> Result<Option<Operand>, Fault> {
        let at = self.at();
        let Some(kind) = self.term(at)? else { return Ok(None) };
        let fields = self.fields();
        let kind = match kind {
            _ if fields.is_empty() => kind,
            OperandKind::Field(first) => OperandKind::Field([first, fields].concat()),
            OperandKind::Variable(name, _) => OperandKind::Variable(name, fields),
            OperandKind::Function(_) | OperandKind::Pipeline(_) => {
                OperandKind::Chain(Box::new(Operand { at, kind }), fields)
            }
            _ => {
                let words = format!("unexpected .{} after a value that has no fields", fields[0]);
                return Err(Fault::new(at, words));
            }
        };
        Ok(Some(Operand { at, kind }))
    }

    fn term(&mut self, at: usize) -> Result<Option<OperandKind>, Fault> {
        let Some(token) = self.peek() else { return Ok(None) };
        let kind = match token {
            Token::Dot => OperandKind::Dot,
            Token::Field(name) => OperandKind::Field(vec![(*name).into()]),
            Token::Variable(name) => {
                self.known(at, name)?;
                OperandKind::Variable((*name).into(), Vec::new())
            }
            Token::Int(number) => OperandKind::Int(*number),
            Token::Float(number) => OperandKind::Float(*number),
            Token::Literal(text) => OperandKind::Text(text.as_str().into()),
            Token::Word("true") => OperandKind::Bool(true),
            Token::Word("false") => OperandKind::Bool(false),
            Token::Word("nil") => OperandKind::Nil,
            Token::Word(name) => OperandKind::Function(
                functions::find(name)
                    .ok_or_else(|| Fault::new(at, format!("there is no function {name}")))?,
            ),
            Token::LeftParen => return self.parenthesis(at).map(Some),
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(kind))
    }

    fn parenthesis(&mut self, at: usize) -> Result<OperandKind, Fault> {
        self.enter(at)?;
        self.next += 1;
        let pipeline = self.pipeline("parentheses", &Token::RightParen)?;
        self.next += 1;
        self.leave();
        Ok(OperandKind::Pipeline(Box::new(pipeline)))
    }

    fn fields(&mut self) -> Vec<Arc<str>> {
        let mut fields = Vec::new();
        while let Some(Token::Field(name)) = self.peek() {
            fields.push((*name).into());
            self.next += 1;
        }
        fields
    }
}
