//! How a template asks for series.

use watchfire_promql::Sample;

/// Answers what a template asks by `query`.
pub trait Queries {
    /// The samples of an instant vector, or a scalar as a sample without labels, at the moment of the
    /// rule's evaluation. Prometheus answers nothing else in a rule.
    ///
    /// # Errors
    /// Words for the person who reads the rule: why there is no answer.
    fn query(&self, text: &str) -> Result<Vec<Sample>, String>;

    /// True when the time for the expansion is over; asked now and then.
    fn out_of_time(&self) -> bool {
        false
    }
}

/// Answers nothing: for templates that have nobody to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoQueries;

impl Queries for NoQueries {
    fn query(&self, _text: &str) -> Result<Vec<Sample>, String> {
        Err("nothing can be asked here".to_owned())
    }
}

impl<F: Fn(&str) -> Result<Vec<Sample>, String>> Queries for F {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        self(text)
    }
}
