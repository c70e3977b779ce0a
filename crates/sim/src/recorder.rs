//! What a server's agent would have on disk: its ticks and tables, encoded.

use watchfire_codec::{ProcessEncoder, TickEncoder};
use watchfire_model::{EventKind, Moment};
use watchfire_wire::{Record, RecordKind, RingState};

use crate::machine::{Boot, Host, Machine, Strain};
use crate::ring::Ring;
use crate::seeded::Seeded;
use crate::workload::Workload;

/// A process table is taken each time so many ticks were.
const TABLE_EVERY: u64 = 5;
/// Each start of an agent numbers its records from a multiple of this on, as
/// the agent's recorder does with its segments.
const SEGMENT: u64 = 1 << 20;

/// What a whole fleet has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// What everything is drawn from.
    pub(crate) seed: u64,
    /// When the simulation began.
    pub(crate) start: Moment,
    /// The most bytes that one server's ring holds.
    pub(crate) ring_bytes: usize,
}

/// Takes the ticks and tables of one server, encodes them and keeps the newest.
#[derive(Debug)]
pub(crate) struct Recorder {
    plan: Plan,
    host: Host,
    boot: Boot,
    machine: Machine,
    workload: Workload,
    ticks: TickEncoder,
    tables: ProcessEncoder,
    ring: Ring,
    sequence: u64,
}

impl Recorder {
    /// Of `host`, which is up for long when the simulation begins.
    pub(crate) fn new(plan: Plan, host: Host) -> Self {
        let boot = Boot::before(plan.seed, host.number, plan.start);
        let machine = Machine::new(plan.seed, &host, boot);
        let workload = Workload::new(plan.seed, &host, machine.cores(), boot.unix_ms);
        // Another run with the same seed is another history.
        let mut draw = Seeded::part(plan.seed ^ plan.start.unix_ms as u64, "ring", host.number);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&draw.next().to_be_bytes());
        id[8..].copy_from_slice(&draw.next().to_be_bytes());
        Self {
            ring: Ring::new(id, plan.ring_bytes),
            ticks: TickEncoder::new(),
            tables: ProcessEncoder::new(),
            sequence: SEGMENT,
            plan,
            host,
            boot,
            machine,
            workload,
        }
    }

    /// Who the server is.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The server's last start.
    pub(crate) fn boot(&self) -> Boot {
        self.boot
    }

    /// The id of the server's last start.
    pub(crate) fn boot_id(&self) -> String {
        self.boot.id(self.plan.seed, self.host.number)
    }

    /// What the hub is told of the records.
    pub(crate) fn ring_state(&self) -> RingState {
        self.ring.state()
    }

    /// The records.
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Records the moment `now`, which is `seconds` after the simulation began.
    pub(crate) fn record(&mut self, seconds: u64, now: Moment, strain: &Strain) {
        let at = self.boot.moment(now);
        let (schema, tick) = self.machine.tick(seconds, at, strain);
        let mut bytes = Vec::with_capacity(512);
        self.ticks.encode(schema, tick, &mut bytes);
        self.keep(RecordKind::Tick, at, bytes);
        if (seconds + self.host.number).is_multiple_of(TABLE_EVERY) {
            let table = self.workload.table(at, TABLE_EVERY as f64, strain);
            let mut bytes = Vec::with_capacity(512);
            self.tables.encode(table, &mut bytes);
            self.keep(RecordKind::Processes, at, bytes);
        }
    }

    /// The kernel kills the process that took all memory, and says so.
    pub(crate) fn kill_runaway(&mut self, now: Moment) {
        let Some((pid, name)) = self.workload.runaway() else { return };
        // As the agent's recorder writes events.
        let event = serde_json::json!({
            "kind": EventKind::OomKill.name(),
            "name": name,
            "pid": pid,
            "text": format!("Out of memory: Killed process {pid} ({name})"),
        });
        self.keep(RecordKind::Event, self.boot.moment(now), event.to_string().into_bytes());
    }

    /// What comes next can be read by who knows nothing of what came before.
    pub(crate) fn restart_chain(&mut self) {
        self.ticks.restart();
        self.tables.restart();
    }

    /// The agent was started anew on a machine that ran on.
    pub(crate) fn restart_agent(&mut self) {
        self.restart_chain();
        self.sequence = (self.sequence / SEGMENT + 1) * SEGMENT;
    }

    /// The machine was started anew at `now`.
    pub(crate) fn reboot(&mut self, seconds: u64, now: Moment) {
        self.boot = self.boot.again(now);
        self.machine.reboot(seconds, &self.host, self.boot);
        let cores = self.machine.cores();
        self.workload = Workload::new(self.plan.seed, &self.host, cores, self.boot.unix_ms);
        self.restart_agent();
    }

    fn keep(&mut self, kind: RecordKind, at: Moment, mut bytes: Vec<u8>) {
        bytes.shrink_to_fit();
        self.sequence += 1;
        // The recorder keeps whole milliseconds.
        let monotonic_ns = u64::try_from(at.monotonic.as_millis()).unwrap_or(0) * 1_000_000;
        let (sequence, unix_ms) = (self.sequence, at.unix_ms);
        self.ring.push(Record { sequence, kind, monotonic_ns, unix_ms, bytes });
    }
}

#[cfg(test)]
mod tests;
