//! `reReplaceAll`: what stands for each match, with `$1`, `${name}` and `$$` in it.

use ::regex::Captures;

use crate::go_template::bounded::Bounded;
use crate::go_template::eval::Context;
use crate::go_template::value::Value;

/// Replaces all that `pattern` matches in `text`.
pub(in crate::go_template) fn replace_all(
    context: &mut Context<'_>,
    pattern: &str,
    with: &str,
    text: &str,
) -> Result<Value, String> {
    let pattern = context.pattern(pattern)?;
    let (mut writer, mut done) = (context.writer(), 0);
    let mut matches = pattern.regex.captures_iter(text);
    loop {
        context.charge(pattern.steps(text.len() - done))?;
        let Some(captures) = matches.next() else { break };
        let whole = captures.get_match();
        writer.push(&text[done..whole.start()])?;
        expand(&mut writer, with, &captures)?;
        done = whole.end();
    }
    writer.push(&text[done..])?;
    context.written(writer)
}

/// Writes `with` and the groups that it names; one that is not there is empty.
fn expand(out: &mut Bounded, with: &str, captures: &Captures<'_>) -> Result<(), String> {
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        out.push(&rest[..at])?;
        let behind = &rest[at + 1..];
        rest = match group(behind) {
            _ if behind.starts_with('$') => {
                out.push("$")?;
                &behind[1..]
            }
            Some((name, rest)) => {
                let found = match name.parse() {
                    Ok(number) => captures.get(number),
                    Err(_) => captures.name(name),
                };
                out.push(found.map_or("", |found| found.as_str()))?;
                rest
            }
            None => {
                out.push("$")?;
                behind
            }
        };
    }
    out.push(rest)
}

/// The name behind a `$`, as long as it can be or in braces, and what follows it.
fn group(behind: &str) -> Option<(&str, &str)> {
    let in_braces = behind.strip_prefix('{');
    let text = in_braces.unwrap_or(behind);
    let length = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let rest = if in_braces.is_some() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}
