//! Why there is no answer.

use watchfire_model::SourceError;

use crate::ParseError;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is no question.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The moments that are asked for make no sense.
    #[error("{0}")]
    BadRange(String),
    /// More moments than one answer may have.
    #[error(
        "the question has {steps} steps and at most {limit} are answered: use a longer step or a \
         shorter time"
    )]
    TooManySteps {
        /// How many it has.
        steps: u64,
        /// How many are allowed.
        limit: usize,
    },
    /// The answer would need more samples than are allowed.
    #[error(
        "the question needs more than {limit} samples: ask for a shorter time, a longer step or \
         fewer series"
    )]
    TooManySamples {
        /// How many are allowed.
        limit: usize,
    },
    /// A selector or an operator gives more series than are allowed.
    #[error("the question gives more than {limit} series: name more labels in its selectors")]
    TooManySeries {
        /// How many are allowed.
        limit: usize,
    },
    /// The caller said that the time is over.
    #[error("the question took longer than it may: ask for a shorter time or fewer series")]
    OutOfTime,
    /// A part of the language that is known and not built.
    #[error("{what} is not supported yet: {why}")]
    NotSupported {
        /// The function.
        what: String,
        /// What is missing.
        why: String,
    },
    /// The expression cannot be evaluated over the series that there are.
    #[error("{0}")]
    Execution(String),
    /// What is kept cannot be read.
    #[error("the history cannot be read: {0}")]
    Unreadable(String),
}

impl QueryError {
    /// Prometheus' word for the kind of error in its HTTP answers: `bad_data` (the question is
    /// wrong, 400), `execution` (it cannot be answered, 422), `timeout` (503) or `internal` (500).
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Parse(_) | Self::BadRange(_) | Self::TooManySteps { .. } => "bad_data",
            Self::TooManySamples { .. }
            | Self::TooManySeries { .. }
            | Self::NotSupported { .. }
            | Self::Execution(_) => "execution",
            Self::OutOfTime => "timeout",
            Self::Unreadable(_) => "internal",
        }
    }
}

impl From<SourceError> for QueryError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::TooManySeries { limit } => Self::TooManySeries { limit },
            SourceError::TooManySamples { limit } => Self::TooManySamples { limit },
            SourceError::OutOfTime => Self::OutOfTime,
            SourceError::Unreadable(why) => Self::Unreadable(why),
        }
    }
}
