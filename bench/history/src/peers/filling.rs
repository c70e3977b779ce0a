use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use watchfire_model::is_absent;
use watchfire_store::{History, Sealing};

use super::engine::{Engine, NOTHING, used};
use super::fleet::{Fleet, Told, name};
use super::kind::{CAP, Kind};
use super::pushing::push;
use crate::processor_time;

/// The ticks of one block, until upkeep merges it.
const BLOCK_TICKS: usize = 600;
/// So much later an hour is due to be merged, and what was pushed to be made into runs.
const LATER_MS: i64 = 3_600_000;

/// An engine that runs and has what a fleet told.
pub(super) struct Filled {
    pub(super) engine: Engine,
    pub(super) samples: f64,
    /// What our blocks take before there are windows; 0 of all others.
    pub(super) ticks_bytes: u64,
    /// The CPU seconds of taking it in, until nothing was left to do.
    pub(super) cpu: f64,
}

/// Fills an engine of this kind, and waits until it has done what it does with new data.
pub(super) fn fill(kind: &Kind, fleet: &Fleet<'_>) -> Filled {
    match kind {
        Kind::Sealed(_) => {
            let mut engine = Engine::new(kind.clone(), (0..fleet.servers).map(name).collect());
            let (samples, sealing) = seal(fleet, &engine.data());
            let merging = tend(&open(&engine.data()), fleet.span.end_ms() + LATER_MS);
            let ticks_bytes = used(&engine.data());
            let windows = tend(&open(&engine.data()), now_ms());
            engine.start(NOTHING);
            let cpu = (sealing + merging + windows).as_secs_f64();
            Filled { engine, samples, ticks_bytes, cpu }
        }
        Kind::Pushed(_) => {
            let mut filled = pushed(kind, fleet);
            filled.engine.stop();
            let later = now_ms() + LATER_MS;
            filled.cpu += tend(&open(&filled.engine.data()), later).as_secs_f64();
            filled.engine.start(NOTHING);
            filled
        }
        Kind::Prometheus(_) | Kind::VictoriaMetrics(_) => pushed(kind, fleet),
    }
}

fn pushed(kind: &Kind, fleet: &Fleet<'_>) -> Filled {
    // A server that our hub knows would not be one that is pushed.
    let mut engine = Engine::new(kind.clone(), Vec::new());
    engine.start(NOTHING);
    eprintln!("{} gets what {} servers tell", engine.kind.name(), fleet.servers);
    let samples = push(fleet, &engine) as f64;
    engine.settle();
    let cpu = engine.cpu();
    Filled { engine, samples, ticks_bytes: 0, cpu }
}

/// Seals as the hub does. How many samples, and the CPU time of the store alone.
fn seal(fleet: &Fleet<'_>, data: &Path) -> (f64, Duration) {
    let history = open(data);
    let (mut samples, mut time) = (0, Duration::ZERO);
    for from in (0..fleet.ticks()).step_by(BLOCK_TICKS) {
        for server in 0..fleet.servers {
            let told = fleet.told(server, from..fleet.ticks().min(from + BLOCK_TICKS));
            samples += told.samples();
            let began = processor_time();
            seal_one(&history, &name(server), &told);
            time += processor_time() - began;
        }
    }
    (samples as f64, time)
}

fn seal_one(history: &History, server: &str, told: &Told) {
    let sealing = Sealing {
        // The key of a server that no agent enrolled as.
        server: &format!("name:{server}"),
        chunks: &[],
        timestamps: &told.timestamps,
        series: &told.series,
        tables: &[],
        events: &[],
    };
    history.seal(&sealing).unwrap();
}

fn tend(history: &History, now_ms: i64) -> Duration {
    let began = processor_time();
    while history.tend(now_ms).unwrap() {}
    processor_time() - began
}

/// The history in a folder that a hub takes as its own: nobody else may enter it.
fn open(data: &Path) -> History {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).unwrap();
    History::open(data, CAP).unwrap()
}

pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

impl Told {
    pub(super) fn samples(&self) -> usize {
        let of = |values: &Vec<f64>| values.iter().filter(|value| !is_absent(**value)).count();
        self.series.iter().map(|(_, values)| of(values)).sum()
    }
}
