//! Prometheus' remote write, as a receiver reads it: protocols 1.0 and 2.0.
//!
//! ```text
//! body --snappy--> protobuf --fields--> series, facts, and what was left out and why
//! ```
//!
//! A request comes from outside, and a few of its bytes may stand for many: an empty message takes
//! two bytes on the wire and a hundred in memory. So nothing is built of it that was not counted
//! before, against [`limits`]; the text of a label is kept once, however many series have it.
//!
//! Sources: "Prometheus Remote-Write 1.0 specification" and "… 2.0 specification" of the
//! Prometheus project, and the `.proto` files that they name.

mod error;
mod facts;
mod fields;
mod labels;
pub mod limits;
pub mod message;
mod packing;
mod protocol;
mod reading;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

pub use error::RequestError;
pub use packing::{pack, pack_request, unpack};
pub use protocol::{Protocol, Unsupported};

use watchfire_model::{LabelSet, MetricFacts};

/// The header that tells how many samples were stored.
pub const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";
/// The header that tells how many native histograms were stored.
pub const HISTOGRAMS_WRITTEN: &str = "x-prometheus-remote-write-histograms-written";
/// The header that tells how many exemplars were stored.
pub const EXEMPLARS_WRITTEN: &str = "x-prometheus-remote-write-exemplars-written";

/// What a request holds that can be stored, and what of it can not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Received {
    /// Series with at least one sample each. One may come several times.
    pub series: Vec<ReceivedSeries>,
    /// What metrics mean, each once, sorted by name.
    pub facts: Vec<MetricFacts>,
    /// Native histograms, which are not stored.
    pub histograms: usize,
    /// Exemplars, which are not stored.
    pub exemplars: usize,
    /// What is wrong and was left out.
    pub refused: Refused,
}

/// A series and some of its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSeries {
    /// All labels, a metric's name among them.
    pub labels: LabelSet,
    /// Unix milliseconds and values, as they came: in any order. The bits of a NaN are kept.
    pub samples: Vec<(i64, f64)>,
}

/// What was left out of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Series whose labels are not right.
    pub series: usize,
    /// Their samples, and samples of a time that cannot be.
    pub samples: usize,
    /// What was wrong with the first of them.
    pub why: Option<String>,
}

impl Received {
    /// How many samples can be stored.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.series.iter().map(|series| series.samples.len()).sum()
    }
}

impl Refused {
    /// True when nothing was.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.series == 0 && self.samples == 0
    }
}

/// Reads an unpacked request. Samples of times before 1970 or after `latest_ms` are left out.
///
/// # Errors
/// [`RequestError`] when nothing of it can be taken.
pub fn read(protocol: Protocol, body: &[u8], latest_ms: i64) -> Result<Received, RequestError> {
    match protocol {
        Protocol::V1 => v1::read(body, latest_ms),
        Protocol::V2 => v2::read(body, latest_ms),
    }
}
