use proptest::prelude::*;
use watchfire_model::{ABSENT, is_absent};
use watchfire_store::block::{Columns, Scratch, SealError, WindowColumns, Windows, seal_tier};

use crate::made::{bits, columns, known, open, options};

fn same(found: &WindowColumns, truth: &WindowColumns) -> bool {
    let all = |of: &WindowColumns| {
        [&of.min, &of.max, &of.sum, &of.count, &of.last, &of.increase].map(|field| bits(field))
    };
    all(found) == all(truth)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn windows_come_back(columns in columns(), width in 1..60_000_u32) {
        let windows = Windows::of_ticks(&columns, width, |_| None);
        let bytes = seal_tier(&windows, &options()).unwrap();
        let block = open(&bytes);
        let mut starts = Vec::new();
        block.timestamps(&mut Scratch::new(), &mut starts).unwrap();
        prop_assert_eq!(&starts, &windows.starts);
        let keys = block.tier_keys().unwrap();
        prop_assert!(keys.iter().eq(windows.series.iter().map(|(key, _)| key)));
        let found = block.read_windows(&keys, 0..starts.len(), &mut Scratch::new()).unwrap();
        for (found, (_, truth)) in found.into_iter().zip(&windows.series) {
            prop_assert!(same(&found.unwrap().unwrap(), truth));
        }
    }

    /// Two halves joined are the whole, and wider windows can be made of either.
    #[test]
    fn windows_can_be_joined(columns in columns(), width in 1..20_000_u32, cut in 0.0..1.0) {
        let at = (cut * columns.timestamps.len() as f64) as usize;
        let part = |range: std::ops::Range<usize>| Columns {
            timestamps: columns.timestamps[range.clone()].to_vec(),
            series: columns.series.iter().map(|(k, v)| (*k, v[range.clone()].to_vec())).collect(),
        };
        let first = part(0..at);
        let before = |key| {
            let (_, values) = first.series.iter().find(|(known, _)| *known == key)?;
            values.iter().copied().rfind(|value| value.is_finite())
        };
        let parts = [
            Windows::of_ticks(&first, width, |_| None),
            Windows::of_ticks(&part(at..columns.timestamps.len()), width, before),
        ];
        for width in [width, width * 6] {
            let whole = Windows::of_ticks(&columns, width, |_| None);
            let joined = Windows::joined(&parts, width);
            prop_assert_eq!(&joined.starts, &whole.starts);
            for ((key, joined), (_, whole)) in joined.series.iter().zip(&whole.series) {
                prop_assert_eq!(bits(&joined.count), bits(&whole.count), "key {}", key);
                prop_assert_eq!(bits(&joined.last), bits(&whole.last), "key {}", key);
                let near = |one: &f64, other: &f64| {
                    one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
                        || one == other || (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
                        || !one.is_finite() || one.abs() > 1e15
                };
                prop_assert!(joined.min.iter().zip(&whole.min).all(|(a, b)| near(a, b)));
                prop_assert!(joined.max.iter().zip(&whole.max).all(|(a, b)| near(a, b)));
            }
        }
    }
}

#[test]
fn fields_are_what_they_say() {
    let columns = Columns {
        timestamps: vec![10_000, 11_000, 19_000, 40_000, 41_000],
        series: vec![
            (1, vec![0.1, 0.2, 0.4, 0.1, 0.3]),
            (2, vec![ABSENT, 5.0, ABSENT, ABSENT, 4.0]),
        ],
    };
    let windows = Windows::of_ticks(&columns, 10_000, |key| (key == 1).then_some(0.05));
    assert_eq!(windows.starts, [10_000, 40_000]);
    let (_, first) = &windows.series[0];
    assert_eq!(first.min, [0.1, 0.1]);
    assert_eq!(first.max, [0.4, 0.3]);
    // Not 0.7000000000000001: the sum of the decimals.
    assert_eq!(first.sum, [0.7, 0.4]);
    assert_eq!(first.count, [3.0, 2.0]);
    assert_eq!(first.last, [0.4, 0.3]);
    // From 0.05 to 0.4, then from a reset to 0.3.
    assert_eq!(first.increase, [0.35, 0.3]);
    assert_eq!(first.mean(1), Some(0.2));
    let (_, second) = &windows.series[1];
    assert_eq!((second.count[0], second.last[1], second.increase[1]), (1.0, 4.0, 4.0));
    let wide = Windows::joined(&[windows], 60_000);
    assert_eq!(wide.starts, [0]);
    let (_, first) = &wide.series[0];
    assert_eq!(
        (first.min[0], first.max[0], first.sum[0], first.count[0], first.increase[0]),
        (0.1, 0.4, 1.1, 5.0, 0.65)
    );
}

#[test]
fn a_window_without_a_value_is_absent() {
    let windows = Windows::of_ticks(&known(), 10_000, |_| None);
    let (_, nothing) = windows.series.iter().find(|(key, _)| *key == 14).unwrap();
    for field in [&nothing.min, &nothing.sum, &nothing.count, &nothing.last, &nothing.increase] {
        assert!(field.iter().all(|&value| is_absent(value)));
    }
    assert_eq!(nothing.mean(0), None);
    assert_eq!(seal_tier(&Windows::default(), &options()).unwrap_err(), SealError::Width);
}
