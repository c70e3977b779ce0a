use std::collections::BTreeMap;

use serde_json::Value;

/// The points of each series, by the text of its labels.
pub(super) struct Answer(BTreeMap<String, Vec<(f64, f64)>>);

impl Answer {
    /// Reads Prometheus' JSON.
    pub(super) fn read(body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap();
        let result = json["data"]["result"].as_array().unwrap();
        Self(result.iter().map(|one| (one["metric"].to_string(), points(one))).collect())
    }

    pub(super) fn series(&self) -> usize {
        self.0.len()
    }

    pub(super) fn points(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The largest relative difference of a value, where both have the same series at the same
    /// moments.
    pub(super) fn difference(&self, other: &Self) -> Result<f64, String> {
        if !self.0.keys().eq(other.0.keys()) {
            let (ours, theirs) = (self.0.keys().next(), other.0.keys().next());
            return Err(format!("other series: {ours:?} … and {theirs:?} …"));
        }
        let mut largest = 0.0_f64;
        for (one, points) in &self.0 {
            let others = &other.0[one];
            if !points.iter().map(|point| point.0).eq(others.iter().map(|point| point.0)) {
                let (ours, theirs) = (points.len(), others.len());
                return Err(format!("{one}: other moments, {ours} and {theirs}"));
            }
            let pairs = points.iter().zip(others).map(|(one, other)| relative(one.1, other.1));
            largest = pairs.fold(largest, f64::max);
        }
        Ok(largest)
    }
}

fn relative(one: f64, other: f64) -> f64 {
    if one == other { 0.0 } else { (one - other).abs() / one.abs().max(other.abs()) }
}

/// Of a range, or the one of an instant.
fn points(series: &Value) -> Vec<(f64, f64)> {
    let point = |point: &Value| (point[0].as_f64().unwrap(), point[1].as_str().unwrap().parse());
    let parsed = |(time, value): (f64, Result<f64, _>)| (time, value.unwrap());
    match series["values"].as_array() {
        Some(many) => many.iter().map(point).map(parsed).collect(),
        None => vec![parsed(point(&series["value"]))],
    }
}
