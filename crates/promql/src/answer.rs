//! What a question gives.

use watchfire_model::LabelSet;

/// The values, and what the asker should know about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The values.
    pub value: Value,
    /// What is probably not as it was meant, or missing.
    pub warnings: Vec<String>,
    /// What may be worth a look.
    pub infos: Vec<String>,
    /// True when something that was asked for could not be read: there may be more to the answer.
    pub incomplete: bool,
    /// How many samples were read and values made on the way.
    pub samples: usize,
}

/// Values of an expression. Moments are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar {
        /// The moment.
        at_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text.
    Text {
        /// The moment.
        at_ms: i64,
        /// The text.
        text: String,
    },
    /// One number for each series, in the order that the expression gives them.
    Vector(Vec<Sample>),
    /// Numbers over time for each series, sorted by labels.
    Matrix(Vec<Series>),
}

impl Value {
    /// How many series there are; a number or a text is one.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Scalar { .. } | Self::Text { .. } => 1,
            Self::Vector(samples) => samples.len(),
            Self::Matrix(series) => series.len(),
        }
    }

    /// True when no series fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One number of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// All labels.
    pub labels: LabelSet,
    /// The moment that was evaluated.
    pub at_ms: i64,
    /// The number.
    pub value: f64,
}

/// Numbers of a series, as two columns of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// All labels.
    pub labels: LabelSet,
    /// The moments, in order.
    pub times: Vec<i64>,
    /// The numbers.
    pub values: Vec<f64>,
}

/// A number as Prometheus writes it: all digits that tell it from its neighbours, no exponent,
/// `NaN`, `+Inf` and `-Inf`.
#[must_use]
pub fn value_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_exponent() {
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(value_text(value), text);
        }
    }
}
