//! What the traced process does with a history, and what must be there afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use watchfire_model::{LabelSet, SeriesKey};

use super::outbox;
use super::trace::acknowledge;
use crate::{
    Chunk, History, HistoryError, MIN_CAP_BYTES, Push, PushedId, PushedSamples, PushedSpan,
    Sealing, Store, StoredEvent,
};

const SERVERS: u64 = 3;
const PUSHED: usize = 6;
/// How often something is tried. A fault lasts for less.
const TRIES: usize = 40;
const BEGIN: i64 = 1_728_000_000_000;
const SENDER: &str = "a-sender";
const RING: [u8; 16] = [1; 16];
/// A moment when everything is over for long.
const LATE: i64 = i64::MAX / 4;

fn name(server: u64) -> String {
    format!("server-{server}")
}

/// Twenty seconds lie between two records, so that hours pass quickly.
fn time(record: u64) -> i64 {
    BEGIN + record as i64 * 20_000
}

fn bytes(server: u64, number: u64) -> Vec<u8> {
    (0..2500).map(|at| (at * 7 + server * 31 + number * 17) as u8).collect()
}

/// The records from `number * 10 + 1` to `number * 10 + 10`.
fn chunk(server: u64, number: u64) -> Chunk {
    Chunk {
        server: name(server),
        ring: RING,
        previous: number * 10,
        first: number * 10 + 1,
        last: number * 10 + 10,
        from_ms: time(number * 10 + 1),
        to_ms: time(number * 10 + 10),
        starts_chain: true,
        bytes: bytes(server, number),
    }
}

/// What the kernel told with the last record of a chunk.
fn event(chunk: u64) -> StoredEvent {
    let last = chunk * 10 + 10;
    StoredEvent { at_ms: time(last), bytes: last.to_string().into_bytes() }
}

/// A sample of each series; every third push goes back in time and changes what was there.
fn pushed(number: u64) -> Push {
    let tick = if number % 3 == 2 { number / 2 } else { number };
    let series = (0..PUSHED).map(|of| {
        let labels = LabelSet::of(&[("__name__", "pushed"), ("number", &of.to_string())]);
        PushedSamples { labels, samples: vec![(time(tick), number as f64)] }
    });
    Push { sender: SENDER.to_owned(), series: series.collect(), facts: Vec::new() }
}

fn keys() -> [SeriesKey; 2] {
    ["a", "b"].map(|of| SeriesKey::new("told", [("of", of)]).expect("a key"))
}

/// `orders` are the number of rounds, and perhaps how safely SQLite is to write. A round is
/// acknowledged once its chunks, its push and its alarm are stored, and counts from one.
pub(super) fn work(folder: &Path, orders: &str) {
    let mut orders = orders.split(' ');
    let rounds: u64 = orders.next().and_then(|one| one.parse().ok()).expect("a number");
    let synchronous = orders.next();
    let mut history = open(folder, synchronous);
    let store = opened(|| Store::open(folder));
    for number in 0..rounds {
        let chunks: Vec<Chunk> = (0..SERVERS).map(|server| chunk(server, number)).collect();
        persist(|| history.append(&chunks));
        persist(|| history.push(&[pushed(number)]));
        persist(|| store.write(|batch| outbox::tell(batch, number)).map_err(HistoryError::from));
        acknowledge(number + 1);
        if number % 3 == 2 {
            (0..SERVERS).for_each(|server| seal(&history, server));
            for _ in 0..4 {
                persist(|| history.tend(LATE));
            }
        }
        if number % 16 == 3 {
            drop(history);
            history = open(folder, synchronous);
        }
    }
}

fn open(folder: &Path, synchronous: Option<&str>) -> History {
    let history = opened(|| History::open(folder, MIN_CAP_BYTES));
    if let Some(how) = synchronous {
        let slot = crate::connections::lock(&history.0.connections.writer);
        let writer = slot.as_ref().expect("it is open");
        writer.pragma_update(None, "synchronous", how).expect("SQLite knows it");
    }
    history
}

/// Any error ends the hub as it starts, and it is started anew.
fn opened<T, E>(mut open: impl FnMut() -> Result<T, E>) -> T {
    (0..TRIES).find_map(|_| open().ok()).expect("it opens in the end")
}

/// Does it until it is done, as the hub does.
fn persist<T>(mut work: impl FnMut() -> Result<T, HistoryError>) -> T {
    for _ in 0..TRIES {
        match work() {
            Ok(done) => return done,
            Err(error) => assert!(error.is_temporary(), "{error}"),
        }
    }
    panic!("it does not come about");
}

fn seal(history: &History, server: u64) {
    let server = name(server);
    persist(|| {
        let stretch = history.chunks(&server, i64::MIN, i64::MAX)?;
        let chunks: Vec<_> = stretch.chunks.iter().map(|one| one.row).collect();
        let numbers: Vec<u64> = stretch.chunks.iter().map(|one| one.chunk.previous / 10).collect();
        let records: Vec<u64> =
            numbers.iter().flat_map(|one| one * 10 + 1..=one * 10 + 10).collect();
        let timestamps: Vec<i64> = records.iter().map(|record| time(*record)).collect();
        let values: Vec<f64> = records.iter().map(|record| *record as f64).collect();
        let series = keys().map(|key| (key, values.clone()));
        let events: Vec<StoredEvent> = numbers.iter().map(|number| event(*number)).collect();
        let sealed = history.seal(&Sealing {
            server: &server,
            chunks: &chunks,
            timestamps: &timestamps,
            series: &series,
            tables: &[],
            events: &events,
        })?;
        assert!(!sealed.stale, "nobody else works on it");
        Ok(())
    });
}

/// Opens what a power cut left: says what of the first `acknowledged` rounds is lost, or what is
/// wrong.
pub(super) fn look_through(folder: &Path, acknowledged: u64) -> Result<(), String> {
    let history = History::open(folder, MIN_CAP_BYTES).map_err(|error| error.to_string())?;
    history.check().map_err(|error| error.to_string())?;
    if history.counters().files_set_aside > 0 {
        return Err("the file was set aside".to_owned());
    }
    for server in 0..SERVERS {
        let told = look_at_server(&history, server, acknowledged);
        told.map_err(|what| format!("server {server}: {what}"))?;
    }
    look_at_pushed(&history, acknowledged)?;
    outbox::look_through(folder, acknowledged)?;
    // It works on: a round that comes now is stored beside the others.
    let again = history.push(&[pushed(acknowledged)]).and_then(|_| history.append(&[chunk(9, 0)]));
    again.map(drop).map_err(|error| format!("it does not go on: {error}"))
}

fn look_at_server(history: &History, server: u64, acknowledged: u64) -> Result<(), String> {
    let (name, text) = (name(server), |error: HistoryError| error.to_string());
    let stretch = history.chunks(&name, i64::MIN, i64::MAX).map_err(text)?;
    let told = history.events(&name, i64::MIN, i64::MAX, usize::MAX).map_err(text)?;
    let mut seen = sealed(history, &name)?;
    let mut events = told.events;
    for one in &stretch.chunks {
        let number = one.chunk.previous / 10;
        if one.chunk != chunk(server, number) {
            return Err(format!("chunk {number} is another"));
        }
        (one.chunk.first..=one.chunk.last).for_each(|one| *seen.entry(one).or_default() += 2);
        events.push(event(number));
    }
    let last = seen.keys().next_back().copied().unwrap_or(0);
    if !stretch.gaps.is_empty() || last < acknowledged * 10 || seen.len() as u64 != last {
        let lost: Vec<u64> =
            (1..=acknowledged * 10).filter(|record| !seen.contains_key(record)).collect();
        return Err(format!("lost {lost:?} of {last}; {} gaps", stretch.gaps.len()));
    }
    if seen.values().any(|times| *times != 2) {
        return Err("a record is there in part, or more than once".to_owned());
    }
    events.sort();
    let all: Vec<StoredEvent> = (0..last / 10).map(event).collect();
    if events == all { Ok(()) } else { Err(format!("{} events of {}", events.len(), all.len())) }
}

/// How often each record is in blocks: once a key.
fn sealed(history: &History, server: &str) -> Result<BTreeMap<u64, u32>, String> {
    let known = history.keys().map_err(|error| error.to_string())?;
    let ids: Vec<u32> = keys().iter().filter_map(|key| known.id_of(key)).collect();
    let (mut seen, mut wrong) = (BTreeMap::new(), Vec::new());
    let told = history.samples(server, &ids, i64::MIN, i64::MAX, &mut |_, times, values| {
        for (at, value) in times.iter().zip(values) {
            let record = *value as u64;
            *seen.entry(record).or_default() += 1;
            wrong.extend((*at != time(record)).then_some((*at, *value)));
        }
        ControlFlow::Continue(())
    });
    let gaps = told.map_err(|error| error.to_string())?.gaps;
    if wrong.is_empty() && gaps.is_empty() {
        return Ok(seen);
    }
    Err(format!("wrong values: {wrong:?}, {} gaps in blocks", gaps.len()))
}

/// All series are those of some number of whole pushes, from the first on.
fn look_at_pushed(history: &History, acknowledged: u64) -> Result<(), String> {
    let text = |error: HistoryError| error.to_string();
    let ever = PushedSpan::unhurried(i64::MIN, i64::MAX);
    let mut ids = Vec::new();
    let found = &mut |part: Vec<(PushedId, LabelSet)>| {
        ids.extend(part.into_iter().map(|(id, _)| id));
        ControlFlow::Continue(())
    };
    let _ = history.pushed_series(SENDER, &[], &ever, found).map_err(text)?;
    let mut all: Vec<BTreeSet<(i64, u64)>> = vec![BTreeSet::new(); ids.len()];
    let read = &mut |place: usize, times: Vec<i64>, values: Vec<f64>| {
        all[place].extend(times.into_iter().zip(values.iter().map(|value| *value as u64)));
        ControlFlow::Continue(())
    };
    let told = history.pushed_samples(&ids, &ever, read).map_err(text)?;
    let there = all.iter().flatten().map(|(_, push)| push + 1).max().unwrap_or(0);
    if there < acknowledged || !told.gaps.is_empty() {
        return Err(format!("{there} pushes of {acknowledged}; {} gaps", told.gaps.len()));
    }
    let expected = samples_of_pushes(there);
    let whole = all.len() == if there == 0 { 0 } else { PUSHED };
    if whole && all.iter().all(|one| *one == expected) {
        return Ok(());
    }
    Err(format!("of {there} pushes: {all:?}"))
}

/// What the first pushes make of one series.
fn samples_of_pushes(pushes: u64) -> BTreeSet<(i64, u64)> {
    let samples = (0..pushes).map(|number| (pushed(number).series[0].samples[0].0, number));
    samples.collect::<BTreeMap<_, _>>().into_iter().collect()
}
