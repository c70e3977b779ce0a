//! What one question may cost.

/// Limits of one question. Past each there is an error of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples that are read and values that are made on the way, over the whole question.
    pub samples: usize,
    /// Series that one selector may find, and that an answer may have.
    pub series: usize,
    /// Moments of a range question.
    pub steps: usize,
    /// How far back the last sample of a series counts, in milliseconds.
    pub lookback_ms: i64,
    /// The step of a subquery that names none, in milliseconds.
    pub subquery_step_ms: i64,
}

impl Default for Limits {
    /// Prometheus' own where it has one, and what 100 MB of series and 400 MB of values hold.
    fn default() -> Self {
        Self {
            samples: 50_000_000,
            series: 500_000,
            steps: 11_000,
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
        }
    }
}
