//! A source may leave out what lies between the ends of windows of a counter that never falls.

use std::sync::Arc;

use proptest::prelude::*;
use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Samples, Selection, SeriesSource,
    SourceError,
};
use watchfire_promql::memory::MemorySource;
use watchfire_promql::{Features, Limits, Query};

/// Gives of series that never fall the first and the last value of each window alone.
struct AtEnds(MemorySource);

fn at_ends(samples: &Samples, selection: &Selection<'_>) -> Samples {
    let (times, values) = (samples.times(), samples.values());
    let whole = values.iter().all(|value| !value.is_nan());
    if selection.hint.ends.is_empty() || !whole || values.windows(2).any(|pair| pair[1] < pair[0]) {
        return samples.clone();
    }
    let upto = |moment: i64| times.partition_point(|time| *time <= moment);
    let windows = selection.hint.ends.iter().map(|end| {
        let (first, after) = (upto(*end - selection.hint.range_ms), upto(*end));
        if first < after { vec![first, after - 1] } else { Vec::new() }
    });
    let mut places: Vec<usize> = windows.flatten().collect();
    places.sort_unstable();
    places.dedup();
    let picked: Vec<f64> = places.iter().map(|place| values[*place]).collect();
    Samples::picked(times.into(), places.into(), Arc::new(picked))
}

impl SeriesSource for AtEnds {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        let mut found = self.0.select(selection)?;
        for series in &mut found.items {
            series.samples = at_ends(&series.samples, selection);
        }
        Ok(found)
    }

    fn series(&self, listing: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        self.0.series(listing)
    }

    fn label_names(&self, listing: &Listing<'_>) -> Result<Found<String>, SourceError> {
        self.0.label_names(listing)
    }

    fn label_values(
        &self,
        label: &str,
        listing: &Listing<'_>,
    ) -> Result<Found<String>, SourceError> {
        self.0.label_values(label, listing)
    }

    fn metadata(&self, of: Option<&str>, limit: usize) -> Result<Found<MetricFacts>, SourceError> {
        self.0.metadata(of, limit)
    }
}

/// Samples of a counter with holes, which is reset now and then or never.
fn counter() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = (1..40_i64, 0..20_u32, 0..400_u32);
    (prop::collection::vec(step, 0..120), any::<bool>()).prop_map(|(steps, resets)| {
        let (mut at, mut value) = (0, 0.0);
        let sample = |(after, rise, reset): (i64, u32, u32)| {
            at += after * 500;
            value = if resets && reset < 12 { 0.0 } else { value + f64::from(rise) };
            (at, value)
        };
        steps.into_iter().map(sample).collect()
    })
}

proptest! {
    #[test]
    fn what_is_left_out_changes_no_answer(
        counters in prop::collection::vec(counter(), 1..4),
        (start, step, range) in (0..600_i64, 1..90_i64, 1..200_i64),
    ) {
        let mut source = MemorySource::default();
        for (number, samples) in counters.iter().enumerate() {
            source.add(&[("__name__", "c_total"), ("n", &number.to_string())], samples);
        }
        let few = AtEnds(source.clone());
        let range = format!("[{range}s]");
        for text in ["rate(c_total#)", "increase(c_total#)", "sum(rate(c_total# offset 7s))",
            "delta(c_total#)", "rate(c_total#) + increase(c_total#)"]
        {
            let query = Query::parse(&text.replace('#', &range), Features::default()).unwrap();
            let (limits, start) = (Limits::default(), start * 1000);
            let grid = (start, start + 40 * step * 1000, step * 1000);
            let answer = |source: &dyn SeriesSource| {
                let all = query.range(source, grid, &limits, &|| false).unwrap();
                let one = query.instant(source, start, &limits, &|| false).unwrap();
                (all.value, all.samples, one.value, one.samples)
            };
            prop_assert_eq!(answer(&source), answer(&few), "{}", text);
        }
    }
}
