//! Some ticks of blocks say what all of them say at the same times.

use std::ops::ControlFlow;

use watchfire_model::{ABSENT, SeriesKey};
use watchfire_store::block::KeyId;
use watchfire_store::{History, MIN_CAP_BYTES, Told};

use crate::made::{BEGIN, HOUR, MINUTE, key, samples, seal, tend, ticks};

const SERVER: &str = "server";

/// Each key's values at every seventh tick, and whether it was sure to rise in every block.
type Found = Vec<(Vec<(i64, f64)>, bool)>;

fn every_seventh(history: &History, keys: &[KeyId], span: (i64, i64)) -> Option<(Found, Told)> {
    let mut all: Found = vec![(Vec::new(), true); keys.len()];
    let told = history
        .picked(
            SERVER,
            keys,
            span,
            &mut |times, ticks| ticks.extend((0..times.len()).step_by(7)),
            &mut |picked| {
                let times = picked.ticks.iter().map(|tick| picked.times[*tick]);
                all[picked.key].0.extend(times.zip(picked.values.iter().copied()));
                all[picked.key].1 &= picked.rises;
                ControlFlow::Continue(())
            },
        )
        .expect("it can be read")?;
    Some((all, told))
}

fn ids(history: &History, count: usize) -> Vec<KeyId> {
    let keys = history.keys().expect("it can be read");
    (0..count).map(|number| keys.id_of(&key(number)).expect("it was sealed")).collect()
}

/// Three counters, one of which falls once, and one that is not there for a while.
fn three(from_ms: i64, count: usize) -> (Vec<i64>, Vec<(SeriesKey, Vec<f64>)>) {
    let (times, mut series) = ticks(from_ms, count, 1000, 3);
    series[1].1[count / 2] -= 1e4;
    series[2].1[count / 2..count / 2 + 9].fill(ABSENT);
    (times, series)
}

#[test]
fn what_is_picked_is_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a new one opens");
    for hour in 0..2 {
        let (times, series) = three(BEGIN + hour * HOUR + 3 * MINUTE, 700);
        seal(&history, SERVER, &times, &series);
    }
    let (keys, span) = (ids(&history, 3), (BEGIN + 5 * MINUTE, BEGIN + HOUR + 9 * MINUTE));
    let (found, told) = every_seventh(&history, &keys, span).expect("no block is over another");
    assert_eq!(told, Told::default());
    let (all, _) = samples(&history, SERVER, &keys, span.0, span.1);
    for (number, (picked, rises)) in found.iter().enumerate() {
        let there: Vec<(i64, f64)> =
            picked.iter().copied().filter(|(_, value)| !value.is_nan()).collect();
        assert!(there.iter().all(|sample| all[number].contains(sample)), "{number}");
        assert!(picked.len() > 120 && picked[0].0 == span.0, "{number}");
        assert_eq!(*rises, number == 0, "{number}");
    }
}

#[test]
fn blocks_over_one_another_and_no_ticks_tell_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), MIN_CAP_BYTES).expect("a new one opens");
    for late_ms in [0, 500] {
        let (times, series) = ticks(BEGIN + late_ms, 600, 1000, 2);
        seal(&history, SERVER, &times, &series);
    }
    let (keys, span) = (ids(&history, 2), (BEGIN, BEGIN + HOUR));
    assert!(every_seventh(&history, &keys, span).is_none());
    tend(&history);
    let (found, _) = every_seventh(&history, &keys, span).expect("they are one by now");
    assert_eq!(found[1].0.len(), 1200_usize.div_ceil(7));
    let told = history.picked(SERVER, &keys, span, &mut |_, _| {}, &mut |_| unreachable!());
    assert!(told.expect("it can be read").is_some_and(|told| told.cut));
    let nobody = history.picked("nobody", &keys, span, &mut |_, _| {}, &mut |_| unreachable!());
    assert_eq!(nobody.expect("it can be read"), Some(Told::default()));
}
