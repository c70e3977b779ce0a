use watchfire_api::remote_write::{Protocol, ReceivedSeries, Refused, RequestError, read, unpack};
use watchfire_model::{MetricFacts, ServerName};
use watchfire_store::{Push, PushedSamples};

use crate::fleet::Fleet;
use crate::pushed::in_own_name;

/// Samples may be so much later than the hub's clock, in milliseconds: two days. What is of a
/// farther future would outlive all that is true.
const AHEAD_MS: i64 = 2 * 86_400_000;

/// A request that was read.
pub(super) struct Ready {
    pub(super) push: Push,
    pub(super) refused: Refused,
    pub(super) histograms: usize,
    pub(super) exemplars: usize,
    /// Series that said that they are of a server of the fleet.
    pub(super) renamed: usize,
}

impl Ready {
    /// True when there is nothing to store.
    pub(super) fn is_empty(&self) -> bool {
        self.push.series.is_empty() && self.push.facts.is_empty()
    }
}

/// Unpacks and reads the body of a request. It takes a while.
pub(super) fn ready(
    fleet: &Fleet,
    sender: &ServerName,
    protocol: Protocol,
    packed: &[u8],
    now_ms: i64,
) -> Result<Ready, RequestError> {
    let received = read(protocol, &unpack(packed)?, now_ms.saturating_add(AHEAD_MS))?;
    let mut renamed = 0;
    let own = |ReceivedSeries { labels, samples }| {
        let (labels, was_changed) = in_own_name(fleet, labels);
        renamed += usize::from(was_changed);
        PushedSamples { labels, samples }
    };
    let series = received.series.into_iter().map(own).collect();
    let facts: Vec<MetricFacts> = received.facts;
    Ok(Ready {
        push: Push { sender: sender.to_string(), series, facts },
        refused: received.refused,
        histograms: received.histograms,
        exemplars: received.exemplars,
        renamed,
    })
}
