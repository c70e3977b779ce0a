use std::fmt;

/// Why nothing of a request can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// It is no such request, and why.
    Malformed(String),
    /// It has more of something than one request may have.
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much one request may have.
        limit: usize,
    },
}

impl RequestError {
    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "this is no remote write request: {why}"),
            Self::TooMuch { what, limit } => write!(
                f,
                "the request has more than {limit} {what}: send less at a time \
                 (max_samples_per_send)"
            ),
        }
    }
}

impl std::error::Error for RequestError {}
