//! What an expansion may still do.

use std::sync::Arc;

use crate::go_template::bounded::Bounded;
use crate::go_template::data::Data;
use crate::go_template::limits::Limits;
use crate::go_template::print;
use crate::go_template::queries::Queries;
use crate::go_template::regex::{Pattern, Patterns};
use crate::go_template::value::{Map, Value};

/// How many bytes of text are read in one step.
const READ_A_STEP: usize = 64;
/// How many bytes of text are made in one step: digits cost more than letters, and few are made.
const MADE_A_STEP: usize = 8;
/// What a query costs beside what it brings, in steps.
const QUERY_STEPS: usize = 100;
/// What a sample costs beside its labels, in steps.
const SAMPLE_STEPS: usize = 2;

/// The time is asked for once in so many steps.
const STEPS_BETWEEN_LOOKS: u64 = 1024;

/// What functions may use, and what is left of it.
pub(in crate::go_template) struct Context<'a> {
    limits: &'a Limits,
    steps: u64,
    /// With so many steps left the time is asked for again.
    look_at: u64,
    queries: &'a dyn Queries,
    queries_left: usize,
    patterns: Patterns,
    external_url: Arc<str>,
    now_ms: Option<i64>,
}

impl<'a> Context<'a> {
    pub(super) fn new(limits: &'a Limits, queries: &'a dyn Queries, data: &Data) -> Self {
        Self {
            limits,
            steps: limits.steps,
            look_at: limits.steps,
            queries,
            queries_left: limits.queries,
            patterns: Patterns::default(),
            external_url: data.external_url.clone(),
            now_ms: data.now_ms,
        }
    }

    pub(in crate::go_template) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// The address of the page.
    pub(in crate::go_template) fn external_url(&self) -> &Arc<str> {
        &self.external_url
    }

    /// The moment of the evaluation, when the data says one.
    pub(in crate::go_template) fn now_ms(&self) -> Option<i64> {
        self.now_ms
    }

    /// Takes `steps` off what is left.
    pub(in crate::go_template) fn charge(&mut self, steps: usize) -> Result<(), String> {
        let left = self.steps.checked_sub(steps as u64);
        self.steps = left.ok_or_else(|| {
            self.steps = 0;
            format!("the template needs more than {} steps", self.limits.steps)
        })?;
        if self.steps > self.look_at {
            return Ok(());
        }
        self.look_at = self.steps.saturating_sub(STEPS_BETWEEN_LOOKS);
        if self.queries.out_of_time() { Err("the time for it is over".to_owned()) } else { Ok(()) }
    }

    /// How many steps were taken.
    pub(super) fn used(&self) -> u64 {
        self.limits.steps - self.steps
    }

    /// Pays for reading so many bytes.
    pub(in crate::go_template) fn charge_bytes(&mut self, bytes: usize) -> Result<(), String> {
        self.charge(bytes / READ_A_STEP)
    }

    /// Pays for making so many bytes.
    pub(in crate::go_template) fn charge_made(&mut self, bytes: usize) -> Result<(), String> {
        self.charge(bytes / MADE_A_STEP)
    }

    /// An empty text that can grow as far as a text may.
    pub(in crate::go_template) fn writer(&self) -> Bounded {
        Bounded::new(self.limits.output_bytes)
    }

    /// What was written, as a value.
    pub(in crate::go_template) fn written(&mut self, writer: Bounded) -> Result<Value, String> {
        self.charge_made(writer.len())?;
        Ok(writer.into_text().into())
    }

    /// A text that a function made, as a value.
    pub(in crate::go_template) fn text(&mut self, text: &str) -> Result<Value, String> {
        let mut writer = self.writer();
        writer.push(text)?;
        self.written(writer)
    }

    /// Values as `print` writes them.
    pub(in crate::go_template) fn printed(&mut self, values: &[Value]) -> Result<Value, String> {
        let mut writer = self.writer();
        print::spaced(&mut writer, values)?;
        self.written(writer)
    }

    /// Asks for series.
    pub(in crate::go_template) fn query(&mut self, text: &str) -> Result<Vec<Value>, String> {
        self.queries_left = self.queries_left.checked_sub(1).ok_or_else(|| {
            format!("the template asks more than {} queries", self.limits.queries)
        })?;
        self.charge(QUERY_STEPS)?;
        let samples = self.queries.query(text)?;
        if samples.len() > self.limits.samples {
            let (found, limit) = (samples.len(), self.limits.samples);
            return Err(format!("the query gives {found} samples, and {limit} may be taken"));
        }
        let labels: usize = samples.iter().map(|sample| sample.labels.pairs().len()).sum();
        self.charge(samples.len() * SAMPLE_STEPS + labels)?;
        Ok(samples.iter().map(|sample| Value::Map(Map::of_sample(sample))).collect())
    }

    /// A compiled pattern.
    pub(in crate::go_template) fn pattern(&mut self, pattern: &str) -> Result<Pattern, String> {
        // Who pays first cannot be made to work for nothing.
        self.charge(self.patterns.price(pattern)?)?;
        self.patterns.get(pattern, self.limits.pattern_bytes)
    }
}
