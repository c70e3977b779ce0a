//! The two samplers: one reads the machine, one the processes. Everybody who
//! asks gets the latest sample, and nobody keeps a queue of older ones.

mod beat;
mod demand;
mod keeper;
mod latest;
mod machine;
mod own;
mod tables;

use std::sync::{Arc, OnceLock};

use watchfire_collect::{ProcessDetail, ProcessOptions, ProcessSampler, Root};
use watchfire_model::{ProcessTable, Status};
use watchfire_runtime::Clock;
use watchfire_runtime::task::{self, Task};

pub(crate) use self::beat::Beat;
pub(crate) use self::demand::Demand;
pub(crate) use self::keeper::{Keeper, Recording};
pub(crate) use self::latest::{Latest, Sample, with_rates};
pub(crate) use self::machine::TickSnapshot;

use self::latest::Publisher;
use self::machine::{Machine, Shared};
use self::tables::Tables;
use crate::boot::Boot;
use crate::config::CollectConfig;

/// Where to get the latest readings.
#[derive(Debug, Clone)]
pub(crate) struct Samples {
    pub(crate) status: Latest<Status>,
    pub(crate) ticks: Latest<TickSnapshot>,
    pub(crate) processes: Latest<ProcessTable>,
    pub(crate) demand: Demand,
    /// Answers about one process, once the first table was read.
    pub(crate) detail: Arc<OnceLock<ProcessDetail>>,
}

/// Reads the machine.
#[derive(Debug)]
pub(crate) struct Samplers {
    clock: Clock,
    root: Root,
    config: CollectConfig,
    keeper: Keeper,
    boot: Boot,
    demand: Demand,
    detail: Arc<OnceLock<ProcessDetail>>,
    status: Publisher<Status>,
    ticks: Publisher<TickSnapshot>,
    processes: Publisher<ProcessTable>,
}

impl Samplers {
    pub(crate) fn new(
        clock: Clock,
        root: Root,
        config: CollectConfig,
        keeper: Keeper,
        boot: Boot,
    ) -> (Self, Samples) {
        let (status, latest_status) = Publisher::new();
        let (ticks, latest_ticks) = Publisher::new();
        let (processes, latest_processes) = Publisher::new();
        let (demand, detail) = (Demand::default(), Arc::<OnceLock<ProcessDetail>>::default());
        let samples = Samples {
            status: latest_status,
            ticks: latest_ticks,
            processes: latest_processes,
            demand: demand.clone(),
            detail: Arc::clone(&detail),
        };
        (
            Self { clock, root, config, keeper, boot, demand, detail, status, ticks, processes },
            samples,
        )
    }

    /// Starts reading. It ends when the tasks are dropped.
    pub(crate) fn start(self) -> [Task<()>; 2] {
        let Self { clock, root, config, keeper, boot, demand, detail, status, ticks, processes } =
            self;
        let shared = Arc::new(Shared::default());
        let tables = Tables {
            clock: clock.clone(),
            keeper: keeper.clone(),
            shared: Arc::clone(&shared),
            demand,
            detail,
            publish: Arc::new(processes),
        };
        let process_root = root.clone();
        let options = ProcessOptions { arguments: config.arguments, ..ProcessOptions::default() };
        let (statuses, ticks) = (Arc::new(status), Arc::new(ticks));
        let for_machine = clock.clone();
        let machine = task::spawn_restarting("machine sampler", clock.clone(), move || {
            let (clock, root, config) = (for_machine.clone(), root.clone(), config.clone());
            let (keeper, shared, boot) = (keeper.clone(), Arc::clone(&shared), boot.clone());
            let make = {
                let (clock, keeper) = (clock.clone(), keeper.clone());
                move || Machine::new(&clock, &root, &config, &keeper, &boot, &shared)
            };
            machine::read_for_ever(clock, keeper, make, Arc::clone(&statuses), Arc::clone(&ticks))
        });
        let processes = task::spawn_restarting("process sampler", clock, move || {
            let root = process_root.clone();
            let make = move || ProcessSampler::with_options(root.clone(), options);
            tables::read_for_ever(tables.clone(), make)
        });
        [machine, processes]
    }
}
