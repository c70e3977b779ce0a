//! What the questions of the design cost over 120 servers, from the file on the disk to the
//! answer. It prints figures and asserts none:
//!
//! ```sh
//! CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p watchfire-hub --lib -- --ignored --nocapture measure
//! ```

use std::time::Duration;

use watchfire_codec::{KeyPool, TickEncoder};
use watchfire_model::{Schema, Scope, SeriesKey, Tick};
use watchfire_promql::{Features, Limits, Query};
use watchfire_runtime::{Clock, ManualClock, Shutdown};
use watchfire_store::{Chunk, History};
use watchfire_wire::{Record, RecordKind};

use super::room::key_of;
use crate::archive::Archive;
use crate::archive::sealer::Sealer;
use crate::fleet::Feed;
use crate::historian::{Gather, Historian, schema_chunk, starts_chain};
use crate::testing::{fleet_of, manual_clock};

const SERVERS: usize = 120;
const SECONDS: u64 = 3700;
const SERIES: usize = 507;

struct Agent {
    key: String,
    encoder: TickEncoder,
    feed: Feed,
    gather: Gather,
    sequence: u64,
    values: Vec<f64>,
    random: u64,
}

struct Rig {
    archive: Archive,
    hand: ManualClock,
    agents: Vec<Agent>,
    schema: Schema,
    history: History,
    sealer: Sealer,
    told: u64,
    feeding: Duration,
    sealing: Duration,
}

#[test]
#[ignore = "a measurement"]
fn measure_questions() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rig = Rig::new(folder.path());
    rig.tell(SECONDS);
    rig.print_costs("without questions");
    let last = "node_load1";
    let rates = "topk(5, sum by (instance) (rate(node_cpu_seconds_total[1m])))";
    let one = "node_cpu_seconds_total{instance=\"s-7\",cpu=\"0\",mode=\"user\"}";
    let averages = "avg by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[1m]))";
    rig.ask("last value of one metric on all servers", last, None, "0.5");
    rig.ask("topk of rates, first time", rates, None, "2");
    rig.ask("one series, 1 h at 15 s", one, Some(15_000), "0.2");
    rig.ask("rates of all servers, 1 h at 15 s", averages, Some(15_000), "10");
    (rig.told, rig.feeding, rig.sealing) = Default::default();
    rig.tell(70);
    rig.print_costs("while rates are kept in memory");
    rig.ask("topk of rates, asked a minute ago", rates, None, "2");
    rig.ask("one series, 1 h at 15 s", one, Some(15_000), "0.2");
    rig.ask("rates of all servers, 1 h at 15 s", averages, Some(15_000), "10");
    println!("{:?}", rig.archive.counts());
}

impl Rig {
    fn new(folder: &std::path::Path) -> Self {
        let (clock, hand) = manual_clock();
        let names: Vec<String> = (0..SERVERS).map(|number| format!("s-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let fleet = fleet_of(&names, &[], &clock);
        let history = History::open(folder, 8 << 30).expect("a good history");
        let historian = Historian::new(Some(history.clone()), clock.clone());
        let pool = KeyPool::new();
        let archive = Archive::new(historian, fleet, pool.clone(), clock);
        let agent = |name: &&str| Agent {
            key: key_of(name),
            encoder: TickEncoder::new(),
            feed: Feed::new(pool.clone()),
            gather: Gather::new(key_of(name), [3; 16]),
            sequence: 0,
            values: vec![0.0; SERIES],
            random: name.len() as u64 + u64::from(name.as_bytes()[name.len() - 1]),
        };
        let agents = names.iter().map(agent).collect();
        let (sealer, schema) = (Sealer::default(), schema());
        let (feeding, sealing) = Default::default();
        Self { archive, hand, agents, schema, history, sealer, told: 0, feeding, sealing }
    }

    fn tell(&mut self, seconds: u64) {
        let (end, system) = (Shutdown::new(), Clock::system());
        let mut waiting: Vec<Chunk> = Vec::new();
        for second in 0..seconds {
            self.hand.advance(Duration::from_secs(1));
            let now = self.archive.0.clock.now();
            for (index, agent) in self.agents.iter_mut().enumerate() {
                agent.step();
                let tick = Tick { at: now, generation: 1, values: agent.values.clone() };
                let mut bytes = Vec::new();
                agent.encoder.encode(&self.schema, &tick, &mut bytes);
                let began = system.thread_cpu_time();
                assert_eq!(agent.feed.tick(&bytes, now).ok(), Some(true));
                self.archive.0.fleet.tick(index, &agent.feed);
                self.feeding += system.thread_cpu_time() - began;
                self.told += 1;
                agent.record(&self.schema, bytes, now, &mut waiting);
            }
            if second.is_multiple_of(4) || second + 1 == seconds {
                self.history.append(&waiting).expect("stored");
                waiting.clear();
            }
            if second.is_multiple_of(60) {
                let began = system.thread_cpu_time();
                while self.sealer.step(&self.archive, &end.0) {}
                self.sealing += system.thread_cpu_time() - began;
            }
        }
    }

    fn print_costs(&self, when: &str) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / self.told as f64;
        println!(
            "{when}: a tick of {SERIES} series is read in {:.1} us, sealed and merged in {:.1} us",
            each(self.feeding),
            each(self.sealing)
        );
    }

    fn ask(&self, what: &str, text: &str, step: Option<i64>, hold: &str) {
        let query = Query::parse(text, Features::default()).expect("a good question");
        let (source, system) = (self.archive.source(&Scope::everything()), Clock::system());
        let (limits, now) = (Limits::default(), self.archive.0.clock.now().unix_ms);
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..5 {
            let began = system.thread_cpu_time();
            let answer = match step {
                None => query.instant(&source, now, &limits, &|| false),
                Some(step) => {
                    query.range(&source, (now - 3_600_000, now, step), &limits, &|| false)
                }
            };
            found = answer.expect("answered").value.len();
            times.push(system.thread_cpu_time() - began);
        }
        let first = times[0].as_secs_f64() * 1e3;
        let best = times.iter().min().map_or(0.0, Duration::as_secs_f64) * 1e3;
        println!(
            "{what:<40} {found:>4} series  first {first:9.3} ms, best {best:9.3} ms; to hold {hold}"
        );
    }
}

impl Agent {
    /// Most series rest, as on a real machine.
    fn step(&mut self) {
        for at in 0..SERIES {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at as u64);
            let bits = self.random >> 40;
            match at {
                // Hundredths of a second, as the kernel counts them.
                0..32 => {
                    let hundredths = (self.values[at] * 100.0).round() + (bits % 100) as f64;
                    self.values[at] = hundredths / 100.0;
                }
                32..80 => self.values[at] += (bits % 2000) as f64,
                80..100 => self.values[at] = (bits % 4096) as f64 * 4096.0,
                _ if bits.is_multiple_of(400) => self.values[at] += 1.0,
                _ => {}
            }
        }
    }

    fn record(
        &mut self,
        schema: &Schema,
        bytes: Vec<u8>,
        now: watchfire_model::Moment,
        waiting: &mut Vec<Chunk>,
    ) {
        let previous = self.sequence;
        self.sequence += 1;
        let (sequence, unix_ms) = (self.sequence, now.unix_ms);
        let record = Record { sequence, kind: RecordKind::Tick, monotonic_ns: 0, unix_ms, bytes };
        if starts_chain(&record) && sequence % 300 < 60 {
            waiting.extend(schema_chunk(&self.key, [3; 16], schema, &record));
        }
        waiting.extend(self.gather.push(previous, record, now));
        waiting.extend(self.gather.due(now));
    }
}

/// Two cores of eight modes each and a half more, as `node_exporter` has them, and others.
fn schema() -> Schema {
    let mut schema = Schema::new(1);
    let mut push = |name: &str, labels: &[(&str, &str)]| {
        schema.push(SeriesKey::new(name, labels.iter().copied()).expect("a good key"));
    };
    for cpu in ["0", "1"] {
        for mode in ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal"] {
            push("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)]);
        }
    }
    push("node_load1", &[]);
    for number in 17..SERIES {
        let device = (number % 12).to_string();
        push(&format!("node_metric_{}_total", number / 12), &[("device", &device)]);
    }
    schema
}
