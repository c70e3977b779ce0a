//! Ticks as columns: one time for all series of a server, and for each key its values.

use std::collections::HashMap;
use std::ops::Range;

use watchfire_model::{ABSENT, Schema, SeriesKey, Tick, is_absent};

/// The ticks of one server, by column, as they come. Keys are told apart by a number that the
/// caller gives them.
#[derive(Debug, Default)]
pub(super) struct Columns {
    times: Vec<i64>,
    /// With the caller's number; shorter than `times` where the last values are absent.
    columns: Vec<(usize, Vec<f64>)>,
    /// Where in `columns` each of the caller's numbers is.
    place_of: HashMap<usize, usize>,
    /// For each key of the present schema its place in `columns`.
    places: Vec<Option<usize>>,
    schema: Option<(u64, usize, u64)>,
    total: usize,
}

/// The ticks of one server, by column: times rising, and for each number as many values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Segment {
    pub(super) times: Vec<i64>,
    pub(super) columns: Vec<(usize, Vec<f64>)>,
}

impl Columns {
    /// Takes a tick. `number` gives each key that is wanted its number; it is asked when the
    /// schema changes.
    pub(super) fn push(
        &mut self,
        schema: &Schema,
        tick: &Tick,
        mut number: impl FnMut(&SeriesKey) -> Option<usize>,
    ) {
        let known = (schema.generation(), schema.len(), schema.digest());
        if self.schema != Some(known) {
            self.schema = Some(known);
            let Self { columns, place_of, places, .. } = self;
            places.clear();
            places.extend(schema.keys().iter().map(|key| {
                let number = number(key)?;
                Some(*place_of.entry(number).or_insert_with(|| {
                    columns.push((number, Vec::new()));
                    columns.len() - 1
                }))
            }));
        }
        let before = self.times.len();
        self.times.push(tick.at.unix_ms);
        for (place, &value) in self.places.iter().zip(&tick.values) {
            if let Some(place) = place
                && !is_absent(value)
            {
                let (_, column) = &mut self.columns[*place];
                self.total += before + 1 - column.len();
                column.resize(before, ABSENT);
                column.push(value);
            }
        }
    }

    /// How many ticks there are.
    pub(super) fn ticks(&self) -> usize {
        self.times.len()
    }

    /// How many values there are, roughly.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Those of `ranges`, in the order of time, each time once: of ticks of one time the one
    /// that came last. Keys without a value are not in it.
    pub(super) fn within(self, ranges: &[Range<usize>]) -> Segment {
        let Self { times, mut columns, .. } = self;
        columns.sort_unstable_by_key(|(number, _)| *number);
        for (_, column) in &mut columns {
            column.resize(times.len(), ABSENT);
        }
        let mut order: Vec<usize> = ranges.iter().cloned().flatten().collect();
        let is_whole = order.len() == times.len() && order.is_sorted();
        if !is_whole || !times.is_sorted_by(|one, next| one < next) {
            // Stable, and turned round for `dedup`, which keeps the first of equals.
            order.sort_by_key(|&at| times[at]);
            order.reverse();
            order.dedup_by_key(|at| times[*at]);
            order.reverse();
            for (_, column) in &mut columns {
                *column = order.iter().map(|&at| column[at]).collect();
            }
        }
        columns.retain(|(_, column)| column.iter().any(|value| !is_absent(*value)));
        Segment { times: order.iter().map(|&at| times[at]).collect(), columns }
    }

    /// All of them; see [`Columns::within`].
    pub(super) fn all(self) -> Segment {
        let all = 0..self.ticks();
        self.within(&[all])
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::Moment;

    use super::*;

    fn schema(generation: u64, names: &[&str]) -> Schema {
        let mut schema = Schema::new(generation);
        names.iter().for_each(|name| {
            schema.push(SeriesKey::new(name, []).expect("a good name"));
        });
        schema
    }

    fn tick(at: i64, generation: u64, values: &[f64]) -> Tick {
        let at = Moment { unix_ms: at, ..Moment::default() };
        Tick { at, generation, values: values.to_vec() }
    }

    fn number(key: &SeriesKey) -> Option<usize> {
        ["a", "b", "c"].iter().position(|name| *name == key.name())
    }

    fn texts(segment: &Segment) -> Vec<String> {
        let of = |(number, column): &(usize, Vec<f64>)| {
            let each =
                column.iter().map(|v| if is_absent(*v) { "_".into() } else { v.to_string() });
            format!("{number}: {}", each.collect::<Vec<String>>().join(" "))
        };
        segment.columns.iter().map(of).collect()
    }

    #[test]
    fn series_come_and_go_and_schemas_change() {
        let mut columns = Columns::default();
        let (one, two) = (schema(1, &["a", "x", "b"]), schema(2, &["b", "c", "gone"]));
        columns.push(&one, &tick(1, 1, &[1.0, 9.0, ABSENT]), number);
        columns.push(&one, &tick(2, 1, &[2.0, 9.0, 20.0]), number);
        columns.push(&two, &tick(3, 2, &[30.0]), number);
        columns.push(&two, &tick(4, 2, &[ABSENT, ABSENT, 1.0]), number);
        assert_eq!(columns.ticks(), 4);
        let segment = columns.all();
        assert_eq!(segment.times, [1, 2, 3, 4]);
        assert_eq!(texts(&segment), ["0: 1 2 _ _", "1: _ 20 30 _"]);
    }

    #[test]
    fn times_that_do_not_rise_are_put_in_order() {
        let push_all = || {
            let mut columns = Columns::default();
            let schema = schema(1, &["a"]);
            for (at, value) in [(5, 1.0), (7, 2.0), (6, 3.0), (5, 4.0), (8, 5.0)] {
                columns.push(&schema, &tick(at, 1, &[value]), number);
            }
            columns
        };
        let segment = push_all().all();
        assert_eq!(segment.times, [5, 6, 7, 8]);
        assert_eq!(texts(&segment), ["0: 4 3 2 5"]);
        let some = push_all().within(&[0..1, 2..4]);
        assert_eq!((some.times.as_slice(), texts(&some)), (&[5, 6][..], vec!["0: 4 3".to_owned()]));
    }
}
