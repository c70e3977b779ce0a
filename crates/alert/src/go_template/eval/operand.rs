//! Commands and operands: what one value is.

use std::sync::Arc;

use super::Run;
use crate::go_template::ast::{Command, Operand, OperandKind};
use crate::go_template::error::Fault;
use crate::go_template::functions::{Action, Function, member};
use crate::go_template::value::Value;

/// An item of a list counts as a text of so many bytes.
const BYTES_OF_AN_ITEM: usize = 8;

impl Run<'_> {
    /// The value of a command; `piped` came through `|` and is its last argument.
    pub(super) fn command(
        &mut self,
        command: &Command,
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let (first, rest) = (&command.operands[0], &command.operands[1..]);
        let fields = match &first.kind {
            OperandKind::Function(function) => {
                return self.call(first.at, function, rest, dot, piped);
            }
            _ if rest.is_empty() && piped.is_none() => return self.sole(first, dot),
            OperandKind::Field(fields)
            | OperandKind::Variable(_, fields)
            | OperandKind::Chain(_, fields) => fields,
            _ => &[][..],
        };
        let Some((method, fields)) = fields.split_last() else {
            return Err(Fault::new(first.at, "this is no function and takes no arguments"));
        };
        let receiver = self.base(first, dot)?;
        let receiver = self.walk(first.at, receiver, fields)?;
        let mut arguments = self.operands(rest, dot)?;
        arguments.extend(piped);
        self.member(first.at, &receiver, method, &arguments)
    }

    /// A value that stands alone.
    fn sole(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        match operand.kind {
            OperandKind::Nil => Err(Fault::new(operand.at, "nil alone means nothing")),
            _ => self.operand(operand, dot),
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let base = self.base(operand, dot)?;
        match &operand.kind {
            OperandKind::Field(fields)
            | OperandKind::Variable(_, fields)
            | OperandKind::Chain(_, fields) => self.walk(operand.at, base, fields),
            _ => Ok(base),
        }
    }

    /// The value that an operand's fields hang on, or the operand when it has none.
    fn base(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        self.charge(operand.at, 1)?;
        Ok(match &operand.kind {
            OperandKind::Dot | OperandKind::Field(_) => dot.clone(),
            OperandKind::Nil => Value::Nil,
            OperandKind::Bool(value) => Value::Bool(*value),
            OperandKind::Int(value) => Value::Int(*value),
            OperandKind::Float(value) => Value::Float(*value),
            OperandKind::Text(text) => Value::Text(text.clone()),
            OperandKind::Variable(name, _) => self.variable(operand.at, name)?.clone(),
            OperandKind::Function(function) => self.call(operand.at, function, &[], dot, None)?,
            OperandKind::Chain(inner, _) => self.operand(inner, dot)?,
            OperandKind::Pipeline(pipeline) => {
                self.enter(operand.at)?;
                let value = self.pipeline(pipeline, dot)?;
                self.leave();
                value
            }
        })
    }

    fn operands(&mut self, operands: &[Operand], dot: &Value) -> Result<Vec<Value>, Fault> {
        operands.iter().map(|operand| self.operand(operand, dot)).collect()
    }

    /// `.a.b` of a value.
    fn walk(&mut self, at: usize, from: Value, fields: &[Arc<str>]) -> Result<Value, Fault> {
        fields.iter().try_fold(from, |value, name| self.member(at, &value, name, &[]))
    }

    fn member(
        &mut self,
        at: usize,
        value: &Value,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, Fault> {
        self.charge(at, 1)?;
        member(&mut self.context, value, name, arguments).map_err(|words| Fault::new(at, words))
    }

    fn call(
        &mut self,
        at: usize,
        function: &Function,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let placed = |words: String| Fault::new(at, format!("{}: {words}", function.name));
        function.takes(operands.len() + usize::from(piped.is_some())).map_err(placed)?;
        match function.action {
            Action::And => return self.until(false, operands, dot, piped),
            Action::Or => return self.until(true, operands, dot, piped),
            Action::Template | Action::Plain(_) => {}
        }
        let mut arguments = self.operands(operands, dot)?;
        arguments.extend(piped);
        let sizes = arguments.iter().map(|argument| match argument {
            Value::Text(text) => text.len(),
            // Each is looked at to see of which kind it is.
            Value::List(list) => list.items().len() * BYTES_OF_AN_ITEM,
            _ => 0,
        });
        self.context.charge_bytes(sizes.sum()).map_err(placed)?;
        function.fits(&arguments).map_err(placed)?;
        match (function.action, &arguments[..]) {
            (Action::Plain(action), _) => action(&mut self.context, &arguments).map_err(placed),
            (_, [Value::Text(name), inner]) => self.template_text(at, name, inner.clone()),
            _ => Err(placed("it needs a name and a value".to_owned())),
        }
    }

    /// The first argument that is as true as `sought`, or the last one. What follows it is not worked out.
    fn until(
        &mut self,
        sought: bool,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let mut value = Value::Nil;
        for operand in operands {
            value = self.operand(operand, dot)?;
            if value.is_true() == sought {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    /// What a template says, as a text and not in its place.
    fn template_text(&mut self, at: usize, name: &str, dot: Value) -> Result<Value, Fault> {
        let inner = self.context.writer();
        let outer = std::mem::replace(&mut self.output, inner);
        self.template(at, name, dot)?;
        let inner = std::mem::replace(&mut self.output, outer);
        self.context.written(inner).map_err(|words| Fault::new(at, words))
    }
}
