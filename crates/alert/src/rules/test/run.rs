//! Runs tests.

use std::cmp::Ordering;
use std::sync::Arc;

use watchfire_model::LabelSet;
use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Limits, duration_text, value_text};

use super::file::{AlertCase, Question, Test, TestFile};
use super::report::{Failure, Report, TestResult};
use crate::go_template;
use crate::rules::alerts::{Alert, AlertState, Annotations};
use crate::rules::error::Place;
use crate::rules::evaluate::{ALERT_NAME_LABEL, Asked, Scene, always_known};
use crate::rules::group::{Group, RuleFile};
use crate::rules::labels_text;
use crate::rules::overlay::Overlay;
use crate::rules::state::GroupState;

/// Runs the tests of a file on the rules of others.
#[must_use]
pub fn run(file: &TestFile, rules: &[RuleFile]) -> Report {
    let groups = ordered(file, rules);
    let result = |test: &Test| TestResult {
        name: test.name.clone(),
        line: test.place.line,
        failures: Play::new(file, test, &groups).failures(),
    };
    Report { file: file.name.to_string(), tests: file.tests.iter().map(result).collect() }
}

/// The groups that are named in the order first, and the others as they come.
fn ordered(file: &TestFile, rules: &[RuleFile]) -> Vec<Arc<Group>> {
    let mut groups: Vec<Arc<Group>> =
        rules.iter().flat_map(|rules| rules.groups.iter().cloned()).collect();
    let place = |group: &Group| file.order.iter().position(|name| *name == group.name);
    groups.sort_by_key(|group| place(group).unwrap_or(usize::MAX));
    groups
}

/// One test as it runs.
struct Play<'a> {
    file: &'a TestFile,
    test: &'a Test,
    groups: Vec<GroupState>,
    limits: Limits,
}

impl<'a> Play<'a> {
    fn new(file: &'a TestFile, test: &'a Test, groups: &[Arc<Group>]) -> Self {
        let state =
            |group: &Arc<Group>| GroupState::new(group.clone()).evaluated_every(file.interval_ms);
        let groups = groups.iter().map(state).collect();
        let limits = Limits { subquery_step_ms: file.interval_ms, ..Limits::default() };
        Self { file, test, groups, limits }
    }

    fn failures(mut self) -> Vec<Failure> {
        let series = self.series();
        let mut source = Overlay::over(&series);
        let mut failures = Vec::new();
        let last_ms = self.last_ms();
        let mut elapsed_ms = 0;
        while elapsed_ms <= last_ms {
            let errors = self.evaluate(&mut source, self.test.start_ms + elapsed_ms);
            if !errors.is_empty() {
                failures.push(self.broken(elapsed_ms, errors));
                return failures;
            }
            failures.extend(self.alerts_after(elapsed_ms));
            elapsed_ms += self.file.interval_ms;
        }
        // As with `promtool`, what is later than the last evaluation has not happened.
        let questions = self.test.questions.iter();
        failures.extend(questions.filter_map(|question| self.ask(question, &source)));
        failures
    }

    /// The series that are made up.
    fn series(&self) -> MemorySource {
        let mut series = MemorySource::default();
        for (labels, values) in &self.test.series {
            let times = (self.test.start_ms, self.test.interval_ms);
            series.add_values(labels.clone(), times, values);
        }
        series
    }

    /// The last moment that anything is expected of, in milliseconds from the start.
    fn last_ms(&self) -> i64 {
        let alerts = self.test.alerts.iter().map(|case| case.at_ms);
        alerts.chain(self.test.questions.iter().map(|one| one.at_ms)).max().unwrap_or(0)
    }

    /// Evaluates all groups; what they give is there from now on.
    fn evaluate(&mut self, source: &mut Overlay<'_>, at_ms: i64) -> Vec<String> {
        source.hide_after(at_ms);
        let mut errors = Vec::new();
        for state in &mut self.groups {
            let evaluation = state.evaluate(at_ms, &scene(self.test, self.limits, source));
            for (labels, value) in &evaluation.series {
                source.put(labels, evaluation.series_at_ms, *value);
            }
            let group = state.group();
            let told = evaluation.errors.into_iter().map(|(number, why)| {
                let rule = &group.rules[number];
                format!("{}:{}: {}: {why}", group.file, rule.line, rule.title())
            });
            errors.extend(told);
        }
        errors
    }

    fn broken(&self, elapsed_ms: i64, errors: Vec<String>) -> Failure {
        let Place { line, column } = self.test.place;
        let what = format!("a rule failed at {}", duration_text(elapsed_ms));
        Failure { line, column, what, expected: Vec::new(), got: errors }
    }

    /// Compares what is expected at times from this evaluation on until the next one.
    fn alerts_after(&self, elapsed_ms: i64) -> Vec<Failure> {
        let next_ms = elapsed_ms + self.file.interval_ms;
        let due =
            self.test.alerts.iter().filter(|case| (elapsed_ms..next_ms).contains(&case.at_ms));
        due.filter_map(|case| self.alert(case)).collect()
    }

    fn alert(&self, case: &AlertCase) -> Option<Failure> {
        let mut got = self.firing(&case.name);
        let mut expected = case.expected.clone();
        got.sort();
        expected.sort();
        let Place { line, column } = case.place;
        let shown =
            |alerts: &[(LabelSet, Annotations)]| alerts.iter().flat_map(alert_lines).collect();
        (got != expected).then(|| Failure {
            line,
            column,
            what: format!("alert {} at {}", case.name, duration_text(case.at_ms)),
            expected: shown(&expected),
            got: shown(&got),
        })
    }

    /// The alerts of a name that fire, in whatever group.
    fn firing(&self, name: &str) -> Vec<(LabelSet, Annotations)> {
        let rules = |state: &GroupState| 0..state.group().rules.len();
        let alerts =
            self.groups.iter().flat_map(|state| rules(state).flat_map(|rule| state.alerts(rule)));
        let fires = |alert: &&Alert| {
            alert.state == AlertState::Firing && alert.labels.get(ALERT_NAME_LABEL) == name
        };
        let told = |alert: &Alert| (alert.labels.clone(), alert.annotations.clone());
        alerts.filter(fires).map(told).collect()
    }

    fn ask(&self, question: &Question, source: &Overlay<'_>) -> Option<Failure> {
        let at_ms = self.test.start_ms + question.at_ms;
        let got = scene(self.test, self.limits, source).ask(&question.query, at_ms, &mut 1);
        let mut expected = question.expected.clone();
        expected.sort_by(by_labels);
        let lines = |samples: &[(LabelSet, f64)]| samples.iter().map(sample_line).collect();
        let got = match got {
            Err(why) => vec![why],
            Ok(Asked { samples, .. }) => {
                let mut got: Vec<(LabelSet, f64)> =
                    samples.into_iter().map(|sample| (sample.labels, sample.value)).collect();
                got.sort_by(by_labels);
                if self.are_equal(&got, &expected) {
                    return None;
                }
                lines(&got)
            }
        };
        let Place { line, column } = question.place;
        let what = format!("{} at {}", question.query, duration_text(question.at_ms));
        Some(Failure { line, column, what, expected: lines(&expected), got })
    }

    fn are_equal(&self, one: &[(LabelSet, f64)], other: &[(LabelSet, f64)]) -> bool {
        let same = |(one, other): (&(LabelSet, f64), &(LabelSet, f64))| {
            one.0 == other.0 && same_number(one.1, other.1, self.file.fuzzy)
        };
        one.len() == other.len() && one.iter().zip(other).all(same)
    }
}

/// What rules of a test are evaluated with.
fn scene<'a>(test: &'a Test, limits: Limits, source: &'a Overlay<'a>) -> Scene<'a> {
    Scene {
        source,
        limits,
        template_limits: go_template::Limits::default(),
        out_of_time: &|| false,
        is_known: &always_known,
        external_labels: &test.external_labels,
        external_url: &test.external_url,
    }
}

fn by_labels(one: &(LabelSet, f64), other: &(LabelSet, f64)) -> Ordering {
    one.0.cmp(&other.0)
}

/// True for one number; when `fuzzy` also for its neighbours.
fn same_number(one: f64, other: f64, fuzzy: bool) -> bool {
    one == other
        || (one.is_nan() && other.is_nan())
        || (fuzzy && (one.next_up() == other || one.next_down() == other))
}

fn alert_lines((labels, annotations): &(LabelSet, Annotations)) -> Vec<String> {
    let told = annotations.iter().map(|(name, words)| format!("  {name}: {words:?}"));
    std::iter::once(labels_text(labels)).chain(told).collect()
}

fn sample_line((labels, value): &(LabelSet, f64)) -> String {
    format!("{} {}", labels_text(labels), value_text(*value))
}
