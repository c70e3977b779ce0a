//! Numbers that rest at most ticks: the first one, then how many ticks pass
//! before each change, and by how much it goes, in Rice codes.

use super::BlockError;
use super::bits::{BitReader, BitWriter, MAX_LOW, low_bits, rice_bits};
use super::unit::Unit;
use super::varint::{Input, put_signed, put_size, size, unzigzag, zigzag};

/// What is written, and in how many bytes.
pub(super) struct Plan {
    first: i64,
    /// Ticks that rest before a change, and the step, of which none is 0.
    changes: Vec<(u64, u64)>,
    low: [u32; 2],
    pub(super) bytes: usize,
}

impl Plan {
    pub(super) fn new(numbers: &[i64]) -> Self {
        let mut changes = Vec::new();
        let (mut last, mut rest) = (numbers[0], 0);
        for &number in &numbers[1..] {
            if number == last {
                rest += 1;
            } else {
                changes.push((rest, zigzag(number.wrapping_sub(last)) - 1));
                (last, rest) = (number, 0);
            }
        }
        let rests = best(changes.iter().map(|&(rest, _)| rest));
        let steps = best(changes.iter().map(|&(_, step)| step));
        let bits = (rests.1 + steps.1).div_ceil(8) as usize;
        let head = size(zigzag(numbers[0])) + size(changes.len() as u64) + 2;
        Self { first: numbers[0], changes, low: [rests.0, steps.0], bytes: head + bits }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_signed(out, self.first);
        put_size(out, self.changes.len());
        out.extend(self.low.map(|low| low as u8));
        let mut bits = BitWriter::default();
        for &(rest, step) in &self.changes {
            bits.rice(rest, self.low[0], out);
            bits.rice(step, self.low[1], out);
        }
        bits.end(out);
    }
}

/// The number of low bits with which `numbers` take the fewest bits, and these.
fn best(numbers: impl ExactSizeIterator<Item = u64> + Clone) -> (u32, u64) {
    let near = low_bits(numbers.clone().map(u128::from).sum(), numbers.len());
    let bits = |low: u32| numbers.clone().map(|number| rice_bits(number, low)).sum::<u64>();
    let tried = near.saturating_sub(2)..=(near + 1).min(MAX_LOW);
    tried.map(|low| (low, bits(low))).min_by_key(|&(_, bits)| bits).unwrap_or((0, 0))
}

/// Reads the numbers of `ticks` ticks, and says whether they are sure never to fall.
pub(super) fn read(input: Input<'_>, ticks: usize, out: &mut Vec<i64>) -> Result<bool, BlockError> {
    stretches(input, ticks, |number| number, out)
}

/// Reads the values of `ticks` ticks. A number that rests is turned into its value once.
pub(super) fn read_values(
    input: Input<'_>,
    ticks: usize,
    unit: Unit,
    out: &mut Vec<f64>,
) -> Result<(), BlockError> {
    stretches(input, ticks, |number| unit.value(number), out).map(|_| ())
}

/// So many places are written at once, needed or not: most stretches are shorter, and how much
/// shorter nobody can foresee.
const AT_ONCE: usize = 8;

/// Reads stretches of ticks that rest, writes what `told` makes of the number of each, and says
/// whether the numbers are sure never to fall.
#[inline]
fn stretches<T: Copy + Default>(
    mut input: Input<'_>,
    ticks: usize,
    told: impl Fn(i64) -> T,
    out: &mut Vec<T>,
) -> Result<bool, BlockError> {
    let first = input.signed()?;
    let changes = input.size(ticks)?;
    let lows = input.array()?.map(u32::from);
    if lows.iter().any(|&low| low > MAX_LOW) {
        return Err(BlockError::Malformed("too many low bits"));
    }
    out.resize(ticks + AT_ONCE, T::default());
    let mut fill = |from: usize, to: usize, number: i64| {
        let one = told(number);
        out[from..from + AT_ONCE].fill(one);
        if to - from > AT_ONCE {
            out[from + AT_ONCE..to].fill(one);
        }
    };
    let mut bits = BitReader::new(input.rest());
    let (mut at, mut last, mut falls, mut risen) = (0_usize, first, 0, 0_u64);
    for _ in 0..changes {
        let (rest, step) = bits.pair(lows);
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        let next = at.saturating_add(rest).saturating_add(1);
        if next >= ticks {
            return Err(BlockError::Malformed("a change after the last tick"));
        }
        fill(at, next, last);
        let step = unzigzag(step.wrapping_add(1));
        falls |= step;
        risen = risen.saturating_add(step as u64);
        (at, last) = (next, last.wrapping_add(step));
    }
    fill(at, ticks, last);
    out.truncate(ticks);
    bits.end()?;
    // Within these bounds no sum has wrapped.
    Ok(falls >= 0 && first.unsigned_abs() < 1 << 61 && risen < 1 << 61)
}
