use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use watchfire_model::{ABSENT, Moment, Schema, SeriesKey, Tick};
use watchfire_testkit::scrapes;

/// Scrapes, with series numbered as they came.
pub(crate) struct Recording {
    names: Vec<String>,
    /// When, and the value of each series that had come by then.
    pub(crate) ticks: Vec<(i64, Vec<f64>)>,
}

impl Recording {
    /// Reads a folder of Prometheus text files named by their time.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut recording = Self { names: Vec::new(), ticks: Vec::new() };
        for (time, file) in scrapes::files(folder) {
            let mut values = vec![ABSENT; recording.names.len()];
            for (name, value) in scrapes::samples(&std::fs::read_to_string(file).unwrap()) {
                let number = *numbers.entry(name.to_owned()).or_insert_with(|| {
                    recording.names.push(name.to_owned());
                    values.push(ABSENT);
                    values.len() - 1
                });
                values[number] = value;
            }
            recording.ticks.push((time, values));
        }
        recording
    }

    /// Only the series that `wanted` wants.
    pub(crate) fn select(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.names.len()).filter(|&n| wanted(&self.names[n])).collect();
        let of_tick = |(time, values): &(i64, Vec<f64>)| {
            (*time, kept.iter().filter_map(|&number| values.get(number).copied()).collect())
        };
        Self {
            names: kept.iter().map(|&number| self.names[number].clone()).collect(),
            ticks: self.ticks.iter().map(of_tick).collect(),
        }
    }

    /// Each tick and the schema as it was then.
    pub(crate) fn steps(&self) -> (Vec<Schema>, Vec<Tick>) {
        let mut schema = Schema::new(1);
        self.ticks
            .iter()
            .enumerate()
            .map(|(step, (unix_ms, values))| {
                while schema.len() < values.len() {
                    schema.push(key(&self.names[schema.len()]));
                }
                // The clocks of a machine are read one after the other, some microseconds apart.
                let drift = (step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
                let since_boot = (unix_ms - self.ticks[0].0 + 100_000) as u64 * 1_000_000 + drift;
                let monotonic = Duration::from_nanos(since_boot);
                let at = Moment { monotonic, unix_ms: *unix_ms };
                (schema.clone(), Tick { at, generation: 1, values: values.clone() })
            })
            .unzip()
    }
}

/// `name{label="value",…}`; the recording has no escapes.
fn key(text: &str) -> SeriesKey {
    let (name, labels) = text.split_once('{').unwrap_or((text, ""));
    let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
    let pair = |pair: &'_ str| {
        let (label, value) = pair.split_once("=\"").unwrap();
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    };
    let pairs: Vec<_> = pairs.map(pair).collect();
    SeriesKey::new(name, pairs.iter().map(|(l, v)| (l.as_str(), v.as_str()))).unwrap()
}
