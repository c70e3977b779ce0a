//! What was pushed against a map of samples.

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchfire_model::{ABSENT, LabelSet, MatchOp, Matcher};
use watchfire_store::{History, Push, Pushed, PushedSamples};

use crate::made::{BEGIN, HOUR, bits, fitting, fold, labels, samples, series};

const SENDERS: [&str; 2] = ["one", "two"];
const SERIES: usize = 4;
const CAP: u64 = 1 << 30;

/// Samples of a series: `count` of them every `step_ms` from `from_ms` on, or back from there.
#[derive(Debug, Clone)]
struct Stretch {
    series: usize,
    from_ms: i64,
    step_ms: i64,
    count: usize,
    seed: u16,
}

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<(usize, Vec<Stretch>)>),
    Remove(usize),
    /// So many steps of upkeep, so long after the last ones.
    Tend(usize, i64),
    Prune,
    Reopen,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let near = (0..40_i64).prop_map(|tick| BEGIN + tick * 15_000);
    let begin = prop_oneof![6 => near, 2 => 0..BEGIN, 1 => Just(0_i64), 1 => -1_i64 << 55..1 << 55];
    let step = prop_oneof![5 => Just(15_000_i64), 1 => Just(-15_000_i64), 2 => -9000..9000_i64];
    let count = prop_oneof![8 => 1..30_usize, 1 => 2000..6000_usize];
    (0..SERIES, begin, step, count, any::<u16>()).prop_map(
        |(series, from_ms, step_ms, count, seed)| Stretch { series, from_ms, step_ms, count, seed },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let push = (0..SENDERS.len(), prop::collection::vec(stretch(), 1..5));
    prop_oneof![
        10 => prop::collection::vec(push, 1..3).prop_map(Step::Push),
        1 => (0..SENDERS.len()).prop_map(Step::Remove),
        7 => (1..5_usize, prop_oneof![Just(0), Just(HOUR), -HOUR..9 * HOUR])
            .prop_map(|(steps, later_ms)| Step::Tend(steps, later_ms)),
        1 => Just(Step::Prune),
        2 => Just(Step::Reopen),
    ]
}

impl Stretch {
    fn samples(&self) -> Vec<(i64, f64)> {
        let value = |tick: usize| match (usize::from(self.seed) + 7 * tick) % 101 {
            0 => ABSENT,
            1 => f64::NAN,
            2 => -0.0,
            3 => f64::from_bits(0x7ff4_0000_0000_0000 | self.seed as u64),
            4 => f64::NEG_INFINITY,
            5 => f64::from(self.seed).sqrt(),
            mixed => mixed as f64 / 10.0 + tick as f64,
        };
        let time =
            |tick: usize| (self.from_ms + tick as i64 * self.step_ms).clamp(-1 << 55, 1 << 55);
        (0..self.count).map(|tick| (time(tick), value(tick))).collect()
    }
}

type Model = BTreeMap<(usize, usize), BTreeMap<i64, f64>>;

fn pushes(of: &[(usize, Vec<Stretch>)], model: &mut Model) -> Vec<Push> {
    let push = |(sender, stretches): &(usize, Vec<Stretch>)| {
        let series = stretches.iter().map(|stretch| {
            let samples = stretch.samples();
            model.entry((*sender, stretch.series)).or_default().extend(samples.iter().copied());
            PushedSamples { labels: labels(stretch.series), samples }
        });
        let series = series.collect();
        Push { sender: SENDERS[*sender].to_owned(), series, facts: Vec::new() }
    };
    of.iter().map(push).collect()
}

fn compare(history: &History, model: &Model, window: (i64, i64)) -> Result<(), TestCaseError> {
    for (sender, name) in SENDERS.iter().enumerate() {
        let of = |number: usize| -> Vec<(i64, f64)> {
            let all = model.get(&(sender, number));
            let within = all.into_iter().flat_map(|all| all.range(window.0..=window.1));
            within.map(|(time, value)| (*time, *value)).collect()
        };
        let found = series(history, name, window);
        let mut told: Vec<LabelSet> = found.iter().map(|(_, labels)| labels.clone()).collect();
        told.sort();
        let expected: Vec<usize> = (0..SERIES).filter(|number| !of(*number).is_empty()).collect();
        let mut expected_labels: Vec<LabelSet> = expected.iter().map(|n| labels(*n)).collect();
        expected_labels.sort();
        prop_assert_eq!(told, expected_labels, "{} {:?}", name, window);
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let (read, told) = samples(history, &ids, window);
        prop_assert!(told.gaps.is_empty() && !told.cut);
        for ((_, set), read) in found.iter().zip(read) {
            let number = expected.iter().find(|number| labels(**number) == *set);
            prop_assert_eq!(read, bits(&of(*number.expect("it was told"))), "{} {:?}", name, set);
        }
        let named = Matcher::new("__name__", MatchOp::Equal, "metric_0").expect("a matcher");
        let some = fitting(history, name, &[named], window).expect("readable");
        let named = expected.iter().filter(|number| labels(**number).name() == "metric_0");
        prop_assert_eq!(some.len(), named.count());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_knows_what_the_map_knows(
        steps in prop::collection::vec(step(), 1..20),
        from in 0..600_000_i64, length in 0..600_000_i64,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut history = Some(History::open(folder.path(), CAP).expect("it opens"));
        let (mut model, mut now) = (Model::new(), BEGIN);
        for step in &steps {
            let open = history.as_ref().expect("it is open");
            match step {
                Step::Push(of) => {
                    let pushes = pushes(of, &mut model);
                    let pushed = open.push(&pushes).expect("it can be stored");
                    prop_assert_eq!(pushed.len(), pushes.len());
                    for (push, pushed) in pushes.iter().zip(pushed) {
                        let samples = push.series.iter().map(|one| one.samples.len()).sum();
                        let told = Pushed { samples, series: pushed.series, ..Pushed::default() };
                        prop_assert_eq!(pushed, told);
                    }
                }
                Step::Remove(sender) => {
                    open.remove_server(SENDERS[*sender]).expect("it can be written");
                    model.retain(|(of, _), _| of != sender);
                }
                Step::Tend(steps, later_ms) => {
                    now += later_ms;
                    for _ in 0..*steps {
                        open.tend(now).expect("it can be tended");
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
        let window = (BEGIN + from, BEGIN + from + length);
        for _ in 0..2 {
            compare(open, &model, (i64::MIN, i64::MAX))?;
            compare(open, &model, window)?;
            compare(open, &model, (0, BEGIN - 1))?;
            fold(open);
        }
        while open.prune(3).expect("it can be written").more {}
        compare(open, &model, (i64::MIN, i64::MAX))?;
        open.check().expect("it is whole");
    }
}
