//! A signed number: how many bits it has, its sign, the two bits below the
//! highest, and the rest as plain bits.

use super::model::Model;
use crate::coder::{Coder, length_bits, number};

/// The first number of a series, which may be 0.
pub(crate) fn first<C: Coder>(coder: &mut C, model: &mut Model, value: i64) -> i64 {
    let length = length_bits(value.unsigned_abs());
    let length = number::<C, 7>(coder, &mut model.first_lengths, length).min(64);
    if length == 0 {
        return 0;
    }
    let negative = coder.bit(value < 0, &mut model.first_sign);
    body(coder, model, value, length, negative)
}

/// What a guess left over, which is not 0. `row` is the row of
/// `Model::lengths`, `signs` what is known of the signs before.
pub(crate) fn left_over<C: Coder>(
    coder: &mut C,
    model: &mut Model,
    row: usize,
    signs: usize,
    value: i64,
) -> i64 {
    let length = length_bits(value.unsigned_abs()).saturating_sub(1);
    // Six bits, the highest first; all but that in the table of those with the same highest one.
    let long = coder.bit(length >> 5 == 1, &mut model.long[row]);
    let low = number::<C, 5>(coder, model.lengths(row, long), length & 31);
    let length = (u32::from(long) << 5 | low) + 1;
    let negative = coder.bit(value < 0, &mut model.signs[signs]);
    body(coder, model, value, length, negative)
}

fn body<C: Coder>(
    coder: &mut C,
    model: &mut Model,
    value: i64,
    length: u32,
    negative: bool,
) -> i64 {
    let magnitude = value.unsigned_abs();
    let below = length - 1;
    let guessed = below.min(2);
    let plain = below - guessed;
    let top = (magnitude >> plain) as u32 & ((1 << guessed) - 1);
    let nodes = &mut model.tops[below as usize];
    let top = match guessed {
        0 => 0,
        1 => number::<C, 1>(coder, nodes, top),
        _ => number::<C, 2>(coder, nodes, top),
    };
    let rest = coder.plain(magnitude & ((1 << plain) - 1), plain);
    let magnitude = (1_u64 << guessed | u64::from(top)) << plain | rest;
    if negative { (magnitude as i64).wrapping_neg() } else { magnitude as i64 }
}
