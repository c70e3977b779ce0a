//! Samples of one server from several places, as one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use watchfire_model::{ABSENT, is_absent};

use super::columns::Segment;

/// Series of one server: a column of times that all of them share, and their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    pub(super) times: Arc<[i64]>,
    /// The places of the values among the times, when not all are here.
    pub(super) places: Option<Arc<[usize]>>,
    pub(super) columns: Vec<(usize, Arc<Vec<f64>>)>,
}

/// Makes one of all segments. Where several have a value of one series at one time, the last
/// of them counts; a time at which a series has no value says that it had ended.
pub(super) fn merged(mut segments: Vec<Segment>) -> Merged {
    segments.retain(|segment| !segment.times.is_empty());
    let mut order: Vec<&Segment> = segments.iter().collect();
    order.sort_by_key(|segment| segment.times[0]);
    let follow = |pair: &[&Segment]| pair[0].times.last() < pair[1].times.first();
    let Segment { times, columns } = if order.windows(2).all(follow) {
        segments.sort_by_key(|segment| segment.times[0]);
        segments.into_iter().reduce(joined).unwrap_or_default()
    } else {
        woven(&segments)
    };
    let columns = columns.into_iter().map(|(number, values)| (number, values.into()));
    Merged { times: times.into(), places: None, columns: columns.collect() }
}

/// Of two segments, of which the second follows the first. What the first has is not copied.
fn joined(mut first: Segment, second: Segment) -> Segment {
    let before = first.times.len();
    let known = first.columns.iter().enumerate();
    let place_of: HashMap<usize, usize> =
        known.map(|(place, (number, _))| (*number, place)).collect();
    first.times.extend(second.times);
    for (number, values) in second.columns {
        match place_of.get(&number) {
            Some(&place) => first.columns[place].1.extend(values),
            None => {
                let mut column = vec![ABSENT; before];
                column.extend(values);
                first.columns.push((number, column));
            }
        }
    }
    for (_, column) in &mut first.columns {
        column.resize(first.times.len(), ABSENT);
    }
    first
}

/// Of segments that lie over one another, the later ones above.
fn woven(segments: &[Segment]) -> Segment {
    let mut times: Vec<i64> =
        segments.iter().flat_map(|segment| segment.times.iter().copied()).collect();
    times.sort_unstable();
    times.dedup();
    let mut columns: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for segment in segments {
        let place = |time: &i64| times.partition_point(|one| one < time);
        let places: Vec<usize> = segment.times.iter().map(place).collect();
        for (number, values) in &segment.columns {
            let column = columns.entry(*number).or_insert_with(|| vec![ABSENT; times.len()]);
            for (&place, &value) in places.iter().zip(values) {
                if !is_absent(value) {
                    column[place] = value;
                }
            }
        }
    }
    Segment { times, columns: columns.into_iter().collect() }
}

/// The part of `times` later than `after` and not later than `until`, as a range.
pub(super) fn within(times: &[i64], after_ms: i64, until_ms: i64) -> std::ops::Range<usize> {
    let upto = |moment: i64| times.partition_point(|time| *time <= moment);
    let start = upto(after_ms);
    start..upto(until_ms).max(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> impl Strategy<Value = Segment> {
        let times = prop::collection::btree_set(0..60_i64, 0..12);
        let values = prop::collection::vec(prop_oneof![Just(ABSENT), 0.0..9.0], 3 * 12);
        (times, values, 0..4_usize).prop_map(|(times, values, keys)| {
            let times: Vec<i64> = times.into_iter().collect();
            let column = |number: usize| (number, values[number * 12..][..times.len()].to_vec());
            Segment { columns: (0..keys.min(3)).map(column).collect(), times }
        })
    }

    proptest! {
        #[test]
        fn all_come_in_order_and_each_once(
            segments in prop::collection::vec((segment(), 0..3_i64), 0..5),
        ) {
            // Some lie over one another, and some follow one another.
            let segments: Vec<Segment> = segments.into_iter().enumerate().map(|(at, (mut s, kind))| {
                s.times.iter_mut().for_each(|time| *time += kind * 100 * at as i64);
                s
            }).collect();
            let mut model: BTreeMap<i64, BTreeMap<usize, f64>> = BTreeMap::new();
            for segment in &segments {
                for (at, time) in segment.times.iter().enumerate() {
                    let tick = model.entry(*time).or_default();
                    for (number, values) in &segment.columns {
                        if !is_absent(values[at]) {
                            tick.insert(*number, values[at]);
                        }
                    }
                }
            }
            let merged = merged(segments);
            prop_assert_eq!(merged.times.to_vec(), model.keys().copied().collect::<Vec<_>>());
            for (at, tick) in model.values().enumerate() {
                for (number, values) in &merged.columns {
                    let there = Some(values[at]).filter(|value| !is_absent(*value));
                    prop_assert_eq!(there, tick.get(number).copied());
                }
                let known = |number| merged.columns.iter().any(|(one, _)| *one == number);
                prop_assert!(tick.keys().all(|number| known(*number)));
            }
        }
    }

    #[test]
    fn a_range_is_open_on_the_left() {
        let times = [1, 2, 3, 4];
        assert_eq!(within(&times, 1, 3), 1..3);
        assert_eq!(within(&times, 9, 12), 4..4);
        assert_eq!(within(&times, 3, 1), 3..3);
    }
}
