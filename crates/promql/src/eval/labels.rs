//! Labels made from labels.

use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use watchfire_model::LabelSet;

use super::table::{self, Table};
use super::{Around, Evaluator, Grid};
use crate::QueryError;
use crate::ast::Expr;

/// How much memory one compiled expression may take, in bytes.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

impl Evaluator<'_> {
    pub(super) fn label_replace(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let [target, replacement, source, pattern] =
            [1, 2, 3, 4].map(|number| self.text(&arguments[number]));
        let regex = anchored(&pattern).map_err(|why| {
            QueryError::Execution(format!(
                "invalid regular expression in label_replace(): {pattern}: {why}"
            ))
        })?;
        checked("destination", "label_replace", &target)?;
        let target: Arc<str> = target.into();
        let mut table = self.vector(&arguments[0], grid, around)?;
        // Many series have the same value.
        let mut known: HashMap<Arc<str>, Option<Arc<str>>> = HashMap::new();
        for row in &mut table {
            self.budget.work(1)?;
            let value: Arc<str> = row.labels.get(&source).into();
            let new = known.entry(value).or_insert_with_key(|value| {
                let captures = regex.captures(value)?;
                let mut new = String::new();
                captures.expand(&replacement, &mut new);
                Some(new.into())
            });
            if let Some(new) = new {
                row.labels = with(&row.labels, &target, new);
            }
        }
        table::merged(table)
    }

    pub(super) fn label_join(
        &mut self,
        arguments: &[Expr],
        grid: Grid,
        around: Around<'_>,
    ) -> Result<Table, QueryError> {
        let target = self.text(&arguments[1]);
        let separator = self.text(&arguments[2]);
        let sources: Vec<String> = arguments[3..].iter().map(|name| self.text(name)).collect();
        checked("destination", "label_join", &target)?;
        sources.iter().try_for_each(|source| checked("source", "label_join", source))?;
        let target: Arc<str> = target.into();
        let mut table = self.vector(&arguments[0], grid, around)?;
        for row in &mut table {
            self.budget.compare(&row.labels, &sources)?;
            let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source)).collect();
            row.labels = with(&row.labels, &target, &values.join(&separator).into());
        }
        table::merged(table)
    }
}

fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(REGEX_SIZE_LIMIT).build();
    // The pattern must be whole by itself: otherwise "a)|(b" would escape the anchors.
    build(pattern)?;
    build(&format!("^(?s:{pattern})$"))
}

fn checked(what: &str, function: &str, label: &str) -> Result<(), QueryError> {
    if label.is_empty() {
        let why = format!("invalid {what} label name in {function}(): {label}");
        return Err(QueryError::Execution(why));
    }
    Ok(())
}

/// The labels with one of them set; an empty value takes it away.
fn with(labels: &LabelSet, name: &Arc<str>, value: &Arc<str>) -> LabelSet {
    let pairs = labels.pairs().iter().cloned();
    LabelSet::new(pairs.chain([(Arc::clone(name), Arc::clone(value))]))
}
