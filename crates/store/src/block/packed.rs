//! Numbers in as few bits each as 64 neighbours need, with exceptions: a little
//! larger than what pco makes of them, and read in a third of the time.

use std::ops::Range;

use super::BlockError;
use super::unit::Unit;
use super::varint::{Input, put, put_signed, size, unzigzag, zigzag};

/// Neighbours that share a width.
const RUN: usize = 64;
/// The widest numbers: with seven bits before them they still fit a word.
const MAX_WIDTH: u32 = 56;

/// Set in a run's width when exceptions follow.
const EXCEPTIONS: u8 = 0x80;

/// How the numbers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Above the least of them.
    Values,
    /// As steps from one to the next, above the least of them.
    Steps,
    /// As steps, with the sign in the lowest bit.
    SignedSteps,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Values, Self::Steps, Self::SignedSteps];

    fn code(self) -> u8 {
        self as u8
    }

    fn from_code(code: u8) -> Result<Self, BlockError> {
        let way = Self::ALL.get(usize::from(code));
        way.copied().ok_or(BlockError::Malformed("an unknown way of packing"))
    }
}

/// What is packed, and what is told before it.
struct Plan {
    first: i64,
    least: i64,
    packed: Vec<u64>,
}

fn plan(numbers: &[i64], way: Way) -> Plan {
    let first = numbers[0];
    let least = |numbers: &mut dyn Iterator<Item = i64>| numbers.min().unwrap_or_default();
    let steps = || numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let above = |least: i64| move |number: i64| number.wrapping_sub(least) as u64;
    match way {
        Way::Values => {
            let least = least(&mut numbers.iter().copied());
            Plan { first, least, packed: numbers.iter().copied().map(above(least)).collect() }
        }
        Way::Steps => {
            let least = least(&mut steps());
            Plan { first, least, packed: steps().map(above(least)).collect() }
        }
        Way::SignedSteps => Plan { first, least: 0, packed: steps().map(zigzag).collect() },
    }
}

/// The width that takes the fewest bytes, and these, with its exceptions.
fn width(run: &[u64]) -> (u32, usize) {
    let mut lengths = [0_usize; 65];
    for &number in run {
        lengths[(64 - number.leading_zeros()) as usize] += 1;
    }
    let longest = (0..65).rfind(|&length| lengths[length] > 0).unwrap_or_default();
    let mut best = (MAX_WIDTH, usize::MAX);
    for width in (0..=longest.min(MAX_WIDTH as usize)).rev() {
        let exceptions: usize = (width + 1..=longest)
            .map(|length| lengths[length] * (1 + (length - width).div_ceil(7)))
            .sum();
        let bytes = 1 + usize::from(exceptions > 0) + (run.len() * width).div_ceil(8) + exceptions;
        if bytes < best.1 {
            best = (width as u32, bytes);
        } else if bytes > best.1 + 2 * RUN / 8 {
            break;
        }
    }
    best
}

/// The way that takes the fewest bytes, and about how many.
pub(super) fn cost(numbers: &[i64], ways: &[Way]) -> (Way, usize) {
    let bytes = |way: Way| {
        let plan = plan(numbers, way);
        let head = 1 + size(zigzag(plan.first)) + size(zigzag(plan.least));
        head + plan.packed.chunks(RUN).map(|run| width(run).1).sum::<usize>()
    };
    let costs = ways.iter().map(|&way| (way, bytes(way)));
    costs.min_by_key(|&(_, bytes)| bytes).unwrap_or((Way::Steps, usize::MAX))
}

pub(super) fn write(numbers: &[i64], way: Way, out: &mut Vec<u8>) {
    let plan = plan(numbers, way);
    out.push(way.code());
    match way {
        Way::Values => put_signed(out, plan.least),
        Way::Steps => {
            put_signed(out, plan.first);
            put_signed(out, plan.least);
        }
        Way::SignedSteps => put_signed(out, plan.first),
    }
    for run in plan.packed.chunks(RUN) {
        let width = width(run).0;
        let wide = |number: u64| number >> width > 0;
        let exceptions = run.iter().filter(|&&number| wide(number)).count();
        out.push(width as u8 | if exceptions > 0 { EXCEPTIONS } else { 0 });
        if exceptions > 0 {
            out.push(exceptions as u8);
        }
        pack(run, width, out);
        for (place, &number) in run.iter().enumerate().filter(|(_, number)| wide(**number)) {
            out.push(place as u8);
            put(out, number >> width);
        }
    }
}

fn pack(run: &[u64], width: u32, out: &mut Vec<u8>) {
    let (mut word, mut bits) = (0, 0);
    for number in run {
        word |= (number & mask(width)) << bits;
        bits += width;
        while bits >= 8 {
            out.push(word as u8);
            word >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(word as u8);
    }
}

fn mask(width: u32) -> u64 {
    (1 << width) - 1
}

/// Reads `ticks` numbers.
pub(super) fn read(input: Input<'_>, ticks: usize, out: &mut Vec<i64>) -> Result<(), BlockError> {
    out.clear();
    out.reserve(ticks);
    runs(input, ticks, |_, numbers| out.extend_from_slice(numbers))
}

/// Reads the values of the ticks of `range` into `out`, run by run while its numbers are near.
pub(super) fn read_values(
    input: Input<'_>,
    ticks: usize,
    (unit, range): (Unit, Range<usize>),
    out: &mut Vec<f64>,
) -> Result<(), BlockError> {
    out.clear();
    out.reserve(range.len());
    runs(input, ticks, |at, numbers| {
        let end = at + numbers.len();
        let from = range.start.clamp(at, end) - at;
        let to = range.end.clamp(at, end) - at;
        if from < to {
            unit.values(&numbers[from..to], out);
        }
    })
}

/// Gives the numbers in order, some at a time, each time with the tick of the first one.
#[inline]
fn runs(
    mut input: Input<'_>,
    ticks: usize,
    mut each: impl FnMut(usize, &[i64]),
) -> Result<(), BlockError> {
    let way = Way::from_code(input.byte()?)?;
    let mut last = if way == Way::Values { 0 } else { input.signed()? };
    let least = if way == Way::SignedSteps { 0 } else { input.signed()? };
    let mut at = 0;
    if way != Way::Values {
        each(0, &[last]);
        at = 1;
    }
    let (mut run, mut numbers) = ([0; RUN], [0; RUN]);
    while at < ticks {
        let count = RUN.min(ticks - at);
        read_run(&mut input, count, &mut run)?;
        // What is beyond the last tick is of no meaning.
        let pairs = numbers.iter_mut().zip(&run);
        match way {
            Way::Values => {
                pairs.for_each(|(number, &above)| *number = least.wrapping_add(above as i64));
            }
            Way::Steps => pairs.for_each(|(number, &above)| {
                last = last.wrapping_add(least.wrapping_add(above as i64));
                *number = last;
            }),
            Way::SignedSteps => pairs.for_each(|(number, &step)| {
                last = last.wrapping_add(unzigzag(step));
                *number = last;
            }),
        }
        each(at, &numbers[..count]);
        at += count;
    }
    if input.is_empty() { Ok(()) } else { Err(BlockError::Malformed("more numbers than ticks")) }
}

fn read_run(input: &mut Input<'_>, count: usize, run: &mut [u64; RUN]) -> Result<(), BlockError> {
    let head = input.byte()?;
    let width = head & !EXCEPTIONS;
    let exceptions = if head & EXCEPTIONS == 0 { 0 } else { input.byte()? };
    if u32::from(width) > MAX_WIDTH {
        return Err(BlockError::Malformed("packed too wide"));
    }
    unpack(input.bytes((count * usize::from(width)).div_ceil(8))?, u32::from(width), run);
    for _ in 0..exceptions {
        let place = usize::from(input.byte()?);
        let more = input.number()?;
        let number = run.get_mut(place).filter(|_| place < count);
        let number = number.ok_or(BlockError::Malformed("an exception that is nowhere"))?;
        *number |= more.wrapping_shl(u32::from(width));
    }
    Ok(())
}

/// Unpacks all 64; what `bytes` does not reach is of no meaning.
fn unpack(bytes: &[u8], width: u32, run: &mut [u64; RUN]) {
    macro_rules! widths {
        ($($width:literal)*) => {
            match width {
                0 => run.fill(0),
                $($width => unpack_known::<$width>(bytes, run),)*
                _ => unpack_any(bytes, width, run),
            }
        };
    }
    widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
}

/// Eight numbers of `WIDTH` bits are `WIDTH` bytes, so the compiler knows all places.
fn unpack_known<const WIDTH: usize>(bytes: &[u8], run: &mut [u64; RUN]) {
    let mut padded = [0; 8 * 24 + 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    let mask = mask(WIDTH as u32);
    for (number, eight) in run.chunks_exact_mut(8).enumerate() {
        let Some(bytes) = padded.get(number * WIDTH..number * WIDTH + WIDTH + 8) else { return };
        for (place, number) in eight.iter_mut().enumerate() {
            *number = word(bytes, place * WIDTH / 8) >> (place * WIDTH % 8) & mask;
        }
    }
}

fn unpack_any(bytes: &[u8], width: u32, run: &mut [u64; RUN]) {
    let mut padded = [0; 8 * MAX_WIDTH as usize + 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    for (place, number) in run.iter_mut().enumerate() {
        let bit = place * width as usize;
        *number = word(&padded, bit / 8) >> (bit % 8) & mask(width);
    }
}

/// The eight bytes from `at` on.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}
