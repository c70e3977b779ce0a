//! A template as a tree. Every part knows where in the text it begins, in bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::Function;

/// A whole template and the templates that it defines.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// What was read: errors are placed in it.
    pub(super) text: Arc<str>,
    pub(super) root: Arc<Block>,
    pub(super) templates: BTreeMap<Arc<str>, Arc<Block>>,
    /// The variables that the data brings.
    pub(super) variables: Vec<Arc<str>>,
}

/// One thing after the other.
pub(super) type Block = Vec<Node>;

#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Text as it stands, and where it begins.
    Text(usize, Arc<str>),
    /// A pipeline whose value is written, or kept by the variables that it declares.
    Action(Pipeline),
    /// `if`, `with` and `range`.
    Branch(Branch),
    Break,
    Continue,
    /// `template` and `block`.
    Call {
        at: usize,
        name: Arc<str>,
        dot: Option<Pipeline>,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) at: usize,
    pub(super) kind: BranchKind,
    pub(super) pipeline: Pipeline,
    pub(super) body: Block,
    pub(super) otherwise: Block,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchKind {
    If,
    With,
    Range,
}

/// `$a, $b := command | command`.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) at: usize,
    pub(super) variables: Vec<Arc<str>>,
    /// True when the variables were there before: `=`, and not `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// A value, or a function and its arguments. It is never empty.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) operands: Vec<Operand>,
}

#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) kind: OperandKind,
}

#[derive(Debug, Clone)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// `.a.b`
    Field(Vec<Arc<str>>),
    /// `$x.a.b`
    Variable(Arc<str>, Vec<Arc<str>>),
    Function(&'static Function),
    /// `( … )`
    Pipeline(Box<Pipeline>),
    /// `( … ).a.b`
    Chain(Box<Operand>, Vec<Arc<str>>),
}
