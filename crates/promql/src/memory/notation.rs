//! Series as scripts and Prometheus' unit tests of rules write them down.
//!
//! Values: a number, `_` for none, `stale` for the marker of staleness, `AxN` for A and N times more
//! A, `A+BxN` for A and N more, each B larger than the one before, `_xN` for none N times.

use watchfire_model::{ABSENT, LabelSet, MatchOp, NAME_LABEL};

use crate::parse_selector;

/// A longer list of values is refused: `1x9999999999` is quickly written.
pub const MAX_VALUES: usize = 1 << 20;

/// Reads the series that a text begins with, such as `up{job="x"}` or `{}`, and returns the rest.
///
/// # Errors
/// Why it is no series.
pub fn labelled(text: &str) -> Result<(LabelSet, &str), String> {
    let end = match text.find('{') {
        Some(open) => open + closing(&text[open..]).ok_or("no } closes the labels")? + 1,
        None => text.find(' ').unwrap_or(text.len()),
    };
    let (series, rest) = text.split_at(end);
    let inner = series.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    if inner.is_some_and(|inner| inner.trim().is_empty()) {
        return Ok((LabelSet::empty(), rest));
    }
    let matchers = parse_selector(series).map_err(|why| format!("{series}: {}", why.why))?;
    if let Some(matcher) = matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("{series}: the label {:?} needs a value and =", matcher.label()));
    }
    let pairs: Vec<(&str, &str)> =
        matchers.iter().map(|matcher| (matcher.label(), matcher.value())).collect();
    Ok((LabelSet::of(&pairs), rest))
}

/// A series as [`labelled`] reads it: the name before the braces.
#[must_use]
pub fn series_text(labels: &LabelSet) -> String {
    let named = labels.iter().filter(|(name, _)| *name != NAME_LABEL);
    let pairs: Vec<String> = named.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}{{{}}}", labels.name(), pairs.join(","))
}

/// The values that a text stands for; none where there is no sample.
///
/// # Errors
/// Which word is no value, and that there are more than [`MAX_VALUES`].
pub fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        let run = Run::read(word).ok_or_else(|| format!("{word:?} is no value"))?;
        if values.len().saturating_add(run.count) > MAX_VALUES {
            return Err(format!("{word:?} makes more than {MAX_VALUES} values"));
        }
        values.extend(run.values());
    }
    Ok(values)
}

/// One number, or `stale` for the marker of staleness.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    match text {
        "stale" => Some(ABSENT),
        _ => text.parse().ok(),
    }
}

/// Values of one word: a start and a step, or none at all.
struct Run {
    start: Option<f64>,
    step: f64,
    count: usize,
}

impl Run {
    fn read(word: &str) -> Option<Self> {
        let (value, times) = match word.rsplit_once('x') {
            Some((value, times)) => (value, Some(times.parse::<usize>().ok()?)),
            None => (word, None),
        };
        if value == "_" {
            return Some(Self { start: None, step: 0.0, count: times.unwrap_or(1) });
        }
        let count = times.unwrap_or(0).saturating_add(1);
        if let Some(start) = number(value) {
            return Some(Self { start: Some(start), step: 0.0, count });
        }
        // The sign of the step, which does not belong to the exponent of the start.
        let is_sign = |at: usize, c| matches!(c, '+' | '-') && !value[..at].ends_with(['e', 'E']);
        let sign = value.char_indices().skip(1).find(|(at, c)| is_sign(*at, *c));
        let (start, step) = value.split_at(sign.filter(|_| times.is_some())?.0);
        Some(Self { start: Some(number(start)?), step: number(step)?, count })
    }

    fn values(&self) -> impl Iterator<Item = Option<f64>> {
        // Step by step, as Prometheus adds: the last digits depend on it. The marker of staleness is one
        // NaN of many, and adding might make it another.
        let next = |value: &Option<f64>| {
            Some(value.map(|value| if self.step == 0.0 { value } else { value + self.step }))
        };
        std::iter::successors(Some(self.start), next).take(self.count)
    }
}

/// Where the brace ends that a text begins with; braces in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', Some('"' | '\'')) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'' | '`', None) => quote = Some(c),
            ('}', None) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use watchfire_model::is_absent;

    use super::*;

    #[test]
    fn values_are_written_short() {
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        for (text, expected) in [
            ("1 2.5 -3", some(&[1.0, 2.5, -3.0])),
            ("-2+4x3", some(&[-2.0, 2.0, 6.0, 10.0])),
            ("1-2x2", some(&[1.0, -1.0, -3.0])),
            // As Prometheus adds: 6 * 0.1 is more than 0.6.
            ("0+0.1x6", some(&[0.0, 0.1, 0.2, 0.1 + 0.1 + 0.1, 0.4, 0.5, 0.6])),
            ("5x2", some(&[5.0, 5.0, 5.0])),
            ("1e3+1e-1x1", some(&[1000.0, 1000.1])),
            ("0x2", some(&[0.0, 0.0, 0.0])),
            ("Inf -Inf", some(&[f64::INFINITY, f64::NEG_INFINITY])),
            ("1 _ 2", vec![Some(1.0), None, Some(2.0)]),
            ("_x3", vec![None; 3]),
            ("_x0 1", some(&[1.0])),
            ("", vec![]),
        ] {
            assert_eq!(values(text).unwrap(), expected, "{text}");
        }
        let stale = values("1 stale stalex1").unwrap();
        assert_eq!(stale.len(), 4);
        assert!(stale[1..].iter().all(|value| is_absent(value.unwrap())));
    }

    #[test]
    fn what_is_no_list_of_values_is_refused() {
        for text in ["a", "1+2", "1x", "1+x3", "1+2x-1", "1x1048576", "1x9 1x18446744073709551615"]
        {
            assert!(values(text).is_err(), "{text}");
        }
    }

    #[test]
    fn series_are_read_and_written() {
        let set = LabelSet::of(&[("__name__", "up"), ("path", "a\"}b"), ("job", "x")]);
        let text = series_text(&set);
        assert_eq!(text, r#"up{job="x",path="a\"}b"}"#);
        let line = format!("{text} 1 2");
        assert_eq!(labelled(&line).unwrap(), (set, " 1 2"));
        assert_eq!(labelled("up 1").unwrap().0, LabelSet::of(&[("__name__", "up")]));
        assert_eq!(labelled("up{a='}'}").unwrap().0.get("a"), "}");
        assert_eq!(labelled("{ }").unwrap().0, LabelSet::empty());
        for bad in ["up{", "up{a=~\"x\"}", "up{a!=\"x\"}", "1up", "up{a}"] {
            assert!(labelled(bad).is_err(), "{bad}");
        }
    }
}
