//! Columns of blocks that overlap become one.

use std::collections::BTreeMap;

use watchfire_model::{ABSENT, is_absent};

use crate::block::{Columns, KeyId};

/// The ticks of several blocks of one server, those that came first first. Where two have a
/// value for one key and one moment, that of the later one stays.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    layers: Vec<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    times: Vec<i64>,
    series: Vec<(KeyId, Vec<f64>)>,
}

impl Overlay {
    /// Begins another block, which came later than those before it.
    pub(super) fn begin(&mut self, times: &[i64]) {
        self.layers.push(Layer { times: times.to_vec(), series: Vec::new() });
    }

    /// Adds a key of that block, one value for each of its times.
    pub(super) fn add(&mut self, key: KeyId, values: &[f64]) {
        if let Some(layer) = self.layers.last_mut() {
            layer.series.push((key, values.to_vec()));
        }
    }

    /// All of it as one.
    pub(super) fn into_columns(mut self) -> Columns {
        if self.layers.len() <= 1 {
            let Layer { times, series } = self.layers.pop().unwrap_or_default();
            return Columns { timestamps: times, series };
        }
        let mut all: Vec<i64> =
            self.layers.iter().flat_map(|layer| layer.times.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        let mut series: BTreeMap<KeyId, Vec<f64>> = BTreeMap::new();
        for layer in self.layers {
            let places: Vec<usize> =
                layer.times.iter().map(|time| all.partition_point(|one| one < time)).collect();
            for (key, values) in layer.series {
                let column = series.entry(key).or_insert_with(|| vec![ABSENT; all.len()]);
                for (&place, &value) in places.iter().zip(&values) {
                    if !is_absent(value) {
                        column[place] = value;
                    }
                }
            }
        }
        Columns { timestamps: all, series: series.into_iter().collect() }
    }
}
