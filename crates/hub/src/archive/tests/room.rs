//! A hub's history without the hub: agents that tell, and a model that remembers all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use watchfire_codec::{KeyPool, ProcessEncoder, TickEncoder};
use watchfire_model::{
    ABSENT, LabelSet, Moment, ProcessRow, ProcessTable, Schema, Scope, SeriesKey, Tick,
};
use watchfire_promql::memory::MemorySource;
use watchfire_runtime::{Clock, ManualClock, Shutdown, ShutdownHandle};
use watchfire_store::History;
use watchfire_wire::{Record, RecordKind};

use crate::archive::Archive;
use crate::archive::sealer::Sealer;
use crate::fleet::{Feed, Fleet};
use crate::historian::{Gather, Historian, records_of, schema_chunk, starts_chain};
use crate::testing::{fleet_of, manual_clock, moment};

/// When every test begins, in milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
/// Ticks and tables of an agent come in this ring at first.
const RING: [u8; 16] = [7; 16];

/// A history, the fleet whose it is, and what is true.
pub(crate) struct Room {
    pub(crate) archive: Archive,
    pub(super) fleet: Arc<Fleet>,
    pub(crate) agents: Vec<Agent>,
    sealer: Sealer,
    pub(super) historian: Historian,
    hand: ManualClock,
    end: (Shutdown, ShutdownHandle),
    folder: tempfile::TempDir,
}

/// One that tells of its server, and what it told.
pub(crate) struct Agent {
    pub(super) index: usize,
    pub(crate) name: String,
    encoder: TickEncoder,
    tables: ProcessEncoder,
    schema: Schema,
    ring: [u8; 16],
    feed: Feed,
    gather: Gather,
    sequence: u64,
    /// The values of each tick by its time, and its tables.
    pub(crate) told: BTreeMap<i64, BTreeMap<SeriesKey, f64>>,
    pub(super) processes: BTreeMap<i64, ProcessTable>,
    /// When its kernel told something, and the words.
    pub(super) heard: BTreeMap<i64, String>,
    /// What it tells is kept back from the hub's disk.
    pub(super) kept_back: bool,
    /// The hub has room for its last minutes.
    pub(super) remembered: bool,
    back: Vec<watchfire_store::Chunk>,
}

/// The key of a server of the config.
pub(crate) fn key_of(name: &str) -> String {
    format!("name:{name}")
}

impl Room {
    pub(crate) fn new(servers: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::within(folder, servers, moment(0))
    }

    fn within(folder: tempfile::TempDir, servers: &[&str], now: Moment) -> Self {
        let (clock, hand) = manual_clock();
        hand.advance(now.since(moment(0)));
        let fleet = fleet_of(servers, &[], &clock);
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        let historian = Historian::new(Some(history), clock.clone());
        let pool = KeyPool::new();
        let archive = Archive::new(historian.clone(), fleet.clone(), pool.clone(), clock);
        let agents = servers.iter().enumerate().map(|(index, name)| Agent {
            index,
            name: (*name).to_owned(),
            encoder: TickEncoder::new(),
            tables: ProcessEncoder::new(),
            schema: Schema::new(1),
            ring: RING,
            feed: Feed::new(pool.clone()),
            gather: Gather::new(key_of(name), RING),
            sequence: 0,
            told: BTreeMap::new(),
            processes: BTreeMap::new(),
            heard: BTreeMap::new(),
            kept_back: false,
            remembered: true,
            back: Vec::new(),
        });
        let agents = agents.collect();
        let (sealer, end) = (Sealer::default(), Shutdown::new());
        Self { archive, fleet, agents, sealer, historian, hand, end, folder }
    }

    /// The hub ends and starts again; agents have no session with the new one yet.
    pub(super) fn restarted(mut self) -> Self {
        self.flush();
        let names: Vec<String> = self.agents.iter().map(|agent| agent.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let now = self.archive.0.clock.now();
        let Self { folder, agents, archive, fleet, historian, .. } = self;
        drop((archive, fleet, historian));
        let mut room = Self::within(folder, &names, now);
        for (new, old) in room.agents.iter_mut().zip(agents) {
            (new.told, new.processes, new.heard) = (old.told, old.processes, old.heard);
            (new.sequence, new.schema) = (old.sequence + 1000, old.schema);
        }
        room
    }

    /// Every agent tells one tick a second for so long.
    pub(crate) fn tell(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.hand.advance(Duration::from_secs(1));
            let now = self.archive.0.clock.now();
            for agent in &mut self.agents {
                agent.tick(now, &self.fleet, &self.historian);
            }
        }
    }

    /// Time goes on, and nobody looks.
    pub(crate) fn wait(&self, seconds: u64) {
        self.hand.advance(Duration::from_secs(seconds));
    }

    /// Time goes on, nobody tells anything, and the hub judges.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.wait(1);
            let now = self.archive.0.clock.now();
            self.fleet.indices().into_iter().for_each(|index| _ = self.fleet.check(index, now));
        }
    }

    /// What the agents gathered goes to the disk.
    pub(crate) fn flush(&mut self) {
        for agent in &mut self.agents {
            if let Some(chunk) = agent.gather.take() {
                agent.put(&self.historian, chunk);
            }
        }
    }

    /// Seals all that is due. Says how many steps that took.
    pub(super) fn seal(&mut self) -> usize {
        let mut steps = 0;
        // The sealer looks every few seconds.
        self.wait(4);
        while self.sealer.step(&self.archive, &self.end.0) {
            steps += 1;
            assert!(steps < 10_000, "it never ends");
        }
        steps
    }

    pub(crate) fn history(&self) -> &History {
        self.historian.history().expect("there is one")
    }

    /// Its clock, which [`wait`](Self::wait) moves.
    pub(crate) fn clock(&self) -> Clock {
        self.archive.0.clock.clone()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.archive.0.clock.now().unix_ms
    }

    /// How many chunks of that server are not sealed.
    pub(super) fn chunks(&self, name: &str) -> usize {
        self.left(name).len()
    }

    /// The seconds at which those chunks begin, and whether they begin a chain.
    pub(super) fn left(&self, name: &str) -> Vec<(i64, bool)> {
        let all = self.history().chunks(&key_of(name), i64::MIN, i64::MAX).expect("readable");
        let of = |stored: &watchfire_store::StoredChunk| {
            ((stored.chunk.from_ms - START_MS) / 1000, stored.chunk.starts_chain)
        };
        all.chunks.iter().map(of).collect()
    }

    /// All that is true of the servers in `scope`, as a source.
    pub(super) fn truth(&self, scope: &Scope) -> MemorySource {
        let mut source = MemorySource::default();
        for agent in &self.agents {
            let config = self.fleet.config(agent.index);
            if !scope.holds(&config.server.labels) {
                continue;
            }
            for (labels, samples) in agent.series() {
                let team = &agent.name[..1];
                let mut pairs = vec![("instance", &*agent.name), ("job", "node"), ("team", team)];
                pairs.extend(labels.iter());
                source.add(&pairs, &samples);
            }
        }
        source
    }
}

impl Agent {
    fn tick(&mut self, now: Moment, fleet: &Fleet, historian: &Historian) {
        let second = (now.unix_ms - START_MS) / 1000;
        self.change_schema(second);
        let values: Vec<f64> =
            self.schema.keys().iter().map(|key| value(key, second, self.index)).collect();
        let there = self.schema.keys().iter().cloned().zip(values.iter().copied());
        let there = there.filter(|(_, value)| !watchfire_model::is_absent(*value));
        self.told.insert(now.unix_ms, there.collect());
        let tick = Tick { at: now, generation: self.schema.generation(), values };
        let mut bytes = Vec::new();
        self.encoder.encode(&self.schema, &tick, &mut bytes);
        assert_eq!(self.feed.tick(&bytes, now).ok(), Some(true));
        fleet.tick(self.index, &self.feed);
        if !self.remembered {
            self.feed.give_room(1);
        }
        self.record(RecordKind::Tick, bytes, now, historian);
        if second % 5 == 0 {
            let table = table(now, second, self.index);
            let mut bytes = Vec::new();
            self.tables.encode(&table, &mut bytes);
            self.record(RecordKind::Processes, bytes, now, historian);
            self.processes.insert(now.unix_ms, table);
        }
        if second % 97 == 0 {
            let words = format!("{}: link is down, {second}", self.name);
            let event = serde_json::json!({ "kind": "link_down", "text": words });
            self.record(RecordKind::Event, event.to_string().into_bytes(), now, historian);
            self.heard.insert(now.unix_ms, words);
        }
    }

    /// Keys come with time, and now and then a new generation begins without some of them.
    fn change_schema(&mut self, second: i64) {
        let key = |name: &str, labels: &[(&str, &str)]| {
            SeriesKey::new(name, labels.iter().copied()).expect("a good key")
        };
        if self.schema.is_empty() {
            for cpu in ["0", "1"] {
                for mode in ["idle", "user", "system"] {
                    self.schema.push(key("cpu_seconds_total", &[("cpu", cpu), ("mode", mode)]));
                }
            }
            ["load1", "flapping"].iter().for_each(|name| _ = self.schema.push(key(name, &[])));
        } else if second % 211 == 0 {
            let device = format!("d{}", second / 211);
            self.schema.push(key("disk_bytes", &[("device", &device)]));
        } else if second % 947 == 0 {
            let mut schema = Schema::new(self.schema.generation() + 1);
            let keys = self.schema.keys().iter();
            let kept = keys.filter(|key| key.label("device").is_none_or(|device| device >= "d3"));
            kept.cloned().for_each(|key| _ = schema.push(key));
            self.schema = schema;
        }
    }

    fn record(&mut self, kind: RecordKind, bytes: Vec<u8>, now: Moment, historian: &Historian) {
        let previous = self.sequence;
        self.sequence += 1;
        let monotonic_ns = u64::try_from(now.monotonic.as_nanos()).expect("small");
        let record =
            Record { sequence: self.sequence, kind, monotonic_ns, unix_ms: now.unix_ms, bytes };
        if starts_chain(&record) {
            let server = key_of(&self.name);
            if let Some(chunk) = schema_chunk(&server, self.ring, &self.schema, &record) {
                self.put(historian, chunk);
            }
        }
        if let Some(chunk) = self.gather.push(previous, record, now) {
            self.put(historian, chunk);
        }
        if let Some(chunk) = self.gather.due(now) {
            self.put(historian, chunk);
        }
    }

    fn put(&mut self, historian: &Historian, chunk: watchfire_store::Chunk) {
        if self.kept_back {
            self.back.push(chunk);
            return;
        }
        let history = historian.history().expect("there is one");
        assert!(history.append(&[chunk]).expect("stored").refused.is_empty());
    }

    /// Its agent is installed anew, and begins a ring.
    pub(super) fn reinstall(&mut self, historian: &Historian) {
        if let Some(chunk) = self.gather.take() {
            self.put(historian, chunk);
        }
        self.ring[0] += 1;
        self.gather = Gather::new(key_of(&self.name), self.ring);
        (self.encoder, self.tables) = Default::default();
        self.feed = Feed::new(KeyPool::new());
        self.sequence = 0;
    }

    /// What was kept back goes to the disk.
    pub(super) fn hand_in(&mut self, history: &History) {
        self.kept_back = false;
        let back = std::mem::take(&mut self.back);
        assert!(history.append(&back).expect("stored").refused.is_empty());
    }

    /// What was kept back goes to the disk as after a cut of the stream: the chunks in the middle
    /// came live, and then one of a backfill that has all of them. Gives how many those are.
    pub(super) fn hand_in_overlapping(&mut self, history: &History) -> usize {
        self.kept_back = false;
        let server = key_of(&self.name);
        let (chunks, schemas): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.back).into_iter().partition(|chunk| chunk.server == server);
        let mut gather = Gather::new(server, self.ring);
        let mut previous = chunks[0].previous;
        for record in chunks.iter().flat_map(records_of) {
            let sequence = record.sequence;
            assert_eq!(
                gather.push(previous, record, Moment::default()),
                None,
                "they fit one chunk"
            );
            previous = sequence;
        }
        let all = gather.take().expect("there are some");
        let live = &chunks[1..chunks.len() - 1];
        assert!(live.iter().any(|chunk| chunk.starts_chain), "they are of several chains");
        let stored = history.append(&[&schemas[..], live, &[all]].concat()).expect("stored");
        assert_eq!(stored.known, 0);
        live.len()
    }

    /// Its series, each absent where a tick has not got it.
    fn series(&self) -> Vec<(LabelSet, Vec<(i64, f64)>)> {
        let mut keys: Vec<&SeriesKey> = self.told.values().flat_map(BTreeMap::keys).collect();
        keys.sort();
        keys.dedup();
        let of = |key: &SeriesKey| {
            let mut pairs = vec![("__name__", key.name())];
            pairs.extend(key.labels());
            let sample = |(at, tick): (&i64, &BTreeMap<SeriesKey, f64>)| {
                (*at, tick.get(key).copied().unwrap_or(ABSENT))
            };
            (LabelSet::of(&pairs), self.told.iter().map(sample).collect())
        };
        keys.into_iter().map(of).collect()
    }
}

fn value(key: &SeriesKey, second: i64, index: usize) -> f64 {
    let turn = (key.to_string().len() + index) as i64;
    match key.name() {
        "cpu_seconds_total" => (second % 700 * turn) as f64 / 100.0,
        "flapping" if second / 13 % 2 == 0 => ABSENT,
        "disk_bytes" if second % 400 > 390 => ABSENT,
        _ => ((second * 37 + turn * 11) % 101) as f64 / 4.0,
    }
}

fn table(at: Moment, second: i64, index: usize) -> ProcessTable {
    let row = |pid: u32, name: &str| ProcessRow {
        pid,
        name: name.to_owned(),
        state: 'S',
        rss_bytes: second.unsigned_abs(),
        start_time_ms: START_MS,
        ..ProcessRow::default()
    };
    let mut processes = vec![row(1, "init"), row(10 + index as u32, &format!("own-{index}"))];
    if second / 300 % 2 == 1 {
        processes.push(row(100 + (second / 300) as u32, "job"));
    }
    ProcessTable { at, total: processes.len() as u32, processes }
}
