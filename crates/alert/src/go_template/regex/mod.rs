//! Regular expressions with Go's meaning, and with a price: a machine times a text is work.

mod replace;
mod syntax;

use std::sync::Arc;

use ::regex::{Error, Regex, RegexBuilder};

use super::eval::Context;

pub(super) use replace::replace_all;

/// The longest pattern, in bytes.
const MOST_PATTERN_BYTES: usize = 512;
/// How many different patterns an expansion may use.
const MOST_PATTERNS: usize = 8;
/// How many Unicode classes a pattern may have.
const MOST_CLASSES: usize = 8;
/// What it costs to compile a pattern, in steps.
const COMPILE_STEPS: usize = 3000;
/// What each of its bytes costs beside that.
const BYTE_STEPS: usize = 8;
/// What each of its Unicode classes costs: they have hundreds of ranges, and more without regard to case.
const CLASS_STEPS: usize = 2000;
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

/// Those that an expansion has compiled, or has tried to.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<(Arc<str>, Result<Pattern, String>)>);

impl Patterns {
    fn known(&self, pattern: &str) -> Option<&Result<Pattern, String>> {
        self.0.iter().find(|(text, _)| **text == *pattern).map(|(_, found)| found)
    }

    /// How many steps it takes to get a pattern.
    ///
    /// # Errors
    /// Why it is not even tried.
    pub(super) fn price(&self, pattern: &str) -> Result<usize, String> {
        if self.known(pattern).is_some() {
            return Ok(1);
        }
        if pattern.len() > MOST_PATTERN_BYTES {
            return Err(format!("the pattern is longer than {MOST_PATTERN_BYTES} bytes"));
        }
        if self.0.len() == MOST_PATTERNS {
            return Err(format!("the template uses more than {MOST_PATTERNS} patterns"));
        }
        Ok(COMPILE_STEPS + pattern.len() * BYTE_STEPS + syntax::classes(pattern) * CLASS_STEPS)
    }

    /// The pattern as a machine of `most` bytes.
    pub(super) fn get(&mut self, pattern: &str, most: usize) -> Result<Pattern, String> {
        if let Some(found) = self.known(pattern) {
            return found.clone();
        }
        let compiled = compile(pattern, most);
        self.0.push((pattern.into(), compiled.clone()));
        compiled
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
    if syntax::classes(pattern) > MOST_CLASSES {
        return Err(format!("the pattern has more than {MOST_CLASSES} Unicode classes"));
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
