//! Walks the tree of a template and writes its text.

mod context;
mod operand;
mod range;

use std::sync::Arc;

use super::ast::{Block, Branch, BranchKind, Node, Pipeline, Tree};
use super::bounded::Bounded;
use super::data::Data;
use super::error::{Fault, TemplateError};
use super::limits::Limits;
use super::print;
use super::queries::Queries;
use super::value::Value;

pub(super) use context::Context;

/// Expands a template.
pub(super) fn expand(
    tree: &Tree,
    data: &Data,
    queries: &dyn Queries,
    limits: &Limits,
) -> (Result<String, TemplateError>, u64) {
    let mut run = Run {
        tree,
        context: Context::new(limits, queries, data),
        output: Bounded::new(limits.output_bytes),
        variables: vec![("$".into(), data.dot.clone())],
        depth: 0,
    };
    let brought = tree.variables.iter().cloned().zip(data.variables.iter().cloned());
    run.variables.extend(brought);
    let told = run.block(&tree.root, &data.dot).map_err(|fault| fault.placed(&tree.text));
    let steps = run.context.used();
    (told.map(|_| run.output.into_text()), steps)
}

/// How many variables, or bytes of a name, are compared in one step.
const VARIABLES_A_STEP: usize = 16;

/// An expansion on its way.
struct Run<'a> {
    tree: &'a Tree,
    context: Context<'a>,
    output: Bounded,
    /// The variables that can be seen here, the youngest last.
    variables: Vec<(Arc<str>, Value)>,
    depth: usize,
}

/// How it goes on behind a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run<'_> {
    fn block(&mut self, block: &Block, dot: &Value) -> Result<Flow, Fault> {
        for node in block {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        match node {
            Node::Text(at, text) => self.write(*at, text)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.show(pipeline.at, &value)?;
                }
            }
            Node::Branch(branch) => return self.branch(branch, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Call { at, name, dot: inner } => {
                let inner = match inner {
                    Some(pipeline) => self.scoped(|run| run.pipeline(pipeline, dot))?,
                    None => Value::Nil,
                };
                self.template(*at, name, inner)?;
            }
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        self.enter(branch.at)?;
        let flow = self.scoped(|run| match branch.kind {
            BranchKind::Range => run.range(branch, dot),
            BranchKind::If | BranchKind::With => {
                let value = run.pipeline(&branch.pipeline, dot)?;
                match value.is_true() {
                    true if branch.kind == BranchKind::With => run.block(&branch.body, &value),
                    true => run.block(&branch.body, dot),
                    false => run.block(&branch.otherwise, dot),
                }
            }
        })?;
        self.leave();
        Ok(flow)
    }

    /// Writes what the template `name` says about `dot`. It sees no variables of its caller.
    fn template(&mut self, at: usize, name: &str, dot: Value) -> Result<(), Fault> {
        let Some(block) = self.tree.templates.get(name).cloned() else {
            return Err(Fault::new(at, format!("there is no template {name:?}")));
        };
        self.enter(at)?;
        self.charge(at, 1 + name.len() / VARIABLES_A_STEP)?;
        let own = vec![("$".into(), dot.clone())];
        let outer = std::mem::replace(&mut self.variables, own);
        self.block(&block, &dot)?;
        self.variables = outer;
        self.leave();
        Ok(())
    }

    /// The value of the last command; the variables that are declared get it.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value.take())?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            if pipeline.assigns {
                *self.variable(pipeline.at, name)? = value.clone();
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    /// The youngest variable of this name. To look past many others costs more.
    fn variable(&mut self, at: usize, name: &str) -> Result<&mut Value, Fault> {
        let found = self.variables.iter().rposition(|(seen, _)| **seen == *name);
        let Some(place) = found else {
            let words = format!("there is no variable {name} in the data of this template");
            return Err(Fault::new(at, words));
        };
        let past = self.variables.len() - place;
        self.charge(at, past / VARIABLES_A_STEP + name.len() / VARIABLES_A_STEP)?;
        Ok(&mut self.variables[place].1)
    }

    /// Does `work`, and forgets the variables that it declared.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let seen = self.variables.len();
        let done = work(self);
        self.variables.truncate(seen);
        done
    }

    fn show(&mut self, at: usize, value: &Value) -> Result<(), Fault> {
        let before = self.output.len();
        let shown = match value {
            Value::Nil => self.output.push(print::NO_VALUE),
            _ => print::value(&mut self.output, value),
        };
        let written = self.output.len() - before;
        shown
            .and_then(|()| self.context.charge_made(written))
            .map_err(|words| Fault::new(at, words))
    }

    fn write(&mut self, at: usize, text: &str) -> Result<(), Fault> {
        self.charge(at, 1)?;
        self.context.charge_bytes(text.len()).map_err(|words| Fault::new(at, words))?;
        self.output.push(text).map_err(|words| Fault::new(at, words))
    }

    fn charge(&mut self, at: usize, steps: usize) -> Result<(), Fault> {
        self.context.charge(steps).map_err(|words| Fault::new(at, words))
    }

    /// Goes one deeper; [`Self::leave`] comes back. An error ends all, so it need not.
    fn enter(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        let limit = self.context.limits().depth;
        if self.depth > limit {
            return Err(Fault::new(at, format!("the template runs deeper than {limit} levels")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}
