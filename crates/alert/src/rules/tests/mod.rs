//! Whole groups over series that are made up.

mod builtin;
mod evaluation;
mod fleet;
mod incomplete;
mod lifecycle;
mod model;
mod reading;
mod rehearsal;
mod restart;

use std::sync::Arc;

use watchfire_model::{LabelSet, is_absent};
use watchfire_promql::memory::{MemorySource, notation};
use watchfire_promql::{Limits, duration_text, value_text};

use super::*;
use crate::go_template;

/// Series whose values are `step_ms` apart, from 0 on.
fn source(step_ms: i64, series: &[&str]) -> MemorySource {
    let mut source = MemorySource::default();
    for line in series {
        let (labels, values) = notation::labelled(line).unwrap();
        source.add_values(labels, (0, step_ms), &notation::values(values).unwrap());
    }
    source
}

/// The one group of a file.
fn group(text: &str) -> Arc<Group> {
    let file = RuleFile::parse("rules.yml", text).unwrap_or_else(|errors| panic!("{errors:?}"));
    file.groups[0].clone()
}

/// A group of some rules, written as the items of a list, to be evaluated each minute or sooner.
fn rules(head: &str, rules: &str) -> Arc<Group> {
    let interval = if head.contains("interval") { "" } else { "\n  interval: 1m" };
    group(&format!("groups:\n- name: g\n  {head}{interval}\n  rules:\n{rules}"))
}

fn scene<'a>(source: &'a MemorySource, none: &'a LabelSet) -> Scene<'a> {
    Scene {
        source,
        limits: Limits::default(),
        template_limits: go_template::Limits::default(),
        out_of_time: &|| false,
        is_known: &always_known,
        external_labels: none,
        external_url: "",
    }
}

fn evaluate(state: &mut GroupState, source: &MemorySource, at_ms: i64) -> Evaluation {
    state.evaluate(at_ms, &scene(source, &LabelSet::empty()))
}

/// What happens to alerts from 0 until `until_ms`, one line for each moment at which anything does:
/// `2m: firing a; resolved b`, where alerts are told apart by their label `n`.
fn story(
    state: &mut GroupState,
    source: &MemorySource,
    step_ms: i64,
    until_ms: i64,
) -> Vec<String> {
    let mut lines = Vec::new();
    for at_ms in (0..=until_ms).step_by(usize::try_from(step_ms).unwrap()) {
        let evaluation = evaluate(state, source, at_ms);
        let changes = evaluation.alerts.iter().map(|one| {
            format!("{} {}", format!("{:?}", one.change).to_lowercase(), one.alert.labels.get("n"))
        });
        let errors = evaluation.errors.iter().map(|(rule, why)| format!("rule {rule}: {why}"));
        let all: Vec<String> = changes.chain(errors).collect();
        if !all.is_empty() {
            lines.push(format!("{}: {}", duration_text(at_ms), all.join("; ")));
        }
    }
    lines
}

/// The samples of an evaluation as text, sorted.
fn samples(evaluation: &Evaluation) -> Vec<String> {
    let line = |(labels, value): &(LabelSet, f64)| {
        let value = if is_absent(*value) { "stale".to_owned() } else { value_text(*value) };
        format!("{} {value}", labels_text(labels))
    };
    let mut lines: Vec<String> = evaluation.series.iter().map(line).collect();
    lines.sort();
    lines
}
