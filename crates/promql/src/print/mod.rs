//! Expressions as text again.

mod pretty;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use watchfire_model::{MatchOp, Matcher, NAME_LABEL};

use crate::ast::{
    Aggregate, At, Binary, Expr, Grouping, Kind, Matching, Selector, Shift, Side, Subquery,
};
use crate::parse::duration_text;
pub(crate) use pretty::pretty;

/// An expression on one line.
pub(crate) struct Line<'a>(pub(crate) &'a Expr);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Number { value, is_duration } => number(f, *value, *is_duration),
            Kind::Text(text) => quoted(f, text),
            Kind::Selector(selector) => {
                conditions(f, selector)?;
                shift(f, selector.shift)
            }
            Kind::Window { selector, range_ms } => {
                conditions(f, selector)?;
                write!(f, "[{}]", duration_text(*range_ms))?;
                shift(f, selector.shift)
            }
            Kind::Subquery(subquery) => {
                write!(f, "{}{}", Line(&subquery.of), Range(subquery))
            }
            Kind::Unary { minus, of } => write!(f, "{}{}", sign(*minus), Line(of)),
            Kind::Binary(binary) => {
                write!(f, "{} {} {}", Line(&binary.left), Between(binary), Line(&binary.right))
            }
            Kind::Call { function, arguments } => {
                write!(f, "{}({})", function.name, List(arguments))
            }
            Kind::Aggregate(aggregate) => {
                write!(f, "{}(", Head(aggregate))?;
                if let Some(parameter) = &aggregate.parameter {
                    write!(f, "{}, ", Line(parameter))?;
                }
                write!(f, "{})", Line(&aggregate.of))
            }
            Kind::Paren(of) => write!(f, "({})", Line(of)),
        }
    }
}

/// Expressions with commas between.
struct List<'a>(&'a [Expr]);

/// An operator with what it says about matching.
struct Between<'a>(&'a Binary);

/// An aggregation up to its parenthesis.
struct Head<'a>(&'a Aggregate);

/// What makes a subquery of an expression.
struct Range<'a>(&'a Subquery);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, one) in self.0.iter().enumerate() {
            write!(f, "{}{}", if number == 0 { "" } else { ", " }, Line(one))?;
        }
        Ok(())
    }
}

impl fmt::Display for Between<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Matching { on, labels, many, include, .. } = &self.0.matching;
        f.write_str(self.0.operator.word())?;
        if self.0.to_bool {
            f.write_str(" bool")?;
        }
        if *on || !labels.is_empty() || many.is_some() {
            f.write_str(if *on { " on (" } else { " ignoring (" })?;
            names(f, labels)?;
            f.write_str(")")?;
        }
        if let Some(side) = many {
            f.write_str(if *side == Side::Left { " group_left (" } else { " group_right (" })?;
            names(f, include)?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Grouping { without, labels } = &self.0.grouping;
        f.write_str(self.0.operator.word())?;
        if !*without && labels.is_empty() {
            return Ok(());
        }
        f.write_str(if *without { " without (" } else { " by (" })?;
        names(f, labels)?;
        f.write_str(") ")
    }
}

impl fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.0.step_ms.map_or(String::new(), duration_text);
        write!(f, "[{}:{step}]", duration_text(self.0.range_ms))?;
        shift(f, self.0.shift)
    }
}

fn sign(minus: bool) -> &'static str {
    if minus { "-" } else { "+" }
}

/// Numbers as Go's `%v` has them: with an exponent when they are very large or small.
fn number(f: &mut fmt::Formatter<'_>, value: f64, is_duration: bool) -> fmt::Result {
    if is_duration {
        return f.write_str(&duration_text((value * 1000.0).round() as i64));
    }
    let size = value.abs();
    if !value.is_finite() || value == 0.0 || (1e-4..1e21).contains(&size) {
        return f.write_str(&crate::value_text(value));
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(f, "{digits}e{sign}{exponent:0>2}")
}

fn conditions(f: &mut fmt::Formatter<'_>, selector: &Selector) -> fmt::Result {
    let is_name = |matcher: &Matcher| {
        selector.name.as_deref() == Some(matcher.value())
            && matcher.label() == NAME_LABEL
            && matcher.op() == MatchOp::Equal
    };
    let mut parts = Vec::new();
    match &selector.name {
        Some(name) if is_plain(name, true) => f.write_str(name)?,
        Some(name) => parts.push(text(|out| quoted(out, name))),
        None => {}
    }
    for matcher in selector.matchers.iter().filter(|matcher| !is_name(matcher)) {
        parts.push(text(|out| {
            label(out, matcher.label())?;
            out.write_str(match matcher.op() {
                MatchOp::Equal => "=",
                MatchOp::NotEqual => "!=",
                MatchOp::Matches => "=~",
                MatchOp::NotMatches => "!~",
            })?;
            quoted(out, matcher.value())
        }));
    }
    if parts.is_empty() { Ok(()) } else { write!(f, "{{{}}}", parts.join(",")) }
}

fn text(write: impl Fn(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = write(&mut text);
    text
}

fn shift(f: &mut fmt::Formatter<'_>, shift: Shift) -> fmt::Result {
    match shift.at {
        Some(At::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0)?,
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    match shift.offset_ms {
        Some(ms) if ms != 0 => write!(f, " offset {}", duration_text(ms)),
        _ => Ok(()),
    }
}

fn names(f: &mut fmt::Formatter<'_>, labels: &[String]) -> fmt::Result {
    for (number, name) in labels.iter().enumerate() {
        if number > 0 {
            f.write_str(", ")?;
        }
        label(f, name)?;
    }
    Ok(())
}

fn label(f: &mut impl Write, name: &str) -> fmt::Result {
    if is_plain(name, false) { f.write_str(name) } else { quoted(f, name) }
}

/// True when a name needs no quotes.
fn is_plain(name: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn quoted(f: &mut impl Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() && u32::from(c) < 0x80 => write!(f, "\\x{:02x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
