//! One question and what it must give.

use watchfire_model::LabelSet;
use watchfire_promql::memory::MemorySource;
use watchfire_promql::memory::notation::{labelled, number, series_text, values};
use watchfire_promql::{Answer, Features, Limits, Query, QueryError, Value, value_text};

use super::numbers::{close, milliseconds};

/// One question.
pub(crate) struct Case {
    query: String,
    when: When,
    rows: Vec<Row>,
    fail: Option<String>,
    warn: Option<String>,
    info: Option<String>,
    ordered: bool,
}

enum When {
    Instant(i64),
    Range(i64, i64, i64),
}

enum Row {
    Scalar(f64),
    Text(String),
    /// The values of a series, by steps.
    Steps(LabelSet, Vec<Option<f64>>),
    /// The samples of a series, with their moments.
    Samples(LabelSet, Vec<(i64, f64)>),
}

impl Case {
    /// Reads what follows `eval`.
    pub(crate) fn read(rest: &str, body: &[&str]) -> Result<Self, String> {
        let word = |rest: &str| {
            let (word, rest) = rest.split_once(' ').ok_or("the line ends too soon")?;
            Ok::<_, String>((word.to_owned(), rest.to_owned()))
        };
        let (kind, rest) = word(rest)?;
        let after = |rest: &str, expected: &str| {
            let (found, rest) = word(rest)?;
            if found != expected {
                return Err(format!("expected {expected:?}, got {found:?}"));
            }
            let (value, rest) = word(&rest)?;
            Ok((milliseconds(&value)?, rest))
        };
        let (when, query) = if kind == "instant" {
            let (at, rest) = after(&rest, "at")?;
            (When::Instant(at), rest)
        } else {
            let (from, rest) = after(&rest, "from")?;
            let (to, rest) = after(&rest, "to")?;
            let (step, rest) = after(&rest, "step")?;
            (When::Range(from, to, step), rest)
        };
        let mut case = Self {
            query,
            when,
            rows: Vec::new(),
            fail: None,
            warn: None,
            info: None,
            ordered: false,
        };
        body.iter().try_for_each(|line| case.expectation(line))?;
        Ok(case)
    }

    fn expectation(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("expect ") {
            let (what, words) = rest.split_once(' ').unwrap_or((rest, ""));
            let words = Some(words.to_owned());
            match what {
                "fail" => self.fail = words,
                "warn" => self.warn = words,
                "info" => self.info = words,
                "ordered" => self.ordered = true,
                _ => return Err(format!("unknown expectation {what:?}")),
            }
            return Ok(());
        }
        self.rows.push(Row::read(line)?);
        Ok(())
    }

    /// Asks, and compares.
    pub(crate) fn check(&self, source: &MemorySource) -> Result<(), String> {
        let answer = self.ask(source);
        let answer = match (answer, &self.fail) {
            (Err(error), Some(words)) if error.to_string().contains(words.as_str()) => {
                return Ok(());
            }
            (Err(error), _) => return Err(format!("  failed: {error}")),
            (Ok(answer), Some(_)) => {
                return Err(format!("  did not fail but gave\n{}", shown(&answer)));
            }
            (Ok(answer), None) => answer,
        };
        for (what, wanted, found) in
            [("warning", &self.warn, &answer.warnings), ("info", &self.info, &answer.infos)]
        {
            let fits = match wanted {
                Some(words) => found.iter().any(|one| one.contains(words.as_str())),
                None => found.is_empty(),
            };
            if !fits {
                return Err(format!("  {what}s are {found:?}"));
            }
        }
        if self.fits(&answer) { Ok(()) } else { Err(format!("  gave\n{}", shown(&answer))) }
    }

    fn ask(&self, source: &MemorySource) -> Result<Answer, QueryError> {
        let query = Query::parse(&self.query, Features { experimental: true })?;
        let limits = Limits::default();
        match self.when {
            When::Instant(at) => query.instant(source, at, &limits, &|| false),
            When::Range(from, to, step) => {
                query.range(source, (from, to, step), &limits, &|| false)
            }
        }
    }

    fn fits(&self, answer: &Answer) -> bool {
        let found = self.found(answer);
        if found.len() != self.rows.len() {
            return false;
        }
        if self.ordered {
            return self.rows.iter().zip(&found).all(|(row, found)| row.equals(found));
        }
        self.rows.iter().all(|row| found.iter().any(|found| row.equals(found)))
    }

    /// The answer in the shape of the rows.
    fn found(&self, answer: &Answer) -> Vec<Row> {
        match (&answer.value, &self.when) {
            (Value::Scalar { value, .. }, _) => vec![Row::Scalar(*value)],
            (Value::Text { text, .. }, _) => vec![Row::Text(text.clone())],
            (Value::Vector(samples), _) => samples
                .iter()
                .map(|sample| Row::Steps(sample.labels.clone(), vec![Some(sample.value)]))
                .collect(),
            (Value::Matrix(series), When::Instant(_)) => series
                .iter()
                .map(|one| {
                    let pairs = one.times.iter().copied().zip(one.values.iter().copied());
                    Row::Samples(one.labels.clone(), pairs.collect())
                })
                .collect(),
            (Value::Matrix(series), When::Range(from, to, step)) => series
                .iter()
                .map(|one| {
                    let steps = (to - from) / step;
                    let value = |number: i64| {
                        let at = one.times.binary_search(&(from + number * step)).ok()?;
                        Some(one.values[at])
                    };
                    Row::Steps(one.labels.clone(), (0..=steps).map(value).collect())
                })
                .collect(),
        }
    }
}

impl Row {
    fn read(line: &str) -> Result<Self, String> {
        if let Some(text) = line.strip_prefix('"') {
            return Ok(Self::Text(text.trim_end_matches('"').to_owned()));
        }
        if let Some(value) = number(line) {
            return Ok(Self::Scalar(value));
        }
        let (labels, list) = labelled(line)?;
        if !list.contains('@') {
            return Ok(Self::Steps(labels, values(list)?));
        }
        let sample = |word: &str| {
            let (value, at) = word.split_once('@')?;
            Some((milliseconds(at).ok()?, number(value)?))
        };
        let samples: Option<_> = list.split_whitespace().map(sample).collect();
        Ok(Self::Samples(labels, samples.ok_or("a sample is value@seconds")?))
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(other)) => close(*one, *other),
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Samples(labels, one), Self::Samples(others, other)) => {
                let same = |(one, other): (&(i64, f64), &(i64, f64))| {
                    one.0 == other.0 && close(one.1, other.1)
                };
                labels == others && one.len() == other.len() && one.iter().zip(other).all(same)
            }
            (Self::Steps(labels, one), Self::Steps(others, other)) => {
                let longest = one.len().max(other.len());
                let at =
                    |values: &[Option<f64>], number: usize| values.get(number).copied().flatten();
                let same = |number| match (at(one, number), at(other, number)) {
                    (Some(one), Some(other)) => close(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                labels == others && (0..longest).all(same)
            }
            _ => false,
        }
    }
}

/// An answer as the lines that a script would have.
fn shown(answer: &Answer) -> String {
    let set = |labels: &LabelSet| format!("  {}", series_text(labels));
    let lines: Vec<String> = match &answer.value {
        Value::Scalar { value, .. } => vec![format!("  {}", value_text(*value))],
        Value::Text { text, .. } => vec![format!("  {text:?}")],
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| format!("{} {}", set(&sample.labels), value_text(sample.value)))
            .collect(),
        Value::Matrix(series) => series
            .iter()
            .map(|one| {
                let both = one.times.iter().zip(&one.values);
                let samples: Vec<String> = both
                    .map(|(time, value)| format!("{}@{}", value_text(*value), *time as f64 / 1e3))
                    .collect();
                format!("{} {}", set(&one.labels), samples.join(" "))
            })
            .collect(),
    };
    lines.join("\n")
}
