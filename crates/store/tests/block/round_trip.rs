use proptest::prelude::*;
use watchfire_store::block::{KeyId, Scratch, SealOptions, seal};

use crate::made::{TAG, assert_same, bits, columns, known, open, options, read};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_comes_back(columns in columns(), percent in 0..100_u8, relatives: bool, level in 0..9_u8) {
        let options =
            SealOptions { tag: TAG, level, for_speed: percent, relatives };
        let bytes = seal(&columns, &options).unwrap();
        let block = open(&bytes);
        prop_assert_eq!(block.head().ticks, columns.timestamps.len());
        prop_assert_eq!(block.head().columns, columns.series.len());
        prop_assert_eq!(block.directory().block_bytes(), bytes.len());
        assert_same(&read(&block), &columns);
    }

    #[test]
    fn some_keys_come_at_some_ticks(
        columns in columns(),
        wanted in proptest::collection::vec((any::<usize>(), any::<bool>()), 0..20),
        (from, to) in (0.0..1.0, 0.0..1.0),
    ) {
        let bytes = seal(&columns, &options()).unwrap();
        let block = open(&bytes);
        let ticks = columns.timestamps.len();
        let place = |share: f64| (share * ticks as f64) as usize;
        let range = place(from).min(place(to))..place(from).max(place(to));
        let key = |&(number, known): &(usize, bool)| match columns.series.len() {
            many if many > 0 && known => columns.series[number % many].0,
            _ => number as KeyId,
        };
        let keys: Vec<KeyId> = wanted.iter().map(key).collect();
        let mut seen = vec![0; keys.len()];
        let each = |number: usize, values: Result<Option<&[f64]>, _>| {
            seen[number] += 1;
            let truth = columns.series.iter().find(|(key, _)| *key == keys[number]);
            let truth = truth.map(|(_, values)| bits(&values[range.clone()]));
            assert_eq!(values.unwrap().map(bits), truth);
        };
        block.read(&keys, range.clone(), &mut Scratch::new(), each).unwrap();
        prop_assert!(seen.iter().all(|&times| times == 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn some_ticks_are_enough(columns in columns(), picked in proptest::collection::vec(any::<usize>(), 0..30)) {
        let bytes = seal(&columns, &options()).unwrap();
        let mut ticks: Vec<usize> =
            picked.iter().map(|tick| tick % columns.timestamps.len()).collect();
        ticks.sort_unstable();
        let keys: Vec<KeyId> = columns.series.iter().map(|(key, _)| *key).chain([7]).collect();
        let each = |number: usize, found: Result<Option<(&[f64], bool)>, _>| {
            let truth = columns.series.iter().find(|(key, _)| *key == keys[number]);
            let Some((_, truth)) = truth else { return assert!(found.unwrap().is_none()) };
            let (values, rises) = found.unwrap().unwrap();
            let few: Vec<f64> = ticks.iter().map(|&tick| truth[tick]).collect();
            assert_eq!(bits(values), bits(&few));
            let falls = truth.windows(2).any(|pair| pair[1] < pair[0])
                || truth.iter().any(|value| value.is_nan());
            assert!(!(rises && falls), "key {} falls, or is not whole", keys[number]);
        };
        open(&bytes).read_at(&keys, &ticks, &mut Scratch::new(), each).unwrap();
    }
}

#[test]
fn a_known_block_comes_back() {
    let columns = known();
    let bytes = seal(&columns, &options()).unwrap();
    assert_same(&read(&open(&bytes)), &columns);
}

#[test]
fn relatives_and_forms_save_what_they_should() {
    let columns = known();
    let with = seal(&columns, &options()).unwrap().len();
    let without = seal(&columns, &SealOptions { relatives: false, ..options() }).unwrap().len();
    assert!(with + 300 < without, "{with} bytes with relatives, {without} without");
    let raw = columns.series.len() * columns.timestamps.len() * 8;
    assert!(with * 20 < raw, "{with} bytes of {raw}");
}
