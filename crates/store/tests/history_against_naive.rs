//! The history against sets of sequences.

#[path = "common/history.rs"]
mod common;
#[path = "common/reader.rs"]
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use common::{chunk, time_of};
use proptest::prelude::*;
use reader::sequences;
use watchfire_store::{Chunk, History, MIN_CAP_BYTES};

const SERVERS: [&str; 2] = ["a1", "name:web-1"];
const RINGS: u8 = 2;
/// How many records a ring has; their sequences have holes between them.
const RECORDS: usize = 60;

fn sequence(place: usize) -> u64 {
    let place = place as u64;
    1 + place + 3 * (place / 7)
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(usize, u8, usize, usize, bool)>),
    Remove(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let one = (0..SERVERS.len(), 0..RINGS, 0..RECORDS, 1..9_usize, any::<bool>());
    prop_oneof![
        12 => prop::collection::vec(one, 1..6).prop_map(Step::Append),
        1 => (0..SERVERS.len()).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
    ]
}

fn made(&(server, ring, from, len, knows): &(usize, u8, usize, usize, bool)) -> Chunk {
    let places: Vec<u64> = (from..(from + len).min(RECORDS)).map(sequence).collect();
    let previous = if knows && from > 0 { sequence(from - 1) } else { 0 };
    chunk(SERVERS[server], ring, previous, &places)
}

/// What is known of one ring.
#[derive(Debug, Default, Clone)]
struct Naive {
    known: BTreeSet<u64>,
    told: BTreeSet<u64>,
}

impl Naive {
    fn append(&mut self, one: &Chunk) {
        let after = if one.previous == 0 { one.first - 1 } else { one.previous };
        self.known.extend(after + 1..=one.last);
        let within = (0..RECORDS).map(sequence).filter(|s| (one.first..=one.last).contains(s));
        self.told.extend(within);
    }

    fn coverage(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for one in &self.known {
            match runs.last_mut() {
                Some(run) if run.1 + 1 == *one => run.1 = *one,
                _ => runs.push((one - 1, *one)),
            }
        }
        runs
    }
}

fn numbers(holes: &[RangeInclusive<u64>]) -> Vec<u64> {
    holes.iter().cloned().flatten().collect()
}

fn compare(history: &History, naive: &BTreeMap<(usize, u8), Naive>) -> Result<(), TestCaseError> {
    for (number, server) in SERVERS.iter().enumerate() {
        let mut told = BTreeSet::new();
        for ring in 0..RINGS {
            let model = naive.get(&(number, ring)).cloned().unwrap_or_default();
            let coverage = history.coverage(server, [ring; 16]).expect("it can be read");
            prop_assert_eq!(coverage, model.coverage());
            for (oldest, newest) in [(1, 90), (10, 40), (33, 33)] {
                let holes = history.holes(server, [ring; 16], oldest, newest).expect("as above");
                prop_assert!(holes.windows(2).all(|two| two[0].start() > two[1].end()));
                let mut missing = numbers(&holes);
                missing.sort_unstable();
                let expected: Vec<u64> =
                    (oldest..=newest).filter(|one| !model.known.contains(one)).collect();
                prop_assert_eq!(missing, expected);
            }
            told.extend(model.told.iter().map(|one| (ring, *one)));
        }
        let all = history.chunks(server, i64::MIN, i64::MAX).expect("it can be read");
        prop_assert!(all.gaps.is_empty() && !all.cut);
        let read = sequences(&all);
        prop_assert_eq!(read.len(), told.len(), "a record came twice or not at all");
        prop_assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), told.clone());
        let (from, to) = (20, 45);
        let some = history.chunks(server, time_of(from), time_of(to)).expect("it can be read");
        let read = sequences(&some);
        for one in told.iter().filter(|(_, sequence)| (from..=to).contains(sequence)) {
            prop_assert_eq!(read.iter().filter(|read| *read == one).count(), 1);
        }
        let last = told.iter().map(|(_, sequence)| time_of(*sequence)).max();
        prop_assert_eq!(history.last(server).expect("it can be read"), last);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn it_knows_what_the_sets_know(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut history = Some(History::open(folder.path(), MIN_CAP_BYTES).expect("it opens"));
        let mut naive: BTreeMap<(usize, u8), Naive> = BTreeMap::new();
        for step in &steps {
            let open = history.as_ref().expect("it is open");
            match step {
                Step::Append(group) => {
                    let chunks: Vec<Chunk> = group.iter().map(made).collect();
                    let appended = open.append(&chunks).expect("it can be written");
                    prop_assert!(appended.refused.is_empty());
                    for (one, chunk) in group.iter().zip(&chunks) {
                        naive.entry((one.0, one.1)).or_default().append(chunk);
                    }
                    let again = open.append(&chunks).expect("it can be written");
                    prop_assert_eq!(again.stored, 0, "it was there already");
                }
                Step::Remove(server) => {
                    open.remove_server(SERVERS[*server]).expect("it can be written");
                    naive.retain(|(of, _), _| of != server);
                    if server % 2 == 0 {
                        while open.prune(1).expect("it can be written").more {}
                    }
                }
                Step::Reopen => {
                    drop(history.take());
                    let again = History::open(folder.path(), MIN_CAP_BYTES).expect("it opens");
                    history = Some(again);
                }
            }
        }
        let open = history.as_ref().expect("it is open");
        compare(open, &naive)?;
        while open.prune(3).expect("it can be written").more {}
        compare(open, &naive)?;
        open.check().expect("it is whole");
    }
}
