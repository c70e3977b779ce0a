//! Windows cut and put together.

use crate::block::Windows;

/// Those windows for whose beginning `keep` says so, in stretches that follow one another.
pub(super) fn only(windows: &Windows, keep: impl Fn(i64) -> bool) -> Vec<Windows> {
    let mut kept = Vec::new();
    let mut from = 0;
    while from < windows.starts.len() {
        let run = windows.starts[from..].iter().take_while(|start| keep(**start)).count();
        if run > 0 {
            kept.push(part(windows, from..from + run));
        }
        from += run.max(1);
    }
    kept
}

/// One of several, all of one width, that may overlap in any way. Where two have a window, they
/// are taken for parts of it.
pub(super) fn joined(parts: Vec<Windows>, width_ms: u32) -> Windows {
    match <[Windows; 1]>::try_from(parts) {
        Ok([alone]) if alone.width_ms == width_ms => alone,
        Ok(alone) => Windows::joined(&alone, width_ms),
        Err(parts) => Windows::joined(&in_order(parts), width_ms),
    }
}

/// Cuts parts that overlap, so that each begins where the one before it ended.
fn in_order(mut parts: Vec<Windows>) -> Vec<Windows> {
    parts.retain(|part| !part.starts.is_empty());
    let apart = |one: &Windows, next: &Windows| one.starts.last() <= next.starts.first();
    parts.sort_by_key(|part| part.starts[0]);
    if parts.windows(2).all(|two| apart(&two[0], &two[1])) {
        return parts;
    }
    let mut at = vec![0; parts.len()];
    let mut cut = Vec::new();
    let next = |at: &[usize]| {
        let heads = parts.iter().zip(at).enumerate();
        let heads = heads.filter_map(|(one, (part, at))| Some((*part.starts.get(*at)?, one)));
        heads.min()
    };
    while let Some((_, one)) = next(&at) {
        let starts = &parts[one].starts;
        let others = parts.iter().zip(&at).enumerate().filter(|(other, _)| *other != one);
        let until = others.filter_map(|(_, (part, at))| part.starts.get(*at).copied()).min();
        let from = at[one];
        let run = starts[from..].partition_point(|start| until.is_none_or(|until| *start <= until));
        cut.push(part(&parts[one], from..from + run.max(1)));
        at[one] += run.max(1);
    }
    cut
}

/// Some of the windows.
pub(super) fn part(windows: &Windows, range: std::ops::Range<usize>) -> Windows {
    let series = windows.series.iter();
    Windows {
        width_ms: windows.width_ms,
        starts: windows.starts[range.clone()].to_vec(),
        series: series.map(|(key, columns)| (*key, columns.part(range.clone()))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Columns;

    fn windows(times: &[i64]) -> Windows {
        let values = times.iter().map(|time| *time as f64).collect();
        let columns = Columns { timestamps: times.to_vec(), series: vec![(1, values)] };
        Windows::of_ticks(&columns, 10, |_| None)
    }

    #[test]
    fn parts_that_interleave_become_one() {
        let parts = vec![windows(&[1, 11, 12, 41, 61]), windows(&[13, 22, 55]), windows(&[2, 99])];
        let whole = joined(parts, 10);
        assert_eq!(whole.starts, [0, 10, 20, 40, 50, 60, 90]);
        assert_eq!(whole.series[0].1.count, [2.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(whole.series[0].1.max, [2.0, 13.0, 22.0, 41.0, 55.0, 61.0, 99.0]);
        assert_eq!(whole.series[0].1.sum, [3.0, 36.0, 22.0, 41.0, 55.0, 61.0, 99.0]);
    }

    #[test]
    fn a_part_is_what_is_kept() {
        let kept = only(&windows(&[1, 11, 21, 31]), |start| start != 10);
        assert_eq!(
            kept.iter().map(|one| one.starts.clone()).collect::<Vec<_>>(),
            [vec![0], vec![20, 30]]
        );
        assert_eq!(kept[1].series[0].1.last, [21.0, 31.0]);
    }
}
