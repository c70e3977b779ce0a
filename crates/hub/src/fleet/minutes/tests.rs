use proptest::prelude::*;
use watchfire_model::{ABSENT, Moment, is_absent};

use super::*;

const ROOM: usize = 1 << 20;

fn tick(at_ms: i64, generation: u64, values: Vec<f64>) -> Tick {
    Tick { at: Moment { unix_ms: at_ms, ..Moment::default() }, generation, values }
}

fn second(second: i64) -> Tick {
    tick(second * 1000, 1, vec![second as f64, 7.0])
}

fn read(minutes: &Minutes, places: &[usize], after_ms: i64) -> LastMinutes {
    minutes.share(places, after_ms).read(places)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A series that rests, counts, jumps, comes and goes.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let counter = (any::<i32>(), prop::sample::select(vec![1.0, 10.0, 100.0, 1e6, 1e9]));
    let counter = (counter, prop::collection::vec(0..70_000_i64, 200)).prop_map(|(of, steps)| {
        let (first, per_one) = of;
        let mut number = i64::from(first);
        let next = |step: &i64| {
            number += step;
            number as f64 / per_one
        };
        steps.iter().map(next).collect()
    });
    let odd = prop_oneof![
        4 => Just(1.0), 1 => Just(-0.0), 1 => Just(ABSENT), 1 => Just(1e300), 1 => any::<f64>(),
        1 => any::<i64>().prop_map(|number| number as f64),
    ];
    prop_oneof![
        counter,
        prop::collection::vec(odd, 200),
        prop::collection::vec(prop::sample::select(vec![0.0, -0.0, 1.0, 7.0]), 200),
        any::<f64>().prop_map(|value| vec![value; 200]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_values_come_back(
        series in prop::collection::vec(series(), 1..150),
        ticks in 1..200_usize,
        widths in prop::collection::vec(0..150_usize, 200),
        after in -1..210_i64,
    ) {
        let mut minutes = Minutes::default();
        let width = |at: usize| if widths[at] < 5 { widths[at] } else { series.len() };
        for at in 0..ticks {
            let values = series.iter().take(width(at)).map(|values| values[at]).collect();
            minutes.push(&tick(at as i64, 1, values), usize::MAX);
        }
        let places: Vec<usize> = (0..series.len() + 2).collect();
        let found = read(&minutes, &places, after);
        prop_assert_eq!(found.from_ms, after.max(-1));
        let kept: Vec<usize> = (0..ticks).filter(|at| *at as i64 > after).collect();
        prop_assert_eq!(found.times, kept.iter().map(|at| *at as i64).collect::<Vec<_>>());
        for (place, column) in found.columns.iter().enumerate() {
            let value = |at: &usize| {
                let series = series.get(place).filter(|_| place < width(*at));
                series.map_or(ABSENT, |values| values[*at])
            };
            prop_assert_eq!(bits(column), bits(&kept.iter().map(value).collect::<Vec<_>>()));
        }
    }
}

#[test]
fn holes_clocks_and_generations_begin_it_anew() {
    let mut minutes = Minutes::default();
    assert!(!minutes.reach(0));
    (11..=14).for_each(|at| minutes.push(&second(at), ROOM));
    assert!(
        minutes.is_of(1) && !minutes.is_of(2) && minutes.reach(11_000) && !minutes.reach(10_000)
    );
    assert_eq!(read(&minutes, &[0], 12_000).columns, [[13.0, 14.0]]);
    minutes.hole();
    // Nobody knows yet what comes next.
    assert!(!minutes.is_of(1));
    minutes.push(&second(19), ROOM);
    let found = read(&minutes, &[0], 0);
    assert_eq!((found.from_ms, found.times), (18_999, vec![19_000]));
    // Set back: the times up to 19 s were there before, and are not whole here.
    minutes.push(&second(12), ROOM);
    minutes.push(&second(18), ROOM);
    let found = read(&minutes, &[0], 0);
    assert_eq!((found.from_ms, found.times.len()), (19_000, 0));
    minutes.push(&second(20), ROOM);
    assert_eq!(read(&minutes, &[0], 0).times, [20_000]);
    minutes.push(&tick(21_000, 2, vec![5.0]), ROOM);
    let found = read(&minutes, &[0], 0);
    assert_eq!((found.from_ms, found.columns), (20_999, vec![vec![5.0]]));
}

#[test]
fn a_hole_hides_nothing_that_was_at_a_later_time() {
    let mut minutes = Minutes::default();
    (11..=14).for_each(|at| minutes.push(&second(at), ROOM));
    minutes.hole();
    minutes.push(&second(12), ROOM);
    let found = read(&minutes, &[0], 0);
    assert_eq!((found.from_ms, found.times.len()), (14_000, 0));
}

#[test]
fn it_keeps_within_its_room_and_time() {
    let mut minutes = Minutes::default();
    (0..2000).for_each(|at| minutes.push(&second(at), ROOM));
    let found = read(&minutes, &[0], 0);
    let kept = i64::try_from(found.times.len()).expect("few");
    assert!((900..900 + 2 * TICKS as i64).contains(&kept), "{kept}");
    assert!(minutes.reach(0) && found.from_ms == 1_999_000 - kept * 1000);
    // Less room: the oldest go, and what is said to be here is here.
    minutes.push(&second(2000), 8000);
    let found = read(&minutes, &[0], 0);
    let times: Vec<i64> = (found.from_ms / 1000 + 1..=2000).map(|at| at * 1000).collect();
    assert_eq!(found.times, times);
    assert!(minutes.bytes() <= 8000 && !times.is_empty() && !minutes.reach(0));
    // None at all, and on from there.
    minutes.push(&second(2001), 10);
    let found = read(&minutes, &[0], 0);
    assert_eq!((found.from_ms, found.times.len(), minutes.bytes()), (2_001_000, 0, 0));
    minutes.push(&second(2002), ROOM);
    assert_eq!(read(&minutes, &[1], 0).columns, [[7.0]]);
    assert!(Minutes::fit(10, 2000) && !Minutes::fit(11, 2000));
}

#[test]
fn what_rests_takes_little_room() {
    let mut minutes = Minutes::default();
    let counts = |at: i64, place: usize| (at * place as i64) as f64 / 100.0;
    for at in 0..700 {
        let value = |place| if place % 10 == 0 { counts(at, place) } else { 3.5 };
        minutes.push(&tick(at * 1000, 1, (0..500).map(value).collect()), usize::MAX);
    }
    let each =
        minutes.packed.iter().map(|packed| packed.bytes()).sum::<usize>() / minutes.packed.len();
    assert!(each < 500 * 16, "{each} bytes a minute");
    assert!(!is_absent(read(&minutes, &[499], 0).columns[0][0]));
}
