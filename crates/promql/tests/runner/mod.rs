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
//! Values: a number, `_` for none, `stale` for the marker, `AxN` for A and N times more A,
//! `A+BxN` for A and N more, each B larger than the one before. A line with only a value is a
//! scalar, one in quotes a text, and `value@seconds` the samples of a range. The results of a
//! vector may come in any order unless `expect ordered` is there.

mod case;
mod values;

use watchfire_model::LabelSet;
use watchfire_promql::memory::MemorySource;

use case::Case;
use values::{expand, milliseconds};

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
        let (labels, values) = labelled(line)?;
        let pairs: Vec<(&str, &str)> = labels.iter().collect();
        let values = expand(values)?.into_iter().enumerate();
        let samples: Vec<(i64, f64)> = values
            .filter_map(|(number, value)| Some((start + step * number as i64, value?)))
            .collect();
        source.add(&pairs, &samples);
    }
    Ok(())
}

/// Splits a line into a label set and the rest.
pub(crate) fn labelled(line: &str) -> Result<(LabelSet, &str), String> {
    let end = match line.find('{') {
        Some(open) => open + closing(&line[open..]).ok_or("no } closes the labels")? + 1,
        None => line.find(' ').unwrap_or(line.len()),
    };
    let (text, rest) = line.split_at(end);
    if text == "{}" {
        return Ok((LabelSet::empty(), rest));
    }
    let matchers =
        watchfire_promql::parse_selector(text).map_err(|why| format!("{text}: {why}"))?;
    let pairs: Vec<(&str, &str)> =
        matchers.iter().map(|matcher| (matcher.label(), matcher.value())).collect();
    Ok((LabelSet::of(&pairs), rest))
}

/// Where the brace ends that a text begins with; braces in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}
