//! The messages as whoever sends them builds them. A receiver reads no request into these: see
//! the note on small bytes and much memory in [`super`].
//!
//! Field numbers are those of `prometheus/prompb/types.proto`, `remote.proto` and
//! `io/prometheus/write/v2/types.proto`.

use prost::Message;

/// `prometheus.WriteRequest`
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// The series.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<TimeSeries>,
    /// What metrics mean.
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<MetricMetadata>,
}

/// A series of a [`WriteRequest`].
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// Sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// In rising time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Exemplars, encoded.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub exemplars: Vec<Vec<u8>>,
    /// Native histograms, encoded.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub histograms: Vec<Vec<u8>>,
}

/// A label.
#[derive(Clone, PartialEq, Message)]
pub struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A sample, in both protocols.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value; [`watchfire_model::ABSENT`] says that the series has ended.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub at_ms: i64,
}

/// What a metric means.
#[derive(Clone, PartialEq, Message)]
pub struct MetricMetadata {
    /// 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The metric.
    #[prost(string, tag = "2")]
    pub metric_family_name: String,
    /// The words.
    #[prost(string, tag = "4")]
    pub help: String,
    /// What it is measured in.
    #[prost(string, tag = "5")]
    pub unit: String,
}

/// `io.prometheus.write.v2.Request`
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    /// All texts, the empty one first.
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    /// The series.
    #[prost(message, repeated, tag = "5")]
    pub series: Vec<TimeSeries2>,
}

/// A series of a [`Request`].
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries2 {
    /// The symbols of name and value of each label, one after the other.
    #[prost(uint32, repeated, tag = "1")]
    pub labels_refs: Vec<u32>,
    /// In rising time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms, encoded.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub histograms: Vec<Vec<u8>>,
    /// Exemplars, encoded.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub exemplars: Vec<Vec<u8>>,
    /// What its metric means.
    #[prost(message, optional, tag = "5")]
    pub metadata: Option<Metadata2>,
}

/// What the metric of a [`TimeSeries2`] means.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Metadata2 {
    /// As in [`MetricMetadata`].
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The symbol of the words.
    #[prost(uint32, tag = "3")]
    pub help_ref: u32,
    /// The symbol of what it is measured in.
    #[prost(uint32, tag = "4")]
    pub unit_ref: u32,
}
