//! Thinning a series for a curve: of each bucket of time the least and the greatest value
//! stay, and where nothing is known a gap is told.

use std::ops::Range;

use watchfire_api::past::GapRow;
use watchfire_model::is_absent;

/// No shorter pause is called a gap, in milliseconds.
const SHORTEST_GAP_MS: i64 = 10_000;
/// How many times longer than usual a pause is that is a gap.
const GAP_FACTOR: i64 = 3;
/// How many pauses on each side say what is usual. Older samples may be further apart than
/// newer ones, so what is usual differs along a series.
const BESIDE: usize = 5;

/// A series as a curve shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thinned {
    /// How many samples there were.
    pub(super) samples: usize,
    pub(super) times: Vec<i64>,
    /// `None` for what is no finite number.
    pub(super) values: Vec<Option<f64>>,
    pub(super) gaps: Vec<GapRow>,
}

/// Thins the samples from `from` to `to`, both included, to two of each `bucket_ms`. Times
/// rise. A series that has no more samples than that stays as it is.
pub(super) fn thin(
    times: &[i64],
    values: &[f64],
    (from, to): (i64, i64),
    bucket_ms: i64,
) -> Thinned {
    let first = times.partition_point(|time| *time < from);
    let last = times.partition_point(|time| *time <= to).max(first);
    let (times, values) = (&times[first..last], &values[first..last]);
    let real = |place: &usize| !is_absent(values[*place]);
    let places: Vec<usize> = (0..times.len()).filter(real).collect();
    let gaps = gaps(times, &places, from, to);
    let buckets = usize::try_from((to - from) / bucket_ms.max(1) + 1).unwrap_or(usize::MAX);
    let kept = if places.len() <= buckets.saturating_mul(2) {
        places.clone()
    } else {
        extremes(times, values, &places, from, bucket_ms.max(1))
    };
    Thinned {
        samples: places.len(),
        times: kept.iter().map(|place| times[*place]).collect(),
        values: kept.iter().map(|place| Some(values[*place]).filter(|v| v.is_finite())).collect(),
        gaps,
    }
}

/// The places of the least and the greatest value of each bucket, in order of time.
fn extremes(
    times: &[i64],
    values: &[f64],
    places: &[usize],
    from: i64,
    bucket_ms: i64,
) -> Vec<usize> {
    let bucket = |place: usize| (times[place] - from) / bucket_ms;
    let mut kept = Vec::new();
    for bucket in places.chunk_by(|a, b| bucket(*a) == bucket(*b)) {
        // NaN is greater than all in this order, so it is taken only where nothing else is.
        let numbers = || bucket.iter().copied().filter(|place| !values[*place].is_nan());
        let compare = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        match (numbers().min_by(compare), numbers().max_by(compare)) {
            (Some(least), Some(most)) if least == most => kept.push(least),
            (Some(least), Some(most)) => kept.extend([least.min(most), least.max(most)]),
            _ => kept.extend(bucket.first()),
        }
    }
    kept
}

/// Where nothing is known: before the first sample, after the last one, where a pause is
/// much longer than those beside it, and where the series had ended for a while.
fn gaps(times: &[i64], places: &[usize], from: i64, to: i64) -> Vec<GapRow> {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return Vec::new() };
    let pauses: Vec<i64> = places.windows(2).map(|pair| times[pair[1]] - times[pair[0]]).collect();
    let mut gaps = Vec::new();
    let gap = |from_unix_ms: i64, to_unix_ms: i64| GapRow { from_unix_ms, to_unix_ms };
    if is_gap(times[*first] - from, &pauses, 0..BESIDE) {
        gaps.push(gap(from, times[*first]));
    }
    for (number, pause) in pauses.iter().enumerate() {
        let (before, after) = (places[number], places[number + 1]);
        let beside = number.saturating_sub(BESIDE)..number + BESIDE + 1;
        // Something lies between them that is no sample: the series had ended.
        if after > before + 1 || is_gap(*pause, &pauses, beside) {
            gaps.push(gap(times[before], times[after]));
        }
    }
    let ended = last + 1 < times.len();
    if ended || is_gap(to - times[*last], &pauses, pauses.len().saturating_sub(BESIDE)..usize::MAX)
    {
        gaps.push(gap(times[*last], to));
    }
    gaps
}

/// Whether a pause is much longer than the middle one of those beside it.
fn is_gap(pause: i64, pauses: &[i64], beside: Range<usize>) -> bool {
    if pause < SHORTEST_GAP_MS {
        return false;
    }
    let beside = &pauses[beside.start.min(pauses.len())..beside.end.min(pauses.len())];
    let least = beside.iter().min().copied().unwrap_or(0);
    if pause <= least.saturating_mul(GAP_FACTOR) {
        return false;
    }
    let mut sorted = beside.to_vec();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    pause > usual.saturating_mul(GAP_FACTOR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchfire_model::ABSENT;

    use super::*;

    /// One sample a second, `value` by its number.
    fn seconds(count: i64, value: impl Fn(i64) -> f64) -> (Vec<i64>, Vec<f64>) {
        ((0..count).map(|n| n * 1000).collect(), (0..count).map(value).collect())
    }

    #[test]
    fn a_peak_of_one_second_stays_as_high_as_it_was() {
        let value = |n| {
            if n == 777 {
                99.0
            } else if n == 778 {
                -5.0
            } else {
                1.0
            }
        };
        let (times, values) = seconds(3600, value);
        let thinned = thin(&times, &values, (0, 3_599_000), 60_000);
        assert_eq!(thinned.samples, 3600);
        assert!(thinned.times.len() <= 120, "{}", thinned.times.len());
        let at = |time| thinned.times.iter().position(|t| *t == time).map(|n| thinned.values[n]);
        assert_eq!((at(777_000), at(778_000)), (Some(Some(99.0)), Some(Some(-5.0))));
        assert_eq!(thinned.gaps, []);
    }

    #[test]
    fn few_samples_stay_as_they_are() {
        let (times, mut values) = seconds(10, |n| n as f64);
        (values[3], values[4]) = (f64::NAN, f64::INFINITY);
        let thinned = thin(&times, &values, (2000, 7000), 1000);
        assert_eq!(thinned.times, [2000, 3000, 4000, 5000, 6000, 7000]);
        assert_eq!(thinned.values[..3], [Some(2.0), None, None]);
    }

    #[test]
    fn a_bucket_of_no_numbers_keeps_one_of_them() {
        let (times, values) = seconds(100, |n| if n < 50 { f64::NAN } else { 1.0 });
        let thinned = thin(&times, &values, (0, 99_000), 50_000);
        assert_eq!(thinned.times, [0, 50_000, 99_000]);
        assert_eq!(thinned.values, [None, Some(1.0), Some(1.0)]);
    }

    fn told(times: &[i64], values: &[f64], from: i64, to: i64) -> Vec<(i64, i64)> {
        let gaps = thin(times, values, (from, to), 1000).gaps;
        gaps.iter().map(|gap| (gap.from_unix_ms, gap.to_unix_ms)).collect()
    }

    #[test]
    fn an_outage_is_a_gap_and_a_slower_rhythm_is_none() {
        let mut times: Vec<i64> = (0..60).map(|n| n * 1000).collect();
        times.extend((0..60).map(|n| 120_000 + n * 1000));
        let values = vec![1.0; times.len()];
        assert_eq!(told(&times, &values, 0, 179_000), [(59_000, 120_000)]);
        // A minute apart first, as older samples are, then a second apart.
        let mut times: Vec<i64> = (0..30).map(|n| n * 60_000).collect();
        times.extend((0..300).map(|n| 30 * 60_000 + n * 1000));
        let values = vec![1.0; times.len()];
        assert_eq!(told(&times, &values, 0, 30 * 60_000 + 299_000), []);
        // A lone sample in the middle of an outage does not hide it.
        let mut times: Vec<i64> = (0..60).map(|n| n * 1000).collect();
        times.push(600_000);
        times.extend((0..60).map(|n| 1_200_000 + n * 1000));
        let values = vec![1.0; times.len()];
        let expected = [(59_000, 600_000), (600_000, 1_200_000)];
        assert_eq!(told(&times, &values, 0, 1_259_000), expected);
    }

    #[test]
    fn what_lies_outside_of_all_samples_is_a_gap() {
        let (times, values) = seconds(60, |_| 1.0);
        let expected = [(-600_000, 0), (59_000, 600_000)];
        assert_eq!(told(&times, &values, -600_000, 600_000), expected);
        assert_eq!(told(&times, &values, -5000, 64_000), [], "a few seconds are none");
        assert_eq!(told(&[5000], &[1.0], 0, 100_000), [(5000, 100_000)]);
        assert_eq!(told(&[], &[], 0, 100_000), []);
    }

    #[test]
    fn a_series_that_ended_for_a_while_has_a_gap_there() {
        let (times, mut values) = seconds(30, |_| 1.0);
        (values[10], values[29]) = (ABSENT, ABSENT);
        assert_eq!(told(&times, &values, 0, 29_000), [(9000, 11_000), (28_000, 29_000)]);
    }

    proptest! {
        #[test]
        fn least_and_greatest_of_all_buckets_stay_in_order(
            pauses in prop::collection::vec(1i64..5000, 1..400),
            numbers in prop::collection::vec(-100i32..100, 400),
            points in 1i64..50,
        ) {
            let times: Vec<i64> = pauses.iter().scan(0, |at, pause| { *at += pause; Some(*at) }).collect();
            let values: Vec<f64> = times.iter().zip(&numbers).map(|(_, n)| f64::from(*n)).collect();
            let (from, to) = (times[0] - 1, times[times.len() - 1]);
            let width = (to - from) / points + 1;
            let thinned = thin(&times, &values, (from, to), width);
            prop_assert!(thinned.times.is_sorted_by(|a, b| a < b));
            prop_assert!(thinned.times.len() <= 2 * usize::try_from(points).unwrap() + 2);
            for bucket in 0..points {
                let within = |time: &i64| (time - from) / width == bucket;
                let all = times.iter().zip(&values).filter(|(time, _)| within(time)).map(|(_, v)| *v);
                let kept = thinned.times.iter().zip(&thinned.values).filter(|(time, _)| within(time));
                let kept: Vec<f64> = kept.map(|(_, v)| v.unwrap()).collect();
                let all: Vec<f64> = all.collect();
                let ends = |of: &[f64]| of.iter().copied().reduce(f64::min).zip(of.iter().copied().reduce(f64::max));
                prop_assert_eq!(ends(&all), ends(&kept));
            }
        }
    }
}
