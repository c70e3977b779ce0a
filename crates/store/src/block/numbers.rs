//! The ways in which the numbers of a column are written, and the choice
//! between them.

use std::ops::Range;

use super::dense::{self, DenseScratch};
use super::packed::{self, Way};
use super::scratch::Scratch;
use super::unit::Unit;
use super::varint::{Input, zigzag};
use super::{BlockError, SealError, steps};

/// How numbers are written. The code is in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One number for all ticks.
    Constant = 0,
    /// The ticks at which it changes.
    Steps = 1,
    /// In few bits each.
    Packed = 2,
    /// By pco.
    Dense = 3,
}

impl Form {
    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Constant, Self::Steps, Self::Packed, Self::Dense].get(usize::from(code)).copied()
    }
}

/// What numbers would cost, without writing them: bits, by how they are taken.
///
/// It is the entropy of their lengths in bits, and the bits below the highest
/// one; pco comes within a few hundredths of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// How often differences are taken.
    pub(super) order: usize,
    pub(super) bits: f64,
}

/// The cheapest of the numbers, their differences, and the differences of those.
pub(super) fn estimate(numbers: &[i64]) -> Estimate {
    // Counted in two places by turns: most numbers are as long as the one before, and one place
    // would have to wait for that to be counted.
    let mut lengths = [[[0_u32; 65]; 3]; 2];
    let (mut last, mut last_step) = (numbers[0], 0);
    let least = numbers.iter().copied().min().unwrap_or_default();
    let mut count = |lengths: &mut [[u32; 65]; 3], number: i64| {
        let step = number.wrapping_sub(last);
        let places =
            [number.wrapping_sub(least) as u64, zigzag(step), zigzag(step.wrapping_sub(last_step))];
        for (lengths, place) in lengths.iter_mut().zip(places) {
            lengths[(64 - place.leading_zeros()) as usize] += 1;
        }
        (last, last_step) = (number, step);
    };
    let [even, odd] = &mut lengths;
    for pair in numbers.chunks(2) {
        count(even, pair[0]);
        if let Some(&next) = pair.get(1) {
            count(odd, next);
        }
    }
    let both = even
        .iter()
        .zip(odd.iter())
        .map(|(even, odd)| entropy(&std::array::from_fn(|length| even[length] + odd[length])));
    let all = both.enumerate().map(|(order, bits)| Estimate { order, bits });
    all.min_by(|a, b| a.bits.total_cmp(&b.bits)).unwrap_or(Estimate { order: 0, bits: 0.0 })
}

/// Whether no number is smaller than the one before.
pub(super) fn never_fall(numbers: &[i64]) -> bool {
    let Some((&last, before)) = numbers.split_last() else { return true };
    let bits = |number: i64| number ^ number >> 63;
    let (mut large, mut falls) = (bits(last), 0);
    for (number, next) in before.iter().zip(&numbers[1..]) {
        large |= bits(*number);
        falls |= next.wrapping_sub(*number);
    }
    if large < 1 << 61 {
        return falls >= 0;
    }
    // Differences of very large numbers may wrap.
    numbers.windows(2).all(|pair| pair[0] <= pair[1])
}

fn entropy(lengths: &[u32; 65]) -> f64 {
    let all = f64::from(lengths.iter().sum::<u32>());
    let mut bits = all * all.log2();
    for (length, &count) in lengths.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = f64::from(count);
        bits += count * (length.saturating_sub(1) as f64 - count.log2());
    }
    bits
}

/// What may be given up for speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taste {
    /// pco's level of compression, 0 to 12.
    pub(super) level: usize,
    /// How many bytes in a thousand ticks a column may be larger than pco's.
    pub(super) spare: usize,
}

/// Writes `numbers` in the form that suits them, and says which one that is. The
/// one number of a constant is left to the caller.
pub(super) fn write(numbers: &[i64], taste: Taste, out: &mut Vec<u8>) -> Result<Form, SealError> {
    if numbers.iter().all(|&number| number == numbers[0]) {
        return Ok(Form::Constant);
    }
    let estimate = estimate(numbers);
    let least = (estimate.bits / 8.0) as usize;
    let steps = steps::Plan::new(numbers);
    let ways = if estimate.order == 0 { &Way::ALL[..1] } else { &Way::ALL[1..] };
    let (way, packed) = packed::cost(numbers, ways);
    let quick = packed.min(steps.bytes);
    let spare = numbers.len() * taste.spare / 1000;
    // Where pco is nearly sure not to be taken, it is not tried: it may come out some smaller
    // than was estimated.
    if quick > least + spare / 2 {
        let start = out.len();
        dense::write(numbers, estimate.order, taste.level, out)?;
        if out.len() - start + spare < quick {
            return Ok(Form::Dense);
        }
        out.truncate(start);
    }
    if steps.bytes <= packed {
        steps.write(out);
        return Ok(Form::Steps);
    }
    packed::write(numbers, way, out);
    Ok(Form::Packed)
}

/// Reads `ticks` numbers that [`write`] wrote in `form`, which is not [`Form::Constant`],
/// and says whether they are known never to fall, where that is known without a look.
pub(super) fn read(
    form: Form,
    input: Input<'_>,
    (pco, ticks): ([u8; 2], usize),
    scratch: &mut DenseScratch,
    out: &mut Vec<i64>,
) -> Result<bool, BlockError> {
    match form {
        Form::Constant => Err(BlockError::Malformed("a constant with a body")),
        Form::Steps => steps::read(input, ticks, out),
        Form::Packed => packed::read(input, ticks, out).map(|()| false),
        Form::Dense => dense::read(input, pco, ticks, scratch, out).map(|()| false),
    }
}

/// Reads the values of the ticks of `range`, of numbers that [`write`] wrote in `form`, which is
/// not [`Form::Constant`].
pub(super) fn read_values(
    form: Form,
    input: Input<'_>,
    (pco, ticks): ([u8; 2], usize),
    (unit, range): (Unit, Range<usize>),
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) -> Result<(), BlockError> {
    match form {
        Form::Constant => Err(BlockError::Malformed("a constant with a body")),
        Form::Steps => {
            steps::read_values(input, ticks, unit, out)?;
            out.truncate(range.end);
            out.drain(..range.start);
            Ok(())
        }
        Form::Packed => packed::read_values(input, ticks, (unit, range), out),
        Form::Dense => {
            dense::read(input, pco, ticks, &mut scratch.dense, &mut scratch.numbers)?;
            out.clear();
            unit.values(&scratch.numbers[range], out);
            Ok(())
        }
    }
}
