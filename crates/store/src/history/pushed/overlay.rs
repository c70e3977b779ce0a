//! Samples of one series from several places become one column, each time once.

/// Sorts samples that are in the order in which they came; of one time the last one counts.
pub(super) fn by_time(mut samples: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    if samples.is_sorted_by(|one, next| one.0 < next.0) {
        return samples;
    }
    // Stable, so that of one time the last one stays the last.
    samples.sort_by_key(|(time, _)| *time);
    let mut kept = 0;
    for at in 0..samples.len() {
        if samples.get(at + 1).is_some_and(|next| next.0 == samples[at].0) {
            continue;
        }
        samples[kept] = samples[at];
        kept += 1;
    }
    samples.truncate(kept);
    samples
}

/// Two columns that are sorted as one; of one time `newer` counts.
pub(super) fn over(older: &[(i64, f64)], newer: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let mut all = Vec::with_capacity(older.len() + newer.len());
    all.extend_from_slice(older);
    all.extend_from_slice(newer);
    by_time(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_a_map_keeps(
            samples in prop::collection::vec((0..30_i64, 0..9_u8), 0..60), cut in 0..60_usize,
        ) {
            let samples: Vec<(i64, f64)> =
                samples.into_iter().map(|(time, value)| (time, value.into())).collect();
            let map: BTreeMap<i64, f64> = samples.iter().copied().collect();
            let expected: Vec<(i64, f64)> = map.into_iter().collect();
            prop_assert_eq!(&by_time(samples.clone()), &expected);
            let (older, newer) = samples.split_at(cut.min(samples.len()));
            prop_assert_eq!(over(&by_time(older.to_vec()), &by_time(newer.to_vec())), expected);
        }
    }
}
