//! Regular expressions with Go's meaning, and with a price: a machine times a text is work.

mod replace;
mod syntax;

use std::sync::Arc;

use ::regex::{Error, Regex, RegexBuilder};

use super::eval::Context;

pub(super) use replace::replace_all;

/// The longest pattern, in bytes.
const MOST_PATTERN_BYTES: usize = 4096;
/// What it costs to compile a pattern, in steps.
const COMPILE_STEPS: usize = 3000;
/// The first guess at a machine's size; a machine that does not fit is tried again with four times it.
const SMALLEST_MACHINE: usize = 4096;
/// How many bytes of machine times bytes of text are searched in one step.
const WORK_A_STEP: usize = 2048;
/// How deep groups may nest.
const MOST_NESTING: u32 = 50;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// At most so many bytes.
    machine: usize,
}

/// Those that an expansion has compiled.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<(Arc<str>, Pattern)>);

impl Patterns {
    /// The pattern as a machine of `most` bytes, and the steps that it took to get it.
    pub(super) fn get(&mut self, pattern: &str, most: usize) -> (Result<Pattern, String>, usize) {
        if let Some((_, found)) = self.0.iter().find(|(text, _)| **text == *pattern) {
            return (Ok(found.clone()), 1);
        }
        let compiled = compile(pattern, most);
        if let Ok(compiled) = &compiled {
            self.0.push((pattern.into(), compiled.clone()));
        }
        (compiled, COMPILE_STEPS)
    }
}

impl Pattern {
    /// What one search through so many bytes costs, in steps.
    fn steps(&self, bytes: usize) -> usize {
        1 + self.machine * bytes / WORK_A_STEP
    }
}

pub(super) fn is_match(
    context: &mut Context<'_>,
    pattern: &str,
    text: &str,
) -> Result<bool, String> {
    let pattern = context.pattern(pattern)?;
    context.charge(pattern.steps(text.len()))?;
    Ok(pattern.regex.is_match(text))
}

fn compile(pattern: &str, most: usize) -> Result<Pattern, String> {
    if pattern.len() > MOST_PATTERN_BYTES {
        return Err(format!("the pattern is longer than {MOST_PATTERN_BYTES} bytes"));
    }
    let translated = syntax::translate(pattern)?;
    let mut machine = SMALLEST_MACHINE;
    loop {
        let built = RegexBuilder::new(&translated)
            .size_limit(machine)
            .dfa_size_limit(machine.max(1 << 16))
            .nest_limit(MOST_NESTING)
            .build();
        match built {
            Ok(regex) => return Ok(Pattern { regex, machine }),
            Err(Error::CompiledTooBig(_)) if machine < most => machine = (machine * 4).min(most),
            Err(Error::CompiledTooBig(_)) => {
                return Err("the pattern is too large: use fewer or smaller repetitions".to_owned());
            }
            Err(error) => {
                return Err(format!("the pattern {pattern:?} is wrong: {}", reason(&error)));
            }
        }
    }
}

/// The last line of an error, without the drawing above it.
fn reason(error: &Error) -> String {
    let words = error.to_string();
    let last = words.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
