//! What both protocols have in common: a request that is being read, and what is left of what one
//! may bring.

use super::facts::{Facts, Told};
use super::fields::Fields;
use super::labels::{Texts, label_set};
use super::limits::{MAX_ALL_LABELS, MAX_SAMPLES, MAX_SERIES};
use super::{Received, ReceivedSeries, RequestError};

/// A request as far as it is read.
pub(super) struct Reading<'a> {
    latest_ms: i64,
    received: Received,
    pub(super) facts: Facts,
    texts: Texts<'a>,
    series: Left,
    labels: Left,
    samples: Left,
}

/// A series as far as it is read.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub(super) labels: Vec<(&'a [u8], &'a [u8])>,
    pub(super) samples: Vec<(i64, f64)>,
    /// What is told of its metric.
    pub(super) told: Told<'a>,
    /// Why its labels are none.
    pub(super) broken: Option<String>,
}

/// How much more of something may come.
struct Left {
    what: &'static str,
    limit: usize,
    left: usize,
}

impl Left {
    fn new(what: &'static str, limit: usize) -> Self {
        Self { what, limit, left: limit }
    }

    fn take(&mut self) -> Result<(), RequestError> {
        let too_much = RequestError::TooMuch { what: self.what, limit: self.limit };
        self.left = self.left.checked_sub(1).ok_or(too_much)?;
        Ok(())
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(latest_ms: i64) -> Self {
        Self {
            latest_ms,
            received: Received::default(),
            facts: Facts::default(),
            texts: Texts::default(),
            series: Left::new("series", MAX_SERIES),
            labels: Left::new("labels", MAX_ALL_LABELS),
            samples: Left::new("samples", MAX_SAMPLES),
        }
    }

    /// A series begins.
    pub(super) fn begin(&mut self) -> Result<Raw<'a>, RequestError> {
        self.series.take()?;
        Ok(Raw::default())
    }

    pub(super) fn label(
        &mut self,
        raw: &mut Raw<'a>,
        label: (&'a [u8], &'a [u8]),
    ) -> Result<(), RequestError> {
        self.labels.take()?;
        raw.labels.push(label);
        Ok(())
    }

    /// The message of a sample, which is one in both protocols.
    pub(super) fn sample(
        &mut self,
        raw: &mut Raw<'a>,
        message: &'a [u8],
    ) -> Result<(), RequestError> {
        self.samples.take()?;
        let (mut at_ms, mut value) = (0, 0.0);
        for field in Fields::of(message) {
            match field? {
                (1, field) => value = field.double()?,
                (2, field) => at_ms = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        raw.samples.push((at_ms, value));
        Ok(())
    }

    pub(super) fn histogram(&mut self) {
        self.received.histograms += 1;
    }

    pub(super) fn exemplar(&mut self) {
        self.received.exemplars += 1;
    }

    /// A series ends.
    pub(super) fn end(&mut self, raw: Raw<'a>) {
        let labels = match raw.broken {
            Some(why) => Err(why),
            None => label_set(&raw.labels, &mut self.texts),
        };
        let labels = match labels {
            Ok(labels) => labels,
            Err(why) => {
                self.received.refused.series += 1;
                self.refuse(raw.samples.len(), || why);
                return;
            }
        };
        self.facts.add_of_series(labels.name(), raw.told);
        let (mut samples, before) = (raw.samples, self.latest_ms);
        let came = samples.len();
        let out_of_reach = samples.iter().find(|(at_ms, _)| !(0..=before).contains(at_ms)).copied();
        if let Some((at_ms, _)) = out_of_reach {
            samples.retain(|(at_ms, _)| (0..=before).contains(at_ms));
            self.refuse(came - samples.len(), || out_of_time(at_ms, labels.name()));
        }
        if !samples.is_empty() {
            samples.shrink_to_fit();
            self.received.series.push(ReceivedSeries { labels, samples });
        }
    }

    pub(super) fn done(mut self) -> Received {
        self.received.facts = self.facts.done();
        self.received
    }

    fn refuse(&mut self, samples: usize, why: impl FnOnce() -> String) {
        let refused = &mut self.received.refused;
        refused.samples += samples;
        if refused.why.is_none() {
            refused.why = Some(why());
        }
    }
}

fn out_of_time(at_ms: i64, name: &str) -> String {
    let when = if at_ms < 0 { "before 1970" } else { "in the future" };
    let name = &name[..name.floor_char_boundary(64)];
    format!("a sample of {name:?} is {when}: {at_ms} ms since 1970")
}
