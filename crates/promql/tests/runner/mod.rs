//! Runs scripts of questions and what they must give.
//!
//! ```text
//! clear
//! load 1m at 7s                            every minute from 7 s on; "at" may be left out
//!   up{instance="a"} 0+10x5 _ stale 3 NaN
//! eval instant at 5m sum(up)
//!   {} 50
//!   expect warn WORDS                      also: info, fail, ordered
//! eval range from 0 to 10m step 1m up
//!   up{instance="a"} _ 0+10x4
//! ```
//!
//! Values are written as `promql::memory::notation` has it. A line with only a value is a scalar,
//! one in quotes a text, and `value@seconds` the samples of a range. The results of a vector may
//! come in any order unless `expect ordered` is there.

mod case;
mod numbers;

use watchfire_promql::memory::MemorySource;
use watchfire_promql::memory::notation::{labelled, values};

use case::Case;
use numbers::milliseconds;

/// Runs a script and returns how many questions it had, or every mistake in it.
pub(crate) fn run(text: &str) -> Result<usize, String> {
    let (mut source, mut cases, mut wrong) = (MemorySource::default(), 0, Vec::new());
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut body = Vec::new();
        while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
            if !more.trim_start().starts_with('#') {
                body.push(more.trim());
            }
        }
        let mut words = line.splitn(2, ' ');
        let (verb, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let result = match verb {
            "clear" => {
                source = MemorySource::default();
                Ok(())
            }
            "load" => load(&mut source, rest, &body),
            "eval" => {
                cases += 1;
                Case::read(rest, &body).and_then(|case| case.check(&source))
            }
            other => Err(format!("unknown word {other:?}")),
        };
        if let Err(why) = result {
            wrong.push(format!("line {}: {line}\n{why}", number + 1));
        }
    }
    if wrong.is_empty() { Ok(cases) } else { Err(wrong.join("\n\n")) }
}

fn load(source: &mut MemorySource, rest: &str, body: &[&str]) -> Result<(), String> {
    let mut words = rest.split_whitespace();
    let step = milliseconds(words.next().ok_or("load needs a step")?)?;
    let start = match (words.next(), words.next()) {
        (Some("at"), Some(start)) => milliseconds(start)?,
        _ => 0,
    };
    for line in body {
        let (labels, list) = labelled(line)?;
        source.add_values(labels, (start, step), &values(list)?);
    }
    Ok(())
}
