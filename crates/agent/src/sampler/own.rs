use watchfire_collect::{
    BOOT_REASON, EventSampler, Family, OwnSample, ProcessSummary, RebootReason,
};

use crate::distress::Distress;
use crate::recorder::RecorderCounters;
use crate::uplink::UplinkCounters;

static DISTRESS: Family = Family::gauge(
    "watchfire_agent_distress_level",
    "How much less than usual the agent does, because the machine is starved or its readings cost too much: 0 to 3.",
    &[],
);
static CPU_SHARE: Family = Family::gauge(
    "watchfire_agent_sampling_cpu_ratio",
    "Share of one core that the agent's readings took over the last half minute.",
    &[],
);
static STATES: Family =
    Family::gauge("node_processes_state", "Number of processes in each state.", &["state"]);
static PIDS: Family = Family::gauge("node_processes_pids", "Number of PIDs", &[]);
static THREADS: Family =
    Family::gauge("node_processes_threads", "Allocated threads in system", &[]);
static MAX_PIDS: Family =
    Family::gauge("node_processes_max_processes", "Number of max PIDs limit", &[]);
static UNSEEN: Family = counter(
    "watchfire_processes_short_lived_total",
    "Processes and threads that were born and ended between two process tables.",
);
static SHORT_LIVED_CPU: Family = counter(
    "watchfire_processes_short_lived_cpu_seconds_total",
    "CPU time of processes after the last table they were in, as far as their parents tell it.",
);
static UNACCOUNTED_CPU: Family = counter(
    "watchfire_processes_unaccounted_cpu_seconds_total",
    "CPU time of the machine that no process and no ended child accounts for.",
);
static ASKED: Family = Family::gauge(
    "watchfire_agent_processes_asked",
    "Processes that were asked for the last table; the others had not run.",
    &[],
);

/// What the agent tells of itself: the families and where their values are.
type Told<T> = [(Family, fn(&T) -> u64)];

static RECORDER: &Told<RecorderCounters> = &[
    (
        counter("watchfire_agent_recorder_records_total", "Records appended to the ring on disk."),
        |counters| counters.records,
    ),
    (
        counter("watchfire_agent_recorder_bytes_total", "Bytes appended to the ring on disk."),
        |counters| counters.bytes,
    ),
    (
        counter(
            "watchfire_agent_recorder_lost_records_total",
            "Records that could not be written to the ring on disk.",
        ),
        |counters| counters.lost_records + counters.too_large,
    ),
    (
        counter(
            "watchfire_agent_recorder_dropped_segments_total",
            "Oldest parts of the ring on disk that made room for new ones.",
        ),
        |counters| counters.dropped_segments,
    ),
    (
        counter(
            "watchfire_agent_recorder_failures_total",
            "Writes and syncs of the ring on disk that failed.",
        ),
        |counters| counters.failed_writes,
    ),
    (
        counter(
            "watchfire_agent_recorder_damage_total",
            "Damaged or torn parts that were found when the ring on disk was opened.",
        ),
        |counters| counters.damaged_segments + u64::from(counters.torn_bytes > 0),
    ),
];

static UPLINK: &Told<UplinkCounters> = &[
    (counter("watchfire_agent_streams_total", "Streams to hubs that began."), |uplink| {
        uplink.streams.get()
    }),
    (
        counter("watchfire_agent_dials_failed_total", "Dials to the hub that came to no stream."),
        |uplink| uplink.dials_failed.get(),
    ),
    (
        counter(
            "watchfire_agent_streams_refused_total",
            "Streams that the hub ended because it does not want this agent.",
        ),
        |uplink| uplink.refused.get(),
    ),
    (
        counter(
            "watchfire_agent_streams_quiet_total",
            "Streams given up because neither they nor the pulses said anything.",
        ),
        |uplink| uplink.quiet.get(),
    ),
    (
        counter("watchfire_agent_live_records_total", "Records sent to hubs as they were made."),
        |uplink| uplink.live_records.get(),
    ),
    (
        counter(
            "watchfire_agent_live_records_acknowledged_total",
            "Records sent as they were made that a hub has on its disk.",
        ),
        |uplink| uplink.acknowledged.get(),
    ),
    (
        Family::gauge(
            "watchfire_agent_live_records_unacknowledged",
            "Records sent on the present streams that no hub has on its disk yet.",
            &[],
        ),
        |uplink| uplink.unacknowledged.get(),
    ),
    (
        counter("watchfire_agent_unrecorded_total", "Records sent live that no recorder took."),
        |uplink| uplink.unrecorded.get(),
    ),
    (
        counter(
            "watchfire_agent_fallen_behind_total",
            "Times that a stream fell behind and left records to backfill.",
        ),
        |uplink| uplink.fallen_behind.get(),
    ),
    (counter("watchfire_agent_backfilled_records_total", "Records handed in later."), |uplink| {
        uplink.backfilled.get()
    }),
    (
        counter(
            "watchfire_agent_hub_requests_refused_total",
            "What hubs sent that was refused, replaced, not asked for, or held up for coming too fast.",
        ),
        |uplink| {
            let unasked = uplink.backfills_replaced.get() + uplink.ignored.get();
            unasked + uplink.held_up.get() + uplink.too_large.get()
        },
    ),
    (counter("watchfire_agent_pulses_sent_total", "Pulses sent to the hub."), |uplink| {
        uplink.pulses_sent.get()
    }),
    (counter("watchfire_agent_pulse_echoes_total", "Echoes of pulses that came back."), |uplink| {
        uplink.echoes.get()
    }),
    (
        counter("watchfire_agent_pulses_answered_total", "Pulses of hubs that were answered."),
        |uplink| uplink.pulses_answered.get(),
    ),
    (
        counter(
            "watchfire_agent_pulses_refused_total",
            "Datagrams that were no valid pulse: forged, replayed, or of no stream.",
        ),
        |uplink| uplink.pulses_refused.get(),
    ),
    (counter("watchfire_agent_probes_total", "Neighbours looked at for a hub."), |uplink| {
        uplink.probes.get()
    }),
    (
        counter("watchfire_agent_probes_declined_total", "Probes for hubs that were declined."),
        |uplink| uplink.probes_declined.get(),
    ),
    (
        counter(
            "watchfire_agent_renewals_failed_total",
            "Renewed certificates that could not be used or kept.",
        ),
        |uplink| uplink.renewals_failed.get(),
    ),
];

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &[])
}

/// Collects what the agent tells of itself for the next tick, in a buffer that
/// is used again.
#[derive(Debug, Default)]
pub(super) struct OwnSamples {
    samples: Vec<OwnSample>,
}

impl OwnSamples {
    pub(super) fn begin(&mut self) {
        self.samples.clear();
    }

    pub(super) fn reboot(&mut self, reason: RebootReason) {
        let label = Some(reason.name());
        self.samples.push(OwnSample { family: &BOOT_REASON, label, value: 1.0 });
    }

    pub(super) fn events(&mut self, events: &EventSampler) {
        events.put_samples(&mut self.samples);
    }

    pub(super) fn distress(&mut self, distress: &Distress) {
        self.put(&DISTRESS, f64::from(distress.level()));
        // Four digits say enough, and more would cost room in every tick.
        self.put(&CPU_SHARE, (distress.cpu_share() * 1e4).round() / 1e4);
    }

    pub(super) fn recorder(&mut self, counters: &RecorderCounters) {
        for (family, value) in RECORDER {
            self.put(family, as_f64(value(counters)));
        }
    }

    /// An agent that no hub asks and that asks none has nothing to tell.
    pub(super) fn uplink(&mut self, counters: &UplinkCounters) {
        if counters.streams.get() + counters.dials_failed.get() == 0 {
            return;
        }
        for (family, value) in UPLINK {
            self.put(family, as_f64(value(counters)));
        }
    }

    pub(super) fn processes(&mut self, summary: &ProcessSummary) {
        for (state, count) in summary.by_state() {
            let label = Some(letter(state));
            self.samples.push(OwnSample { family: &STATES, label, value: f64::from(count) });
        }
        self.put(&PIDS, f64::from(summary.processes));
        self.put(&THREADS, as_f64(summary.threads));
        if let Some(most) = summary.pid_max {
            self.put(&MAX_PIDS, f64::from(most));
        }
        if let Some(unseen) = summary.unseen_births {
            self.put(&UNSEEN, as_f64(unseen));
        }
        self.put(&SHORT_LIVED_CPU, hundredths(summary.short_lived_cpu_seconds));
        if let Some(unaccounted) = summary.unaccounted_cpu_seconds {
            self.put(&UNACCOUNTED_CPU, hundredths(unaccounted));
        }
        self.put(&ASKED, f64::from(summary.asked));
    }

    pub(super) fn samples(&self) -> &[OwnSample] {
        &self.samples
    }

    fn put(&mut self, family: &'static Family, value: f64) {
        self.samples.push(OwnSample { family, label: None, value });
    }
}

/// Sums of clock ticks, without the digits that adding them up left behind.
fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

fn letter(state: char) -> &'static str {
    match state {
        'R' => "R",
        'S' => "S",
        'D' => "D",
        'Z' => "Z",
        'T' => "T",
        't' => "t",
        'I' => "I",
        'X' => "X",
        'P' => "P",
        _ => "other",
    }
}

#[expect(clippy::cast_precision_loss, reason = "no counter of ours comes near 2^53")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
