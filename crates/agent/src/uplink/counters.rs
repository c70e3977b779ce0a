use super::durable::Durable;
use crate::counters::Counter;

/// What the streams did, and what they refused, dropped or did late, since the
/// agent started.
#[derive(Debug, Default)]
pub(crate) struct UplinkCounters {
    /// Who wants to know of each record that the hub has on its disk.
    pub(crate) durable: Durable,
    /// Streams that began, dialed and taken.
    pub(crate) streams: Counter,
    /// Dials that came to no stream.
    pub(crate) dials_failed: Counter,
    /// Streams that the hub ended because it does not want this agent, or has another
    /// one with its key.
    pub(crate) refused: Counter,
    /// Streams that were given up because neither they nor the pulses said anything.
    pub(crate) quiet: Counter,
    /// Records that no recorder took, and that went to the streams alone.
    pub(crate) unrecorded: Counter,
    /// How often a stream fell behind and left records to be handed in later.
    pub(crate) fallen_behind: Counter,
    /// Records that were sent as they were made.
    pub(crate) live_records: Counter,
    /// Those of them that the hub has on its disk.
    pub(crate) acknowledged: Counter,
    /// Records that were sent on streams that are there and not acknowledged so far.
    pub(crate) unacknowledged: Counter,
    /// Records that no frame could hold.
    pub(crate) too_large: Counter,
    /// Records that were handed in later.
    pub(crate) backfilled: Counter,
    /// Requests for records that came before the one before them was answered, and took
    /// its place.
    pub(crate) backfills_replaced: Counter,
    /// Frames of hubs that said nothing to an agent, or were not asked for.
    pub(crate) ignored: Counter,
    /// Frames of hubs that were read later, because they came too fast.
    pub(crate) held_up: Counter,
    /// Pulses that were sent.
    pub(crate) pulses_sent: Counter,
    /// Echoes that came back.
    pub(crate) echoes: Counter,
    /// Pulses that were answered.
    pub(crate) pulses_answered: Counter,
    /// Datagrams that were no valid pulse: forged, replayed or of no session.
    pub(crate) pulses_refused: Counter,
    /// Probes that were made.
    pub(crate) probes: Counter,
    /// Probes that were declined.
    pub(crate) probes_declined: Counter,
    /// Certificates that were renewed.
    pub(crate) renewed: Counter,
    /// Renewed certificates that could not be used or kept.
    pub(crate) renewals_failed: Counter,
}
