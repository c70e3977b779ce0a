//! What templates can call: Go's own functions, and those of Prometheus' rule files.

mod collection;
mod compare;
mod escape;
mod humanize;
mod layout;
mod link;
mod member;
mod message;
mod number;
mod sample;
mod text;
pub(super) mod time;

use super::eval::Context;
use super::value::{MapKind, Value};

pub(super) use member::member;

/// A function and what it takes.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    takes: &'static [Kind],
    /// What may follow, as often as one likes.
    more: Option<Kind>,
    pub(super) action: Action,
}

/// What a parameter must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Text,
    Sample,
    Samples,
}

/// How a function is worked out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// Up to the first argument that is false.
    And,
    /// Up to the first argument that is true.
    Or,
    /// The text of a template that the first argument names.
    Template,
    /// From the values of all arguments.
    Plain(Plain),
}

type Plain = fn(&mut Context<'_>, &[Value]) -> Result<Value, String>;

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    let mut all = TABLES.iter().flat_map(|table| table.iter());
    all.find(|function| function.name == name)
}

const TABLES: [&[Function]; 10] = [
    &LOGIC,
    &compare::FUNCTIONS,
    &collection::FUNCTIONS,
    &escape::FUNCTIONS,
    &text::FUNCTIONS,
    &sample::FUNCTIONS,
    &humanize::FUNCTIONS,
    &time::FUNCTIONS,
    &link::FUNCTIONS,
    &message::FUNCTIONS,
];

static LOGIC: [Function; 4] = [
    Function { name: "and", takes: &[Kind::Any], more: Some(Kind::Any), action: Action::And },
    Function { name: "or", takes: &[Kind::Any], more: Some(Kind::Any), action: Action::Or },
    plain("not", &[Kind::Any], |_, given| Ok(Value::Bool(!given[0].is_true()))),
    Function {
        name: "tmpl",
        takes: &[Kind::Text, Kind::Any],
        more: None,
        action: Action::Template,
    },
];

const fn plain(name: &'static str, takes: &'static [Kind], action: Plain) -> Function {
    Function { name, takes, more: None, action: Action::Plain(action) }
}

/// One that takes any further values.
const fn open(name: &'static str, takes: &'static [Kind], action: Plain) -> Function {
    Function { name, takes, more: Some(Kind::Any), action: Action::Plain(action) }
}

impl Function {
    /// Refuses a wrong number of arguments.
    pub(super) fn takes(&self, count: usize) -> Result<(), String> {
        let wanted = self.takes.len();
        if count == wanted || (count > wanted && self.more.is_some()) {
            return Ok(());
        }
        let least = if self.more.is_some() { "at least " } else { "" };
        let plural = if wanted == 1 { "" } else { "s" };
        Err(format!("it takes {least}{wanted} argument{plural}, and {count} came"))
    }

    /// Refuses arguments of a wrong kind.
    pub(super) fn fits(&self, given: &[Value]) -> Result<(), String> {
        let kinds = self.takes.iter().copied().chain(std::iter::repeat(Kind::Any));
        let misfit = given.iter().zip(kinds).find(|(value, kind)| !kind.fits(value));
        misfit.map_or(Ok(()), |(value, kind)| {
            Err(format!("it takes {}, and a {} came", kind.words(), value.kind()))
        })
    }
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        let is_sample =
            |value: &Value| matches!(value, Value::Map(map) if map.kind() == MapKind::Sample);
        match (self, value) {
            (Self::Any, _) | (Self::Text, Value::Text(_)) => true,
            (Self::Sample, value) => is_sample(value),
            (Self::Samples, Value::List(list)) => list.items().iter().all(is_sample),
            (Self::Text | Self::Samples, _) => false,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "a string",
            Self::Sample => "a sample",
            Self::Samples => "the samples of a query",
        }
    }
}

/// The text of an argument whose kind was checked.
fn text_of(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}
