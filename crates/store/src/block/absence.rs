//! Which ticks of a column have no value: runs, at first of ticks that have one.

use watchfire_model::{ABSENT, is_absent};

use super::BlockError;
use super::varint::{Input, put_size};

/// Writes the runs, as lengths in turn: with a value, without, with …
pub(super) fn write(values: &[f64], out: &mut Vec<u8>) {
    let (mut absent, mut run) = (false, 0);
    for &value in values {
        if is_absent(value) != absent {
            put_size(out, run);
            (absent, run) = (!absent, 0);
        }
        run += 1;
    }
    put_size(out, run);
}

/// Fills absent places with the value before them, the first ones with the
/// first value there is. False when there is none at all.
pub(super) fn fill(values: &[f64], out: &mut Vec<f64>) -> bool {
    let Some(&first) = values.iter().find(|&&value| !is_absent(value)) else {
        return false;
    };
    out.clear();
    let mut last = first;
    out.extend(values.iter().map(|&value| {
        if !is_absent(value) {
            last = value;
        }
        last
    }));
    true
}

/// The runs of a column, as they lie in its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs<'a>(Input<'a>);

impl<'a> Runs<'a> {
    /// The runs of no tick.
    pub(super) const NONE: Self = Self(Input::new(&[], "a column"));

    /// Takes the runs of `ticks` ticks from the front of `input`.
    pub(super) fn take(input: &mut Input<'a>, ticks: usize) -> Result<Self, BlockError> {
        let runs = Self(*input);
        let mut seen = 0;
        while seen < ticks {
            let run = input.size(ticks - seen)?;
            if run == 0 && seen > 0 {
                return Err(BlockError::Malformed("a run of no tick"));
            }
            seen += run;
        }
        Ok(runs)
    }

    /// Puts the marker of absence where it belongs. `values` begins at tick `from`.
    pub(super) fn apply(self, from: usize, values: &mut [f64]) -> Result<(), BlockError> {
        let (mut input, mut at, mut absent) = (self.0, 0, false);
        let end = from + values.len();
        while at < end {
            let run = input.size(super::MAX_TICKS)?;
            if absent {
                let (start, stop) =
                    (at.clamp(from, end) - from, (at + run).clamp(from, end) - from);
                values[start..stop].fill(ABSENT);
            }
            at += run;
            absent = !absent;
        }
        Ok(())
    }

    /// Puts the marker of absence among the values of some `ticks`, which rise.
    pub(super) fn apply_at(self, ticks: &[usize], values: &mut [f64]) -> Result<(), BlockError> {
        let (mut input, mut end, mut absent) = (self.0, 0, true);
        for (&tick, value) in ticks.iter().zip(values) {
            while end <= tick {
                end += input.size(super::MAX_TICKS)?;
                absent = !absent;
            }
            if absent {
                *value = ABSENT;
            }
        }
        Ok(())
    }
}
