use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use watchfire_model::{ABSENT, SeriesKey, is_absent};
use watchfire_store::block::Columns;
use watchfire_testkit::scrapes;

/// Scrapes, by series.
pub(crate) struct Recording {
    pub(crate) names: Vec<String>,
    counters: Vec<bool>,
    times: Vec<i64>,
    values: Vec<Vec<f64>>,
}

impl Recording {
    /// Reads a folder of Prometheus text files named by their time in milliseconds.
    pub(crate) fn read(folder: &Path) -> Self {
        let files = scrapes::files(folder);
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut recording =
            Self { names: Vec::new(), counters: Vec::new(), times: Vec::new(), values: Vec::new() };
        let first = files.first().map(|(_, file)| std::fs::read_to_string(file).unwrap());
        let counters = first.as_deref().map(counters).unwrap_or_default();
        for (tick, (time, file)) in files.iter().enumerate() {
            recording.times.push(*time);
            for (name, value) in scrapes::samples(&std::fs::read_to_string(file).unwrap()) {
                let number = numbers.get(name).copied().unwrap_or_else(|| {
                    numbers.insert(name.to_owned(), recording.names.len());
                    recording.counters.push(counters.contains(name.split('{').next().unwrap()));
                    recording.names.push(name.to_owned());
                    recording.values.push(Vec::new());
                    recording.names.len() - 1
                });
                recording.values[number].resize(tick, ABSENT);
                recording.values[number].push(value);
            }
        }
        recording.values.iter_mut().for_each(|values| values.resize(files.len(), ABSENT));
        recording
    }

    /// How many scrapes there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// When the first scrape was, in milliseconds since 1970.
    pub(crate) fn first_ms(&self) -> i64 {
        self.times[0]
    }

    /// The name and labels of a series. Scrapes have no escapes.
    pub(crate) fn key(&self, number: usize) -> SeriesKey {
        let (name, labels) =
            self.names[number].split_once('{').unwrap_or((&self.names[number], ""));
        let labels = labels.trim_end_matches("\"}").split("\",");
        SeriesKey::new(name, labels.filter_map(|label| label.split_once("=\""))).unwrap()
    }

    /// The series that `wanted` wants, by number.
    pub(crate) fn select(&self, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        (0..self.names.len()).filter(|&number| wanted(&self.names[number])).collect()
    }

    /// Every `step`-th scrape of `range`, of the series `series`, whose numbers are
    /// the keys. A series without a value in all of it is left out, as a server's
    /// schema would not have it. With `turn` above 0 counters begin elsewhere, at
    /// their own decimals: so the piece is one of another server.
    pub(crate) fn cut(
        &self,
        series: &[usize],
        range: Range<usize>,
        step: usize,
        turn: u64,
    ) -> Columns {
        let taken = |number: usize| {
            let of = self.values[number][range.clone()].iter().step_by(step).copied();
            let values: Vec<f64> = of.collect();
            let there = values.iter().any(|&value| !is_absent(value));
            let shifted = turn > 0 && self.counters[number];
            there.then(|| {
                let values = if shifted { rebased(&values, turn, number as u64) } else { values };
                (number as u32, values)
            })
        };
        Columns {
            timestamps: self.times[range.clone()].iter().step_by(step).copied().collect(),
            series: series.iter().filter_map(|&number| taken(number)).collect(),
        }
    }
}

/// The metrics of a scrape that are said to be counters.
fn counters(text: &str) -> HashSet<&str> {
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    kinds.filter_map(|kind| kind.strip_suffix(" counter")).collect()
}

/// The values, a random whole number higher, with as many decimals as they had.
fn rebased(values: &[f64], turn: u64, number: u64) -> Vec<f64> {
    let mixed = (turn << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let up = (mixed >> 40) as f64;
    let decimals = values.iter().filter(|value| value.is_finite()).map(|&v| decimals(v)).max();
    let power = 10_f64.powi(decimals.unwrap_or_default());
    let moved = |value: f64| ((value + up) * power).round() / power;
    values.iter().map(|&value| if value.is_finite() { moved(value) } else { value }).collect()
}

fn decimals(value: f64) -> i32 {
    let text = format!("{value}");
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32)
}

/// What node_exporter says of itself and not of the machine.
pub(crate) fn of_exporter(key: &str) -> bool {
    ["go_", "process_", "promhttp_", "node_scrape_"].iter().any(|own| key.starts_with(own))
}
