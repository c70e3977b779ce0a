//! Questions about the past of servers, `/api/…` of the hub. A moment in a question is what
//! [`crate::when::read_moment`] reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::StatsReply;

/// The answer of `GET /api/servers/{name}/stats`: the newest status, or the last one at a
/// moment or before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerStats {
    /// The server.
    pub server: String,
    /// The moment that was asked about; `null` for the newest status.
    pub asked_unix_ms: Option<i64>,
    /// When it was read, on the server's clock.
    pub at_unix_ms: i64,
    /// The status; its shape is that of the agent's `/stats`.
    pub status: StatsReply,
}

/// The answer of `GET /api/processes`: where and when a process of a name ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunList {
    /// Newest first.
    pub runs: Vec<RunRow>,
    /// True when there are more than were asked for: name a shorter time, or a higher limit.
    pub more: bool,
}

/// A time in which a process of the name ran on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// The server.
    pub server: String,
    /// The first process table that shows it.
    pub from_unix_ms: i64,
    /// The last one that shows it.
    pub to_unix_ms: i64,
    /// The process ids that they had, lowest first; not all of very many.
    pub pids: Vec<u32>,
    /// How many processes of the name ran, one after the other or beside one another.
    pub processes: usize,
}

/// The answer of `GET /api/servers/{name}/events`: what the server's kernel told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    /// Newest first.
    pub events: Vec<RecordedEventRow>,
    /// Where something was recorded that cannot be read any more, in the order of time.
    pub gaps: Vec<GapRow>,
    /// True when there are more than were asked for: name a shorter time, or a higher limit.
    pub more: bool,
}

/// Something that the kernel told, as the agent recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEventRow {
    /// When, on the server's clock.
    pub at_unix_ms: i64,
    /// What it is about: `oom_kill` for example. A newer agent may tell of kinds that this
    /// release does not know.
    pub kind: String,
    /// The kernel's words.
    pub text: String,
    /// The process that was killed.
    pub pid: Option<u32>,
    /// The short name of that process.
    pub name: Option<String>,
}

/// The answer of `GET /api/servers/{name}/range`: series thinned for a curve.
///
/// Time is cut into buckets. Of each bucket the least and the greatest value stay, each
/// with its own time, so that a peak is as high as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeReply {
    /// The server.
    pub server: String,
    /// The begin of the time that is shown.
    pub from_unix_ms: i64,
    /// Its end.
    pub to_unix_ms: i64,
    /// The width of a bucket.
    pub bucket_ms: i64,
    /// The series that fit, sorted by their labels.
    pub series: Vec<RangeSeries>,
    /// Whole sentences: what is missing, and why.
    pub warnings: Vec<String>,
}

/// One thinned series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeSeries {
    /// The metric's name.
    pub name: String,
    /// The other labels.
    pub labels: BTreeMap<String, String>,
    /// How many samples there were before thinning.
    pub samples: usize,
    /// When each value was read, rising.
    pub times_unix_ms: Vec<i64>,
    /// The values; `null` for what is no finite number.
    pub values: Vec<Option<f64>>,
    /// Where nothing is known: a curve has no line there.
    pub gaps: Vec<GapRow>,
}

/// A time of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRow {
    /// The last sample before it, or the begin of the time that is shown.
    pub from_unix_ms: i64,
    /// The first sample after it, or the end of the time that is shown.
    pub to_unix_ms: i64,
}
