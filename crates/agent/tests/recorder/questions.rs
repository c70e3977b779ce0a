//! Questions by time, also where the clock was set.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use watchfire_agent::recorder::{Kind, Losses, RecordReader, Recorder};
use watchfire_model::Moment;

use crate::support::{BOOT, Feeder, proven, proven_in_order, second, segment_files, small};

/// Records one number at each time; a restart before those that are named.
fn record(folder: &Path, times: &[i64], restarts: &[usize]) -> BTreeMap<u64, i64> {
    let open = || Recorder::open(folder, small(2048, 400), BOOT, second(0)).expect("opens");
    let (mut recorder, mut feeder) = (open(), Feeder::default());
    let mut recorded = BTreeMap::new();
    for (number, &unix_ms) in times.iter().enumerate() {
        if restarts.contains(&number) {
            drop(recorder);
            recorder = open();
            feeder = Feeder::starting_at(feeder.next);
        }
        let now = Moment { unix_ms, ..second(number as u64) };
        recorded.insert(feeder.next, unix_ms);
        feeder.append(&mut recorder, now).expect("recorded");
        drop(recorder.flush(now).expect("written"));
    }
    recorded
}

fn kinds() -> [Kind; 3] {
    [Kind::Tick, Kind::Processes, Kind::Event]
}

fn clock() -> impl Strategy<Value = Vec<i64>> {
    // Mostly a second further, sometimes set by up to some minutes.
    let step = prop_oneof![12 => Just(1000_i64), 1 => -90_000..90_000_i64, 1 => Just(0)];
    proptest::collection::vec(step, 1..120).prop_map(|steps| {
        let mut now = 1_000_000;
        steps
            .into_iter()
            .map(|step| {
                now += step;
                now
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn answers_are_those_of_a_naive_search(
        times in clock(),
        restarts in proptest::collection::vec(0..120_usize, 0..3),
        asked in proptest::collection::vec((880_000..1_250_000_i64, 0..60_000_i64), 8),
    ) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("record");
        let recorded = record(&folder, &times, &restarts);
        let reader = RecordReader::open(&folder).expect("ours");
        let mut losses = Losses::default();
        for (from_ms, span) in asked {
            let to_ms = from_ms + span;
            for kind in kinds() {
                let of_kind = |number: &u64| crate::support::kind_of(*number) == kind;
                let naive = recorded.iter().filter(|(number, at)| of_kind(number) && **at <= to_ms)
                    .max_by_key(|(number, at)| (**at, **number)).map(|(number, _)| *number);
                let chain = reader.last_before(kind, to_ms, &mut losses).expect("listable");
                proven_in_order(&chain);
                prop_assert_eq!(chain.last().map(|record| proven(record).0), naive);
                prop_assert!(chain.first().is_none_or(|first| first.starts_chain));

                let naive: Vec<u64> = recorded.iter()
                    .filter(|(number, at)| of_kind(number) && (from_ms..=to_ms).contains(at))
                    .map(|(number, _)| *number).collect();
                let records: Vec<_> = reader.records_between(from_ms, to_ms, &[kind])
                    .expect("listable").collect();
                proven_in_order(&records);
                let found: Vec<u64> = records.iter().filter(|record| record.asked)
                    .map(|record| proven(record).0).collect();
                prop_assert_eq!(found, naive);
            }
        }
        prop_assert_eq!(losses, Losses::default());
    }
}

#[test]
fn a_question_about_one_moment_reads_one_segment_and_the_newest() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let times: Vec<i64> = (0..300).map(|number| number * 1000).collect();
    record(&folder, &times, &[]);
    let files = segment_files(&folder);
    assert!(files.len() > 10);
    // Every other segment loses its records, and only its ends are left.
    let reader = RecordReader::open(&folder).expect("ours");
    let chain = reader.last_before(Kind::Tick, 150_500, &mut Losses::default()).expect("listable");
    let answer = chain.last().expect("found").clone();
    assert_eq!(proven(&answer).0, 149, "150 is a table of processes");
    for (number, file) in files.iter().enumerate() {
        let segment = number as u64 + 1;
        if segment == answer.sequence.segment() || number + 1 == files.len() {
            continue;
        }
        let mut bytes = std::fs::read(file).expect("readable");
        let end = bytes.len() - 92;
        bytes[208..end].fill(0xff);
        std::fs::write(file, bytes).expect("ours");
    }
    let mut losses = Losses::default();
    let again = reader.last_before(Kind::Tick, 150_500, &mut losses).expect("listable");
    assert_eq!(again.last(), Some(&answer));
    assert_eq!(losses, Losses::default(), "nothing else was looked at");
}
