//! `printf` with Go's verbs. A verb that does not fit its value is told in the text, as Go tells it.

pub(super) mod float;
mod integer;
pub(super) mod quote;
mod spec;
mod write;

use super::bounded::Bounded;
use super::value::Value;
use spec::{Argument, Spec};

/// Writes `format` with `values` in place of its verbs.
pub(super) fn printf(out: &mut Bounded, format: &str, values: &[Value]) -> Result<(), String> {
    let (mut rest, mut arguments) = (format, Arguments { values, next: 0, jumped: false });
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        let (spec, length) =
            Spec::read(&rest[at + 1..], &mut |argument| arguments.number(argument));
        rest = &rest[at + 1 + length..];
        one(out, &spec, &mut arguments)?;
    }
    out.push(rest)?;
    arguments.extra(out)
}

fn one(out: &mut Bounded, spec: &Spec, arguments: &mut Arguments<'_>) -> Result<(), String> {
    spec.complaints.iter().try_for_each(|words| out.push(words))?;
    let Some(verb) = spec.verb else { return out.push("%!(NOVERB)") };
    if verb == '%' {
        return out.push("%");
    }
    if spec.bad_index {
        return out.push(&format!("%!{verb}(BADINDEX)"));
    }
    let Some(value) = arguments.values.get(arguments.next) else {
        return out.push(&format!("%!{verb}(MISSING)"));
    };
    arguments.next += 1;
    write::value(out, spec, verb, value)
}

/// The values, and which is next.
struct Arguments<'v> {
    values: &'v [Value],
    next: usize,
    /// True when the format names values by their number: then it may leave some out.
    jumped: bool,
}

impl Arguments<'_> {
    /// What a specification asks of the values: to go on at one of them, or to give a width.
    fn number(&mut self, argument: Argument) -> Option<i64> {
        match argument {
            Argument::Jump(number) => {
                self.jumped = true;
                let place = number.checked_sub(1).filter(|place| *place < self.values.len())?;
                self.next = place;
                Some(0)
            }
            Argument::Take => {
                let value = self.values.get(self.next);
                self.next += 1;
                match value {
                    Some(Value::Int(number)) => Some(*number),
                    _ => None,
                }
            }
        }
    }

    /// Tells the values that no verb took.
    fn extra(&self, out: &mut Bounded) -> Result<(), String> {
        let left = self.values.get(self.next..).unwrap_or_default();
        if self.jumped || left.is_empty() {
            return Ok(());
        }
        out.push("%!(EXTRA ")?;
        for (number, value) in left.iter().enumerate() {
            if number > 0 {
                out.push(", ")?;
            }
            write::with_kind(out, &Spec::default(), value)?;
        }
        out.push(")")
    }
}
