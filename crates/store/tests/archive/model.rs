//! The archive against a map of samples.

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchfire_model::{ABSENT, is_absent};
use watchfire_store::block::KeyId;
use watchfire_store::{History, Sealing};

use crate::made::{BEGIN, HOUR, MINUTE, chunk, key, rows, samples, seal, tend, windows};

const SERVERS: [&str; 2] = ["a1", "name:web-1"];
const KEYS: usize = 5;
const CAP: u64 = 1 << 30;

#[derive(Debug, Clone)]
struct Ticks {
    server: usize,
    from_s: i64,
    count: usize,
    step_s: i64,
    /// One bit for each key.
    keys: u8,
    seed: u8,
}

#[derive(Debug, Clone)]
enum Step {
    Seal(Ticks),
    /// The same, in the place of a chunk.
    Chunks(Ticks),
    Remove(usize),
    /// Up to that many steps of upkeep.
    Tend(usize),
    Prune,
    Reopen,
}

fn ticks() -> impl Strategy<Value = Ticks> {
    let begin = prop_oneof![0..20_000_i64, 21_000..23_000_i64, -4000..90_000_i64];
    (0..SERVERS.len(), begin, 1..60_usize, 1..200_i64, 1..(1_u8 << KEYS), any::<u8>()).prop_map(
        |(server, from_s, count, step_s, keys, seed)| Ticks {
            server,
            from_s,
            count,
            step_s,
            keys,
            seed,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => ticks().prop_map(Step::Seal),
        4 => ticks().prop_map(Step::Chunks),
        1 => (0..SERVERS.len()).prop_map(Step::Remove),
        5 => (1..9_usize).prop_map(Step::Tend),
        1 => Just(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

impl Ticks {
    fn times(&self) -> Vec<i64> {
        (0..self.count as i64).map(|n| BEGIN + (self.from_s + n * self.step_s) * 1000).collect()
    }

    fn series(&self) -> Vec<(usize, Vec<f64>)> {
        let value = |number: usize, tick: usize| {
            let mixed = (usize::from(self.seed) + 7 * number + tick * (number + 3)) % 97;
            if mixed < 9 { ABSENT } else { (mixed + tick) as f64 / 4.0 }
        };
        let wanted = (0..KEYS).filter(|number| self.keys >> number & 1 == 1);
        wanted.map(|n| (n, (0..self.count).map(|tick| value(n, tick)).collect())).collect()
    }
}

type Model = BTreeMap<(usize, usize), BTreeMap<i64, f64>>;

fn learn(model: &mut Model, ticks: &Ticks) {
    for (number, values) in ticks.series() {
        let of = model.entry((ticks.server, number)).or_default();
        let pairs = ticks.times().into_iter().zip(values);
        of.extend(pairs.filter(|(_, value)| !is_absent(*value)));
    }
}

/// Count, least, greatest, sum, last and rise in each window.
fn naive_windows(of: &BTreeMap<i64, f64>, width: i64) -> Vec<(i64, [f64; 6])> {
    let mut all: BTreeMap<i64, [f64; 6]> = BTreeMap::new();
    let mut before: Option<(i64, f64)> = None;
    for (&time, &value) in of {
        let hour = |time: i64| time.div_euclid(HOUR);
        // What was more than an hour ago is not looked for.
        let known = before.filter(|(then, _)| hour(time) - hour(*then) <= 1);
        let rise = known.map_or(0.0, |(_, from)| if value < from { value } else { value - from });
        let empty = [0.0, f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0, 0.0];
        let one = all.entry(time.div_euclid(width) * width).or_insert(empty);
        *one = [
            one[0] + 1.0,
            one[1].min(value),
            one[2].max(value),
            one[3] + value,
            value,
            one[5] + rise,
        ];
        before = Some((time, value));
    }
    all.into_iter().collect()
}

fn compare(history: &History, model: &Model) -> Result<(), TestCaseError> {
    let keys = history.keys().expect("it can be read");
    for (server, name) in SERVERS.iter().enumerate() {
        let ids: Vec<KeyId> = (0..KEYS).filter_map(|number| keys.id_of(&key(number))).collect();
        let of = |place: usize| {
            let number = (0..KEYS).find(|number| keys.id_of(&key(*number)) == Some(ids[place]));
            model.get(&(server, number.expect("it was asked for"))).cloned().unwrap_or_default()
        };
        for (from, to) in [(i64::MIN, i64::MAX), (BEGIN + HOUR / 2 + 3000, BEGIN + 7 * HOUR)] {
            let (found, told) = samples(history, name, &ids, from, to);
            prop_assert!(told.gaps.is_empty() && !told.cut);
            for (place, found) in found.into_iter().enumerate() {
                let expected: Vec<(i64, f64)> =
                    of(place).range(from..=to).map(|(time, value)| (*time, *value)).collect();
                prop_assert_eq!(found, expected, "{} {}", name, place);
            }
            for width in [MINUTE, HOUR] {
                let found = windows(history, name, &ids, width as u32, (from, to));
                for (place, found) in found.into_iter().enumerate() {
                    let mut expected = naive_windows(&of(place), width);
                    expected
                        .retain(|(start, _)| *start > from.saturating_sub(width) && *start <= to);
                    prop_assert_eq!(found, expected, "{} {} by {}", name, place, width);
                }
            }
        }
        let told = history.keys_of(name, i64::MIN, i64::MAX).expect("it can be read");
        let expected: Vec<KeyId> =
            (0..ids.len()).filter(|place| !of(*place).is_empty()).map(|place| ids[place]).collect();
        let mut expected = expected;
        expected.sort_unstable();
        prop_assert_eq!(told, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn it_knows_what_the_map_knows(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut history = Some(History::open(folder.path(), CAP).expect("it opens"));
        let mut model = Model::new();
        for (number, step) in (1..).zip(&steps) {
            let open = history.as_ref().expect("it is open");
            match step {
                Step::Seal(ticks) | Step::Chunks(ticks) => {
                    let server = SERVERS[ticks.server];
                    let series: Vec<_> =
                        ticks.series().into_iter().map(|(n, values)| (key(n), values)).collect();
                    let times = ticks.times();
                    if matches!(step, Step::Chunks(_)) {
                        open.append(&[chunk(server, number, times[0])]).expect("it can be written");
                        let rows = rows(open, server);
                        let sealing = Sealing {
                            server, chunks: &rows, timestamps: &times, series: &series, tables: &[],
                            events: &[],
                        };
                        let sealed = open.seal(&sealing).expect("it can be sealed");
                        prop_assert_eq!((sealed.stale, sealed.chunks), (false, rows.len()));
                        let again = open.seal(&sealing).expect("it can be asked");
                        prop_assert!(again.stale, "it is sealed once");
                        let left = open.chunks(server, i64::MIN, i64::MAX).expect("as above");
                        prop_assert!(left.chunks.is_empty());
                    } else {
                        prop_assert!(!seal(open, server, &times, &series).stale);
                    }
                    learn(&mut model, ticks);
                }
                Step::Remove(server) => {
                    open.remove_server(SERVERS[*server]).expect("it can be written");
                    model.retain(|(of, _), _| of != server);
                }
                Step::Tend(steps) => {
                    for _ in 0..*steps {
                        open.tend(BEGIN + 10_000 * HOUR).expect("it can be tended");
                    }
                }
                Step::Prune => while open.prune(3).expect("it can be written").more {},
                Step::Reopen => {
                    drop(history.take());
                    history = Some(History::open(folder.path(), CAP).expect("it opens"));
                }
            }
        }
        let open = history.as_ref().expect("it is open");
        compare(open, &model)?;
        tend(open);
        compare(open, &model)?;
        while open.prune(3).expect("it can be written").more {}
        compare(open, &model)?;
        open.check().expect("it is whole");
        let mut from = Some(0);
        while let Some(next) = from {
            let verified = open.verify(next, 2).expect("it can be read");
            prop_assert!(!verified.mended);
            from = verified.next;
        }
    }
}
