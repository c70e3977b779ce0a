//! Pipelines: `$x := command | command`.

use std::sync::Arc;

use super::Parser;
use crate::go_template::ast::{Command, OperandKind, Pipeline};
use crate::go_template::error::Fault;
use crate::go_template::lex::Token;

impl Parser<'_> {
    /// A pipeline up to `end`, which is left to the caller.
    pub(super) fn pipeline(&mut self, place: &str, end: &Token<'_>) -> Result<Pipeline, Fault> {
        self.space();
        let at = self.at();
        let (variables, assigns) = self.declaration(place)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(end) {
                break;
            }
            let command = self.command(place, end)?;
            if !commands.is_empty() {
                is_executable(&command)?;
            }
            commands.push(command);
        }
        if commands.is_empty() {
            return Err(Fault::new(self.at(), format!("a value is missing in {place}")));
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline { at, variables, assigns, commands })
    }

    /// `$x :=`, `$x =`, and for `range` `$i, $x :=`; nothing when none of them stands here.
    fn declaration(&mut self, place: &str) -> Result<(Vec<Arc<str>>, bool), Fault> {
        let start = self.next;
        let mut variables = Vec::new();
        while let Some(Token::Variable(name)) = self.peek() {
            let name: Arc<str> = (*name).into();
            let at = self.at();
            self.next += 1;
            self.space();
            variables.push(name.clone());
            match self.peek() {
                Some(Token::Declare) => {
                    self.next += 1;
                    return Ok((variables, false));
                }
                Some(Token::Assign) => {
                    self.next += 1;
                    variables.iter().try_for_each(|name| self.known(at, name))?;
                    return Ok((variables, true));
                }
                Some(Token::Comma) if place == "range" && variables.len() < 2 => {
                    self.next += 1;
                    self.space();
                }
                Some(Token::Comma) => {
                    return Err(Fault::new(at, format!("too many variables in {place}")));
                }
                _ => break,
            }
        }
        if variables.len() > 1 {
            return Err(self.unexpected("the variables of range"));
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    pub(super) fn known(&self, at: usize, name: &str) -> Result<(), Fault> {
        if self.variables.iter().any(|seen| **seen == *name) {
            return Ok(());
        }
        Err(Fault::new(at, format!("there is no variable {name} here")))
    }

    /// Operands with spaces between them.
    fn command(&mut self, place: &str, end: &Token<'_>) -> Result<Command, Fault> {
        let mut operands = Vec::new();
        loop {
            self.space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            match self.peek() {
                Some(Token::Space) => {}
                Some(Token::Pipe) if !operands.is_empty() => {
                    self.next += 1;
                    return Ok(Command { operands });
                }
                Some(token) if token == end && !operands.is_empty() => {
                    return Ok(Command { operands });
                }
                _ => return Err(self.unexpected(place)),
            }
        }
    }
}

/// A value that stands behind `|` could not take what comes through it.
fn is_executable(command: &Command) -> Result<(), Fault> {
    let first = &command.operands[0];
    match first.kind {
        OperandKind::Dot
        | OperandKind::Nil
        | OperandKind::Bool(_)
        | OperandKind::Int(_)
        | OperandKind::Float(_)
        | OperandKind::Text(_) => {
            Err(Fault::new(first.at, "what stands behind | must be a function"))
        }
        _ => Ok(()),
    }
}
