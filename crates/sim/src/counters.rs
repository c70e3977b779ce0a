use std::sync::atomic::{AtomicU64, Ordering};

/// What a fleet did so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connected: Counter,
    pub(crate) dials: Counter,
    pub(crate) failed_dials: Counter,
    pub(crate) lost_streams: Counter,
    pub(crate) ticks: Counter,
    pub(crate) missed_ticks: Counter,
    pub(crate) late_us: Counter,
    pub(crate) frames: Counter,
    pub(crate) stream_bytes: Counter,
    pub(crate) records: Counter,
    pub(crate) acks: Counter,
    pub(crate) backfilled: Counter,
    pub(crate) probes: Counter,
    pub(crate) commands: Counter,
    pub(crate) alives: Counter,
    pub(crate) pulses: Counter,
    pub(crate) echoes: Counter,
    pub(crate) bad_echoes: Counter,
    pub(crate) round_trip_us: Counter,
}

/// One number that goes up, and for what stands also down.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds, and gives the sum.
    pub(crate) fn add(&self, count: u64) -> u64 {
        self.0.fetch_add(count, Ordering::Relaxed).wrapping_add(count)
    }

    pub(crate) fn less_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a fleet did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// Servers that have a stream to the hub now.
    pub connected: u64,
    /// Tries to reach the hub.
    pub dials: u64,
    /// Those that came to nothing.
    pub failed_dials: u64,
    /// Streams that ended although nobody wanted it.
    pub lost_streams: u64,
    /// Ticks taken.
    pub ticks: u64,
    /// Ticks left out, because this machine had no time for them.
    pub missed_ticks: u64,
    /// How late all ticks together were, in microseconds.
    pub late_us: u64,
    /// Frames sent.
    pub frames: u64,
    /// Bytes of these frames, before TLS and without WebSocket's.
    pub stream_bytes: u64,
    /// Live records sent.
    pub records: u64,
    /// Acknowledgements that came.
    pub acks: u64,
    /// Records handed in later.
    pub backfilled: u64,
    /// Probes that were declined.
    pub probes: u64,
    /// Commands that the hub had run.
    pub commands: u64,
    /// Signs of life sent over the stream, because no echo came.
    pub alives: u64,
    /// Pulses sent.
    pub pulses: u64,
    /// Their echoes.
    pub echoes: u64,
    /// Datagrams that were none.
    pub bad_echoes: u64,
    /// How long all echoes together took, in microseconds.
    pub round_trip_us: u64,
}

impl Counters {
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            connected: self.connected.get(),
            dials: self.dials.get(),
            failed_dials: self.failed_dials.get(),
            lost_streams: self.lost_streams.get(),
            ticks: self.ticks.get(),
            missed_ticks: self.missed_ticks.get(),
            late_us: self.late_us.get(),
            frames: self.frames.get(),
            stream_bytes: self.stream_bytes.get(),
            records: self.records.get(),
            acks: self.acks.get(),
            backfilled: self.backfilled.get(),
            probes: self.probes.get(),
            commands: self.commands.get(),
            alives: self.alives.get(),
            pulses: self.pulses.get(),
            echoes: self.echoes.get(),
            bad_echoes: self.bad_echoes.get(),
            round_trip_us: self.round_trip_us.get(),
        }
    }
}
