//! Real frames: what was sampled is what is read back, value by value.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use watchfire_agent::recorder::{
    Content, Kind, Losses, Reading, RecordReader, Recorder, RecorderError, RecorderOptions,
    Sequence, starts_chain,
};
use watchfire_codec::{ProcessEncoder, TickEncoder};
use watchfire_model::{ABSENT, ProcessRow, ProcessTable, Schema, SeriesKey, Tick};

use crate::support::{BOOT, Dice, copy_ring, second, segment_files, small};

/// Samples like an agent: a tick each second, a table every five, a new key now and then.
struct Agent {
    recorder: Recorder,
    ticks: TickEncoder,
    processes: ProcessEncoder,
    schema: Schema,
    dice: Dice,
    /// What was recorded, as it should be read.
    recorded: BTreeMap<Sequence, (i64, Content)>,
}

impl Agent {
    fn start(folder: &Path, options: RecorderOptions, now: u64, keys: u64) -> Self {
        let mut agent = Self {
            recorder: Recorder::open(folder, options, BOOT, second(now)).expect("opens"),
            ticks: TickEncoder::default(),
            processes: ProcessEncoder::default(),
            schema: Schema::new(1),
            dice: Dice(now),
            recorded: BTreeMap::new(),
        };
        (0..keys).for_each(|_| agent.grow(now));
        agent
    }

    fn grow(&mut self, start: u64) {
        let number = self.schema.len().to_string();
        let start = start.to_string();
        let key = SeriesKey::new("node_test_total", [("n", &*number), ("start", &*start)]);
        self.schema.push(key.expect("a key"));
    }

    fn second(&mut self, number: u64) {
        if self.dice.below(40) == 0 {
            self.grow(number);
        }
        let values = (0..self.schema.len()).map(|key| match self.dice.below(9) {
            0 => ABSENT,
            1 => f64::from_bits(self.dice.next()),
            _ => (number * key as u64) as f64 / 8.0,
        });
        let values = values.collect();
        let tick = Tick { at: second(number), generation: self.schema.generation(), values };
        if self.recorder.needs_restart(Kind::Tick, second(number)) {
            self.ticks.restart();
        }
        self.record_tick(&tick);
        if number.is_multiple_of(5) {
            let table = self.table(number);
            if self.recorder.needs_restart(Kind::Processes, second(number)) {
                self.processes.restart();
            }
            self.record_table(&table);
        }
        let _not_now = self.recorder.flush(second(number)).expect("written");
    }

    fn record_tick(&mut self, tick: &Tick) {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            let _encoded = self.ticks.encode(&self.schema, tick, &mut bytes);
            let content = Content::Tick(self.schema.clone().into(), tick.clone());
            match self.record(Kind::Tick, tick.at.unix_ms, &bytes, content) {
                Err(RecorderError::NeedsRestart { .. }) => self.ticks.restart(),
                done => return done.expect("recorded"),
            }
        }
        panic!("a whole tick was refused");
    }

    fn record_table(&mut self, table: &ProcessTable) {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            let _encoded = self.processes.encode(table, &mut bytes);
            let content = Content::Processes(table.clone());
            match self.record(Kind::Processes, table.at.unix_ms, &bytes, content) {
                Err(RecorderError::NeedsRestart { .. }) => self.processes.restart(),
                done => return done.expect("recorded"),
            }
        }
        panic!("a whole table was refused");
    }

    fn record(
        &mut self,
        kind: Kind,
        unix_ms: i64,
        bytes: &[u8],
        content: Content,
    ) -> Result<(), RecorderError> {
        let now = second(((unix_ms - second(0).unix_ms) / 1000) as u64);
        let sequence = self.recorder.append(kind, now, starts_chain(kind, bytes), bytes)?;
        self.recorded.insert(sequence, (unix_ms, content));
        Ok(())
    }

    fn table(&mut self, number: u64) -> ProcessTable {
        let row = |pid: u32| ProcessRow {
            pid,
            ppid: 1,
            user: "ada".to_owned(),
            name: format!("worker-{}", pid % 3),
            command: format!("/usr/bin/worker --number {pid}"),
            state: 'S',
            cpu_percent: pid.is_multiple_of(2).then(|| (number % 50) as f64 / 2.0),
            rss_bytes: u64::from(pid) * 4096,
            threads: 2,
            start_time_ms: 1_600_000_000_000,
            ..ProcessRow::default()
        };
        let first = (number / 10) as u32 + 1;
        ProcessTable {
            at: second(number),
            processes: (first..first + 6).map(row).collect(),
            total: 6,
        }
    }
}

/// Checks that `reading` is what was recorded there.
fn check(reading: &Reading, recorded: &BTreeMap<Sequence, (i64, Content)>) {
    let (unix_ms, content) = &recorded[&reading.sequence];
    assert_eq!(reading.at.unix_ms, *unix_ms);
    assert_eq!(reading.content, *content, "at {}", reading.sequence);
}

fn is(content: &Content, kind: Kind) -> bool {
    match content {
        Content::Tick(..) => kind == Kind::Tick,
        Content::Processes(_) => kind == Kind::Processes,
        Content::Event(_) => kind == Kind::Event,
    }
}

#[test]
fn what_was_sampled_is_read_back_over_rotations_and_restarts() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut recorded = BTreeMap::new();
    // Two runs whose schemas have the same generation and, where they meet, as many keys, but others.
    let mut keys = 20;
    for start in [0, 500] {
        let mut agent = Agent::start(&folder, small(16_384, 400), start, keys);
        (start..start + 400).for_each(|number| agent.second(number));
        keys = agent.schema.len() as u64;
        recorded.append(&mut agent.recorded);
    }
    assert!(segment_files(&folder).len() > 4);
    let reader = RecordReader::open(&folder).expect("ours");
    let all = [Kind::Tick, Kind::Processes, Kind::Event];
    let mut readings = reader.range(i64::MIN, i64::MAX, &all).expect("listable");
    let read: Vec<_> = readings.by_ref().collect();
    assert_eq!(readings.losses(), Losses::default());
    assert_eq!(read.len(), recorded.len());
    read.iter().for_each(|reading| check(reading, &recorded));

    for kind in [Kind::Tick, Kind::Processes] {
        for number in (0..950).step_by(7) {
            let asked = second(number).unix_ms + 300;
            let mut losses = Losses::default();
            let found = reader.latest_before(kind, asked, &mut losses).expect("listable");
            let found = found.expect("the first was before");
            check(&found, &recorded);
            let known =
                recorded.iter().filter(|(_, (at, content))| *at <= asked && is(content, kind));
            let expected = known.max_by_key(|(sequence, (at, _))| (*at, **sequence));
            assert_eq!(Some(&found.sequence), expected.map(|(sequence, _)| sequence));
        }
    }
    let (from, to) = (second(120).unix_ms, second(130).unix_ms);
    let read: Vec<_> = reader.range(from, to, &[Kind::Processes]).expect("listable").collect();
    assert_eq!(
        read.iter().map(|reading| reading.at).collect::<Vec<_>>(),
        [120, 125, 130].map(second)
    );
    read.iter().for_each(|reading| check(reading, &recorded));
    let before = reader.latest_before(Kind::Tick, second(0).unix_ms - 1, &mut Losses::default());
    assert_eq!(before.expect("listable"), None);
}

#[test]
fn behind_a_damage_values_are_right_or_not_there() {
    let place = tempfile::tempdir().expect("a folder");
    let (folder, hurt) = (place.path().join("record"), place.path().join("hurt"));
    let mut agent = Agent::start(&folder, small(65_536, 10), 0, 20);
    (0..300).for_each(|number| agent.second(number));
    let recorded = std::mem::take(&mut agent.recorded);
    agent.recorder.close(second(300)).expect("closed");
    let mut dice = Dice(11);
    let (mut least, mut most) = (usize::MAX, 0);
    for _ in 0..60 {
        copy_ring(&folder, &hurt);
        let file = segment_files(&hurt).remove(0);
        let mut bytes = fs::read(&file).expect("readable");
        let (at, len) = (dice.below(bytes.len() as u64) as usize, 1 + dice.below(200) as usize);
        for byte in bytes.iter_mut().skip(at.max(208)).take(len) {
            *byte = byte.wrapping_add(1 + dice.below(255) as u8);
        }
        fs::write(&file, bytes).expect("ours");
        let reader = RecordReader::open(&hurt).expect("ours");
        let all = [Kind::Tick, Kind::Processes];
        let mut readings = reader.range(i64::MIN, i64::MAX, &all).expect("listable");
        let read: Vec<_> = readings.by_ref().collect();
        read.iter().for_each(|reading| check(reading, &recorded));
        let losses = readings.losses();
        let told = losses.damages + losses.torn_bytes + losses.undecodable;
        assert!(told > 0, "{losses:?}");
        (least, most) = (least.min(read.len()), most.max(read.len()));
        for number in [50, 150, 250] {
            let asked = second(number).unix_ms;
            let answer = reader.latest_before(Kind::Tick, asked, &mut Losses::default());
            let decodable = |reading: &&Reading| {
                is(&reading.content, Kind::Tick) && reading.at.unix_ms <= asked
            };
            let best = read.iter().filter(decodable).max_by_key(|reading| reading.at.unix_ms);
            assert_eq!(answer.expect("listable").as_ref(), best);
        }
    }
    // After a key, at the latest a minute later, most are there again.
    println!("of {} between {least} and {most} were read", recorded.len());
    assert!(most + 100 > recorded.len() && most < recorded.len());
}
