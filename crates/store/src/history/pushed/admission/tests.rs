use super::*;
use crate::history::History;
use crate::history::pushed::testing::{caps, labels, push};

fn open() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), 1 << 30).unwrap();
    (folder, history)
}

/// A series whose labels take so many bytes, and are like no other's.
fn long(sender: &str, number: usize, bytes: usize) -> Push {
    let text = format!("{number:0>bytes$}");
    let labels = LabelSet::of(&[("__name__", "m"), ("long", &text)]);
    let series = vec![PushedSamples { labels, samples: vec![(1, 1.0), (2, 2.0)] }];
    Push { sender: sender.to_owned(), series, facts: Vec::new() }
}

fn whys(pushed: &[Pushed]) -> Vec<Option<LeftOut>> {
    pushed.iter().map(|one| one.why).collect()
}

#[test]
fn each_push_is_told_its_own_and_what_is_refused_takes_nothing_from_others() {
    let (_folder, history) = open();
    let few = Caps { series: 2, ..caps() };
    let pushes = [
        push("full", 0..2, &[(1, 1.0)]),
        push("full", 1..4, &[(1, 1.0), (2, 2.0)]),
        push("", [0], &[(1, 1.0)]),
        push("good", [0], &[(1, 1.0), (i64::MAX, 1.0)]),
        push("full", [0], &[(3, 1.0)]),
    ];
    let pushed = history.push_within(&few, &pushes).unwrap();
    let told = |one: &Pushed| (one.samples, one.series, one.refused_series, one.refused_samples);
    let told: Vec<_> = pushed.iter().map(told).collect();
    assert_eq!(told, [(2, 2, 0, 0), (2, 0, 2, 4), (0, 0, 1, 1), (1, 1, 0, 1), (1, 0, 0, 0)]);
    let why = [None, Some(LeftOut::Series), Some(LeftOut::Name), Some(LeftOut::Time), None];
    assert_eq!(whys(&pushed), why);
    let counters = history.counters();
    let counted = (counters.samples_pushed, counters.pushed_series_refused);
    assert_eq!((counted, counters.pushed_samples_refused), ((6, 3), 6));
    // One transaction: one batch of each sender.
    let sql = "SELECT count(*) FROM pushed_batch";
    let batches = history.read(|connection| Ok(connection.query_row(sql, [], |row| row.get(0))?));
    assert_eq!(batches, Ok(2_i64));
}

#[test]
fn labels_take_no_more_memory_than_they_may() {
    let (folder, history) = open();
    // Three series of about 1,500 bytes each, with two texts that all have.
    let few = Caps { memory: 5_000, memory_in_all: 8_500, ..caps() };
    let of = |sender: &str| -> Vec<Push> { (0..5).map(|one| long(sender, one, 1_200)).collect() };
    let pushes = [of("a"), of("b"), of("c")].concat();
    let pushed = history.push_within(&few, &pushes).unwrap();
    let (own, all) = (Some(LeftOut::Memory), Some(LeftOut::MemoryInAll));
    let expected = [[None, None, None, own, own], [None, None, all, all, all], [all; 5]].concat();
    assert_eq!(whys(&pushed), expected);
    let counters = history.counters();
    assert_eq!((counters.pushed_labels_refused, counters.pushed_series_refused), (10, 10));
    assert_eq!(counters.pushed_samples_refused, 20);
    // What is known goes on, and what is no new text takes little.
    let again = history.push_within(&few, &[long("a", 0, 1_200)]).unwrap();
    assert_eq!(whys(&again), [None]);
    let held = history.pushed().unwrap().held();
    assert!((7_000..8_500).contains(&held), "{held}");
    // It is the same when the file is read, and nothing once it is gone.
    drop(history);
    let history = History::open(folder.path(), 1 << 30).unwrap();
    assert_eq!(history.pushed().unwrap().held(), held);
    for sender in ["a", "b"] {
        history.remove_server(sender).unwrap();
    }
    assert_eq!(history.pushed().unwrap().held(), 0);
    assert_eq!(whys(&history.push_within(&few, &of("c")[..3]).unwrap()), [None; 3]);
}

#[test]
fn a_series_that_goes_gives_its_memory_back() {
    let (_folder, history) = open();
    history.push(&[long("a", 0, 1_200), long("a", 1, 1_200)]).unwrap();
    let generation = history.pushed().unwrap().generation;
    let both = history.pushed().unwrap().held();
    history.change_pushed(generation, |known| known.forget_series(&[1]));
    let one = history.pushed().unwrap().held();
    assert!(one > 1_200 && one < both - 1_200, "{one} of {both}");
    history.change_pushed(generation, |known| known.forget_series(&[2]));
    assert_eq!(history.pushed().unwrap().held(), 0);
}

#[test]
fn facts_take_no_more_memory_than_is_left() {
    let (folder, history) = open();
    let few = Caps { memory: 5_000, ..caps() };
    let facts = |number: usize, help: usize| MetricFacts {
        name: format!("metric_{number}"),
        kind: "gauge".to_owned(),
        help: "x".repeat(help),
        unit: String::new(),
    };
    let tell = |facts: Vec<MetricFacts>| {
        let push = Push { sender: "a".to_owned(), series: Vec::new(), facts };
        history.push_within(&few, &[push]).unwrap();
    };
    tell((0..9).map(|number| facts(number, 1_000)).collect());
    assert_eq!(history.counters().pushed_facts_refused, 5);
    // A shorter word for one makes room for another.
    tell(vec![facts(0, 1)]);
    tell(vec![facts(9, 500)]);
    assert_eq!(history.counters().pushed_facts_refused, 5);
    let held = history.pushed().unwrap().held();
    assert!(held <= 5_000, "{held}");
    drop(history);
    let history = History::open(folder.path(), 1 << 30).unwrap();
    assert_eq!(history.pushed().unwrap().held(), held);
}

#[test]
fn a_sender_of_which_all_is_refused_takes_no_place() {
    let (folder, history) = open();
    let one = Caps { senders: 1, ..caps() };
    let pushes = [
        push("late", [0], &[(i64::MAX, 1.0)]),
        push("first", [0], &[(1, 1.0)]),
        push("second", [0], &[(1, 1.0)]),
        push("first", [1], &[(1, 1.0)]),
    ];
    let pushed = history.push_within(&one, &pushes).unwrap();
    let (late, none) = (Some(LeftOut::Time), Some(LeftOut::Senders));
    assert_eq!(whys(&pushed), [late, None, none, None]);
    assert_eq!(history.pushed_senders(), Ok(vec!["first".to_owned()]));
    drop(history);
    let history = History::open(folder.path(), 1 << 30).unwrap();
    assert_eq!(history.pushed_senders(), Ok(vec!["first".to_owned()]), "nor in the file");
}

#[test]
fn what_is_too_much_for_one_transaction_is_stored_in_several() {
    let (_folder, history) = open();
    let few = Caps { file: 3_000, ..caps() };
    let noise = |seed: u64, count: u64| -> Vec<(i64, f64)> {
        let value = |at: u64| f64::from_bits((seed + at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
        (0..count).map(|at| (at as i64, value(at))).collect()
    };
    let pushes: Vec<Push> = [100, 9_000, 100, 100]
        .iter()
        .enumerate()
        .map(|(at, count)| push("a", [at], &noise(at as u64 * 100_000, *count)))
        .collect();
    let pushed = history.push_within(&few, &pushes).unwrap();
    assert_eq!(whys(&pushed), [None, Some(LeftOut::Large), None, None]);
    let counters = history.counters();
    assert_eq!((counters.samples_pushed, counters.pushed_samples_refused), (300, 9_000));
    assert_eq!(history.pushed().unwrap().series.len(), 3);
}

#[test]
fn words_name_the_limit_and_what_helps() {
    assert_eq!(
        LeftOut::Memory.to_string(),
        "the labels of the sender's series take 64 MiB of memory and may take no more: push \
         fewer series, or shorter labels"
    );
    assert!(LeftOut::MemoryInAll.to_string().contains("256 MiB"));
    assert!(LeftOut::Series.to_string().contains("100000 series"));
    assert_eq!(weight::of_series(&labels(0)), 264);
}
