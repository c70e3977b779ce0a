//! Windows as samples, for times of which no ticks are kept any more.

use watchfire_model::is_absent;
use watchfire_store::block::WindowColumns;

/// The distance of samples that are made of a wide window: less than half of the usual
/// lookback, so that a question about any moment in it finds one.
const STEP_MS: i64 = 120_000;

/// What of a window a question is best answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Last,
    Min,
    Max,
    Mean,
    /// A counter that rises by as much as the real one did, resets and all.
    Risen,
}

impl Kept {
    /// For the function around a selector.
    pub(super) fn for_function(function: &str) -> Self {
        match function {
            "min_over_time" => Self::Min,
            "max_over_time" => Self::Max,
            "avg_over_time" | "quantile_over_time" => Self::Mean,
            "rate" | "increase" => Self::Risen,
            _ => Self::Last,
        }
    }
}

/// Samples for the windows of one series, each at the end of its window, and within wide
/// windows more of them.
pub(super) fn samples(
    starts: &[i64],
    windows: &WindowColumns,
    width_ms: u32,
    kept: Kept,
) -> (Vec<i64>, Vec<f64>) {
    let ends = ends(windows, kept);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (number, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let rise = match kept {
            Kept::Risen => present(&windows.increase, number).unwrap_or(0.0),
            _ => 0.0,
        };
        let width = i64::from(width_ms);
        let steps = (width / STEP_MS).max(1);
        for step in 1..=steps {
            times.push(start.saturating_add(width * step / steps - 1));
            let rest = (steps - step) as f64 / steps as f64;
            values.push(if rise > 0.0 { end - rise * rest } else { *end });
        }
    }
    (times, values)
}

/// The value at the end of each window.
fn ends(windows: &WindowColumns, kept: Kept) -> Vec<f64> {
    match kept {
        Kept::Last => windows.last.clone(),
        Kept::Min => windows.min.clone(),
        Kept::Max => windows.max.clone(),
        Kept::Mean => {
            let mean = |number| windows.mean(number).unwrap_or(watchfire_model::ABSENT);
            (0..windows.last.len()).map(mean).collect()
        }
        Kept::Risen => risen(windows),
    }
}

/// Counted back from the last value, so that what follows goes on from it.
fn risen(windows: &WindowColumns) -> Vec<f64> {
    let mut ends = windows.last.clone();
    let mut after: Option<(f64, f64)> = None;
    for number in (0..ends.len()).rev() {
        if is_absent(ends[number]) {
            continue;
        }
        if let Some((end, rise)) = after {
            ends[number] = end - rise;
        }
        after = Some((ends[number], present(&windows.increase, number).unwrap_or(0.0)));
    }
    ends
}

fn present(values: &[f64], number: usize) -> Option<f64> {
    values.get(number).copied().filter(|value| !is_absent(*value))
}

#[cfg(test)]
mod tests {
    use watchfire_store::block::{Columns, Windows};

    use super::*;

    /// A counter that rises by one a second and is reset at 90 s, and a gap of a minute.
    fn windows(width_ms: u32) -> (Vec<i64>, WindowColumns) {
        let timestamps: Vec<i64> =
            (0..300).filter(|s| !(120..180).contains(s)).map(|s| s * 1000).collect();
        let values = timestamps.iter().map(|at| (at / 1000 % 90) as f64).collect();
        let columns = Columns { timestamps, series: vec![(7, values)] };
        let mut windows = Windows::of_ticks(&columns, width_ms, |_| None);
        (windows.starts, windows.series.remove(0).1)
    }

    #[test]
    fn a_window_gives_what_the_function_wants() {
        let (starts, windows) = windows(60_000);
        let of = |kept| samples(&starts, &windows, 60_000, kept);
        let (times, last) = of(Kept::Last);
        assert_eq!(times, [59_999, 119_999, 239_999, 299_999]);
        assert_eq!(last, [59.0, 29.0, 59.0, 29.0]);
        assert_eq!(of(Kept::Max).1, [59.0, 89.0, 59.0, 89.0]);
        assert_eq!(of(Kept::Min).1, [0.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(Kept::Mean).1[0], 29.5);
    }

    #[test]
    fn a_counter_rises_as_it_did_and_ends_where_it_is() {
        let (starts, windows) = windows(60_000);
        let (_, risen) = samples(&starts, &windows, 60_000, Kept::Risen);
        assert_eq!(risen.last(), Some(&29.0));
        assert!(risen.is_sorted(), "{risen:?}");
        let whole: f64 = windows.increase[1..].iter().filter(|v| !is_absent(**v)).sum();
        assert_eq!(risen[3] - risen[0], whole);
    }

    #[test]
    fn wide_windows_have_a_sample_within_every_lookback() {
        let (starts, windows) = windows(3_600_000);
        let (times, values) = samples(&starts, &windows, 3_600_000, Kept::Risen);
        assert_eq!((times.len(), times[29]), (30, 3_599_999));
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == STEP_MS));
        assert!(values.is_sorted() && !values.iter().any(|value| is_absent(*value)));
    }
}
